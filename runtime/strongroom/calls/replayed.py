"""A run that is run again: which versions of blocks it had, and what of it is taken over rather than done again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from uuid import UUID, uuid4

from strongroom.calls.call import child_id
from strongroom.errors import NotReplayable
from strongroom.journal.journal import Journal
from strongroom.journal.records import FlowRun, TaskRun

Child = TaskRun | FlowRun


@dataclass(slots=True)
class Replayed:
    """What a replay has to know of the run before. Ids are those that the same calls have in the replay.

    :param tasks: the task runs whose results are taken over, by parent and dynamic key.
    :param subflows: the runs of subflows whose results are taken over.
    :param runs: all flow runs.
    """

    name: str
    root_id: UUID
    tasks: Mapping[tuple[UUID, str], TaskRun]
    subflows: Mapping[UUID, FlowRun]
    runs: Mapping[UUID, FlowRun]

    @staticmethod
    def of(journal: Journal, run: FlowRun, from_task: str | None = None) -> Replayed:
        """A replay of ``run``, in which everything before ``from_task`` is taken over.

        ``from_task`` is the name of a task, of which the first run counts, or of one of its runs (``"load-3"``).
        Raises :class:`~strongroom.errors.NotReplayable` where no task of the run is called that.
        """
        tree = _Tree(journal, run)
        if from_task is not None:
            tree.take_over_before(from_task)
        return Replayed(run.name, tree.ids[run.id], tree.tasks, tree.subflows, tree.runs)

    def mark(self, run: FlowRun) -> None:
        """Note in ``run`` which one it replays, and what bare names of blocks mean in it."""
        before = self.runs.get(run.id)
        if before is not None:
            run.replay_of = before.id
            run.pins = _pins(before)
        if run.id == self.root_id:
            for other in self.runs.values():
                run.pins = {**_pins(other), **run.pins}


@dataclass(slots=True)
class _Tree:
    """The run with all below it, in the order in which it began."""

    journal: Journal
    root: FlowRun
    ids: dict[UUID, UUID] = field(default_factory=dict)
    children: dict[UUID, list[Child]] = field(default_factory=dict)
    runs: dict[UUID, FlowRun] = field(default_factory=dict)
    tasks: dict[tuple[UUID, str], TaskRun] = field(default_factory=dict)
    subflows: dict[UUID, FlowRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids[self.root.id] = uuid4()
        self._grow(self.root)

    def _grow(self, run: FlowRun) -> None:
        self.runs[self.ids[run.id]] = run
        tasks = [task for task in self.journal.task_runs(run.id) if task.kind == "task" and task.parent_id is not None]
        for task in tasks:
            if (parent := self.ids.get(task.parent_id)) is not None:  # type: ignore[arg-type]
                self.ids[task.id] = child_id(parent, task.dynamic_key)
        subflows = [subflow for subflow in self.journal.subflow_runs(run.id) if _caller(subflow) in self.ids]
        for subflow in subflows:
            self.ids[subflow.id] = child_id(self.ids[_caller(subflow)], f"flow:{subflow.dynamic_key}")
            self._grow(subflow)
        both: tuple[list[Child], list[Child]] = ([*tasks], [*subflows])
        self.children[run.id] = list(merge(*both, key=lambda child: child.created))

    def take_over_before(self, name: str) -> None:
        """Take over what began before the task, but for the calls that it is inside of."""
        found = self._found(name)
        around = set(self._around(found))
        for child in self._in_order(self.root):
            if child.id == found.id:
                return
            if child.id not in around:
                self._take_over(child)

    def _found(self, name: str) -> TaskRun:
        tasks = [child for child in self._in_order(self.root) if isinstance(child, TaskRun)]
        for member in ("dynamic_key", "name", "task_name", "task_key"):
            for task in tasks:
                if getattr(task, member) == name:
                    return task
        known = ", ".join(dict.fromkeys(task.task_name for task in tasks))
        raise NotReplayable(
            f"No task of the run {self.root.name!r} is called {name!r:.80}.",
            f"Name one of its tasks, or a run of one: {known:.300}." if known else "It ran no task: replay all of it.",
        )

    def _in_order(self, run: FlowRun) -> Iterator[Child]:
        for child in self.children[run.id]:
            yield child
            if isinstance(child, FlowRun):
                yield from self._in_order(child)

    def _around(self, task: TaskRun) -> Iterator[UUID]:
        """The ids of all runs that ``task`` ran inside of."""
        callers: dict[UUID, UUID] = {}
        for children in self.children.values():
            callers |= {child.id: caller for child in children if (caller := _caller(child)) is not None}
        at: UUID | None = task.id
        while (at := callers.get(at)) is not None:  # type: ignore[arg-type]
            yield at

    def _take_over(self, child: Child) -> None:
        if child.result is None or not child.state.is_completed():
            return
        if isinstance(child, FlowRun):
            self.subflows[self.ids[child.id]] = child
        elif child.parent_id in self.ids:
            self.tasks[self.ids[child.parent_id], child.dynamic_key] = child


def _caller(child: Child) -> UUID:
    caller = child.parent_id if isinstance(child, TaskRun) else child.parent_task_run_id or child.parent_flow_run_id
    if caller is None:
        raise AssertionError("What is below a run was called by one.")
    return caller


def _pins(run: FlowRun) -> dict[str, int]:
    """The versions that bare names gave; in the records of older versions, those of the blocks that were loaded."""
    if run.pins or not run.blocks:
        return dict(run.pins)
    pins: dict[str, int] = {}
    for name, _, version in (block.partition("@") for block in run.blocks):
        if version.isdecimal():
            pins.setdefault(name, int(version))
    return pins
