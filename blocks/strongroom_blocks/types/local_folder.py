"""A folder of this machine as an object store."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from pydantic import ConfigDict, Field

from strongroom_blocks.block import Block
from strongroom_blocks.capabilities import Library, StoredObject
from strongroom_blocks.errors import CheckAbsent, CheckDenied, InvalidKey, ObjectChanged
from strongroom_blocks.object_keys import base_name, join_key
from strongroom_blocks.stores.files import complete_file, files_below, key_of
from strongroom_blocks.stores.listing import chosen
from strongroom_blocks.stores.verbs import StoreVerbs
from strongroom_blocks.twins import async_twin

_BUFFER = 1 << 20


class LocalFolder(StoreVerbs, Block, slug="local-folder", icon="folder"):
    """A folder of this machine that serves as an object store: for development, for small data, for shares.

    Paths are relative to ``basepath`` and cannot leave it, neither by ``..`` nor through a symbolic link. Writes are
    atomic: a reader sees the old file or the new one, never a part.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"basepath": "/srv/lake"}]})

    basepath: Path = Field(Path(), description="The folder; a relative one starts at the current folder.")

    @property
    def root(self) -> Path:
        """The folder, absolute, with ``~`` followed."""
        return Path(os.path.realpath(self.basepath.expanduser()))

    def path_of(self, path: str) -> Path:
        """The file that a key stands for.

        :raises InvalidKey: the path leaves the folder.
        """
        root = self.root
        target = root / join_key("", path)
        real = Path(os.path.realpath(target))
        if real != root and root not in real.parents:
            raise InvalidKey(f'The path "{path}" leaves the folder {root}.', "Name an object inside it.")
        return real

    def check(self, timeout: float) -> str:
        """Whether the folder is there, and what this process may do in it.

        :raises CheckAbsent: there is no such folder; writing would make it.
        :raises CheckDenied: this process may not read it.
        """
        root = self.root
        if not root.is_dir():
            what = "no folder" if root.exists() else "not there"
            raise CheckAbsent(f"{root} is {what}.", "Make it, write something, or correct basepath.")
        if not os.access(root, os.R_OK | os.X_OK):
            raise CheckDenied(f"This process may not read {root}.", "Give its user the permission.")
        return "readable and writable" if os.access(root, os.W_OK) else "readable, not writable"

    acheck: ClassVar = async_twin(check)

    def read_path(self, path: str) -> bytes:
        """The content of a file; ``FileNotFoundError`` where there is none."""
        return self._file(path).read_bytes()

    aread_path: ClassVar = async_twin(read_path)

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, making folders as needed; returns its key."""
        with self._replacing(path) as file:
            file.write(content)
        return join_key("", path)

    awrite_path: ClassVar = async_twin(write_path)

    def read_range(self, path: str, start: int, length: int, *, etag: str | None = None) -> bytes:
        """``length`` bytes of a file from ``start`` on, fewer at its end.

        :raises ObjectChanged: the file is not the one that had this ``etag``.
        """
        with self._file(path).open("rb") as file:
            if etag is not None and _etag(os.fstat(file.fileno())) != etag:
                raise ObjectChanged(f'The file "{path}" was replaced while it was read.', "Read it again.")
            file.seek(start)
            return file.read(length)

    aread_range: ClassVar = async_twin(read_range)

    def upload_from_path(self, from_path: str | Path, to_path: str | None = None) -> str:
        """Copy a file into the folder, under its own name unless told otherwise; returns its key."""
        with open(from_path, "rb") as source:
            return self.upload_from_file_object(source, to_path or Path(from_path).name)

    aupload_from_path: ClassVar = async_twin(upload_from_path)

    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str) -> str:
        """Write what a binary file object still holds; returns the key."""
        with self._replacing(to_path) as file:
            shutil.copyfileobj(from_file_object, file, _BUFFER)
        return join_key("", to_path)

    aupload_from_file_object: ClassVar = async_twin(upload_from_file_object)

    def upload_from_folder(self, from_folder: str | Path, to_folder: str | None = None) -> str:
        """Copy every file below ``from_folder``, keeping relative paths; returns the key of the folder."""
        source, folder = Path(from_folder), join_key("", to_folder or "")
        for file in files_below(source):
            self.upload_from_path(file, join_key(folder, key_of(file, source)))
        return folder

    aupload_from_folder: ClassVar = async_twin(upload_from_folder)

    def download_object_to_path(self, from_path: str, to_path: str | Path | None = None) -> Path:
        """Copy a file out of the folder; returns the new file."""
        target = Path(to_path) if to_path is not None else Path(base_name(from_path))
        with self._file(from_path).open("rb") as source, complete_file(target) as file:
            shutil.copyfileobj(source, file, _BUFFER)
        return target

    adownload_object_to_path: ClassVar = async_twin(download_object_to_path)

    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO) -> BinaryIO:
        """Copy a file into a binary file object, which is returned."""
        with self._file(from_path).open("rb") as source:
            shutil.copyfileobj(source, to_file_object, _BUFFER)
        return to_file_object

    adownload_object_to_file_object: ClassVar = async_twin(download_object_to_file_object)

    def download_folder_to_path(self, from_folder: str = "", to_folder: str | Path | None = None) -> Path:
        """Copy every file below ``from_folder``, keeping relative paths; returns the local folder."""
        target = Path(to_folder) if to_folder is not None else Path()
        source = self.path_of(from_folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in _files(source):
            self.download_object_to_path(self._key(file), target / file.relative_to(source))
        return target

    adownload_folder_to_path: ClassVar = async_twin(download_folder_to_path)

    def get_directory(self, from_path: str | None = None, local_path: str | Path | None = None) -> int:
        """Copy every file below ``from_path``, or all there are, into a folder: the current one unless told otherwise.
        Returns how many there were.

        Links are left out, and so is what lies in ``local_path`` already, where that is inside of ``from_path``.
        """
        source, target = self.path_of(from_path or ""), Path(local_path or "").resolve()
        files = _files_outside(target, source)
        for file in files:
            self.download_object_to_path(self._key(file), target / file.relative_to(source))
        return len(files)

    aget_directory: ClassVar = async_twin(get_directory)

    def put_directory(self, local_path: str | Path | None = None, to_path: str | None = None) -> int:
        """Copy every file below ``local_path``, or below the current folder, to ``to_path``, or straight in here.
        Returns how many there were.

        Links are left out, and so is what lies in ``to_path`` already, where that is inside of ``local_path``.
        """
        source, target = Path(local_path or "").resolve(), self.path_of(to_path or "")
        files = _files_outside(target, source)
        for file in files:
            self.upload_from_path(file, self._key(target / file.relative_to(source)))
        return len(files)

    aput_directory: ClassVar = async_twin(put_directory)

    def list_objects(self, folder: str = "") -> list[StoredObject]:
        """Every file below ``folder``, sorted by key; empty where there is no such folder."""
        return sorted((self._entry(file) for file in _files(self.path_of(folder))), key=lambda entry: entry.key)

    alist_objects: ClassVar = async_twin(list_objects)

    def iter_objects(
        self, folder: str = "", *, pattern: str | None = None, after: str | None = None, limit: int | None = None
    ) -> Iterator[StoredObject]:
        """The files below ``folder`` in the order of their keys; see :meth:`ObjectStore.iter_objects`."""
        return chosen(self.list_objects(folder), join_key("", folder), pattern=pattern, after=after, limit=limit)

    def stat_object(self, path: str) -> StoredObject:
        """What a listing says of one file; ``FileNotFoundError`` where there is none."""
        return self._entry(self._file(path))

    astat_object: ClassVar = async_twin(stat_object)

    def has_content(self, entry: StoredObject, file: Path) -> bool:
        """Whether a file of the folder has the content of another; both are read."""
        return _digest(self.path_of(entry.key)) == _digest(file)

    ahas_content: ClassVar = async_twin(has_content)

    def url(self, path: str = "") -> str:
        """The file's path on this machine."""
        return str(self.path_of(path))

    def storage_options(self, library: Library = "pandas") -> dict[str, Any]:
        """Nothing: libraries open files of this machine by themselves."""
        return {}

    def path_exists(self, path: str) -> bool:
        """Whether there is a file of this key."""
        return self.path_of(path).is_file()

    apath_exists: ClassVar = async_twin(path_exists)

    def delete_objects(self, paths: Iterable[str]) -> list[str]:
        """Delete files; a missing one is no error. Folders that become empty go with them."""
        keys = [join_key("", path) for path in paths]
        for key in keys:
            file = self.path_of(key)
            if file.is_file():  # a folder is no object
                file.unlink(missing_ok=True)
            self._prune(file.parent)
        return keys

    adelete_objects: ClassVar = async_twin(delete_objects)

    def copy_object(self, from_path: str, to_path: str) -> str:
        """Copy a file within the folder; returns the new key."""
        with self._file(from_path).open("rb") as source:
            return self.upload_from_file_object(source, to_path)

    acopy_object: ClassVar = async_twin(copy_object)

    def move_object(self, from_path: str, to_path: str) -> str:
        """Move a file within the folder, atomically; returns the new key."""
        source, target = self._file(from_path), self.path_of(to_path)
        base_name(join_key("", to_path))
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        self._prune(source.parent)
        return join_key("", to_path)

    amove_object: ClassVar = async_twin(move_object)

    @contextmanager
    def _replacing(self, path: str) -> Iterator[BinaryIO]:
        base_name(join_key("", path))
        with complete_file(self.path_of(path)) as file:
            yield file

    def _file(self, path: str) -> Path:
        """:raises FileNotFoundError: no file has this key; a folder is none."""
        file = self.path_of(path)
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, "There is no file", str(file))
        return file

    def _key(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()

    def _entry(self, file: Path) -> StoredObject:
        status = file.stat()
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredObject(self._key(file), status.st_size, changed, _etag(status))

    def _prune(self, folder: Path) -> None:
        root = self.root
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or somebody else was first
            folder = folder.parent


def _files(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder; links are not followed, so that nothing outside is listed."""
    return (file for file in files_below(folder) if not file.is_symlink()) if folder.is_dir() else iter(())


def _files_outside(target: Path, source: Path) -> list[Path]:
    """The files below ``source``, sorted; a ``target`` inside of it has no part in them."""
    inside = target == source or source in target.parents
    files = (file for file in files_below(source) if not file.is_symlink())
    return sorted(file for file in files if not inside or target not in file.parents)


def _etag(status: os.stat_result) -> str:
    """A file that is replaced is another one, whatever its time and size."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "blake2b").digest()
