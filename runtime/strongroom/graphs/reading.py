"""The graph of a run, as its history tells it: many alike drawn as one, dependencies between boxes side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from strongroom.graphs.vertex import WORST_FIRST, Vertex
from strongroom.journal import FlowRun, Journal, TaskRun
from strongroom.states import StateType

ALIKE = 6
"""So many runs of one task beside each other are drawn each for itself; of more, one box is drawn for all."""
CROWD = 150
"""So many boxes are drawn beside each other; of more, those that completed at the same depth become one."""


@dataclass(slots=True, eq=False)
class _Run:
    """A run with what it called."""

    record: FlowRun | TaskRun
    kind: str
    name: str
    inside: list[_Run] = field(default_factory=list)

    @property
    def upstream(self) -> tuple[UUID, ...]:
        return self.record.upstream if isinstance(self.record, TaskRun) else ()


def read_graph(journal: Journal, run: FlowRun, *, every: bool = False) -> Vertex:
    """The graph of ``run``, subflows included. ``every`` draws each run for itself, however many there are."""
    root = _grown(journal, run)
    places: dict[UUID, tuple[Vertex, ...]] = {}
    [vertex] = _boxes([root], places, (), every)
    _connect(root, places)
    if not every:
        for box in list(vertex.walk()):
            box.inside = _thinned(box.inside)
    for box in vertex.walk():
        _follow(box.inside)
    return vertex


def _grown(journal: Journal, run: FlowRun) -> _Run:
    root = _Run(run, "flow", run.flow_name)
    below: defaultdict[UUID, list[_Run]] = defaultdict(list)
    known: dict[UUID, _Run] = {run.id: root}
    for task_run in journal.task_runs(run.id):
        known[task_run.id] = found = _Run(task_run, task_run.kind, task_run.name)
        below[task_run.parent_id or run.id].append(found)
    for child in journal.subflow_runs(run.id):
        parent = child.parent_task_run_id if child.parent_task_run_id in known else run.id
        below[parent or run.id].append(_grown(journal, child))
    for parent, called in below.items():
        known.get(parent, root).inside += called
    for each in known.values():
        each.inside.sort(key=lambda inner: inner.record.created)
    return root


def _boxes(
    runs: Iterable[_Run], places: dict[UUID, tuple[Vertex, ...]], path: tuple[Vertex, ...], every: bool
) -> list[Vertex]:
    """The boxes of runs that stand beside each other; ``places`` learns in which boxes each run is, outermost first."""
    groups: dict[tuple[str, str], list[_Run]] = {}
    for run in runs:
        base = run.record.flow_name if isinstance(run.record, FlowRun) else run.record.task_name
        groups.setdefault((run.kind, base), []).append(run)
    found: list[Vertex] = []
    for (kind, base), members in groups.items():
        split = every or len(members) <= ALIKE or kind == "node"
        for part, name in [([run], run.name) for run in members] if split else [(members, base)]:
            vertex = _box(kind, name, [run.record for run in part])
            here = (*path, vertex)
            places.update(dict.fromkeys([run.record.id for run in part], here))
            vertex.inside = _boxes((inner for run in part for inner in run.inside), places, here, every)
            found.append(vertex)
    return sorted(found, key=lambda vertex: vertex.created)


def _box(kind: str, name: str, records: list[FlowRun | TaskRun]) -> Vertex:
    worst = min(records, key=lambda record: WORST_FIRST.index(record.state.type.value))
    starts = [record.start_time.timestamp() for record in records if record.start_time]
    ends = [_end(record) for record in records if record.start_time]
    return Vertex(
        kind,  # type: ignore[arg-type]
        name,
        len(records),
        Counter(record.state.type.value for record in records),
        worst.state.name,
        min(starts, default=None),
        max(ends, default=None),
        min(record.created.timestamp() for record in records),
        max(record.run_count for record in records),
        worst.state.message or "",
        all(isinstance(r, FlowRun) or (r.history[:1] and r.history[0].name != "Pending") for r in records),
    )


def _end(record: FlowRun | TaskRun) -> float:
    running = not record.state.is_final() and record.state.type is not StateType.PAUSED
    return (record.end_time or (datetime.now(UTC) if running else record.state.timestamp)).timestamp()


def _connect(root: _Run, places: dict[UUID, tuple[Vertex, ...]]) -> None:
    """Draw a dependency between the two boxes beside each other that hold its ends."""
    edges: dict[tuple[Vertex, Vertex], None] = {}
    pending = [root]
    while pending:
        run = pending.pop()
        pending += run.inside
        here = places[run.record.id]
        for id_ in run.upstream:
            for one, other in zip(places.get(id_, ()), here, strict=False):
                if one is not other:
                    edges[one, other] = None
                    break
    for one, other in edges:
        other.after.append(one)
    for path in places.values():
        path[-1].after.sort(key=lambda vertex: vertex.created)


def _thinned(boxes: list[Vertex]) -> list[Vertex]:
    """Of a crowd, what completed at the same depth as one box: the hundreds of models of a project, for instance."""
    if len(boxes) <= CROWD:
        return boxes
    depths = depths_of(boxes)
    heaps: defaultdict[int, list[Vertex]] = defaultdict(list)
    for box in boxes:
        if box.type == "COMPLETED" and not box.inside:
            heaps[depths[box]].append(box)
    merged: dict[Vertex, Vertex] = {}
    for heap in heaps.values():
        if len(heap) > ALIKE:
            merged.update(dict.fromkeys(heap, _merged(heap)))
    for box in boxes:
        target = merged.get(box, box)
        sources = dict.fromkeys(merged.get(source, source) for source in [*target.after, *box.after])
        target.after = [source for source in sources if source is not target]
    thinned = sorted(dict.fromkeys(merged.get(box, box) for box in boxes), key=lambda vertex: vertex.created)
    _leave_out_implied(thinned)
    return thinned


def _leave_out_implied(boxes: list[Vertex]) -> None:
    """Leave out what a box took from another one where there is a longer way between the two."""
    depths = depths_of(boxes)
    above: dict[Vertex, set[Vertex]] = {}
    for box in sorted(boxes, key=lambda box: depths[box]):
        nearer = [source for source in box.after if depths[source] < depths[box]]
        implied = set().union(*(above[source] for source in nearer))
        above[box] = implied.union(nearer)
        box.after = [source for source in box.after if source not in implied]


def _merged(heap: list[Vertex]) -> Vertex:
    kinds = {box.kind for box in heap}
    kind = {"node": "nodes", "flow": "flows"}.get(kinds.pop(), "tasks") if len(kinds) == 1 else "tasks"
    starts, ends = [b.start for b in heap if b.start], [b.end for b in heap if b.end]
    states = sum((box.states for box in heap), Counter())
    return Vertex(
        "group", kind, sum(box.runs for box in heap), states, heap[0].state, min(starts, default=None),
        max(ends, default=None), heap[0].created, max(box.attempts for box in heap),
    )  # fmt: skip


def depths_of(boxes: list[Vertex]) -> dict[Vertex, int]:
    """How many boxes beside it each one has before it, on the longest way; boxes come in the order of their creation.

    An edge against that order, which only boxes of many runs can have, counts for nothing.
    """
    depths: dict[Vertex, int] = {}
    for box in boxes:
        before = [*box.after, *([box.follows] if box.follows else ())]
        depths[box] = max((depths[other] + 1 for other in before if other in depths), default=0)
    return depths


def _follow(boxes: list[Vertex]) -> None:
    """What took nothing from others, and was called after something else was over, follows that.

    Where one of the two was called, not submitted, their caller had to wait, so the order is the flow's own.
    """
    over: list[Vertex] = []
    for box in boxes:
        if not box.after:
            before = [other for other in over if other.end is not None and other.end <= box.created]
            waited = [other for other in before if box.called or other.called]
            box.follows = max(waited, key=lambda other: other.end or 0, default=None)
        over.append(box)
