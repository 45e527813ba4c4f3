"""A graph in the language of Mermaid, which many wikis and code hosts draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.graphs.vertex import Vertex


def mermaid(root: Vertex) -> str:
    """A ``flowchart TD`` of what is inside of ``root``: rectangles for tasks, rounded ones for flows."""
    numbers = {vertex: f"n{number}" for number, vertex in enumerate(root.walk())}
    return "\n".join(["flowchart TD", *_nodes(root.inside, numbers, "    "), *_edges(root, numbers)]) + "\n"


def _nodes(vertices: list[Vertex], numbers: dict[Vertex, str], indent: str) -> Iterator[str]:
    for vertex in vertices:
        label = _escaped(vertex.label)
        if vertex.inside:
            yield f'{indent}subgraph {numbers[vertex]} ["{label}"]'
            yield from _nodes(vertex.inside, numbers, f"{indent}    ")
            yield f"{indent}end"
        else:
            opening, closing = ("([", "])") if vertex.kind == "flow" else ("[", "]")
            yield f'{indent}{numbers[vertex]}{opening}"{label}"{closing}'


def _edges(root: Vertex, numbers: dict[Vertex, str]) -> Iterator[str]:
    for vertex in root.walk():
        for source in vertex.after:
            yield f"    {numbers[source]} --> {numbers[vertex]}"


def _escaped(text: str) -> str:
    codes = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "\n": " ", "`": "#96;"}
    return "".join(codes.get(character, character) for character in text)
