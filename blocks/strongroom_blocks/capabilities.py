# mypy: disable-error-code="misc"
"""What tasks ask a block for: not what it is, but what it can do.

A block has a capability when it has the methods; no inheritance is needed. Each has an asynchronous twin. Paths of an
:class:`ObjectStore` are ``/``-separated keys relative to the store's own folder. Contract suites stand in
:mod:`strongroom_blocks.testing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, runtime_checkable

from strongroom_blocks.twins import async_twin

_MAPPING_NAMES = {"Key": "key", "Size": "size", "LastModified": "modified", "ETag": "etag"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing: its key relative to the store, size in bytes, time of change (aware UTC), ETag if any.

    ``entry["Key"]``, ``["Size"]``, ``["LastModified"]`` and ``["ETag"]`` work too, as in the S3 API's listings.
    """

    key: str
    size: int
    modified: datetime
    etag: str | None = None

    def __getitem__(self, name: str) -> Any:
        return getattr(self, _MAPPING_NAMES[name])


@runtime_checkable
class ObjectStore(Protocol):
    """A place for named bytes: a bucket, a folder, a share.

    A missing object raises ``FileNotFoundError``; a path that leaves the store raises
    :class:`~strongroom_blocks.errors.InvalidKey`. Writes are atomic: a reader sees the old object or the new one.
    """

    def read_path(self, path: str) -> bytes:
        """The content of an object."""
        ...

    aread_path: ClassVar = async_twin(read_path)

    def write_path(self, path: str, content: bytes) -> str:
        """Write an object, replacing one that is there; returns its key."""
        ...

    awrite_path: ClassVar = async_twin(write_path)

    def upload_from_path(self, from_path: str | Path, to_path: str | None = None) -> str:
        """Upload a file, under its own name unless told otherwise; returns the key."""
        ...

    aupload_from_path: ClassVar = async_twin(upload_from_path)

    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str) -> str:
        """Upload what a binary file object still holds, in bounded memory; returns the key."""
        ...

    aupload_from_file_object: ClassVar = async_twin(upload_from_file_object)

    def upload_from_folder(self, from_folder: str | Path, to_folder: str | None = None) -> str:
        """Upload every file below a folder, keeping relative paths; returns the folder's key."""
        ...

    aupload_from_folder: ClassVar = async_twin(upload_from_folder)

    def download_object_to_path(self, from_path: str, to_path: str | Path | None = None) -> Path:
        """Download an object into a file, by default of its own name in the current folder; returns the file."""
        ...

    adownload_object_to_path: ClassVar = async_twin(download_object_to_path)

    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO) -> BinaryIO:
        """Download an object into a binary file object, in bounded memory; returns the file object."""
        ...

    adownload_object_to_file_object: ClassVar = async_twin(download_object_to_file_object)

    def download_folder_to_path(self, from_folder: str = "", to_folder: str | Path | None = None) -> Path:
        """Download every object below ``from_folder``, keeping relative paths; returns the local folder."""
        ...

    adownload_folder_to_path: ClassVar = async_twin(download_folder_to_path)

    def list_objects(self, folder: str = "") -> list[StoredObject]:
        """Every object below ``folder``, at any depth, sorted by key; an empty list where there is none."""
        ...

    alist_objects: ClassVar = async_twin(list_objects)

    def path_exists(self, path: str) -> bool:
        """Whether there is an object of this key."""
        ...

    apath_exists: ClassVar = async_twin(path_exists)

    def delete_objects(self, paths: Iterable[str]) -> list[str]:
        """Delete objects; a missing one is no error. Returns the keys that were asked for."""
        ...

    adelete_objects: ClassVar = async_twin(delete_objects)

    def copy_object(self, from_path: str, to_path: str) -> str:
        """Copy within the store; returns the new key."""
        ...

    acopy_object: ClassVar = async_twin(copy_object)

    def move_object(self, from_path: str, to_path: str) -> str:
        """Move within the store; returns the new key."""
        ...

    amove_object: ClassVar = async_twin(move_object)


@runtime_checkable
class Checkable(Protocol):
    """Something that can tell whether what it stands for works: a login, a bucket, a database.

    Does as little as proves it, and changes nothing.
    """

    def check(self, timeout: float) -> str:
        """A short sentence of what was proven, such as ``logged in as reader``; never a secret.

        :param timeout: seconds that it may take.
        :raises CheckAbsent: what it stands for is not there.
        :raises CheckDenied: it is there and refuses.
        :raises CheckUnreachable: nobody answers.
        """
        ...


Parameters = Sequence[Any] | dict[str, Any] | None


@runtime_checkable
class Database(Protocol):
    """Something that understands SQL. Parameters are bound by the driver, in the driver's own placeholder style."""

    def connection(self) -> AbstractContextManager[Any]:
        """An open connection of the driver (PEP 249), closed or given back at the end of the ``with``."""
        ...

    def execute(self, sql: str, parameters: Parameters = None) -> None:
        """Run a statement and commit."""
        ...

    aexecute: ClassVar = async_twin(execute)

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters, in one transaction."""
        ...

    aexecute_many: ClassVar = async_twin(execute_many)

    def fetch_one(self, sql: str, parameters: Parameters = None) -> tuple[Any, ...] | None:
        """The first row, or None."""
        ...

    afetch_one: ClassVar = async_twin(fetch_one)

    def fetch_many(self, sql: str, parameters: Parameters = None, size: int = 100) -> list[tuple[Any, ...]]:
        """The first ``size`` rows."""
        ...

    afetch_many: ClassVar = async_twin(fetch_many)

    def fetch_all(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Every row."""
        ...

    afetch_all: ClassVar = async_twin(fetch_all)
