"""The registry that is meant where none is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

_used: ContextVar[Registry | None] = ContextVar("strongroom_registry", default=None)
_lock = Lock()
_opened: Registry | None = None


def current(*, create: bool = True) -> Registry:
    """The registry of the innermost :func:`using`, else the one that the settings name, opened once per process.

    :param create: make it, where there is none.
    :raises KeyProblem, StoreProblem: as :func:`~strongroom_registry.open_registry`.
    """
    used = _used.get() or _opened
    return used if used is not None else _open(create)


def _open(create: bool) -> Registry:
    global _opened
    from strongroom_registry.opening import open_registry

    with _lock:
        if _opened is None:
            _opened = open_registry(create=create)
        return _opened


def opened() -> Registry | None:
    """What :func:`current` would return, if that is open already."""
    return _used.get() or _opened


@contextmanager
def using(registry: Registry) -> Iterator[Registry]:
    """Have :func:`current` mean ``registry`` within the block: in this task or thread, and where its context is
    copied to."""
    token = _used.set(registry)
    try:
        yield registry
    finally:
        _used.reset(token)


def set_current(registry: Registry | None) -> None:
    """Have :func:`current` mean ``registry`` in the whole process; None closes what was opened, so that the settings
    are read again."""
    global _opened
    with _lock:
        former, _opened = _opened, registry
    if former is not None and former is not registry:
        former.close()


@contextmanager
def using_in_process(registry: Registry) -> Iterator[Registry]:
    """Have :func:`current` mean ``registry`` in the whole process within the block, and what it meant before after."""
    global _opened
    with _lock:
        before, _opened = _opened, registry
    try:
        yield registry
    finally:
        with _lock:
            _opened = before


def _after_fork() -> None:
    """A thread of the parent may have been opening the registry; it is not here to let go of the lock."""
    global _lock
    _lock = Lock()


os.register_at_fork(after_in_child=_after_fork)
