"""A route: a method, a path, what answers there and what it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel
from strongroom_registry.document import Reference

from strongroom_service.http.call import Answer, Call

Handler = Callable[[Call], Answer]

_PARAMETER = re.compile(r"\{([a-z_]+)(:path)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What answers at a path.

    :param path: with ``{name}`` for one segment, and at the end ``{name:path}`` for all that is left.
    :param handler: called in a thread of a pool.
    :param summary: one sentence, for the reference.
    :param body: the model of the body; None where none is read as JSON.
    :param query: the model of the query; None where none is allowed.
    :param answer: the model of the answer, None where it has no body, or one that is not JSON.
    :param status: of an answer that says none.
    :param is_open: whether anybody may ask, without a token.
    :param records: the action that the audit has of an answer and of a refusal; None for ``view`` of what only reads,
        and nothing of what changes; empty where what the handler calls writes it.
    :param is_quick: whether it reads a few rows and waits for nothing else: many such requests are worked on together.
        Where it is not, its handler raises :class:`~strongroom_service.waiting.HasToWait` if it may not wait.
    :param loads: what a quick request will load, by its parameters and query: a workspace and a reference in it; None
        where that is not known before.
    :param is_large: whether the body may be as large as a document.
    :param content: the media type of an answer that is not JSON.
    :param takes: the media type of a body that is not JSON.
    :param vault: whether request, answer and errors have the shape of Vault's.
    :param errors: the statuses that this route can answer with besides those that every one can.
    """

    method: str
    path: str
    handler: Handler
    summary: str = ""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    is_open: bool = False
    records: str | None = None
    loads: Callable[[tuple[str, ...], bytes], tuple[str, Reference] | None] | None = None
    is_large: bool = False
    is_quick: bool = False
    content: str = ""
    takes: str = ""
    vault: bool = False
    tags: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    description: str = ""
    parameters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(match[0] for match in _PARAMETER.findall(self.path)))


class _Node:
    __slots__ = ("named", "parameter", "rest", "routes")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.rest: dict[str, Route] = {}
        self.routes: dict[str, Route] = {}


@dataclass(frozen=True, slots=True)
class Match:
    """The routes of a path by their methods, and what stood in it for their parameters."""

    routes: dict[str, Route]
    values: tuple[str, ...]


class RouteTree:
    """Finds the route of a path in as many steps as it has segments. A segment that is named goes before a parameter,
    and either before one that takes all that is left.

    :raises ValueError: two routes answer at one path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, segments: tuple[str, ...]) -> Match | None:
        """What answers at a path, whatever the method; None where nothing does."""
        return _find(self._root, segments, 0, ())

    def _add(self, route: Route) -> None:
        node = self._root
        held = node.routes
        for segment in route.path.strip("/").split("/"):
            parameter = _PARAMETER.fullmatch(segment)
            if parameter is None:
                node = node.named.setdefault(segment, _Node())
            elif parameter[2]:
                held = node.rest
                break
            else:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            held = node.routes
        if route.method in held:
            raise ValueError(f"Two routes answer at {route.method} {route.path}.")
        held[route.method] = route


def _find(node: _Node, segments: tuple[str, ...], at: int, values: tuple[str, ...]) -> Match | None:
    if at == len(segments):
        return Match(node.routes, values) if node.routes else None
    segment = segments[at]
    named = node.named.get(segment)
    if named is not None:
        found = _find(named, segments, at + 1, values)
        if found is not None:
            return found
    if node.parameter is not None:
        found = _find(node.parameter, segments, at + 1, (*values, segment))
        if found is not None:
            return found
    return Match(node.rest, (*values, "/".join(segments[at:]))) if node.rest else None
