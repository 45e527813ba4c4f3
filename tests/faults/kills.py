"""Row 1: a process is killed with SIGKILL at random moments of its changes.

The child says through a pipe that a change is done, after the call has returned. Whatever it had said before it died
has to be there; the change that it was in is there wholly or not at all; everything opens; and the audit is whole. A
store goes through many kills, so that what one leaves behind meets the next.

The seed fixes the changes; the moments are those of a clock. What dies is a process. The machine lives on, its page
cache and PostgreSQL's server with it, so nothing here speaks of a power failure; a disk that fails is row 8's.

Rotations are cut into small batches, so that each has many. The child says after each how many rows are left.
Afterwards the registry is as it was; what is left is what the child last said, less one batch at most; the rotation
that is resumed does exactly that, and ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError

from faults import rotations
from faults.figure import Figure, Work
from faults.places import opened
from faults.story import Documents, Step, after, difference, found, written
from faults.victim import Act, Lived, Say, lived

KILLS = 1_000
STEPS = 6
LIVES = 20
"""How many kills a store goes through before a new one is made."""
CHANGES = {
    "write": ("put",),
    "label": ("label", "unlabel", "put"),
    "destroy": ("destroy", "put", "destroy", "delete", "undelete"),
    "load": ("get", "get", "put"),
}


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        for change, verbs in CHANGES.items():
            yield killed(work, store, change, verbs)
        for level in rotations.LEVELS:
            yield rotations.killed(work, store, level)


def killed(work: Work, store: str, change: str, verbs: Sequence[str]) -> Figure:
    """So many kills of processes that make one kind of change."""
    figure = Figure(1, f"killed while it does: {change}", store)
    dice = work.dice(1, store, change)
    kills = work.count(KILLS, least=5)
    for life in range(-(-kills // LIVES)):
        with work.places.make(store, work.folder / f"{store}-{change}-{life}") as place:
            documents = _begun(place, written(dice, {}, ["put"], 5))
            story = written(dice, documents, verbs, STEPS)
            whole = lived(place, _telling(story), None)
            assert whole.ended, whole
            documents = _after_all(documents, story)
            for _ in range(min(LIVES, kills - life * LIVES)):
                story = written(dice, documents, verbs, STEPS)
                victim = lived(place, _telling(story), dice.uniform(0, whole.seconds))
                documents, outcome, wrong = _look(place, documents, story, victim)
                figure.add(outcome, victim.problem or wrong)
    return figure


def _begun(place: Any, story: Sequence[Step]) -> Documents:
    with opened(place) as registry:
        for step in story:
            step.do(registry)
    return _after_all({}, story)


def _after_all(documents: Documents, story: Sequence[Step]) -> Documents:
    for step in story:
        documents = after(documents, step)
    return documents


def _telling(story: Sequence[Step]) -> Act:
    def act(registry: Registry, say: Say) -> None:
        for number, step in enumerate(story):
            step.do(registry)
            say(number)

    return act


def _look(place: Any, documents: Documents, story: Sequence[Step], victim: Lived) -> tuple[Documents, str, str | None]:
    """What is there after the kill; how far the child came; what is wrong with it."""
    done = story[: len(victim.said)]
    documents = _after_all(documents, done)
    try:
        with opened(place) as registry:
            held = found(registry)
            lost = difference(held, documents) or _unrecorded(registry, done, victim.actor)
            outcome = "before the commit" if len(done) < len(story) else "when all was done"
            if lost is not None and len(done) < len(story):
                more = after(documents, story[len(done)])
                if difference(held, more) is None:
                    documents, outcome = more, "after the commit, before the acknowledgement"
                    lost = _unrecorded(registry, story[: len(done) + 1], victim.actor)
            return documents, outcome, lost or _unsound(registry)
    except StrongroomError as exc:
        return documents, "not readable", f"{type(exc).__name__}: {exc}"


def _unrecorded(registry: Registry, done: Sequence[Step], actor: str) -> str | None:
    """Steps that were acknowledged and are not in the audit."""
    entries = {
        (entry.action, entry.name) for entry in registry.audit() if (entry.actor, entry.outcome) == (actor, "done")
    }
    wanted = {("load" if step.verb == "get" else step.verb, step.name.partition("@")[0]) for step in done}
    return f"not in the audit: {sorted(wanted - entries)}" if wanted - entries else None


def _unsound(registry: Registry) -> str | None:
    report, audit = registry.verify(), registry.verify_audit()
    if report.problems:
        return f"verify: {report.problems[0].error}"
    return None if audit.ok else f"verify_audit: {audit.problem}"
