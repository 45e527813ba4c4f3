"""Sealed records under keys, in a local folder or in any block that stores objects."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Protocol

from strongroom_blocks.redaction import redactor

from strongroom.errors import MissingResult
from strongroom.results.local_storage import LocalStorage
from strongroom.results.sealed_records import Opened, Sealer, read_record, write_record

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_=+-]*(?:[./][A-Za-z0-9_=+-]+)*")
_OURS = ("captured/", "explained/", "hashed/")


class Storage(Protocol):
    """The part of an object store that results need; every ``ObjectStore`` block has it.

    One that also has ``exists(path)`` is asked that where reading fails, to tell what is missing from what is away.
    """

    def read_path(self, path: str) -> bytes: ...
    def write_path(self, path: str, content: bytes) -> object: ...


class Record(NamedTuple):
    """An opened record: the key that it lies under, and its length as stored."""

    key: str
    opened: Opened
    size: int


class RecordStorage:
    """Keeps bytes under keys, one record each, sealed for its key. ``purpose`` tells results from cache records."""

    def __init__(self, storage: Storage, sealer: Sealer | None, purpose: bytes = b"result") -> None:
        self.storage = storage
        self._sealer = sealer
        self._purpose = purpose
        self.reference = _reference(storage)

    def write(self, key: str, body: bytes, serializer: str, expires: datetime | None, writer: str = "") -> Record:
        """Keep ``body`` under ``key``, over what was there; raises what the storage raises."""
        key = self.told(key)
        record = write_record(body, serializer, expires, self._sealer, self._context(key), writer)
        self.storage.write_path(_path(key), record)
        return Record(key, Opened(body, serializer, datetime.min, expires, writer), len(record))

    def read(self, key: str) -> Record:
        """What lies under ``key``, or lay there before the workspace's key was rotated.

        Raises :class:`~strongroom.errors.MissingResult` where there is nothing, CorruptResult or ResultKeyMismatch
        where what lies there is none of ours, and what the storage raises.
        """
        told = self.told(key)
        try:
            return self._read(told)
        except MissingResult:
            for name in self._former(key, told):
                with suppress(MissingResult):
                    return self._read(name)
            raise

    def exists(self, key: str) -> bool:
        """Whether a record lies under ``key``."""
        told = self.told(key)
        return any(self._is_there(_path(name)) for name in (told, *self._former(key, told)))

    def told(self, key: str) -> str:
        """The key, or a name for one that repeats a secret: keys are names of files, and stand in the run history."""
        if redactor.redact(key) == key:
            return key
        data = _bytes(key)
        return f"masked/{self._sealer.name(data) if self._sealer is not None else hashlib.sha256(data).hexdigest()}"

    def _former(self, key: str, told: str) -> Iterator[str]:
        """Under which names a key that repeats a secret was told in earlier epochs of the workspace's key."""
        if told != key and self._sealer is not None:
            yield from (f"masked/{name}" for name in self._sealer.former_names(_bytes(key)))

    def _read(self, key: str) -> Record:
        path = _path(key)
        try:
            record = self.storage.read_path(path)
        except Exception as error:
            if hasattr(self.storage, "exists") and self._is_there(path):
                raise
            raise MissingResult(
                f"No result lies under the key {key!r:.80} ({type(error).__name__}).",
                "It was removed, or the storage is another one; run the task again.",
            ) from None
        return Record(key, read_record(record, self._sealer, self._context(key)), len(record))

    def _is_there(self, path: str) -> bool:
        if (exists := getattr(self.storage, "exists", None)) is not None:
            return bool(exists(path))
        try:
            self.storage.read_path(path)
        except Exception:
            return False
        return True

    def _context(self, key: str) -> bytes:
        return self._purpose + b"\0" + _bytes(key)


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _path(key: str) -> str:
    """Where a key's record lies: below the key itself if it makes a tame path, else below its hash."""
    if len(key) <= 200 and _PLAIN_KEY.fullmatch(key) and not key.startswith(_OURS):
        return key
    return f"hashed/{hashlib.sha256(_bytes(key)).hexdigest()}"


def _reference(storage: Storage) -> str | None:
    if isinstance(storage, LocalStorage):
        from strongroom.settings import get_settings

        return None if storage.folder == get_settings().storage_path else str(storage.folder.absolute())
    from strongroom_blocks import reference_of

    found = reference_of(storage)  # type: ignore[arg-type]
    return str(found) if found is not None else None
