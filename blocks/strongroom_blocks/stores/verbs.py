"""StoreVerbs: what every object store can do by means of the verbs that it has to bring itself."""

# mypy: disable-error-code="misc"
from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal

from strongroom_blocks.errors import ObjectNotYet
from strongroom_blocks.extras import require_extra
from strongroom_blocks.object_keys import base_name, folder_prefix, join_key, listed_key
from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from strongroom_blocks.capabilities import Level, ObjectStore, StoredObject
    from strongroom_blocks.stores.syncing import Compare, SyncReport

_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits


class StoreVerbs:
    """Mixed in before ``Block``, it gives a store these verbs; one that can do better has its own, with its twin.

    The store brings the rest of :class:`~strongroom_blocks.capabilities.ObjectStore`: reading, writing, listing and
    deleting. Where it has a field ``max_concurrency``, so many objects are worked on at a time.
    """

    def open(self: ObjectStore, path: str, mode: Literal["rb", "wb"] = "rb") -> BinaryIO:
        """An object as a binary file, in bounded memory: ``rb`` can be sought in, ``wb`` becomes an object when it is
        closed, and leaves what was there when its ``with`` ends with an exception.

        :raises FileNotFoundError: there is nothing to read.
        :raises ObjectChanged: while reading, if the object is another one by now.
        :raises ValueError: any other mode.
        """
        from strongroom_blocks.stores import streams

        if mode not in ("rb", "wb"):
            raise ValueError(f'An object is opened with the mode "rb" or "wb", not {mode!r}.')
        return streams.reading(self, path) if mode == "rb" else streams.writing(self, path)

    def list_level(self: ObjectStore, folder: str = "") -> Level:
        """What lies in a folder itself: the folders in it, and its objects."""
        from strongroom_blocks.capabilities import Level

        prefix = folder_prefix(folder)
        folders: dict[str, None] = {}
        objects: list[StoredObject] = []
        for entry in self.iter_objects(folder):
            name, deeper, _ = entry.key.removeprefix(prefix).partition("/")
            if deeper:
                folders[prefix + name] = None
            else:
                objects.append(entry)
        return Level(sorted(folders), sorted(objects, key=lambda entry: entry.key))

    alist_level: ClassVar = async_twin(list_level)

    def copy_objects(self: ObjectStore, pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
        """Copy many objects within the store, several at a time; returns the new keys.

        :param pairs: from which path to which.
        """
        return _for_each_pair(self, pairs, self.copy_object)

    acopy_objects: ClassVar = async_twin(copy_objects)

    def move_objects(self: ObjectStore, pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
        """Move many objects within the store, several at a time; returns the new keys."""
        return _for_each_pair(self, pairs, self.move_object)

    amove_objects: ClassVar = async_twin(move_objects)

    def delete_folder(self: ObjectStore, folder: str, *, pattern: str | None = None) -> int:
        """Delete every object below a folder, or those that fit ``pattern``; how many there were.

        :raises InvalidKey: one of them cannot be named, as its key begins with a slash; nothing was deleted.
        :raises ValueError: the folder is the store's root, and no pattern says what of it.
        """
        if not folder_prefix(folder) and not pattern:
            raise ValueError('To delete everything in a store, say so: delete_folder("", pattern="**").')
        return len(self.delete_objects([listed_key(entry.key) for entry in self.iter_objects(folder, pattern=pattern)]))

    adelete_folder: ClassVar = async_twin(delete_folder)

    def wait_for_object(
        self: ObjectStore, path: str, timeout_seconds: float = 3600.0, *, poll_seconds: float = 5.0
    ) -> StoredObject:
        """Wait until there is an object of this key; returns what :meth:`stat_object` says of it.

        :raises ObjectNotYet: there was none in time (a ``TimeoutError``).
        """
        end = time.monotonic() + timeout_seconds
        while True:
            try:
                return self.stat_object(path)
            except FileNotFoundError:
                left = end - time.monotonic()
            if left <= 0:
                raise ObjectNotYet(
                    f'In {timeout_seconds:g} seconds there was no object "{path}" in {self.url("")}.',
                    "See whether what writes it runs; or wait longer.",
                )
            _sleep(min(left, poll_seconds))

    await_for_object: ClassVar = async_twin(wait_for_object)

    def stream_from(self: ObjectStore, bucket: ObjectStore, from_path: str, to_path: str | None = None) -> str:
        """Copy an object from any other store through this machine, in bounded memory and without a file.

        Returns the key in this store, by default the object's own name.
        """
        key = to_path if to_path is not None else base_name(from_path)
        with bucket.open(from_path) as source:
            return self.upload_from_file_object(source, key)

    astream_from: ClassVar = async_twin(stream_from)

    def sync_to_folder(
        self: ObjectStore,
        from_folder: str = "",
        local_folder: str | Path = ".",
        *,
        compare: Compare = "time",
        delete: bool = False,
        dry_run: bool = False,
        pattern: str | None = None,
    ) -> SyncReport:
        """Make a local folder like one of the store, by downloading only what differs.

        A downloaded file gets its object's time of change.

        :param compare: ``"time"``: what has another size, or an object newer than the file; ``"size"``: another size;
            ``"checksum"``: other content, for which the files are read.
        :param delete: also delete files that have no object.
        :param dry_run: do nothing, and report what would be done.
        :param pattern: what takes part, as for :meth:`iter_objects`; the rest is neither copied nor deleted.
        :raises InvalidKey: an object's key would lead out of the local folder, or is a folder of others too.
        """
        from strongroom_blocks.stores.syncing import Sync

        return Sync(self, join_key("", from_folder), Path(local_folder), compare, delete, dry_run, pattern).down()

    async_to_folder: ClassVar = async_twin(sync_to_folder)

    def sync_from_folder(
        self: ObjectStore,
        local_folder: str | Path,
        to_folder: str = "",
        *,
        compare: Compare = "time",
        delete: bool = False,
        dry_run: bool = False,
        pattern: str | None = None,
    ) -> SyncReport:
        """Make a folder of the store like a local one, by uploading only what differs.

        The parameters are those of :meth:`sync_to_folder`; with ``compare="time"`` what goes up has another size, or is
        newer than its object.

        :raises NotADirectoryError: ``local_folder`` is no folder.
        """
        from strongroom_blocks.stores.syncing import Sync

        return Sync(self, join_key("", to_folder), Path(local_folder), compare, delete, dry_run, pattern).up()

    async_from_folder: ClassVar = async_twin(sync_from_folder)

    def filesystem(self: ObjectStore) -> AbstractFileSystem:
        """The store as an fsspec filesystem with paths relative to it: for pandas, pyarrow, DuckDB, polars and others.

        Logins are the block's own: nothing is handed on, and what expires is renewed.

        :raises MissingExtra: fsspec is not installed.
        """
        require_extra("fsspec", extra="fsspec")
        from strongroom_blocks.stores.filesystem import StoreFileSystem

        return StoreFileSystem(self)

    def select(
        self: ObjectStore,
        path: str,
        columns: Sequence[str] = (),
        *,
        where: str | None = None,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of Parquet files, of which only the columns and row groups that are needed are fetched.

        :param path: an object, or a pattern such as ``sales/**/*.parquet``.
        :param columns: their names, all by default.
        :param where: a condition in DuckDB's SQL, whose values are bound: ``"amount > ?"``.
        :raises FileNotFoundError: there is no such object.
        :raises MissingExtra: DuckDB or fsspec is not installed.
        """
        from strongroom_blocks.stores.parquet import Selection

        return Selection(self, path, columns, where, parameters, limit).rows()

    aselect: ClassVar = async_twin(select)


def _for_each_pair(store: ObjectStore, pairs: Any, work: Any) -> list[str]:
    from strongroom_blocks.stores.crew import each

    wanted = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
    done = [""] * len(wanted)

    def one(place: int) -> None:
        done[place] = work(*wanted[place])

    each(one, range(len(wanted)), getattr(store, "max_concurrency", 4))
    return done


def _sleep(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE_SECONDS))
