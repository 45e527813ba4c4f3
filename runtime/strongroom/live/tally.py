"""How the runs of this process stand, counted by task: what the live view knows.

Runs are looked at some times a second, not followed step by step: of a run that began and ended between two looks,
only its end is seen. What is over is counted and forgotten, so memory grows with what runs at once.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.journal.records import FlowRun, TaskRun

if TYPE_CHECKING:
    from strongroom.artifacts.progress import Progress

LOOKS = 2000
"""So many runs that told nothing new are looked at each time: those of other processes change by themselves."""


@dataclass(slots=True, eq=False)
class Group:
    """The runs of one task below one caller, or of one flow, or one external node."""

    kind: str
    name: str
    caller: Group | None = None
    states: Counter[str] = field(default_factory=Counter)
    state: str = ""
    message: str = ""
    start: float | None = None
    end: float = 0.0
    progress: dict[UUID, Progress] = field(default_factory=dict)
    inside: dict[tuple[str, str], Group] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """How many there are."""
        return self.states.total()

    @property
    def over(self) -> int:
        """How many of them are over."""
        states = self.states
        return states["COMPLETED"] + states["FAILED"] + states["CRASHED"] + states["CANCELLED"]

    def forget_progress(self, run_id: UUID) -> None:
        """A run is over, and with it how far it was."""
        for id_, told in list(self.progress.items()):
            if run_id in (told.task_run_id, told.flow_run_id):
                del self.progress[id_]


class Tally:
    """Counts runs. :meth:`note` may be called by any thread, all else by one."""

    def __init__(self) -> None:
        self.root = Group("", "")
        self._fresh: deque[FlowRun | TaskRun] = deque()
        self._told: deque[Progress] = deque()
        self._open: dict[UUID, tuple[FlowRun | TaskRun, Group, str]] = {}
        self._flows: dict[UUID, Group] = {}
        self._ended_flows: set[UUID] = set()
        self._ended: dict[UUID, None] = {}
        """What ended at the last look, and may still be told of: a state is there before it is told."""
        self.note = self._fresh.append
        self.note_progress = self._told.append

    def look(self) -> None:
        """Count what is new."""
        ended: dict[UUID, None] = {}
        for _ in range(len(self._fresh)):
            self._count(self._fresh.popleft(), ended)
        for run, _, _ in list(islice(self._open.values(), LOOKS)):
            if run.id not in self._ended:
                self._count(run, ended)
            if (kept := self._open.pop(run.id, None)) is not None:
                self._open[run.id] = kept  # the others have their turn next time
        for _ in range(len(self._told)):
            self._take(self._told.popleft())
        for id_ in ended:
            self._open[id_][1].forget_progress(id_)
        for id_ in self._ended:
            self._open.pop(id_, None)
        self._ended = ended

    def _count(self, run: FlowRun | TaskRun, ended: dict[UUID, None]) -> None:
        state = run.state
        kind = state.type.value
        known = self._open.get(run.id)
        if known is None and run.id in self._ended_flows:
            return  # of a flow that is over, something was said again
        group = known[1] if known is not None else self._group(run)
        if known is not None:
            if known[2] == kind and group.runs > 1:
                return
            group.states[known[2]] -= 1
        group.states[kind] += 1
        if kind in ("FAILED", "CRASHED") or group.state not in ("Failed", "Crashed", "TimedOut"):
            group.state, group.message = state.name, state.message or ""
        if run.start_time is not None:
            start = run.start_time.timestamp()
            group.start = start if group.start is None else min(group.start, start)
            group.end = max(group.end, state.timestamp.timestamp())
        self._open[run.id] = run, group, kind
        if state.is_final():
            ended[run.id] = None
            if isinstance(run, FlowRun):
                self._ended_flows.add(run.id)

    def _group(self, run: FlowRun | TaskRun) -> Group:
        if isinstance(run, FlowRun):
            caller = self._of(run.parent_task_run_id) or self._of(run.parent_flow_run_id) or self.root
            name = run.flow_name if caller is not self.root else f"{run.flow_name} {run.name}"
            found = caller.inside.setdefault(("flow", name), Group("flow", name, caller))
            self._flows[run.id] = found
            return found
        caller = self._of(run.parent_id) or self._of(run.flow_run_id) or self.root
        return caller.inside.setdefault((run.kind, run.task_name), Group(run.kind, run.task_name, caller))

    def _of(self, id_: UUID | None) -> Group | None:
        if id_ is None:
            return None
        known = self._open.get(id_)
        return known[1] if known is not None else self._flows.get(id_)

    def _take(self, told: Any) -> None:
        group = self._of(told.task_run_id) or self._of(told.flow_run_id)
        if group is not None:
            group.progress[told.artifact_id] = told
