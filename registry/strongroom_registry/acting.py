"""On whose behalf a registry is used, where that is not its own actor: a service acts for those who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

ACTOR_MAX = 200
NOTE_MAX = 200


class Actor(NamedTuple):
    """Who asks, and what else the audit is to say of it."""

    name: str
    note: str


_acting: ContextVar[Actor | None] = ContextVar("strongroom_actor", default=None)


@contextmanager
def acting(name: str, note: str = "") -> Iterator[None]:
    """Have what is done with any registry in the block be done on behalf of somebody, and written down one by one: each
    load and each refusal is an entry of the audit at once, none is counted up with others.

    :param name: who, at most 200 characters, in clear.
    :param note: what identifies the request, at most 200 characters; it stands in the entry's message. No secret.
    """
    token = _acting.set(Actor(name[:ACTOR_MAX], note[:NOTE_MAX]))
    try:
        yield
    finally:
        _acting.reset(token)


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
