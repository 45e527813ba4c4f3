"""Whatever the graph, its boxes lie beside each other, and what waits lies behind what it waits for."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from strongroom.graphs.gantt import gantt
from strongroom.graphs.layout import Box, lay_out
from strongroom.graphs.mermaid import mermaid
from strongroom.graphs.svg import svg
from strongroom.graphs.vertex import Vertex

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@st.composite
def graphs(draw: st.DrawFn, depth: int = 2) -> Vertex:
    """A box with boxes inside that wait for each other, in any way that runs can."""
    states = Counter({draw(st.sampled_from(["COMPLETED", "FAILED", "RUNNING", "PENDING"])): 1})
    start = draw(st.none() | st.floats(0, 100))
    end = None if start is None else start + draw(st.floats(0, 100))
    root = Vertex("task", draw(NAMES), draw(st.sampled_from([1, 1, 40])), states, "Completed", start, end)
    if depth:
        root.inside = draw(st.lists(graphs(depth - 1), max_size=7))
    for place, vertex in enumerate(root.inside):
        vertex.created = float(place)
        others = (
            [*root.inside[:place], *root.inside[place + 1 :]] if draw(st.integers(0, 9)) == 0 else root.inside[:place]
        )
        if others:
            vertex.after = draw(st.lists(st.sampled_from(others), max_size=3, unique=True))
            vertex.follows = None if vertex.after else draw(st.none() | st.sampled_from(root.inside[:place] or [None]))
    return root


def check(box: Box) -> None:
    places = {inner.vertex: inner for inner in box.inside}
    for one in box.inside:
        assert one.x >= 0
        assert one.y >= 0
        assert one.x + one.width <= box.width + 0.01
        assert one.y + one.height <= box.height + 0.01
        for other in box.inside:
            beside = one.x + one.width <= other.x + 0.01 or other.x + other.width <= one.x + 0.01
            below = one.y + one.height <= other.y + 0.01 or other.y + other.height <= one.y + 0.01
            assert one is other or beside or below
        for source in one.vertex.after:
            if source.created < one.vertex.created and source in places:
                first = places[source]
                assert first.x + first.width <= one.x or first.y + first.height <= one.y
        check(one)
    waits = sum(source in places for inner in box.inside for source in inner.vertex.after)
    follows = sum(inner.vertex.follows in places for inner in box.inside if inner.vertex.follows)
    assert len(box.edges) == waits + follows


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_lie_apart_and_in_order(root: Vertex) -> None:
    check(lay_out(root))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(40, 200))
def test_every_graph_can_be_drawn(root: Vertex, width: int) -> None:
    picture = svg(root, title=root.name, subtitle="now", duration=lambda seconds: f"{seconds or 0:.1f} s")
    boxes = [e for e in ElementTree.fromstring(picture).iter() if e.get("class") in ("name",)]
    assert len(boxes) == len(list(root.walk()))
    lines = gantt(root, width=width, duration=lambda seconds: f"{seconds or 0:.1f} s", paint=lambda text, _: text)
    assert len(lines) >= 1 + len(boxes)
    assert max(map(cell_len, lines)) <= width
    text = mermaid(root)
    assert len(re.findall(r"-->", text)) == sum(len(vertex.after) for vertex in root.walk())
