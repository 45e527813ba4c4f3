"""The tree of a run: the flow, the tasks that it called, what those called, and how each of them ended."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
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
    """A run in the tree. ``kind`` is ``flow``, ``task`` or ``node`` (a dbt model, for instance)."""

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
    children: list[Node] = field(default_factory=list)

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
    for task_run in journal.task_runs(run.id):
        below[task_run.parent_id or run.id].append(_node(task_run, task_run.kind, task_run.name))
        known.add(task_run.id)
    for child in journal.subflow_runs(run.id):
        parent = child.parent_task_run_id if child.parent_task_run_id in known else run.id
        below[parent or run.id].append(grow(journal, child))
    pending = [root]
    while pending:
        node = pending.pop()
        node.children += sorted(below.pop(node.id, []), key=lambda child: child.created)
        pending += [child for child in node.children if child.kind != "flow"]
    for orphans in below.values():
        root.children += orphans
    return root


def draw(root: Node, *, every: bool = False, width: int | None = None) -> list[str]:
    """The tree as lines with colours, for ``click.echo``, which takes the colours out of a pipe.

    Of many siblings the first ones and all that did not complete are drawn, unless ``every`` is set.
    """
    rows = list(_rows(root, "", "", every))
    width = width or (shutil.get_terminal_size().columns if on_terminal() else 120)
    state_width = max((len(node.state) for _, node, _ in rows if node), default=0)
    longest = max((len(lead) + 2 + len(printable(node.name)) for lead, node, _ in rows if node), default=0)
    name_width = max(20, min(longest, width - state_width - 14))
    lines: list[str] = []
    for lead, node, below in rows:
        lines += _lines(lead, node, below, name_width, state_width, width) if node else [click.style(below, dim=True)]
    return lines


def mark(type_: str) -> str:
    """The sign of a state's type, in its colour."""
    sign, colour = MARKS.get(type_, ("?", "white"))
    return click.style(sign, fg=colour, bold=True)


def _node(run: FlowRun | TaskRun, kind: str, name: str) -> Node:
    state = run.state
    return Node(
        run.id, kind, name, state.type.value, state.name, state.message or "", run.start_time, elapsed(run),
        run.created, run.run_count,
    )  # fmt: skip


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


def _lines(lead: str, node: Node, below: str, name_width: int, state_width: int, width: int) -> list[str]:
    name = printable(node.name)
    room = name_width - len(lead) - 2
    if len(name) > room:
        name = name[: room - 1] + "…"
    colour = MARKS.get(node.type, ("", "white"))[1]
    took = duration(node.seconds)
    again = click.style(f"  {node.run_count} attempts", dim=True) if node.run_count > 1 else ""
    line = (
        f"{click.style(lead, dim=True)}{mark(node.type)} {name:<{room}}  "
        f"{click.style(f'{node.state:<{state_width}}', fg=colour)}  {took:>8}{again}"
    )
    lines = [line.rstrip()]
    if node.message and (node.type != "COMPLETED" or node.state not in _UNTELLING):
        first = printable(node.message).strip().splitlines()[0] if node.message.strip() else ""
        room = max(20, width - len(below) - 5)
        text = first if len(first) <= room else first[: room - 1] + "…"
        stem = "│" if node.children else " "
        lines.append(click.style(f"{below}{stem}   {text}", dim=True))
    return lines
