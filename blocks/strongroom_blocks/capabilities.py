# mypy: disable-error-code="misc"
"""What tasks ask a block for: not what it is, but what it can do.

A block has a capability when it has the methods; no inheritance is needed. Each has an asynchronous twin. Paths of an
:class:`ObjectStore` are ``/``-separated keys relative to the store's own folder; many of its verbs follow from the
others, and come from :class:`~strongroom_blocks.stores.StoreVerbs`. What only some stores can do stands in
:mod:`strongroom_blocks.object_powers`. Contract suites stand in :mod:`strongroom_blocks.testing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, Protocol, runtime_checkable

from strongroom_blocks.databases.capability import BulkInsert as BulkInsert
from strongroom_blocks.databases.capability import Database as Database
from strongroom_blocks.databases.capability import DatabaseVerbs as DatabaseVerbs
from strongroom_blocks.databases.capability import Parameters as Parameters
from strongroom_blocks.databases.capability import RowBatch as RowBatch
from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from strongroom_blocks.stores.syncing import Compare, SyncReport

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


@dataclass(frozen=True, slots=True)
class Level:
    """What lies in one folder of a store itself: the keys of the folders in it, and its objects; both sorted."""

    folders: list[str]
    objects: list[StoredObject]


Library = Literal["pandas", "polars", "duckdb"]


@runtime_checkable
class ObjectStore(Protocol):
    """A place for named bytes: a bucket, a folder, a share.

    A missing object raises ``FileNotFoundError``; a path that leaves the store raises
    :class:`~strongroom_blocks.errors.InvalidKey`. Writes are atomic: a reader sees the old object or the new one.
    """

    def read_path(self, path: str) -> bytes:
        """The content of an object."""
        ...

    aread_path: Final = async_twin(read_path)

    def write_path(self, path: str, content: bytes) -> str:
        """Write an object, replacing one that is there; returns its key."""
        ...

    awrite_path: Final = async_twin(write_path)

    def read_range(self, path: str, start: int, length: int, *, etag: str | None = None) -> bytes:
        """``length`` bytes of an object from ``start`` on, fewer at its end.

        :param etag: what :meth:`stat_object` said; :class:`~strongroom_blocks.errors.ObjectChanged` is raised where the
            object is another one by now.
        """
        ...

    aread_range: Final = async_twin(read_range)

    def open(self, path: str, mode: Literal["rb", "wb"] = "rb") -> BinaryIO:
        """An object as a binary file in bounded memory. What is written becomes an object when the file is closed, and
        nothing does when its ``with`` ends with an exception."""
        ...

    def upload_from_path(self, from_path: str | Path, to_path: str | None = None) -> str:
        """Upload a file, under its own name unless told otherwise; returns the key."""
        ...

    aupload_from_path: Final = async_twin(upload_from_path)

    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str) -> str:
        """Upload what a binary file object still holds, in bounded memory; returns the key."""
        ...

    aupload_from_file_object: Final = async_twin(upload_from_file_object)

    def upload_from_folder(self, from_folder: str | Path, to_folder: str | None = None) -> str:
        """Upload every file below a folder, keeping relative paths; returns the folder's key."""
        ...

    aupload_from_folder: Final = async_twin(upload_from_folder)

    def download_object_to_path(self, from_path: str, to_path: str | Path | None = None) -> Path:
        """Download an object into a file, by default of its own name in the current folder; returns the file."""
        ...

    adownload_object_to_path: Final = async_twin(download_object_to_path)

    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO) -> BinaryIO:
        """Download an object into a binary file object, in bounded memory; returns the file object."""
        ...

    adownload_object_to_file_object: Final = async_twin(download_object_to_file_object)

    def download_folder_to_path(self, from_folder: str = "", to_folder: str | Path | None = None) -> Path:
        """Download every object below ``from_folder``, keeping relative paths; returns the local folder."""
        ...

    adownload_folder_to_path: Final = async_twin(download_folder_to_path)

    def get_directory(self, from_path: str | None = None, local_path: str | Path | None = None) -> int:
        """As :meth:`download_folder_to_path`, but returns the number of objects."""
        ...

    aget_directory: Final = async_twin(get_directory)

    def put_directory(self, local_path: str | Path | None = None, to_path: str | None = None) -> int:
        """As :meth:`upload_from_folder`, by default of the current folder, but returns the number of files."""
        ...

    aput_directory: Final = async_twin(put_directory)

    def sync_to_folder(
        self,
        from_folder: str = "",
        local_folder: str | Path = ".",
        *,
        compare: Compare = "time",
        delete: bool = False,
        dry_run: bool = False,
        pattern: str | None = None,
    ) -> SyncReport:
        """Make a local folder like one of the store, by downloading only what differs."""
        ...

    async_to_folder: Final = async_twin(sync_to_folder)

    def sync_from_folder(
        self,
        local_folder: str | Path,
        to_folder: str = "",
        *,
        compare: Compare = "time",
        delete: bool = False,
        dry_run: bool = False,
        pattern: str | None = None,
    ) -> SyncReport:
        """Make a folder of the store like a local one, by uploading only what differs."""
        ...

    async_from_folder: Final = async_twin(sync_from_folder)

    def stream_from(self, bucket: ObjectStore, from_path: str, to_path: str | None = None) -> str:
        """Copy an object from any other store, in bounded memory; returns the key in this one."""
        ...

    astream_from: Final = async_twin(stream_from)

    def list_objects(self, folder: str = "") -> list[StoredObject]:
        """Every object below ``folder``, at any depth, sorted by key; an empty list where there is none."""
        ...

    alist_objects: Final = async_twin(list_objects)

    def iter_objects(
        self, folder: str = "", *, pattern: str | None = None, after: str | None = None, limit: int | None = None
    ) -> Iterator[StoredObject]:
        """As :meth:`list_objects`, one by one in key order, for listings larger than memory.

        :param pattern: what keys have to fit, relative to ``folder``: ``*``, ``?`` and ``[a-z]`` stay in a folder,
            ``**/`` is any number of folders: ``**/*.csv``.
        :param after: only keys after this one, as the last of the page before.
        :param limit: how many at most.
        """
        ...

    def list_level(self, folder: str = "") -> Level:
        """What lies in a folder itself: the folders in it, and its objects."""
        ...

    alist_level: Final = async_twin(list_level)

    def stat_object(self, path: str) -> StoredObject:
        """What a listing says of one object."""
        ...

    astat_object: Final = async_twin(stat_object)

    def has_content(self, entry: StoredObject, file: Path) -> bool:
        """Whether an object has the content of a file, by checksums; where the store knows none that fits: no."""
        ...

    ahas_content: Final = async_twin(has_content)

    def wait_for_object(self, path: str, timeout_seconds: float = 3600.0, *, poll_seconds: float = 5.0) -> StoredObject:
        """Wait until there is an object of this key.

        :raises ObjectNotYet: there was none in time (a ``TimeoutError``).
        """
        ...

    await_for_object: Final = async_twin(wait_for_object)

    def path_exists(self, path: str) -> bool:
        """Whether there is an object of this key."""
        ...

    apath_exists: Final = async_twin(path_exists)

    def delete_objects(self, paths: Iterable[str]) -> list[str]:
        """Delete objects; a missing one is no error. Returns the keys that were asked for."""
        ...

    adelete_objects: Final = async_twin(delete_objects)

    def copy_object(self, from_path: str, to_path: str) -> str:
        """Copy within the store; returns the new key."""
        ...

    acopy_object: Final = async_twin(copy_object)

    def move_object(self, from_path: str, to_path: str) -> str:
        """Move within the store; returns the new key."""
        ...

    amove_object: Final = async_twin(move_object)

    def delete_folder(self, folder: str, *, pattern: str | None = None) -> int:
        """Delete every object below a folder, or those that fit ``pattern``; how many there were."""
        ...

    adelete_folder: Final = async_twin(delete_folder)

    def copy_objects(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
        """Copy many objects within the store, from which path to which; returns the new keys."""
        ...

    acopy_objects: Final = async_twin(copy_objects)

    def move_objects(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
        """Move many objects within the store; returns the new keys."""
        ...

    amove_objects: Final = async_twin(move_objects)

    def url(self, path: str = "") -> str:
        """Where an object is, as other libraries write it: ``s3://bucket/folder/key``, or a path of this machine."""
        ...

    def storage_options(self, library: Library = "pandas") -> dict[str, Any]:
        """What a library wants besides :meth:`url` to open an object by itself; secrets are in clear in it."""
        ...

    def filesystem(self) -> AbstractFileSystem:
        """The store as an fsspec filesystem, with paths relative to it."""
        ...

    def select(
        self,
        path: str,
        columns: Sequence[str] = (),
        *,
        where: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of Parquet files, of which only what is needed is fetched."""
        ...

    aselect: Final = async_twin(select)


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
