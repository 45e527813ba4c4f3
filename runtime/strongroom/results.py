"""Results and parameters at rest: sealed records in the journal, in a local folder or in any block that stores objects.

A record is ``b"SR" version flags payload``; the payload is the time it was written, when it expires, its serializer and
its bytes. With the flag ``SEALED`` the payload is encrypted and bound to its place (a key, or a run), so that neither
reading the disk nor moving records about gives anything away, and nothing is unpickled that this registry's key did not
seal. ``STRONGROOM_RESULTS_SEALED=false`` writes records in clear with a checksum: whoever may write the storage can
then run code in the process that reads it, and whoever may read it sees every result, secrets included.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID, uuid4

from strongroom_registry.errors import StrongroomError

from strongroom.errors import CorruptResult, MissingResult, ResultKeyMismatch, ResultProblem, UnserializableResult
from strongroom.journal.records import StoredResult, now
from strongroom.serializers import PickleSerializer, Serializer, resolve

if TYPE_CHECKING:
    from strongroom_blocks.capabilities import ObjectStore

_log = logging.getLogger("strongroom.results")

INLINE_BYTES = 16 * 1024
_MAGIC = b"SR\x01"
_CLEAR, _SEALED = 0, 1
_HEAD = struct.Struct(">ddB")  # written, expires (0: never), length of the serializer's name
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_=+-]*(?:[./][A-Za-z0-9_=+-]+)*")
_pickle = PickleSerializer()


class Sealer(Protocol):
    """What the registry hands out to seal small records: ``context`` says where the record belongs."""

    def seal(self, data: bytes, context: bytes) -> bytes: ...
    def open(self, sealed: bytes, context: bytes) -> bytes: ...


class Storage(Protocol):
    """The part of an object store that results need; every ``ObjectStore`` block has it."""

    def read_path(self, path: str) -> bytes: ...
    def write_path(self, path: str, content: bytes) -> object: ...
    def exists(self, path: str) -> bool: ...


class Hit(NamedTuple):
    """What a cache had: the value, and where it lies."""

    value: Any
    stored: StoredResult


def current_sealer() -> Sealer | None:
    """The sealer of results, None where the settings say that results are not sealed.

    Opens the registry. Raises what that raises: a wrong key, a store that cannot be opened.
    """
    from strongroom.settings import get_settings

    if not get_settings().results_sealed:
        return None
    import strongroom_registry

    return strongroom_registry.current().sealer("results")


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
        body = self.serializer.dumps(value)
        record = _write_record(body, self.serializer.name, expiration, self._sealer, _key_context(key))
        self.storage.write_path(_path(key), record)
        return StoredResult(None, key, self._reference, self.serializer.name, len(record), expiration)

    def read(self, stored: StoredResult | str) -> Any:
        """The value under a key, expired or not.

        Raises :class:`~strongroom.errors.MissingResult` where there is none, CorruptResult or ResultKeyMismatch where
        what lies there is none of ours.
        """
        key = stored if isinstance(stored, str) else stored.key
        if key is None:
            raise MissingResult(
                "This result was kept for a resumption only.", "Persist it: @task(persist_result=True)."
            )
        return self._load(key).value

    def cached(self, key: str) -> Hit | None:
        """The value under ``key`` if it is there and has not expired. What cannot be read is a miss, with a warning."""
        if not self.storage.exists(_path(key)):
            return None
        try:
            hit = self._load(key)
        except ResultProblem as error:
            _log.warning("The cached result %.80r is not used: %s", key, error)
            return None
        expires = hit.stored.expires
        return hit if expires is None or expires > now() else None

    def exists(self, key: str) -> bool:
        """Whether a record lies under ``key``."""
        return self.storage.exists(_path(key))

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
        opened = _read_record(record, self._sealer, _key_context(key))
        value = _loads(opened, self.serializer, key)
        return Hit(value, StoredResult(None, key, self._reference, opened.serializer, len(record), opened.expires))


class Captures:
    """Keeps what a resumption needs: the parameters of flow runs and the results of tasks, bound to their runs.

    Small records stand in the journal itself, larger ones in a folder per flow run, which is removed when the flow has
    completed. Nothing here raises on the way in: what cannot be kept is simply run again.
    """

    def __init__(self, storage: LocalStorage, sealer: Sealer | None, max_bytes: int) -> None:
        self._storage = storage
        self._sealer = sealer
        self._max_bytes = max_bytes

    def capture(self, value: Any, run_id: UUID, flow_run_id: UUID | None = None) -> StoredResult | None:
        """A record of ``value`` for the run of this id; None for one that cannot be pickled, or is too large.

        ``flow_run_id`` is the flow run whose folder takes a record beyond 16 KiB; without one such a value is not kept.
        """
        limit = self._max_bytes if flow_run_id is not None else min(self._max_bytes, INLINE_BYTES)
        try:
            body = _pickle.dumps(value, limit)
        except UnserializableResult:
            return None
        try:
            record = _write_record(body, _pickle.name, None, self._sealer, _run_context(run_id))
            if len(body) <= INLINE_BYTES or flow_run_id is None:
                return StoredResult(record, None, None, _pickle.name, len(record))
            key = f"{_folder(flow_run_id)}/{run_id}.{uuid4().hex[:8]}"
            self._storage.write_path(key, record)
            return StoredResult(None, key, None, _pickle.name, len(record))
        except (OSError, StrongroomError) as error:
            _say_once(f"Results are not kept for a resumption: {_short(error)}")
            return None

    def restore(self, stored: StoredResult, run_id: UUID) -> Any:
        """The value that was captured for the run of this id; raises a ResultProblem where it cannot be had."""
        record = stored.inline
        if record is None:
            if stored.key is None or not stored.key.startswith("captured/"):
                raise MissingResult(f"Run {run_id} has no captured result.", "Run the task again.")
            try:
                record = self._storage.read_path(stored.key)
            except OSError as error:
                raise MissingResult(f"The result of run {run_id} is gone ({type(error).__name__}).") from None
        return _loads(_read_record(record, self._sealer, _run_context(run_id)), _pickle, str(run_id))

    def seal_parameters(self, parameters: dict[str, Any], run_id: UUID) -> bytes | None:
        """A record of a flow run's parameters; None where they cannot be kept."""
        try:
            body = _pickle.dumps(parameters, self._max_bytes)
            return _write_record(body, _pickle.name, None, self._sealer, _run_context(run_id))
        except UnserializableResult:
            return None
        except StrongroomError as error:
            _say_once(f"Parameters are not kept for a resumption: {_short(error)}")
            return None

    def open_parameters(self, record: bytes, run_id: UUID) -> dict[str, Any]:
        """The parameters of a flow run; raises a ResultProblem where they cannot be read."""
        parameters = _loads(_read_record(record, self._sealer, _run_context(run_id)), _pickle, str(run_id))
        if not isinstance(parameters, dict):
            raise CorruptResult(f"What is stored as the parameters of run {run_id} is a {type(parameters).__name__}.")
        return parameters

    def discard(self, flow_run_ids: Iterable[UUID]) -> None:
        """Remove the folders of flow runs that will not be resumed."""
        for flow_run_id in flow_run_ids:
            self._storage.remove_folder(_folder(flow_run_id))


def captures() -> Captures | None:
    """What keeps results for a resumption, as the settings say; None where the registry cannot seal them now.

    Reads the settings and opens the registry: make it once per flow run.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    try:
        return Captures(LocalStorage(settings.storage_path), current_sealer(), settings.results_auto_max_bytes)
    except (OSError, StrongroomError) as error:
        _say_once(f"Runs cannot be resumed, for nothing seals their results: {_short(error)}")
        return None


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


@dataclass(frozen=True, slots=True)
class _Opened:
    body: bytes
    serializer: str
    written: datetime
    expires: datetime | None


def _write_record(
    body: bytes, serializer: str, expires: datetime | None, sealer: Sealer | None, context: bytes
) -> bytes:
    name = serializer.encode()
    head = _HEAD.pack(now().timestamp(), expires.timestamp() if expires else 0.0, len(name))
    payload = b"".join((head, name, body))
    if sealer is not None:
        return b"".join((_MAGIC, bytes((_SEALED,)), sealer.seal(payload, context)))
    return b"".join((_MAGIC, bytes((_CLEAR,)), zlib.crc32(payload).to_bytes(4, "big"), payload))


def _read_record(record: bytes, sealer: Sealer | None, context: bytes) -> _Opened:
    if len(record) < len(_MAGIC) + 1 or not record.startswith(_MAGIC):
        raise CorruptResult("What lies there is no result of Strongroom.", "Remove it, or use another storage.")
    payload = _opened_payload(record[len(_MAGIC)], record[len(_MAGIC) + 1 :], sealer, context)
    try:
        written, expires, length = _HEAD.unpack_from(payload)
        name = payload[_HEAD.size : _HEAD.size + length].decode()
        until = datetime.fromtimestamp(expires, UTC) if expires else None
        return _Opened(payload[_HEAD.size + length :], name, datetime.fromtimestamp(written, UTC), until)
    except (struct.error, ValueError, OverflowError, OSError):
        raise CorruptResult("The head of a stored result is damaged.", "Run the task again.") from None


def _opened_payload(flag: int, rest: bytes, sealer: Sealer | None, context: bytes) -> bytes:
    if flag == _SEALED:
        if sealer is None:
            raise ResultKeyMismatch(
                "The stored result is sealed, and results are not sealed now.", "Unset STRONGROOM_RESULTS_SEALED."
            )
        try:
            return sealer.open(rest, context)
        except StrongroomError as error:
            raise ResultKeyMismatch(
                f"The stored result does not open ({type(error).__name__}): it was changed or moved, or sealed with "
                "another key.",
                "Use the registry and key that it was written with, or run the task again.",
            ) from None
    if flag != _CLEAR:
        raise CorruptResult(
            "The stored result has an unknown form.", "A newer version of Strongroom may have written it."
        )
    if sealer is not None:
        raise ResultKeyMismatch(
            "The stored result is in clear, and results are sealed now: it may be forged, so it is not read.",
            "Run the task again, or set STRONGROOM_RESULTS_SEALED=false to read what was written so.",
        )
    if zlib.crc32(rest[4:]).to_bytes(4, "big") != rest[:4]:
        raise CorruptResult("The stored result is damaged: its checksum does not fit.", "Run the task again.")
    return rest[4:]


def _loads(opened: _Opened, serializer: Serializer, what: str) -> Any:
    reader = serializer if serializer.name == opened.serializer else resolve(opened.serializer)
    try:
        return reader.loads(opened.body)
    except Exception as error:
        # Not chained and not quoted: the message of an unpickling class may carry its values.
        raise CorruptResult(
            f"The result {what!r:.80} cannot be read back ({type(error).__name__}).",
            "Its classes may have moved or changed since; run the task again.",
        ) from None


def _path(key: str) -> str:
    """Where a key's record lies: below the key itself if it makes a tame path, else below its hash."""
    if len(key) <= 200 and _PLAIN_KEY.fullmatch(key) and not key.startswith(("captured/", "hashed/")):
        return key
    return f"hashed/{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _folder(flow_run_id: UUID) -> str:
    return f"captured/{flow_run_id}"


def _key_context(key: str) -> bytes:
    return b"result\0" + key.encode("utf-8", "surrogatepass")


def _run_context(run_id: UUID) -> bytes:
    return b"run\0" + run_id.bytes


def _reference(storage: Storage) -> str | None:
    if isinstance(storage, LocalStorage):
        return None
    from strongroom_blocks import reference_of

    found = reference_of(storage)  # type: ignore[arg-type]
    return str(found) if found is not None else None


def _short(error: Exception) -> str:
    return str(error) if isinstance(error, StrongroomError) else f"{type(error).__name__}: {error}"


_said: set[str] = set()


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        _log.warning(message)
