"""An object store as an fsspec filesystem: what pandas, pyarrow, DuckDB and others read and write through.

Imported only where fsspec is known to be installed.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

if TYPE_CHECKING:
    from strongroom_blocks.capabilities import ObjectStore, StoredObject


class StoreFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store's objects by their keys, with ``strongroom://`` before them or without. Folders are what keys have."""

    protocol = "strongroom"
    root_marker = ""
    cachable = False

    def __init__(self, store: ObjectStore, **options: Any) -> None:
        super().__init__(**options)
        self.store = store

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What lies in a folder itself, or the object of this key."""
        key = self._strip_protocol(path)
        level = self.store.list_level(key)
        found = [_folder(folder) for folder in level.folders] + [_file(entry) for entry in level.objects]
        if not found and key:
            found = [_file(self.store.stat_object(key))]
        return found if detail else sorted(entry["name"] for entry in found)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """An object, or a folder that has objects.

        :raises FileNotFoundError: neither is there.
        """
        key = self._strip_protocol(path)
        if not key:
            return _folder("")
        try:
            return _file(self.store.stat_object(key))
        except FileNotFoundError:
            if next(iter(self.store.iter_objects(key, limit=1)), None) is not None:
                return _folder(key)
            raise

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **options: Any
    ) -> Any:
        """Every object below a folder, by one listing."""
        if maxdepth is not None or withdirs:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        key = self._strip_protocol(path)
        found = {entry.key: _file(entry) for entry in self.store.iter_objects(key)}
        if not found and key and self.store.path_exists(key):
            found = {key: _file(self.store.stat_object(key))}
        return found if detail else sorted(found)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        return self.store.open(self._strip_protocol(path), mode)  # type: ignore[arg-type]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """An object's content, or a part of it."""
        key = self._strip_protocol(path)
        if start is None and end is None:
            return self.store.read_path(key)
        if (start or 0) >= 0 and end is not None and end >= 0:
            return self.store.read_range(key, start or 0, max(0, end - (start or 0)))
        return bytes(super().cat_file(path, start, end, **options))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write an object."""
        if mode == "create" and self.store.path_exists(self._strip_protocol(path)):
            raise FileExistsError(path)
        self.store.write_path(self._strip_protocol(path), value)

    def get_file(self, rpath: str, lpath: Any, **_: Any) -> None:
        """Download an object."""
        if hasattr(lpath, "write"):
            self.store.download_object_to_file_object(self._strip_protocol(rpath), lpath)
        elif self.isdir(rpath):
            super().get_file(rpath, lpath)
        else:
            self.store.download_object_to_path(self._strip_protocol(rpath), lpath)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy within the store."""
        self.store.copy_object(self._strip_protocol(path1), self._strip_protocol(path2))

    def rm_file(self, path: str) -> None:
        """Delete an object."""
        key = self._strip_protocol(path)
        if not self.store.path_exists(key):
            raise FileNotFoundError(path)
        self.store.delete_objects([key])

    def _rm(self, path: str) -> None:
        self.rm_file(path)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete objects; with ``recursive``, everything below a folder."""
        paths = self.expand_path(path, recursive=recursive, maxdepth=maxdepth)
        self.store.delete_objects([key for key in paths if key and not self.isdir(key)])

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Nothing: a folder is there once an object is in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Nothing, as :meth:`mkdir`."""

    def rmdir(self, path: str) -> None:
        """Nothing, as :meth:`mkdir`."""

    def modified(self, path: str) -> datetime:
        """When an object was changed."""
        return self.store.stat_object(self._strip_protocol(path)).modified

    def __reduce__(self) -> Any:
        return type(self), (self.store,)


def _file(entry: StoredObject) -> dict[str, Any]:
    changed = entry.modified
    return {
        "name": entry.key, "size": entry.size, "type": "file", "mtime": changed, "LastModified": changed,
        "ETag": entry.etag,
    }  # fmt: skip


def _folder(key: str) -> dict[str, Any]:
    return {"name": key, "size": 0, "type": "directory"}
