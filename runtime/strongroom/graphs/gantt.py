"""A run as lines of text: its tree, a bar for the time that each part took, and what it waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from strongroom.graphs.vertex import Vertex

SIGNS = {
    "COMPLETED": "✓", "FAILED": "✗", "CRASHED": "✗", "CANCELLED": "⊘", "RUNNING": "●", "PENDING": "○",
    "SCHEDULED": "◷", "PAUSED": "‖", "CANCELLING": "⊘",
}  # fmt: skip
NARROW = 60
"""Below this width, a sign alone tells the state."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"

Paint = Callable[[str, str], str]
"""Gives a text the colour of a state's type; ``"dim"`` is one too."""


class _Row(NamedTuple):
    lead: str
    below: str
    vertex: Vertex


def gantt(root: Vertex, *, width: int, duration: Callable[[float | None], str], paint: Paint) -> list[str]:
    """The lines, each at most ``width`` characters wide (40 at least).

    ``duration`` writes seconds for people; ``paint`` gives a text the colour of a state's type.
    """
    rows = list(_rows(root, "", ""))
    totals = {row.vertex: _total(row.vertex, short=width < NARROW) for row in rows}
    times = max(len(duration(row.vertex.seconds)) for row in rows)
    signs = max(len(total) for total in totals.values())
    longest = max(len(row.lead) + cell_len(row.vertex.label) for row in rows)
    names = max(12, min(longest, (max(width, 40) - times - signs - 6) // 2))
    bars = max(8, max(width, 40) - names - signs - times - 6)
    first, span = root.start or root.created, max(root.seconds or 0.0, 1e-6)
    lines = [_scale(names, bars, duration(root.seconds), paint)]
    for lead, below, vertex in rows:
        label = _cut(vertex.label, max(4, names - len(lead)))
        pad = " " * max(0, names - len(lead) - cell_len(label))
        bar = _bar(vertex, first, span, bars)
        total = f"{paint(totals[vertex], vertex.type)}{' ' * (signs - len(totals[vertex]))}"
        took = f"{duration(vertex.seconds):>{times}}"
        lines.append(f"{paint(lead, 'dim')}{label}{pad}  {paint(bar, vertex.type)}  {total}  {took}".rstrip())
        if vertex.after:
            stem = "│ " if vertex.inside else "  "
            sources = ", ".join(source.label for source in vertex.after)
            lines.append(paint(_cut(f"{below}{stem}← {sources}", width), "dim"))
    return lines


def _rows(vertex: Vertex, lead: str, below: str) -> Iterator[_Row]:
    yield _Row(lead, below, vertex)
    for index, inner in enumerate(vertex.inside):
        last = index == len(vertex.inside) - 1
        yield from _rows(inner, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}")


def _scale(names: int, bars: int, total: str, paint: Paint) -> str:
    return paint(f"{'':{names}}  0{'┄' * max(1, bars - len(total) - 3)} {total}".rstrip(), "dim")


def _total(vertex: Vertex, *, short: bool) -> str:
    if vertex.runs == 1:
        return f"{SIGNS.get(vertex.type, '')} {'' if short else vertex.state}".strip()
    return " ".join(f"{SIGNS[kind]}{vertex.states[kind]:,}" for kind in SIGNS if vertex.states[kind])


def _bar(vertex: Vertex, first: float, span: float, cells: int) -> str:
    """A bar in eighths of a cell; what took next to no time is a thin line where it was."""
    if vertex.start is None or vertex.end is None:
        return " " * cells
    begin = min(max(0.0, (vertex.start - first) / span), 1.0) * cells
    length = min(max(0.0, (vertex.end - vertex.start) / span) * cells, cells - begin)
    whole = min(int(begin), cells - 1)
    if length < 0.5:
        bar = "▏" if begin - whole < 0.5 else "▕"
    else:
        lead = begin - whole
        bar = "▐" if lead >= 0.5 else "█" if lead + length >= 1 else _EIGHTHS[round((lead + length) * 8)]
        rest = begin + length - whole - 1
        if rest > 0:
            bar += "█" * int(rest) + _EIGHTHS[int((rest - int(rest)) * 8)].strip()
    return f"{' ' * whole}{bar}"[:cells].ljust(cells)


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else f"{set_cell_size(text, max(0, room - 1)).rstrip()}…"
