"""Making a folder here and a folder of a store alike, by moving what differs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from strongroom_blocks.errors import InvalidKey
from strongroom_blocks.object_keys import folder_prefix, join_key, listed_key
from strongroom_blocks.stores.crew import each
from strongroom_blocks.stores.files import entries_below, local_path
from strongroom_blocks.stores.listing import fitting

if TYPE_CHECKING:
    from strongroom_blocks.capabilities import ObjectStore, StoredObject

Compare = Literal["time", "size", "checksum"]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, or would do: keys relative to the two folders, sorted.

    :param bytes: how many bytes were moved.
    :param same: how many objects were alike already.
    """

    copied: tuple[str, ...]
    deleted: tuple[str, ...]
    same: int
    bytes: int
    dry_run: bool = False

    def __str__(self) -> str:
        be = "would be " if self.dry_run else ""
        copied, deleted = f"{len(self.copied)} {be}copied ({self.bytes} bytes)", f"{len(self.deleted)} {be}deleted"
        return f"{copied}, {deleted}, {self.same} alike"


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync between a folder of a store and a local one.

    :param compare: ``time``: alike are two of one size, of which the source is not newer; ``size``: of one size;
        ``checksum``: of one content, whose files are read for it.
    :param pattern: the keys that take part; what does not fit is neither copied nor deleted.
    """

    store: ObjectStore
    folder: str
    local: Path
    compare: Compare = "time"
    delete: bool = False
    dry_run: bool = False
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.compare not in ("time", "size", "checksum"):
            raise ValueError(f'compare is "time", "size" or "checksum", not {self.compare!r}.')

    def up(self) -> SyncReport:
        """Make the store's folder like the local one."""
        files = dict(self._files())
        old: dict[str, str] = {}
        same: set[str] = set()
        for key, entry in self._entries():
            if key not in files:
                old[key] = listed_key(entry.key) if self.delete else entry.key
            elif self._alike(entry, files[key], up=True):
                same.add(key)
        wanted = {key: status.st_size for key, status in files.items() if key not in same}
        return self._carry_out(
            wanted,
            list(old),
            len(same),
            lambda key: self.store.upload_from_path(self.local / key, join_key(self.folder, key)),
            lambda keys: self.store.delete_objects([old[key] for key in keys]),
        )

    def down(self) -> SyncReport:
        """Make the local folder like the store's."""
        files = dict(self._files()) if self.local.exists() else {}
        entries: dict[str, StoredObject] = {}
        seen: set[str] = set()
        same = 0
        for key, entry in self._entries():
            local_path(key)
            seen.add(key)
            status = files.pop(key, None)
            if status is not None and self._alike(entry, status, up=False):
                same += 1
            else:
                entries[key] = entry
        _no_file_in_a_file(seen)
        return self._carry_out(
            {key: entry.size for key, entry in entries.items()},
            list(files),
            same,
            lambda key: self._download(key, entries[key]),
            self._unlink,
        )

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        fits = fitting(self.pattern) if self.pattern else None
        for key, entry in entries_below(self.local):
            if fits is None or fits.fullmatch(key):
                with suppress(FileNotFoundError):  # gone meanwhile
                    yield key, entry.stat()

    def _entries(self) -> Iterator[tuple[str, StoredObject]]:
        prefix = folder_prefix(self.folder)
        for entry in self.store.iter_objects(self.folder, pattern=self.pattern):
            yield entry.key.removeprefix(prefix), entry

    def _alike(self, entry: StoredObject, status: os.stat_result, *, up: bool) -> bool:
        if entry.size != status.st_size:
            return False
        if self.compare == "checksum":
            return self.store.has_content(entry, self.local / entry.key.removeprefix(folder_prefix(self.folder)))
        if self.compare == "size":
            return True
        changed, modified = status.st_mtime, entry.modified.timestamp()
        return changed <= modified if up else modified <= changed

    def _unlink(self, keys: list[str]) -> None:
        for key in keys:
            (self.local / key).unlink(missing_ok=True)

    def _download(self, key: str, entry: StoredObject) -> None:
        file = self.store.download_object_to_path(entry.key, self.local / local_path(key))
        changed = entry.modified.timestamp()
        os.utime(file, (changed, changed))

    def _carry_out(
        self,
        wanted: dict[str, int],
        old: list[str],
        same: int,
        copy: Callable[[str], object],
        remove: Callable[[list[str]], object],
    ) -> SyncReport:
        old = sorted(old) if self.delete else []
        if not self.dry_run:
            each(copy, wanted, getattr(self.store, "max_concurrency", 4))
            if old:
                remove(old)
        return SyncReport(tuple(sorted(wanted)), tuple(old), same, sum(wanted.values()), self.dry_run)


def _no_file_in_a_file(keys: set[str]) -> None:
    """:raises InvalidKey: one is a file and a folder of others at once, which no local folder can hold."""
    for key in keys:
        end = key.find("/")
        while end >= 0:
            if key[:end] in keys:
                raise InvalidKey(
                    f"The objects {key[:end]!r} and {key!r} cannot both be files of a folder, so nothing was copied.",
                    "Move one of them in the store, or leave one out by a pattern.",
                )
            end = key.find("/", end + 1)
