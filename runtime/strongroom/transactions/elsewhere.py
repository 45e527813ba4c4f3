"""Locks that the transactions around a task hold in the process that the task was submitted in.

Who submitted it waits for it inside of them, so that on a worker, too, nothing inside may wait for these locks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

_held: ContextVar[Mapping[str, str] | None] = ContextVar("strongroom_locks_elsewhere", default=None)


def locks_around(call: TaskCall) -> dict[str, str]:
    """The holders of the locks that are held around a call, by key."""
    held = dict(_held.get() or {})
    if call.scope is not None:
        held.update(call.scope.locks())
    caller: Any = call.parent
    while caller is not None:
        if caller.transaction is not None:
            held.update(caller.transaction.locks())
        caller = caller.parent
    return held


@contextmanager
def held_elsewhere(locks: Mapping[str, str]) -> Iterator[None]:
    """What runs in the block is inside of what holds these locks."""
    token = _held.set(locks)
    try:
        yield
    finally:
        _held.reset(token)


def holder_elsewhere(key: str) -> str | None:
    """Who holds the lock of a key around this code, in another process."""
    held = _held.get()
    return None if held is None else held.get(key)
