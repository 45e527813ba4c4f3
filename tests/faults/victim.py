"""A child process that works on a registry and is killed with SIGKILL: what it said before, through a pipe."""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from strongroom_registry import Registry

from faults.places import opened

READY, ENDED, FAILED = b"ready\n", b"ended\n", b"failed "

Say = Callable[[int], None]
Act = Callable[[Registry, Say], None]
"""What the child does: it is given the registry, and what it has to call with a number whenever something is done."""


class Lived(NamedTuple):
    """What is known of a child that is no more: what it said whenever something was done, whether it came to its end,
    how long it lived after it had opened the registry, what it complained of, and the name that the audit has for
    it."""

    said: list[int]
    ended: bool
    seconds: float
    problem: str | None
    actor: str


def lived(place: Any, act: Act, seconds: float | None) -> Lived:
    """Have a child do something, and kill it so long after it has opened the registry, or when it is done with it.

    :param seconds: None waits for that.
    """
    reading, writing = os.pipe()
    actor = f"child-{secrets.token_hex(8)}"
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(place, act, actor, writing)
    os.close(writing)
    try:
        heard = os.read(reading, len(READY))
        start = time.perf_counter()
        heard += _until(reading, None if seconds is None else start + seconds)
        took = time.perf_counter() - start
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    place.settle()
    while more := os.read(reading, 4096):
        heard += more
    os.close(reading)
    told, failed, problem = heard.partition(FAILED)
    if not failed and not told.startswith(READY):
        return Lived([], False, took, "the registry was not opened", actor)
    said = [int(line) for line in told.removeprefix(READY).replace(ENDED, b"").splitlines()]
    return Lived(said, ENDED in told, took, problem.decode(errors="replace") if failed else None, actor)


def _until(reading: int, end: float | None) -> bytes:
    """What is said until a moment, or until all is said."""
    heard = b""
    while not (ENDED in heard or FAILED in heard):
        left = None if end is None else end - time.perf_counter()
        if left is not None and (left <= 0 or not _comes(reading, left)):
            break
        more = os.read(reading, 4096)
        if not more:
            break
        heard += more
    return heard


def _comes(reading: int, seconds: float) -> bool:
    """Whether something is said in time. Unlike ``select``, ``poll`` takes descriptors of any number."""
    listening = select.poll()
    listening.register(reading, select.POLLIN)
    return bool(listening.poll(seconds * 1000))


def _live(place: Any, act: Act, actor: str, writing: int) -> None:
    """The child: never returns."""
    try:
        with opened(place, actor=actor) as registry:
            os.write(writing, READY)
            act(registry, lambda number: _say(writing, b"%d\n" % number))
            _say(writing, ENDED)
            signal.pause()
    except BaseException as exc:
        _say(writing, FAILED + f"{type(exc).__name__}: {exc}".encode()[:2000])
    finally:
        os._exit(0)


def _say(writing: int, what: bytes) -> None:
    os.write(writing, what)
