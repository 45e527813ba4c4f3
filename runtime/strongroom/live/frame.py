"""What the live view draws: a line for each task, a bar where there are many runs of it, cut to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from strongroom.graphs.gantt import SIGNS
from strongroom.graphs.vertex import WORST_FIRST
from strongroom.live.tally import Group

Paint = Callable[[str, str], str]
"""Gives a text the colour of a state's type; ``"dim"`` is one too."""

BAR = 16
_UNTELLING = frozenset({"Completed", "Running", "Pending", "Scheduled"})


class _Row(NamedTuple):
    lead: str
    group: Group | None
    text: str = ""


def frame(root: Group, *, width: int, height: int, now: float, paint: Paint) -> list[str]:
    """The lines: at most ``height`` of them, each less than ``width`` cells wide. Times are seconds since 1970."""
    rows = [row for group in root.inside.values() for row in _rows(group, "", "")]
    hidden = 0
    if len(rows) > height:
        rows, hidden = _chosen(rows, height - 1)
    room = max(20, width - 1)
    names = max((cell_len(row.lead) + cell_len(row.group.name) + 2 for row in rows if row.group), default=0)
    names = min(names, max(12, room * 2 // 5))
    lines = [_line(row, names, room, now, paint) for row in rows]
    if hidden:
        lines.append(paint(f"… and {hidden:,} more lines"[:room], "dim"))
    return lines


def _rows(group: Group, lead: str, below: str) -> Iterator[_Row]:
    yield _Row(lead, group)
    inside = [*group.inside.values()]
    told = [*group.progress.values()]
    for index, progress in enumerate(told):
        last = index == len(told) - 1 and not inside
        percent = min(100.0, max(0.0, progress.progress or 0.0))
        what = progress.description or progress.key or "progress"
        yield _Row(f"{below}{'└─ ' if last else '├─ '}", None, f"{_bar(percent / 100)} {percent:3.0f} %  {what}")
    for index, inner in enumerate(inside):
        last = index == len(inside) - 1
        yield from _rows(inner, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}")


def _chosen(rows: list[_Row], height: int) -> tuple[list[_Row], int]:
    """As many rows as there is room for: what goes on and what failed first, then what was there first."""
    ranks = sorted(range(len(rows)), key=lambda index: (_rank(rows[index]), index))
    kept = sorted(ranks[: max(1, height)])
    return [rows[index] for index in kept], len(rows) - len(kept)


def _rank(row: _Row) -> int:
    if row.group is None:
        return 1
    if row.group.caller is None or row.group.caller.caller is None:
        return 0  # the flows themselves
    return 1 if row.group.over < row.group.runs else 2 if _type(row.group) != "COMPLETED" else 3


def _line(row: _Row, names: int, room: int, now: float, paint: Paint) -> str:
    lead, group = row.lead, row.group
    if group is None:
        return f"{paint(lead, 'dim')}{_cut(_plain(row.text), room - cell_len(lead))}"
    kind = _type(group)
    name = set_cell_size(_plain(group.name), max(4, names - cell_len(lead) - 2)).rstrip()
    pad = " " * max(0, names - cell_len(lead) - 2 - cell_len(name))
    took = "" if group.start is None else clock((now if group.over < group.runs else group.end) - group.start)
    left = room - names - 2 - 10
    told, shown = _told(group, left, paint)
    gap = " " * max(1, left - told)
    return f"{paint(lead, 'dim')}{paint(SIGNS.get(kind, ' '), kind)} {name}{pad}  {shown}{gap}{took:>9}"


def _told(group: Group, room: int, paint: Paint) -> tuple[int, str]:
    """How a group stands, and how many cells that takes."""
    if group.runs == 1:
        text = group.state
        told = group.message.strip().partition("\n")[0]
        if told and group.state not in _UNTELLING:
            text += f": {_plain(told)}"
        text = _cut(text, room)
        return cell_len(text), paint(text, _type(group))
    done = f"{group.over:,}/{group.runs:,}"
    others = [(kind, f"{SIGNS[kind]} {n:,}") for kind in WORST_FIRST[:-1] if (n := group.states[kind])]
    parts = [
        (_type(group) if group.over == group.runs else "RUNNING", _bar(group.over / group.runs)),
        ("", done),
        *others,
    ]
    used, shown = 0, []
    for kind, text in parts:
        if used + cell_len(text) + 2 > room:
            break
        shown.append(paint(text, kind))
        used += cell_len(text) + 2
    return max(0, used - 2), "  ".join(shown)


def _type(group: Group) -> str:
    return next((kind for kind in WORST_FIRST if group.states[kind]), "")


def _bar(part: float) -> str:
    full = int(part * BAR)
    return f"{'━' * full}{'─' * (BAR - full)}"


def clock(seconds: float) -> str:
    """A time that runs: ``0.4 s``, ``12.3 s``, ``3:04``, ``2:05:00``."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text.strip())


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else f"{set_cell_size(text, max(0, room - 1)).rstrip()}…"
