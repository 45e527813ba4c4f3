"""``prefect.blocks.abstract`` under its name: what blocks of one kind have in common, for types of one's own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from strongroom_blocks import Block

from strongroom.logging import get_logger, get_run_logger


class _WithLogger(Block):
    @property
    def logger(self) -> Any:
        """The logger of the run that the calling code is part of, or one of the block's type."""
        from strongroom.context import current_run

        return get_logger(type(self).__name__) if current_run() is None else get_run_logger()


class CredentialsBlock(_WithLogger):
    """How to log in somewhere."""

    @abstractmethod
    def get_client(self, *args: Any, **kwargs: Any) -> Any:
        """A client that is logged in."""


class NotificationBlock(_WithLogger):
    """Where to tell people something."""

    _raises_on_failure = False

    @abstractmethod
    def notify(self, body: str, subject: str | None = None) -> Any:
        """Tell it."""

    @contextmanager
    def raise_on_failure(self) -> Iterator[None]:
        """Inside the block, ``self._raises_on_failure`` asks ``notify`` to raise what went wrong."""
        before = self._raises_on_failure
        object.__setattr__(self, "_raises_on_failure", True)
        try:
            yield
        finally:
            object.__setattr__(self, "_raises_on_failure", before)


class JobRun(_WithLogger):
    """One run of a job elsewhere."""

    @abstractmethod
    def wait_for_completion(self) -> Any:
        """Wait until it is over."""

    @abstractmethod
    def fetch_result(self) -> Any:
        """What came out."""


class JobBlock(_WithLogger):
    """A job elsewhere."""

    @abstractmethod
    def trigger(self) -> Any:
        """Begin a run of it."""


class SecretBlock(_WithLogger):
    """A secret that another service keeps."""

    @abstractmethod
    def read_secret(self) -> bytes:
        """The secret."""

    @abstractmethod
    def write_secret(self, secret_data: bytes) -> str:
        """Give it another value; gives its name there."""


class DatabaseBlock(_WithLogger):
    """A database that is asked in SQL."""

    @abstractmethod
    def fetch_one(self, operation: str, parameters: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """The first row."""

    @abstractmethod
    def fetch_many(
        self, operation: str, parameters: Mapping[str, Any] | None = None, size: int | None = None, **kwargs: Any
    ) -> Any:
        """Some rows."""

    @abstractmethod
    def fetch_all(self, operation: str, parameters: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """All rows."""

    @abstractmethod
    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Do something that gives no rows."""

    @abstractmethod
    def execute_many(self, operation: str, seq_of_parameters: Sequence[Mapping[str, Any]], **kwargs: Any) -> Any:
        """Do it once for each set of parameters."""


class ObjectStorageBlock(_WithLogger):
    """Where objects are kept by key."""

    @abstractmethod
    def download_object_to_path(self, from_path: str, to_path: str | Path, **kwargs: Any) -> Any:
        """Bring an object into a file."""

    @abstractmethod
    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO, **kwargs: Any) -> Any:
        """Write an object into an open file."""

    @abstractmethod
    def download_folder_to_path(self, from_folder: str, to_folder: str | Path, **kwargs: Any) -> Any:
        """Bring all objects below a key into a folder."""

    @abstractmethod
    def upload_from_path(self, from_path: str | Path, to_path: str, **kwargs: Any) -> Any:
        """Keep a file."""

    @abstractmethod
    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str, **kwargs: Any) -> Any:
        """Keep what an open file holds."""

    @abstractmethod
    def upload_from_folder(self, from_folder: str | Path, to_folder: str, **kwargs: Any) -> Any:
        """Keep all files of a folder."""
