"""Row 1, its second half: a process is killed while it rotates keys, at each of the three levels.

Batches are made small, so that a rotation has many. The child says when a batch is done. Afterwards the registry is
as it was, all under keys that are there; what is left to rotate is what the child had not yet said, one batch less at
most; the rotation that is resumed does exactly that, and ends.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from strongroom_registry import Registry
from strongroom_registry.errors import KeyProblem, StrongroomError

from faults.figure import Figure, Work
from faults.places import key_file, opened
from faults.story import Documents, Step, after, difference, found
from faults.victim import Act, Lived, Say, lived

KILLS = 1_000
LIVES = 20
BATCH = 8
NAMES = [f"document-{number}" for number in range(20)]
VERSIONS = 3
ROWS = len(NAMES) * (VERSIONS + 1)
"""Those of the versions and of the heads."""
LEVELS = ("provider", "workspace", "data")


def killed(work: Work, store: str, level: str) -> Figure:
    """So many kills of processes that rotate at a level."""
    figure = Figure(1, f"killed while it rotates: {level}", store)
    dice, kills = work.dice(1, store, level), work.count(KILLS, least=4)
    attempt = _provider if level == "provider" else _epoch
    with patch("strongroom_registry.rotation.BATCH", BATCH):
        for life in range(-(-kills // LIVES)):
            with work.places.make(store, work.folder / f"{store}-{level}-{life}") as place:
                documents = _begun(place)
                seconds = _measured(work, place, level)
                for _ in range(min(LIVES, kills - life * LIVES)):
                    outcome, problem = attempt(work, place, documents, level, dice.uniform(0, seconds))
                    figure.add(outcome, problem)
    return figure


def _begun(place: Any) -> Documents:
    documents: Documents = {}
    with opened(place) as registry:
        for number in range(VERSIONS):
            for name in NAMES:
                step = Step("put", name, payload=f"{name} {number} ".encode() * 30)
                step.do(registry)
                documents = after(documents, step)
        for step in (
            Step("label", NAMES[0], 1, label="stable"),
            Step("destroy", NAMES[1], 2),
            Step("delete", NAMES[2]),
        ):
            step.do(registry)
            documents = after(documents, step)
    return documents


def _measured(work: Work, place: Any, level: str) -> float:
    """How long a rotation takes that nobody interrupts."""
    place.next_key = key_file(work.folder)
    whole = lived(place, _rotating(place, level), None)
    assert whole.ended, whole
    if level == "provider":
        place.key = place.next_key
    return whole.seconds


def _rotating(place: Any, level: str) -> Act:
    """Rotates, and says after each batch how many rows are left."""

    def act(registry: Registry, say: Say) -> None:
        if level == "provider":
            registry.rotate(level, to=place.next_key)
            say(0)
        else:
            registry.rotate(level, progress=lambda _: say(_left(registry)[0]))

    return act


def _epoch(work: Work, place: Any, documents: Documents, level: str, seconds: float) -> tuple[str, str | None]:
    """A rotation of the workspace's key: cut short, looked at, resumed, looked at."""
    victim = lived(place, _rotating(place, level), seconds)
    if victim.problem is not None:
        return "complained", victim.problem
    try:
        with opened(place) as registry:
            problem = _unsound(registry, documents)
            left, epochs = _left(registry)
            outcome, surprise = _judged(victim, left, epochs)
            report = registry.rotate(level)
            if epochs > 1 and not (report.resumed and report.versions + report.heads == left):
                surprise = surprise or f"{left} rows were left, and the rotation that was resumed did {report}"
            problem = problem or surprise or _unsound(registry, documents)
            return outcome, problem or (f"not ended: {_left(registry)}" if _left(registry) != (0, 1) else None)
    except StrongroomError as exc:
        return "not readable", f"{type(exc).__name__}: {exc}"


def _judged(victim: Lived, left: int, epochs: int) -> tuple[str, str | None]:
    """Whether what is left fits what was acknowledged: nothing of that is lost, and one batch at most is beyond it."""
    if epochs == 1:
        if victim.ended or (victim.said and victim.said[-1] == 0):
            return "when all was done", None
        return "before it had begun", f"{victim.said} were acknowledged" if victim.said else None
    acknowledged = victim.said[-1] if victim.said else ROWS
    fits = acknowledged - 2 * BATCH <= left <= acknowledged  # a batch of versions, and their heads
    return "between two batches", None if fits else f"{left} rows are left, and {acknowledged} were when it last spoke"


def _left(registry: Registry) -> tuple[int, int]:
    """How many rows are under earlier epochs, and how many epochs are in use."""
    used = registry.check_keys().used
    return sum(use.heads + use.versions for use in used[:-1]), len(used)


def _provider(work: Work, place: Any, documents: Documents, level: str, seconds: float) -> tuple[str, str | None]:
    """Another provider's key: the one that it was or the one that it is to be opens, and the second one once it was
    acknowledged."""
    place.next_key = key_file(work.folder)
    victim = lived(place, _rotating(place, level), seconds)
    if victim.problem is not None:
        return "complained", victim.problem
    former, outcome = place.key, "after it was stored"
    place.key = place.next_key
    try:
        opened(place).close()
    except KeyProblem as exc:
        if victim.said:
            return "lost", f"the new key was acknowledged, and does not open: {exc}"
        place.key, outcome = former, "before it was stored"
    try:
        with opened(place) as registry:
            problem = _unsound(registry, documents)
            registry.rotate("provider", to=place.next_key)
        place.key = place.next_key
        with opened(place) as registry:
            return outcome, problem or _unsound(registry, documents)
    except StrongroomError as exc:
        return "not readable", f"{type(exc).__name__}: {exc}"


def _unsound(registry: Registry, documents: Documents) -> str | None:
    differs = difference(found(registry), documents)
    if differs is not None:
        return differs
    report, audit = registry.verify(), registry.verify_audit()
    if report.problems:
        return f"verify: {report.problems[0].error}"
    return None if audit.ok else f"verify_audit: {audit.problem}"
