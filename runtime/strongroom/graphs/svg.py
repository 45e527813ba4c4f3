"""A graph as an SVG that stands alone: no script, no font, no link; for light and dark pages; with titles to hover on.

Nothing but what :class:`~strongroom.graphs.vertex.Vertex` says goes into it, and all of it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from xml.sax.saxutils import escape

from strongroom.graphs.gantt import SIGNS
from strongroom.graphs.layout import BOW, Box, Edge, Point, lay_out
from strongroom.graphs.vertex import Vertex

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARGIN, _TITLE, _FOOT = 24.0, 58.0, 34.0
_CHARACTER = 7.4

_COLOURS = {
    "COMPLETED": ("#1a7f4b", "#4ac88a"),
    "FAILED": ("#c62f3b", "#ff7b85"),
    "CRASHED": ("#a2308f", "#f08be0"),
    "CANCELLED": ("#8a6d00", "#e0bd4a"),
    "CANCELLING": ("#8a6d00", "#e0bd4a"),
    "RUNNING": ("#0b66c3", "#6bb2ff"),
    "PAUSED": ("#8a6d00", "#e0bd4a"),
    "SCHEDULED": ("#8a6d00", "#e0bd4a"),
    "PENDING": ("#667085", "#98a2b3"),
    "": ("#667085", "#98a2b3"),
}

_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.page { fill: #ffffff } .box { fill: #ffffff; stroke: #cbd2dc } .flow { fill: #f4f6f9; stroke: #b6bfcc }
.name { fill: #1b2430; font-weight: 600 } .note, .foot { fill: #56616f; font-size: 11px }
.head { fill: #1b2430; font-size: 19px; font-weight: 650 } .sub { fill: #56616f; font-size: 12.5px }
.edge { fill: none; stroke: #7d8998; stroke-width: 1.4 } .tip { fill: #7d8998 } .track { fill: #e4e8ee }
.follows { stroke-dasharray: 2 4; stroke: #a9b3c0 } .back { stroke-dasharray: 6 4 }
"""

_DARK = """
.page { fill: #12161c } .box { fill: #1b212a; stroke: #3b4654 } .flow { fill: #161b22; stroke: #465364 }
.name, .head { fill: #eef2f7 } .note, .foot, .sub { fill: #a5b0bf }
.edge { stroke: #7d8998 } .tip { fill: #7d8998 } .follows { stroke: #566273 } .track { fill: #333d4a }
"""


def svg(root: Vertex, *, title: str, subtitle: str, duration: Callable[[float | None], str]) -> str:
    """The whole picture as the text of an SVG file.

    ``duration`` writes seconds for people. The bar in each box shows when in the run it ran.
    """
    return "\n".join(_Picture(root, duration).lines(title, subtitle)) + "\n"


class _Picture:
    def __init__(self, root: Vertex, duration: Callable[[float | None], str]) -> None:
        self._box = lay_out(root)
        self._duration = duration
        self._root = root
        self._timed = root.start is not None and bool(root.seconds)

    def lines(self, title: str, subtitle: str) -> Iterator[str]:
        box = self._box
        width = max(box.width, 400.0, len(title) * 12, len(subtitle) * _CHARACTER) + 2 * _MARGIN
        height = box.height + _TITLE + 2 * _MARGIN + (_FOOT if self._timed else 0.0)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc">'
        )
        yield f'<title id="title">{_text(title)}</title>'
        yield f'<desc id="desc">{_text(f"{subtitle}. {self._told()}")}</desc>'
        yield f"<style>{_style()}</style>"
        yield f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>'
        yield f'<text class="head" x="{_MARGIN}" y="{_MARGIN + 18}">{_text(title)}</text>'
        yield f'<text class="sub" x="{_MARGIN}" y="{_MARGIN + 40}">{_text(subtitle)}</text>'
        yield from self._drawn(box, _MARGIN, _MARGIN + _TITLE)
        if self._timed:
            y = height - _MARGIN
            told = f"The bar in each box shows when it ran, of {self._duration(self._root.seconds)} in all."
            yield f'<text class="foot" x="{_MARGIN}" y="{y:.0f}">{_text(told)}</text>'
        yield "</svg>"

    def _told(self) -> str:
        inside = self._root.inside
        parts = [f"{v.label}{' after ' + ', '.join(a.label for a in v.after) if v.after else ''}" for v in inside[:20]]
        more = f"; and {len(inside) - 20} more" if len(inside) > 20 else ""
        return f"Inside: {'; '.join(parts)}{more}." if parts else ""

    def _drawn(self, box: Box, left: float, top: float) -> Iterator[str]:
        x, y, vertex = left + box.x, top + box.y, box.vertex
        colour = f"s-{vertex.type or 'none'}"
        yield f'<g role="group"><title>{_text(self._tooltip(vertex))}</title>'
        kind = "box flow" if box.inside else "box"
        if vertex.runs > 1:
            yield (
                f'<rect class="{kind}" x="{x + 5:.1f}" y="{y + 5:.1f}" width="{box.width:.1f}" '
                f'height="{box.height:.1f}" rx="7"/>'
            )
        yield f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="7"/>'
        yield f'<rect class="{colour}" x="{x + 7:.1f}" y="{y + 9:.1f}" width="4" height="26" rx="2"/>'
        room = int((box.width - 30) / _CHARACTER)
        yield f'<text class="name" x="{x + 18:.1f}" y="{y + 20:.1f}">{_text(_cut(vertex.label, room))}</text>'
        yield f'<text class="note" x="{x + 18:.1f}" y="{y + 35:.1f}">{_text(_cut(self._note(vertex), room + 4))}</text>'
        yield from self._time(vertex, x + 18, y + 42, min(box.width - 30, 420.0), colour)
        for edge in box.edges:
            yield from _line(edge, x, y)
        for inner in box.inside:
            yield from self._drawn(inner, x, y)
        yield "</g>"

    def _time(self, vertex: Vertex, x: float, y: float, width: float, colour: str) -> Iterator[str]:
        first, span = self._root.start, self._root.seconds
        if not self._timed or first is None or not span or vertex.start is None or vertex.end is None:
            return
        begin = min(max(0.0, (vertex.start - first) / span), 1.0) * width
        length = max(2.0, min(max(0.0, vertex.end - vertex.start) / span, 1.0) * width)
        begin = min(begin, width - min(length, width))
        yield f'<rect class="track" x="{x:.1f}" y="{y}" width="{width:.1f}" height="4" rx="2"/>'
        length = min(length, width)
        yield f'<rect class="{colour}" x="{x + begin:.1f}" y="{y}" width="{length:.1f}" height="4" rx="2"/>'

    def _note(self, vertex: Vertex) -> str:
        if not vertex.type:
            return {"flow": "flow", "node": "node"}.get(vertex.kind, "task")
        if vertex.runs == 1:
            parts = [f"{SIGNS[vertex.type]} {vertex.state}", self._duration(vertex.seconds)]
            parts += [f"{vertex.attempts} attempts"] if vertex.attempts > 1 else []
        else:
            counts = " ".join(f"{SIGNS[kind]} {vertex.states[kind]:,}" for kind in SIGNS if vertex.states[kind])
            parts = [counts, self._duration(vertex.seconds)]
        return "  ·  ".join(part for part in parts if part)

    def _tooltip(self, vertex: Vertex) -> str:
        lines = [vertex.label, self._note(vertex)]
        if vertex.type not in ("COMPLETED", "") and vertex.message:
            lines.append(_cut(vertex.message.strip().partition("\n")[0], 300))
        if vertex.after:
            lines.append(f"after {', '.join(source.label for source in vertex.after)}")
        return "\n".join(lines)


def _style() -> str:
    light = "".join(f".s-{kind or 'none'} {{ fill: {pair[0]} }}" for kind, pair in _COLOURS.items())
    dark = "".join(f".s-{kind or 'none'} {{ fill: {pair[1]} }}" for kind, pair in _COLOURS.items())
    return f"{_STYLE}{light}\n@media (prefers-color-scheme: dark) {{{_DARK}{dark}}}\n"


def _line(edge: Edge, left: float, top: float) -> Iterator[str]:
    points = [(x + left, y + top) for x, y in edge.points]
    if edge.drawn == "back":
        (x1, y1), (x2, y2) = points
        if edge.across:
            low = max(y1, y2) + BOW
            bow = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {low:.1f} {x2:.1f} {low:.1f} {x2:.1f} {y2:.1f}"
        else:
            far = max(x1, x2) + BOW
            bow = f"M{x1:.1f} {y1:.1f}C{far:.1f} {y1:.1f} {far:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        yield f'<path class="edge back" d="{bow}"/>'
        return
    end, tip = points[-1], 7.0 if edge.drawn == "after" else 0.0
    points[-1] = (end[0] - tip, end[1]) if edge.across else (end[0], end[1] - tip)
    yield f'<path class="edge {edge.drawn}" d="{_path(points, edge.across)}"/>'
    if tip:
        yield f'<path class="tip" d="{_tip(end, tip, edge.across)}"/>'


def _path(points: list[Point], across: bool) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = ((x2 - x1) if across else (y2 - y1)) / 2
        one, other = ((x1 + bend, y1), (x2 - bend, y2)) if across else ((x1, y1 + bend), (x2, y2 - bend))
        path += f"C{one[0]:.1f} {one[1]:.1f} {other[0]:.1f} {other[1]:.1f} {x2:.1f} {y2:.1f}"
    return path


def _tip(end: Point, size: float, across: bool) -> str:
    x, y = end
    if across:
        return f"M{x:.1f} {y:.1f}l{-size:.1f} {-size / 2:.1f}v{size:.1f}z"
    return f"M{x:.1f} {y:.1f}l{-size / 2:.1f} {-size:.1f}h{size:.1f}z"


def _text(text: str) -> str:
    return escape(_NO_XML.sub("�", text))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(1, room - 1)]}…"
