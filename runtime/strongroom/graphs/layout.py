"""Where the boxes of a graph lie: layers along the dependencies, boxes within boxes, after Sugiyama, Tagawa and Toda.

Lengths are pixels. Each container is laid out from left to right, or from top to bottom where that is narrower than a
page and left to right is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, sqrt

from strongroom.graphs.reading import depths_of
from strongroom.graphs.vertex import Vertex

LEAF_WIDTH, LEAF_HEIGHT = 196.0, 54.0
HEADER, PADDING = 60.0, 16.0
BETWEEN_COLUMNS, BETWEEN_ROWS, BETWEEN_BOXES, AROUND_EDGES = 52.0, 36.0, 16.0, 12.0
BOW = 30.0
"""How far an edge that leads back swings out."""
PAGE = 1240.0
_SWEEPS = 6

Point = tuple[float, float]


@dataclass(slots=True)
class Edge:
    """A line from one box to another through ``points``; ``drawn`` says what for: ``after``, ``follows``, ``back``."""

    drawn: str
    points: list[Point]
    across: bool
    """Whether it runs from left to right."""


@dataclass(slots=True, eq=False)
class Box:
    """A vertex with a place, inside of the box that holds it."""

    vertex: Vertex
    x: float = 0.0
    y: float = 0.0
    width: float = LEAF_WIDTH
    height: float = LEAF_HEIGHT
    inside: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def lay_out(vertex: Vertex) -> Box:
    """The box of ``vertex`` with all that is inside of it; places are relative to the box around each."""
    box = Box(vertex)
    if not vertex.inside:
        return box
    box.inside = [lay_out(inner) for inner in vertex.inside]
    box.edges, width, height = _arranged(box.inside, across=True)
    if width > PAGE:
        down = _arranged(box.inside, across=False)
        box.edges, width, height = down if down[1] < width else _arranged(box.inside, across=True)
    for inner in box.inside:
        inner.x, inner.y = inner.x + PADDING, inner.y + HEADER
    for edge in box.edges:
        edge.points = [(x + PADDING, y + HEADER) for x, y in edge.points]
    box.width, box.height = max(width + 2 * PADDING, LEAF_WIDTH + 2 * PADDING), height + HEADER + PADDING
    return box


@dataclass(slots=True, eq=False)
class _Slot:
    """A place in a layer: of a box, or of an edge that passes through. ``along`` and ``beside`` are its extents."""

    box: Box | None
    along: float
    beside: float
    at: float = 0.0
    layer: int = 0
    before: list[_Slot] = field(default_factory=list)
    behind: list[_Slot] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.at + self.beside / 2


def _arranged(boxes: list[Box], *, across: bool) -> tuple[list[Edge], float, float]:
    """Give boxes that stand beside each other their places; the edges, and the width and height of it all."""
    by_vertex = {box.vertex: box for box in boxes}
    joined = {end for v in by_vertex for other in _before(v) if other in by_vertex for end in (v, other)}
    tied = [box for box in boxes if box.vertex in joined]
    edges, along, beside = _layered(tied, across) if tied else ([], 0.0, 0.0)
    width, height = (along, beside) if across else (beside, along)
    alone = [box for box in boxes if box.vertex not in joined]
    if alone:
        top = height + 1.5 * BETWEEN_BOXES if tied else 0.0
        grid_width, grid_height = _grid(alone, top, max(width, PAGE * 0.7) if tied else PAGE)
        width, height = max(width, grid_width), top + grid_height
    return edges, width, height


def _grid(boxes: list[Box], top: float, most: float) -> tuple[float, float]:
    widest = max(box.width for box in boxes) + BETWEEN_BOXES
    columns = max(1, min(int((most + BETWEEN_BOXES) // widest), ceil(sqrt(len(boxes) * 0.7)) + 1))
    y, width = top, 0.0
    for start in range(0, len(boxes), columns):
        row = boxes[start : start + columns]
        for index, box in enumerate(row):
            box.x, box.y = index * widest, y
            width = max(width, box.x + box.width)
        y += max(box.height for box in row) + BETWEEN_BOXES
    return width, y - BETWEEN_BOXES - top


def _before(vertex: Vertex) -> list[Vertex]:
    return [*vertex.after, *([vertex.follows] if vertex.follows else ())]


def _layered(boxes: list[Box], across: bool) -> tuple[list[Edge], float, float]:
    depths = depths_of([box.vertex for box in boxes])
    slots = {
        box.vertex: _Slot(box, *((box.width, box.height) if across else (box.height, box.width)))
        for box in boxes
    }  # fmt: skip
    layers: list[list[_Slot]] = [[] for _ in range(max(depths.values()) + 1)]
    for vertex, slot in slots.items():
        slot.layer = depths[vertex]
        layers[slot.layer].append(slot)
    chains: list[tuple[str, list[_Slot]]] = []
    for vertex, slot in slots.items():
        for other in _before(vertex):
            if (source := slots.get(other)) is not None:
                drawn = "follows" if other is vertex.follows else "after" if source.layer < slot.layer else "back"
                chains.append((drawn, _chain(source, slot, layers) if drawn != "back" else [source, slot]))
    _order(layers)
    _place(layers)
    starts, ends = _extents(layers, BETWEEN_COLUMNS if across else BETWEEN_ROWS)
    lowest = min(slot.at for layer in layers for slot in layer)
    for layer in layers:
        for slot in layer:
            slot.at -= lowest
            if slot.box is not None:
                place = (starts[slot.layer], slot.at)
                slot.box.x, slot.box.y = place if across else place[::-1]
    edges = [_edge(drawn, chain, starts, ends, across) for drawn, chain in chains]
    bow = BOW if any(edge.drawn == "back" for edge in edges) else 0.0
    return edges, ends[-1], max(slot.at + slot.beside for layer in layers for slot in layer) + bow


def _chain(source: _Slot, target: _Slot, layers: list[list[_Slot]]) -> list[_Slot]:
    """The slots that an edge goes through, from box to box."""
    chain = [source]
    for layer in range(source.layer + 1, target.layer):
        slot = _Slot(None, 0.0, AROUND_EDGES, layer=layer)
        layers[layer].append(slot)
        chain.append(slot)
    chain.append(target)
    for one, next_ in pairwise(chain):
        one.behind.append(next_)
        next_.before.append(one)
    return chain


def _order(layers: list[list[_Slot]]) -> None:
    """Order each layer by the mean place of its neighbours, forth and back, so that few edges cross."""
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        ranks = {slot: float(rank) for layer in layers for rank, slot in enumerate(layer)}
        for layer in layers if forth else reversed(layers):
            means = {slot: _mean([ranks[n] for n in (slot.before if forth else slot.behind)]) for slot in layer}
            layer.sort(key=lambda slot: ranks[slot] if (mean := means[slot]) is None else mean)
            ranks.update((slot, float(rank)) for rank, slot in enumerate(layer))


def _place(layers: list[list[_Slot]]) -> None:
    """Put each slot as near to the middle of its neighbours as its layer's order lets it."""
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(2 * _SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = []
            for slot in layer:
                near = slot.before + slot.behind if sweep > _SWEEPS else slot.before if sweep % 2 == 0 else slot.behind
                mean = _mean([neighbour.middle for neighbour in near])
                wanted.append(slot.middle if mean is None else mean)
            _spread(layer, wanted)


def _spread(layer: Sequence[_Slot], wanted: list[float]) -> None:
    """Middles as near to the wanted ones as can be in the same order: what would overlap is pooled at its mean."""
    offsets, offset = [], 0.0
    for index, slot in enumerate(layer):
        if index:
            offset += (layer[index - 1].beside + slot.beside) / 2 + BETWEEN_BOXES
        offsets.append(offset)
    pools: list[tuple[float, int]] = []
    for want, shift in zip(wanted, offsets, strict=True):
        mean, count = want - shift, 1
        while pools and pools[-1][0] > mean:
            other, many = pools.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    for slot, mean, shift in zip(layer, means, offsets, strict=True):
        slot.at = mean + shift - slot.beside / 2


def _extents(layers: list[list[_Slot]], between: float) -> tuple[list[float], list[float]]:
    """Where each layer begins, and where it ends."""
    starts, ends, position = [], [], 0.0
    for layer in layers:
        starts.append(position)
        ends.append(position + max(slot.along for slot in layer))
        position = ends[-1] + between
    return starts, ends


def _edge(drawn: str, chain: list[_Slot], starts: list[float], ends: list[float], across: bool) -> Edge:
    source, target = chain[0], chain[-1]
    if drawn == "back":
        points = [((starts[slot.layer] + slot.along / 2), slot.at + slot.beside) for slot in (source, target)]
    else:
        points = [(starts[source.layer] + source.along, source.middle)]
        for slot in chain[1:-1]:
            points += [(starts[slot.layer], slot.middle), (ends[slot.layer], slot.middle)]
        points.append((starts[target.layer], target.middle))
    return Edge(drawn, points if across else [(y, x) for x, y in points], across)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
