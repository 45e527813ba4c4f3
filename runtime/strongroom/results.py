"""Where results lie: sealed records under keys, in a local folder or in any block that stores objects."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

from strongroom_blocks.redaction import redactor

from strongroom.errors import MissingResult, ResultProblem
from strongroom.journal.records import StoredResult, now
from strongroom.sealed_records import Sealer, current_sealer, load_value, read_record, write_record
from strongroom.serializers import Serializer, resolve

if TYPE_CHECKING:
    from strongroom_blocks.capabilities import ObjectStore

_log = logging.getLogger("strongroom.results")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_=+-]*(?:[./][A-Za-z0-9_=+-]+)*")


class Storage(Protocol):
    """The part of an object store that results need; every ``ObjectStore`` block has it."""

    def read_path(self, path: str) -> bytes: ...
    def write_path(self, path: str, content: bytes) -> object: ...
    def exists(self, path: str) -> bool: ...


class Hit(NamedTuple):
    """What a cache had: the value, and where it lies."""

    value: Any
    stored: StoredResult


def result_store(
    storage: ObjectStore | str | Path | None = None, serializer: str | Serializer | None = None
) -> ResultStore:
    """A store as the decorators' ``result_storage`` and ``result_serializer`` name it, or as the settings do.

    ``storage`` is a block that stores objects, the reference of one, or a local folder. Reads the settings: make it
    once per run rather than once per task.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    place = storage if storage is not None else settings.results_default_storage_block
    if isinstance(place, str):
        from strongroom_blocks import Block

        place = Block.load(place)  # type: ignore[assignment]
    if place is None or isinstance(place, Path):
        place = LocalStorage(place or settings.storage_path)  # type: ignore[assignment]
    return ResultStore(place, resolve(serializer or settings.results_default_serializer), current_sealer())  # type: ignore[arg-type]


class ResultStore:
    """Keeps values under keys, one record each."""

    def __init__(self, storage: Storage, serializer: str | Serializer = "pickle", sealer: Sealer | None = None) -> None:
        self.storage = storage
        self.serializer = resolve(serializer)
        self._sealer = sealer
        self._reference = _reference(storage)

    def write(self, key: str, value: Any, *, expiration: datetime | None = None) -> StoredResult:
        """Keep ``value`` under ``key``, over what was there; as a cache it is good until ``expiration``.

        Raises :class:`~strongroom.errors.UnserializableResult`, and what the storage raises.
        """
        key = self._told(key)
        body = self.serializer.dumps(value)
        record = write_record(body, self.serializer.name, expiration, self._sealer, _key_context(key))
        self.storage.write_path(_path(key), record)
        return StoredResult(None, key, self._reference, self.serializer.name, len(record), expiration)

    def read(self, stored: StoredResult | str) -> Any:
        """The value under a key, expired or not.

        Raises :class:`~strongroom.errors.MissingResult` where there is none, CorruptResult or ResultKeyMismatch where
        what lies there is none of ours.
        """
        key = self._told(stored) if isinstance(stored, str) else stored.key
        if key is None:
            raise MissingResult(
                "This result was kept for a resumption only.", "Persist it: @task(persist_result=True)."
            )
        return self._load(key).value

    def cached(self, key: str) -> Hit | None:
        """The value under ``key`` if it is there and has not expired.

        What cannot be read is a miss, with a warning: a record that is damaged or another's, a storage that is away.
        """
        key = self._told(key)
        try:
            if not self.storage.exists(_path(key)):
                return None
            hit = self._load(key)
        except Exception as error:
            what = str(error) if isinstance(error, ResultProblem) else f"{type(error).__name__}: {error}"
            _log.warning("The cached result %.80r is not used: %s", key, what)
            return None
        expires = hit.stored.expires
        return hit if expires is None or expires > now() else None

    def exists(self, key: str) -> bool:
        """Whether a record lies under ``key``."""
        return self.storage.exists(_path(self._told(key)))

    def _told(self, key: str) -> str:
        """The key, or a name for one that repeats a secret: keys are names of files, and stand in the run history."""
        if redactor.redact(key) == key:
            return key
        data = key.encode("utf-8", "surrogatepass")
        return f"masked/{self._sealer.name(data) if self._sealer is not None else hashlib.sha256(data).hexdigest()}"

    def _load(self, key: str) -> Hit:
        path = _path(key)
        try:
            record = self.storage.read_path(path)
        except Exception as error:
            if self.storage.exists(path):
                raise
            raise MissingResult(
                f"No result lies under the key {key!r:.80} ({type(error).__name__}).",
                "It was removed, or the storage is another one; run the task again.",
            ) from None
        opened = read_record(record, self._sealer, _key_context(key))
        value = load_value(opened, self.serializer, key)
        return Hit(value, StoredResult(None, key, self._reference, opened.serializer, len(record), opened.expires))


class LocalStorage:
    """Records as files below a folder that only their owner may read; each is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_path(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.folder / path).is_file()

    def write_path(self, path: str, content: bytes) -> str:
        target = self.folder / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid4().hex[:12]}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            draft.replace(target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        return path

    def remove_folder(self, path: str) -> None:
        """Remove a folder and the files in it, if it is there."""
        folder = self.folder / path
        with suppress(OSError):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


def _path(key: str) -> str:
    """Where a key's record lies: below the key itself if it makes a tame path, else below its hash."""
    if len(key) <= 200 and _PLAIN_KEY.fullmatch(key) and not key.startswith(("captured/", "hashed/")):
        return key
    return f"hashed/{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _key_context(key: str) -> bytes:
    return b"result\0" + key.encode("utf-8", "surrogatepass")


def _reference(storage: Storage) -> str | None:
    if isinstance(storage, LocalStorage):
        return None
    from strongroom_blocks import reference_of

    found = reference_of(storage)  # type: ignore[arg-type]
    return str(found) if found is not None else None
