"""On whose behalf a registry is used, where that is not its own actor: a service acts for those who ask it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

from strongroom_registry.audit import Subject
from strongroom_registry.stores.store import StoreBusy

ACTOR_MAX = 200
NOTE_MAX = 200


class WritesEntries(Protocol):
    """What writes entries of one workspace's audit."""

    def write_entries(self, subjects: Sequence[Subject], *, at_once: bool = False) -> None:
        """Write entries in one transaction, all or none; ``at_once`` raises StoreBusy in the place of a wait."""


class Owed(NamedTuple):
    """An entry of the audit that is still to be written, and by what."""

    writer: WritesEntries
    subject: Subject


class Actor(NamedTuple):
    """Who asks, what else the audit is to say of it, and the entries that :func:`settle` is to write, if they may
    wait."""

    name: str
    note: str
    owing: list[Owed] | None


_acting: ContextVar[Actor | None] = ContextVar("strongroom_actor", default=None)


class acting:  # noqa: N801  # used as a function is
    """Have what is done with any registry in the block be done on behalf of somebody, and written down one by one: each
    load and each refusal is an entry of the audit at once, none is counted up with others.

    :param name: who, at most 200 characters, in clear.
    :param note: what identifies the request, at most 200 characters; it stands in the entry's message. No secret.
    :param owing: where entries gather that do not belong to a change, in the place of being written at once. Whoever
        gives it calls :func:`settle` before anything of what was read leaves the process.
    """

    __slots__ = ("_actor", "_token")

    def __init__(self, name: str, note: str = "", *, owing: list[Owed] | None = None) -> None:
        self._actor = Actor(name[:ACTOR_MAX], note[:NOTE_MAX], owing)

    def __enter__(self) -> None:
        self._token = _acting.set(self._actor)

    def __exit__(self, *exc: object) -> None:
        _acting.reset(self._token)


@contextmanager
def on_own_behalf() -> Iterator[None]:
    """Have what is done with any registry in the block be done on its own behalf, whoever is acted for around it."""
    token = _acting.set(None)
    try:
        yield
    finally:
        _acting.reset(token)


def actor_now() -> Actor | None:
    """Whom this context acts for; None where a registry is used on its own behalf."""
    return _acting.get()


def settle(owed: Iterable[Owed], *, at_once: bool = False) -> list[Owed]:
    """Write the entries that are owed: one transaction for all of a workspace. They stand there when this returns.

    :param at_once: leave those of a workspace where it takes a wait for others who write.
    :returns: those that were left.
    :raises StoreProblem: they cannot be written; of one workspace all are, or none.
    """
    left: list[Owed] = []
    by_writer: dict[int, list[Owed]] = {}
    for one in owed:
        by_writer.setdefault(id(one.writer), []).append(one)
    for group in by_writer.values():
        try:
            group[0].writer.write_entries([one.subject for one in group], at_once=at_once)
        except StoreBusy:
            left += group
    return left
