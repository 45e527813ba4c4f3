"""What the journal speaks of: flow runs, task runs, the states they went through, their results and their log lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from strongroom.clock import now as now

if TYPE_CHECKING:
    from strongroom.results.sealed_records import LateRecord
    from strongroom.states import State, StateType


def flow_id(flow_name: str) -> UUID:
    """The id that stands for a flow's name, the same everywhere."""
    return uuid5(NAMESPACE_URL, f"strongroom:flow/{flow_name}")


def _duration(start: datetime | None, end: datetime | None) -> timedelta:
    return timedelta() if start is None else (now() if end is None else end) - start


class StateEvent(NamedTuple):
    """One step of a run's history: the state that it entered, and when."""

    type: StateType
    name: str
    message: str | None
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class StoredResult:
    """Where a result lies and how to read it back.

    Exactly one of ``inline`` (the record itself) and ``key`` (its name in the storage) is set. ``storage`` is the
    reference of the block that holds it, the path of a folder, or None for the folder in the home; ``size`` counts the
    record's bytes as stored.
    """

    inline: bytes | LateRecord | None = field(default=None, repr=False)
    key: str | None = None
    storage: str | None = None
    serializer: str = "pickle"
    size: int = 0
    expires: datetime | None = None

    @property
    def is_captured(self) -> bool:
        """Whether it was kept by itself, for a resumption, rather than because it persists."""
        return self.inline is not None or (self.key is not None and self.key.startswith("captured/"))


@dataclass(slots=True)
class FlowRun:
    """One run of a flow.

    ``sealed_parameters`` is a record that a resumption reads back (:mod:`strongroom.results`), None where they cannot
    be kept; ``parameters`` are what they are while the run runs here, and in a record that was read the same as
    ``parameters_shown``, which is what people see of them, without secrets. ``entrypoint`` is ``path.py:function`` or
    ``module:qualified.name``; ``source_hash`` is the SHA-256 of that file when the run began. ``dynamic_key`` tells a
    subflow's run from its siblings (``"<flow name>-<n>"``, counted per parent at call time), and is empty for others.
    ``blocks`` names the versions of blocks that were loaded (``"name@3"``), ``pins`` those that a bare name gave first.
    ``process`` tells its process from a later one of the same ``pid`` (:mod:`strongroom.processes`).

    ``expected_start`` is when a schedule wanted it, ``deployment`` whose schedule (``"<flow>/<deployment>"``),
    ``replay_of`` the run that it runs again, and ``idempotency_key`` what its starter told it from others by; all are
    empty for a flow that was simply called.
    """

    id: UUID
    name: str
    flow_name: str
    state: State[Any]
    flow_version: str | None = None
    sealed_parameters: bytes | None = field(default=None, repr=False)
    parameters: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    parameters_shown: dict[str, Any] = field(default_factory=dict)
    parent_flow_run_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    dynamic_key: str = ""
    tags: frozenset[str] = frozenset()
    history: list[StateEvent] = field(default_factory=list)
    run_count: int = 0
    created: datetime = field(default_factory=now)
    start_time: datetime | None = None
    end_time: datetime | None = None
    entrypoint: str | None = None
    source_hash: bytes | None = None
    pid: int = 0
    host: str = ""
    heartbeat: datetime | None = None
    result: StoredResult | None = None
    blocks: list[str] = field(default_factory=list)
    expected_start: datetime | None = None
    deployment: str = ""
    replay_of: UUID | None = None
    idempotency_key: str = ""
    process: str = ""
    pins: dict[str, int] = field(default_factory=dict)

    @property
    def auto_scheduled(self) -> bool:
        """Whether a schedule wanted it."""
        return "auto-scheduled" in self.tags

    @property
    def estimated_run_time(self) -> timedelta:
        """How long it took, or has been going on."""
        return self.total_run_time

    def model_dump(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """What the record says, by Prefect's names and without secrets; with ``"json"`` as JSON can carry it."""
        from strongroom.journal.dumps import flow_run_dump

        return flow_run_dump(self, mode)

    def model_dump_json(self, indent: int | None = None) -> str:
        """The same as JSON text."""
        from strongroom.journal.dumps import as_json

        return as_json(self.model_dump("json"), indent)

    @property
    def expected_start_time(self) -> datetime:
        """When it was to begin: for a flow that was called, when it was."""
        return self.created if self.expected_start is None else self.expected_start

    @classmethod
    def model_construct(cls, **known: Any) -> FlowRun:
        """A record for a test that has to pretend a run: what is not given is empty, and its id a new one."""
        from strongroom.states import Pending

        return cls(**{"id": uuid4(), "name": "", "flow_name": "", "state": known.pop("state", Pending()), **known})

    @property
    def flow_id(self) -> UUID:
        """The id of the flow: the same for all its runs."""
        return flow_id(self.flow_name)

    @property
    def deployment_id(self) -> UUID | None:
        """The id of the deployment that it is a run of; None where there is none, or none any more."""
        if not self.deployment:
            return None
        from strongroom.deployments.store import find
        from strongroom.errors import UnknownDeployment
        from strongroom.ledger import current_ledger

        with current_ledger().reading() as session:
            try:
                return find(session, self.deployment).id
            except UnknownDeployment:
                return None

    @property
    def total_run_time(self) -> timedelta:
        """How long it took, or has been going on."""
        return _duration(self.start_time, self.end_time)

    @property
    def state_type(self) -> StateType:
        """The type of the state that it is in."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of the state that it is in."""
        return self.state.name


@dataclass(slots=True)
class TaskRun:
    """One run of a task, or of an external node (``kind="node"``: a dbt model, for instance) below one.

    ``parent_id`` is the task or flow run that called it, ``dynamic_key`` its name among its siblings
    (``"<task_key>-<n>"``, counted per parent at call time); ``inputs_fingerprint`` tells a resumption whether it was
    called with the same inputs; ``upstream`` names the task runs whose results it took. ``explanation`` says why its
    result was taken from a cache, or why not; ``worker`` where it ran, and nothing for the flow's own process.
    """

    id: UUID
    name: str
    task_name: str
    task_key: str
    dynamic_key: str
    state: State[Any]
    flow_run_id: UUID | None = None
    parent_id: UUID | None = None
    history: list[StateEvent] = field(default_factory=list)
    run_count: int = 0
    tags: frozenset[str] = frozenset()
    created: datetime = field(default_factory=now)
    start_time: datetime | None = None
    end_time: datetime | None = None
    inputs_fingerprint: bytes | None = None
    upstream: tuple[UUID, ...] = ()
    cache_key: str | None = None
    result: StoredResult | None = None
    kind: Literal["task", "node"] = "task"
    explanation: str = ""
    worker: str = ""

    def model_dump(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """What the record says, by Prefect's names and without secrets; with ``"json"`` as JSON can carry it."""
        from strongroom.journal.dumps import task_run_dump

        return task_run_dump(self, mode)

    def model_dump_json(self, indent: int | None = None) -> str:
        """The same as JSON text."""
        from strongroom.journal.dumps import as_json

        return as_json(self.model_dump("json"), indent)

    @property
    def expected_start_time(self) -> datetime:
        """When it was to begin, which is when it was called."""
        return self.created

    @property
    def total_run_time(self) -> timedelta:
        """How long it took, or has been going on."""
        return _duration(self.start_time, self.end_time)

    @property
    def state_type(self) -> StateType:
        """The type of the state that it is in."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of the state that it is in."""
        return self.state.name


class LogEntry(NamedTuple):
    """One line that a run said. ``id`` grows with each line of a journal and is 0 until the journal has it."""

    flow_run_id: UUID | None
    task_run_id: UUID | None
    timestamp: datetime
    level: int
    logger: str
    message: str
    id: int = 0
