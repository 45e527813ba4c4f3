"""What a graph is drawn of: a run, or many runs of one task that are drawn as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

WORST_FIRST = (
    "CRASHED", "FAILED", "CANCELLED", "CANCELLING", "RUNNING", "PAUSED", "SCHEDULED", "PENDING", "COMPLETED",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Vertex:
    """One box of a graph.

    ``runs`` counts the runs that it stands for, ``states`` how many of them are in a state of each type; ``state`` is
    the name of the state of the one, or of the worst of several. ``start`` and ``end`` are seconds since 1970, of the
    first and the last of them. ``after`` names the boxes beside it whose results it took; ``follows`` the one that its
    caller called before it, where it took nothing. ``inside`` are the runs that it called.
    """

    kind: Literal["flow", "task", "node", "group"]
    name: str
    runs: int = 1
    states: Counter[str] = field(default_factory=Counter)
    state: str = ""
    start: float | None = None
    end: float | None = None
    created: float = 0.0
    attempts: int = 0
    message: str = ""
    called: bool = False
    after: list[Vertex] = field(default_factory=list)
    follows: Vertex | None = None
    inside: list[Vertex] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The type of the state that matters most; empty for what has not run."""
        return next((kind for kind in WORST_FIRST if self.states[kind]), "")

    @property
    def seconds(self) -> float | None:
        """From the beginning of the first run to the end of the last one."""
        return None if self.start is None or self.end is None else max(0.0, self.end - self.start)

    @property
    def label(self) -> str:
        """The name, and how many there are where there are many."""
        return self.name if self.runs == 1 else f"{self.name} × {self.runs:,}"

    def walk(self) -> Iterator[Vertex]:
        """This box and all inside of it, outer ones first."""
        yield self
        for vertex in self.inside:
            yield from vertex.walk()

    def to_json(self) -> dict[str, Any]:
        """The shape that ``strongroom runs graph --json`` documents; boxes are numbered from the outside in."""
        return self._shape({vertex: number for number, vertex in enumerate(self.walk())})

    def _shape(self, numbers: dict[Vertex, int]) -> dict[str, Any]:
        return {
            "id": numbers[self],
            "kind": self.kind,
            "name": self.name,
            "runs": self.runs,
            "states": dict(self.states),
            "state_name": self.state,
            "started": _moment(self.start),
            "ended": _moment(self.end),
            "seconds": self.seconds,
            "run_count": self.attempts,
            "after": [numbers[vertex] for vertex in self.after],
            "children": [vertex._shape(numbers) for vertex in self.inside],
        }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
