"""What a resumption needs of a flow run: its parameters, and the results of its tasks."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID, uuid4

from strongroom_registry.errors import StrongroomError

from strongroom.errors import CorruptResult, MissingResult, ResultKeyMismatch, UnserializableResult
from strongroom.journal.records import StoredResult
from strongroom.results import LocalStorage
from strongroom.results.ended_captures import FOLDER, EndedCaptures, ended_captures
from strongroom.results.sealed_records import (
    LateRecord,
    Opened,
    Sealer,
    current_sealer,
    load_value,
    read_record,
    write_record,
)
from strongroom.serializers import PickleSerializer

_log = logging.getLogger("strongroom.results")

INLINE_BYTES = 16 * 1024
_IN_FOLDER = b"in the folder: "
_pickle = PickleSerializer()


class Captures:
    """Keeps what a resumption needs: the parameters of flow runs and the results of tasks, bound to their runs.

    Small records stand in the journal itself, larger ones in a folder per outermost flow run, which stays for a while
    when that has ended (``ended``). Nothing here raises on the way in: what cannot be kept is simply run again.
    """

    def __init__(self, storage: LocalStorage, sealer: Sealer | None, max_bytes: int, ended: EndedCaptures) -> None:
        self._storage = storage
        self._sealer = sealer
        self._max_bytes = max_bytes
        self.ended = ended

    def capture(self, value: Any, run_id: UUID, root_id: UUID) -> StoredResult | None:
        """A record of ``value`` for the run of this id; None for one that cannot be pickled, or is too large.

        ``root_id`` is the outermost flow run, whose folder takes a record beyond 16 KiB.
        """
        try:
            body = _pickle.dumps(value, self._max_bytes)
        except UnserializableResult:
            return None
        if len(body) <= INLINE_BYTES:
            late = LateRecord(body, _pickle.name, self._sealer, _run_context(run_id))
            return StoredResult(late, None, None, _pickle.name, len(body))
        try:
            record = write_record(body, _pickle.name, None, self._sealer, _run_context(run_id))
            key = f"{_folder(root_id)}/{run_id}.{uuid4().hex[:8]}"
            self._storage.write_path(key, record)
            return StoredResult(None, key, None, _pickle.name, len(record))
        except (OSError, StrongroomError) as error:
            _say_once("Results are not kept for a resumption", error)
            return None

    def restore(self, stored: StoredResult, run_id: UUID) -> Any:
        """The value that was captured for the run of this id; raises a ResultProblem where it cannot be had."""
        record = None if stored.inline is None else bytes(stored.inline)
        if record is None:
            if stored.key is None or not stored.key.startswith(f"{FOLDER}/"):
                raise MissingResult(f"Run {run_id} has no captured result.", "Run the task again.")
            record = self._read(stored.key, run_id)
        return load_value(read_record(record, self._sealer, _run_context(run_id)), _pickle, str(run_id))

    def seal_parameters(
        self, parameters: dict[str, Any], run_id: UUID, root_id: UUID, entrypoint: str | None = None
    ) -> bytes | None:
        """A record of a flow run's parameters; None where they cannot be kept.

        Beyond 16 KiB they go into the folder of the outermost run, and what is returned says so. They open only for
        the run and the ``entrypoint`` of its flow, so that nobody who writes the history has other code run with them.
        """
        try:
            body = _pickle.dumps(parameters, self._max_bytes)
            record = write_record(body, _pickle.name, None, self._sealer, _parameters_context(run_id, entrypoint))
            if len(body) <= INLINE_BYTES:
                return record
            path = f"{_folder(root_id)}/{run_id}.parameters"
            self._storage.write_path(path, record)
            return _IN_FOLDER + path.encode()
        except UnserializableResult:
            return None
        except (OSError, StrongroomError) as error:
            _say_once("Parameters are not kept for a resumption", error)
            return None

    def open_parameters(self, record: bytes, run_id: UUID, entrypoint: str | None = None) -> dict[str, Any]:
        """The parameters of a flow run; raises a ResultProblem where they cannot be read."""
        return self.load_parameters(self.unseal_parameters(record, run_id, entrypoint), run_id)

    def unseal_parameters(self, record: bytes, run_id: UUID, entrypoint: str | None = None) -> Opened:
        """Parameters whose seal was checked, for :meth:`load_parameters`, which may need the module of the flow."""
        if record.startswith(_IN_FOLDER):
            record = self._read(record.removeprefix(_IN_FOLDER).decode(), run_id)
        return self._opened(record, run_id, entrypoint)

    def load_parameters(self, opened: Opened, run_id: UUID) -> dict[str, Any]:
        """The parameters themselves."""
        parameters = load_value(opened, _pickle, str(run_id))
        if not isinstance(parameters, dict):
            raise CorruptResult(f"What is stored as the parameters of run {run_id} is a {type(parameters).__name__}.")
        return parameters

    def _opened(self, record: bytes, run_id: UUID, entrypoint: str | None) -> Opened:
        try:
            return read_record(record, self._sealer, _parameters_context(run_id, entrypoint))
        except ResultKeyMismatch:
            if self._sealer is None or entrypoint is None:
                raise
            return read_record(record, self._sealer, _parameters_context(run_id, None))  # as the first version sealed

    def _read(self, path: str, run_id: UUID) -> bytes:
        try:
            return self._storage.read_path(path)
        except OSError as error:
            raise MissingResult(
                f"What was kept of run {run_id} is gone from the storage ({type(error).__name__}).", "Run it again."
            ) from None


def captures() -> Captures | None:
    """What keeps results for a resumption, as the settings say; None where the registry cannot seal them now.

    Reads the settings and opens the registry: make it once per flow run.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    try:
        sealer, most = current_sealer(), settings.results_auto_max_bytes
        return Captures(LocalStorage(settings.storage_path), sealer, most, ended_captures(settings))
    except (OSError, StrongroomError) as error:
        _say_once("Runs cannot be resumed, for nothing seals their results", error)
        return None


def _folder(flow_run_id: UUID) -> str:
    return f"{FOLDER}/{flow_run_id}"


def _run_context(run_id: UUID) -> bytes:
    return b"run\0" + run_id.bytes


def _parameters_context(run_id: UUID, entrypoint: str | None) -> bytes:
    own = b"parameters\0" + run_id.bytes
    return own if entrypoint is None else own + b"\0" + entrypoint.encode("utf-8", "surrogatepass")


_said: set[str] = set()


def _say_once(what: str, error: Exception) -> None:
    if what not in _said:
        _said.add(what)
        _log.warning(
            "%s: %s", what, error if isinstance(error, StrongroomError) else f"{type(error).__name__}: {error}"
        )
