"""A story: changes of a registry, each valid after those before it, and what the registry has to hold after each.

Made from a seed, so that a process that was killed and the one that looks at what it left behind know the same story.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom_registry import Head, Registry, VersionState
from strongroom_registry.errors import StrongroomError

NAMES = ("lake", "river", "sea")
LABELS = ("next", "stable")


class Step(NamedTuple):
    """One change. ``number`` is the version that it is about, None for the whole document or the current one."""

    verb: str
    name: str = ""
    number: int | None = None
    payload: bytes = b""
    label: str = ""

    def do(self, registry: Registry) -> None:
        match self.verb:
            case "put":
                registry.put(
                    self.name,
                    type="lake",
                    schema="s1",
                    payload=self.payload,
                    public=b"public " + self.payload[:8],
                    overwrite=True,
                    labels=[self.label] if self.label else [],
                )
            case "label":
                registry.label(self.name, self.label, self.number)
            case "unlabel":
                registry.unlabel(self.name, self.label)
            case "delete":
                registry.delete(self.name)
            case "undelete":
                registry.undelete(self.name)
            case "destroy":
                registry.destroy(self.name, self.number)
            case "get":
                registry.get(self.name)
            case "rotate":
                registry.rotate(self.label)


@dataclass
class Told:
    """What a document has to be: payloads by number (None once destroyed), its state and labels."""

    payloads: list[bytes | None] = field(default_factory=list)
    first: int = 1
    state: str = "live"
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def current(self) -> int:
        return len(self.payloads)

    def loadable(self) -> list[int]:
        """The versions that open."""
        return [n for n in range(self.first, self.current + 1) if self.payloads[n - 1] is not None]


Documents = dict[str, Told]


def after(documents: Mapping[str, Told], step: Step) -> Documents:
    """What a registry holds after a step."""
    documents = deepcopy(dict(documents))
    told = documents.setdefault(step.name, Told()) if step.verb == "put" else documents.get(step.name)
    if told is None:
        return documents
    match step.verb:
        case "put":
            if told.state != "live":
                told.state, told.first, told.labels = "live", told.current + 1, {}
            elif told.payloads:
                told.labels["previous"] = told.current
            told.payloads.append(step.payload)
            if step.label:
                told.labels[step.label] = told.current
        case "label":
            told.labels[step.label] = step.number or told.current
        case "unlabel":
            del told.labels[step.label]
        case "delete":
            told.state = "deleted"
        case "undelete":
            told.state = "live"
        case "destroy":
            gone = range(1, told.current + 1) if step.number is None else [step.number]
            for number in gone:
                told.payloads[number - 1] = None
            told.state = "destroyed" if step.number is None else told.state
    return documents


def written(dice: random.Random, documents: Mapping[str, Told], verbs: Sequence[str], length: int) -> list[Step]:
    """A story of so many steps with these verbs alone, where they are possible, and puts where none is."""
    story: list[Step] = []
    documents = dict(documents)
    while len(story) < length:
        step = _next(dice, documents, verbs)
        story.append(step)
        documents = after(documents, step)
    return story


def _next(dice: random.Random, documents: Mapping[str, Told], verbs: Sequence[str]) -> Step:
    verb, name = dice.choice(verbs), dice.choice(NAMES)
    told = documents.get(name)
    is_live = told is not None and told.state == "live"
    if verb.startswith("rotate "):
        return Step("rotate", label=verb.removeprefix("rotate "))
    if told is not None and is_live and verb in ("label", "destroy", "get") and told.loadable():
        number = dice.choice(told.loadable())
        if verb == "destroy" and dice.random() < 0.2:
            return Step("destroy", name)
        if verb == "get":
            return Step("get", f"{name}@{number}")
        return Step(verb, name, number, label=dice.choice(LABELS) if verb == "label" else "")
    if told is not None and is_live and verb == "unlabel" and set(told.labels) & set(LABELS):
        return Step("unlabel", name, label=dice.choice(sorted(set(told.labels) & set(LABELS))))
    if is_live and verb == "delete":
        return Step("delete", name)
    if told is not None and told.state == "deleted" and verb == "undelete":
        return Step("undelete", name)
    size = dice.choice((0, 20, 200, 5_000))
    return Step("put", name, payload=dice.randbytes(size), label=dice.choice(("", "", *LABELS)))


class Found(NamedTuple):
    """What a document is: its newest version, state, labels, the versions that are destroyed, and the payloads of those
    that open."""

    current: int
    state: str
    labels: dict[str, int]
    destroyed: frozenset[int]
    payloads: dict[int, bytes]


def found(registry: Registry) -> dict[str, Found]:
    """All that a registry holds; opens every version that can be opened."""
    return {head.name: _found(registry, head) for head in registry.list(deleted=True)}


def _found(registry: Registry, head: Head) -> Found:
    versions = registry.history(head.name)
    destroyed = frozenset(version.number for version in versions if version.state is VersionState.DESTROYED)
    live = [version.number for version in versions if version.state is VersionState.LIVE]
    payloads = {number: registry.get(f"{head.name}@{number}").payload for number in live}
    return Found(head.current, str(head.state), dict(head.labels), destroyed, payloads)


def difference(held: Mapping[str, Found], documents: Mapping[str, Told]) -> str | None:
    """How what a registry holds differs from what was told, or None."""
    if set(held) != set(documents):
        return f"the names are {sorted(held)}, not {sorted(documents)}"
    return next((f"{name}: {d}" for name, told in documents.items() if (d := _differs(held[name], told))), None)


def _differs(held: Found, told: Told) -> str | None:
    if (held.current, held.state) != (told.current, told.state):
        return f"at {held.current} {held.state}, not {told.current} {told.state}"
    if held.labels != told.labels:
        return f"labels {held.labels}, not {told.labels}"
    if held.destroyed != {number for number, payload in enumerate(told.payloads, 1) if payload is None}:
        return f"destroyed are {sorted(held.destroyed)}"
    wanted = {n: told.payloads[n - 1] for n in told.loadable()} if told.state == "live" else {}
    wrong = sorted(n for n in {*wanted, *held.payloads} if wanted.get(n) != held.payloads.get(n))
    return f"versions {wrong} have other payloads" if wrong else None


def carried_out(registry: Registry, step: Step) -> str | None:
    """Do a step; None, or the class and text of the error. One that is not Strongroom's own is marked as uncaught."""
    try:
        step.do(registry)
    except StrongroomError as exc:
        return f"{type(exc).__name__}: {exc}" if exc.remedy else f"no remedy: {type(exc).__name__}: {exc}"
    except Exception as exc:
        return f"uncaught {type(exc).__name__}: {exc}"
    return None


INDEPENDENT = (
    Step("put", "lake", payload=b"new lake" * 100, label="stable"),
    Step("label", "river", 1, label="next"),
    Step("get", "river@1"),
    Step("destroy", "sea", 1),
    Step("put", "pond", payload=b"pond" * 2_000),
    Step("delete", "river"),
    Step("destroy", "lake", 2),
)
"""Steps each of which is possible whichever of those before it were done, after :data:`BEGINNING`."""
BEGINNING = tuple(
    Step("put", name, payload=b"%s %d " % (name.encode(), n) * 40)
    for n in (1, 2, 3)
    for name in ("lake", "river", "sea")
)


def possible(documents: Documents, story: Sequence[Step], outcomes: Sequence[str | None]) -> list[Documents]:
    """What a registry may hold after a story of which some steps failed: each of these is there wholly or not at
    all."""
    held = [documents]
    for step, outcome in zip(story, outcomes, strict=True):
        done = [after(documents, step) for documents in held]
        held = done if outcome is None else [*held, *(d for d in done if d not in held)]
    return held
