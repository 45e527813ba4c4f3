"""The tree of a run: the flow, the tasks that it called, what those called, and how each of them ended."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import click

from strongroom.cli.output import duration, on_terminal, printable

if TYPE_CHECKING:
    from strongroom.journal import FlowRun, Journal, TaskRun

MARKS = {
    "COMPLETED": ("✓", "green"),
    "FAILED": ("✗", "red"),
    "CRASHED": ("✗", "magenta"),
    "CANCELLED": ("⊘", "yellow"),
    "RUNNING": ("●", "cyan"),
    "PENDING": ("○", "white"),
    "SCHEDULED": ("◷", "yellow"),
    "PAUSED": ("‖", "yellow"),
    "CANCELLING": ("⊘", "yellow"),
}
SIBLINGS_SHOWN = 40
_UNTELLING = {"Completed", "Running"}


@dataclass(slots=True)
class Node:
    """A run in the tree.

    ``kind`` is ``flow``, ``task`` or ``node`` (a dbt model, for instance). ``kept`` is set where the run completed
    before its flow was resumed, so that its result was taken and it did not run again.
    """

    id: UUID
    kind: str
    name: str
    type: str
    state: str
    message: str
    started: datetime | None
    seconds: float | None
    created: datetime
    run_count: int = 0
    kept: bool = False
    explanation: str = ""
    worker: str = ""
    tags: tuple[str, ...] = ()
    children: list[Node] = field(default_factory=list)

    @property
    def note(self) -> str:
        """What is worth saying beside its time."""
        parts = [
            "kept from before" if self.kept else f"{self.run_count} attempts" if self.run_count > 1 else "",
            f"on {printable(self.worker)}" if self.worker else "",
        ]
        return ", ".join(filter(None, parts))

    def to_json(self) -> dict[str, Any]:
        """The shape that ``strongroom runs show --json`` documents."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "name": self.name,
            "state": self.type,
            "state_name": self.state,
            "message": self.message,
            "started": self.started,
            "seconds": self.seconds,
            "run_count": self.run_count,
            "kept": self.kept,
            "explanation": self.explanation,
            "worker": self.worker,
            "tags": list(self.tags),
            "children": [child.to_json() for child in self.children],
        }


def elapsed(run: FlowRun | TaskRun) -> float | None:
    """How long a run took, or has taken so far, in seconds."""
    if run.start_time is None:
        return None
    end = run.end_time or (run.state.timestamp if run.state.is_final() else datetime.now(UTC))
    return max(0.0, (end - run.start_time).total_seconds())


def grow(journal: Journal, run: FlowRun) -> Node:
    """The tree below ``run``, subflows included."""
    root = _node(run, "flow", run.flow_name)
    below: defaultdict[UUID, list[Node]] = defaultdict(list)
    known = {run.id}
    resumed = max((event.timestamp for event in run.history if event.name == "Resuming"), default=None)
    for task_run in journal.task_runs(run.id):
        node = _node(task_run, task_run.kind, task_run.name)
        node.kept = resumed is not None and task_run.state.is_completed() and task_run.state.timestamp < resumed
        below[task_run.parent_id or run.id].append(node)
        known.add(task_run.id)
    for child in journal.subflow_runs(run.id):
        parent = child.parent_task_run_id if child.parent_task_run_id in known else run.id
        below[parent or run.id].append(grow(journal, child))
    pending = [root]
    while pending:
        node = pending.pop()
        node.children += _as_begun(below.pop(node.id, []))
        pending += [child for child in node.children if child.kind != "flow"]
    for orphans in below.values():
        root.children += orphans
    return root


def _as_begun(children: list[Node]) -> Iterable[Node]:
    """Tasks and subflows, each of which are in order already, in the order of both; a clock may have been set back."""
    tasks, flows = ([child for child in children if (child.kind == "flow") == flow] for flow in (False, True))
    return merge(tasks, flows, key=lambda child: child.created)


def draw(root: Node, *, every: bool = False, width: int | None = None) -> list[str]:
    """The tree as lines with colours, for ``click.echo``, which takes the colours out of a pipe.

    Of many siblings the first ones and all that did not complete are drawn, unless ``every`` is set.
    """
    rows = list(_rows(root, "", "", every))
    width = width or (shutil.get_terminal_size().columns if on_terminal() else 120)
    shown = [(lead, node) for lead, node, _ in rows if node]
    states = max(len(node.state) for _, node in shown)
    times = max(len(duration(node.seconds)) for _, node in shown)
    notes = max(len(node.note) + 2 if node.note else 0 for _, node in shown)
    longest = max(len(lead) + 2 + len(printable(node.name)) for lead, node in shown)
    layout = _Layout(max(20, min(longest, width - states - times - notes - 4)), states, times, width)
    lines: list[str] = []
    for lead, node, below in rows:
        lines += _lines(lead, node, below, layout) if node else [click.style(below, dim=True)]
    return lines


def mark(type_: str) -> str:
    """The sign of a state's type, in its colour."""
    sign, colour = MARKS.get(type_, ("?", "white"))
    return click.style(sign, fg=colour, bold=True)


def _node(run: FlowRun | TaskRun, kind: str, name: str) -> Node:
    state = run.state
    node = Node(
        run.id, kind, name, state.type.value, state.name, state.message or "", run.start_time, elapsed(run),
        run.created, run.run_count,
    )  # fmt: skip
    node.tags = tuple(sorted(run.tags))
    if kind == "task":
        node.explanation, node.worker = getattr(run, "explanation", ""), getattr(run, "worker", "")
    return node


def _rows(node: Node, lead: str, below: str, every: bool) -> Iterator[tuple[str, Node | None, str]]:
    yield lead, node, below
    children, hidden = _chosen(node.children, every)
    for index, child in enumerate(children):
        last = index == len(children) - 1 and not hidden
        yield from _rows(child, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}", every)
    if hidden:
        yield "", None, f"{below}└─ … {hidden:,} more that completed (--all shows them)"


def _chosen(children: list[Node], every: bool) -> tuple[list[Node], int]:
    if every or len(children) <= SIBLINGS_SHOWN:
        return children, 0
    chosen = [c for index, c in enumerate(children) if index < SIBLINGS_SHOWN or c.type != "COMPLETED"]
    return chosen, len(children) - len(chosen)


class _Layout(NamedTuple):
    """The widths of the columns, and of all."""

    names: int
    states: int
    times: int
    all: int


def _lines(lead: str, node: Node, below: str, layout: _Layout) -> list[str]:
    room = max(8, layout.names - len(lead) - 2)
    name = _cut(printable(node.name), room)
    state = click.style(f"{node.state:<{layout.states}}", fg=MARKS.get(node.type, ("", "white"))[1])
    took = f"{duration(node.seconds):>{layout.times}}"
    note = click.style(f"  {node.note}", dim=True) if node.note else ""
    lines = [f"{click.style(lead, dim=True)}{mark(node.type)} {name:<{room}}  {state}  {took}{note}".rstrip()]
    message = printable(node.message).strip()
    told = [message.splitlines()[0]] if message and node.state not in _UNTELLING else []
    told += [printable(node.explanation).strip()] if node.explanation.strip() else []
    stem = "│" if node.children else " "
    for reason in dict.fromkeys(told):
        lines.append(click.style(f"{below}{stem}   {_cut(reason, max(20, layout.all - len(below) - 4))}", dim=True))
    return lines


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
