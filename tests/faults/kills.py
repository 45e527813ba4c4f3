"""Row 1: a process is killed with SIGKILL at random moments of its changes.

The child says through a pipe that a change is done, after the call has returned. Whatever it had said before it died
has to be there; the change that it was in is there wholly or not at all; everything opens; and the audit is whole. A
store goes through many kills, so that what one leaves behind meets the next.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError

from faults.figure import Figure, Work
from faults.places import opened
from faults.story import Documents, Step, after, difference, found, written

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
READY, DONE, FAILED = b"r", b".", b"!"


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        for change, verbs in CHANGES.items():
            yield killed(work, store, change, verbs)


def killed(work: Work, store: str, change: str, verbs: Sequence[str]) -> Figure:
    """So many kills of processes that make one kind of change."""
    figure = Figure(1, f"killed while it does: {change}", store)
    dice = work.dice(1, store, change)
    kills = work.count(KILLS, least=5)
    for life in range(-(-kills // LIVES)):
        with work.places.make(store, work.folder / f"{store}-{change}-{life}") as place:
            documents = _begun(place, written(dice, {}, ["put"], 5))
            measured = _lived(place, story := written(dice, documents, verbs, STEPS), None)
            assert measured.acknowledged == len(story), measured
            documents = _after_all(documents, story)
            for _ in range(min(LIVES, kills - life * LIVES)):
                story = written(dice, documents, verbs, STEPS)
                lived = _lived(place, story, dice.uniform(0, measured.seconds))
                documents, outcome, wrong = _look(place, documents, story, lived)
                figure.add(outcome, lived.problem or wrong)
    return figure


class Lived(NamedTuple):
    """What is known of a child that is no more: how many steps it acknowledged, how long it lived after it had opened
    the registry, what it complained of, and the name that the audit has for it."""

    acknowledged: int
    seconds: float
    problem: str | None
    actor: str


def _begun(place: Any, story: Sequence[Step]) -> Documents:
    with opened(place) as registry:
        for step in story:
            step.do(registry)
    return _after_all({}, story)


def _after_all(documents: Documents, story: Sequence[Step]) -> Documents:
    for step in story:
        documents = after(documents, step)
    return documents


def _lived(place: Any, story: Sequence[Step], seconds: float | None) -> Lived:
    """Have a child do a story, and kill it so long after it has opened the registry; None waits for the end."""
    reading, writing = os.pipe()
    actor = f"child-{secrets.token_hex(8)}"
    child = os.fork()
    if child == 0:
        os.close(reading)
        _do(place, story, actor, writing)
    os.close(writing)
    try:
        said = os.read(reading, 1)
        start = time.perf_counter()
        said += _until(reading, None if seconds is None else start + seconds, len(story))
        took = time.perf_counter() - start
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    while more := os.read(reading, 4096):
        said += more
    os.close(reading)
    told, failed, problem = said.partition(FAILED)
    if not failed and not told.startswith(READY):
        return Lived(0, took, "the registry was not opened", actor)
    return Lived(told.count(DONE), took, problem.decode(errors="replace") if failed else None, actor)


def _until(reading: int, end: float | None, enough: int) -> bytes:
    """What is said until a moment, or until all is said."""
    said = b""
    while len(said) < enough and FAILED not in said:
        left = None if end is None else end - time.perf_counter()
        if left is not None and (left <= 0 or not select.select([reading], [], [], left)[0]):
            break
        more = os.read(reading, 4096)
        if not more:
            break
        said += more
    return said


def _do(place: Any, story: Sequence[Step], actor: str, writing: int) -> None:
    """The child: never returns."""
    try:
        with opened(place, actor=actor) as registry:
            os.write(writing, READY)
            for step in story:
                step.do(registry)
                os.write(writing, DONE)
            signal.pause()
    except BaseException as exc:
        os.write(writing, FAILED + f"{type(exc).__name__}: {exc}".encode()[:2000])
    finally:
        os._exit(0)


def _look(place: Any, documents: Documents, story: Sequence[Step], lived: Lived) -> tuple[Documents, str, str | None]:
    """What is there after the kill; how far the child came; what is wrong with it."""
    done = story[: lived.acknowledged]
    documents = _after_all(documents, done)
    try:
        with opened(place) as registry:
            held = found(registry)
            lost = difference(held, documents) or _unrecorded(registry, done, lived.actor)
            outcome = "before the commit" if len(done) < len(story) else "when all was done"
            if lost is not None and len(done) < len(story):
                more = after(documents, story[len(done)])
                if difference(held, more) is None:
                    documents, outcome = more, "after the commit, before the acknowledgement"
                    lost = _unrecorded(registry, story[: len(done) + 1], lived.actor)
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
