"""Exceptions that one thread plants in another, which raises them at its next step in Python.

A thread keeps one planted exception at a time. An interrupt, which ends the thread's work for good, outranks all else,
such as the end of a time: it takes the other's place, and keeps it until the work is over.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

_lock = threading.Lock()
_interrupts: dict[int, type[BaseException]] = {}
"""How threads were interrupted whose work is not over yet."""

_START = threading.Thread.start.__code__
_OF_CONDITIONS = frozenset(
    getattr(threading.Condition, name).__code__
    for name in ("__enter__", "__exit__", "_release_save", "_acquire_restore")
)
_WEAK = frozenset({"_weakrefset", "weakref"})
_LOOK_SECONDS = 0.001
_MOST_LOOKS = 250


def plant(thread: int, kind: type[BaseException]) -> None:
    """Have a thread raise ``kind`` at its next step in Python, or what it was interrupted by."""
    _wait_for_a_good_moment(thread)
    with _lock:
        _set(thread, _interrupts.get(thread, kind))


def interrupt(thread: int, kind: type[BaseException] = KeyboardInterrupt) -> None:
    """Have a thread raise ``kind`` at its next step in Python, whatever else was planted there."""
    _wait_for_a_good_moment(thread)
    with _lock:
        _interrupts[thread] = kind
        _set(thread, kind)


def take_back(thread: int) -> None:
    """What was planted in a thread and not raised yet comes too late; an interrupt does not."""
    with _lock:
        if thread not in _interrupts:
            _clear(thread)


def let_be(thread: int, kind: type[BaseException] = KeyboardInterrupt) -> None:
    """The work is over that a thread was interrupted in: what was not raised yet comes too late."""
    with _lock:
        if _interrupts.get(thread) is kind:
            del _interrupts[thread]
            _clear(thread)


def breathe() -> None:
    """A step in Python: the calling thread raises here what was planted in it before."""


def is_delicate(frame: FrameType | None) -> bool:
    """Whether a thread, whose innermost frame this is, should raise nothing from outside now.

    In asyncio's own code an exception may take a step of a task with it, which then waits for ever; where a condition
    takes its lock, or gives it back, the lock may never be free again; in code that is called as objects go, Python
    prints the exception and forgets it.
    """
    if frame is not None and (module_of(frame).partition(".")[0] == "asyncio" or frame.f_code in _OF_CONDITIONS):
        return True
    while frame is not None:
        if frame.f_code.co_name == "__del__" or module_of(frame) in _WEAK:
            return True
        frame = frame.f_back
    return False


def module_of(frame: FrameType) -> str:
    """The name of the module that the code of a frame is of."""
    return str(frame.f_globals.get("__name__", ""))


def _set(thread: int, kind: type[BaseException] | None) -> None:
    target = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), target)


class _Nothing(BaseException):
    """Planted by a thread in itself."""


def _clear(thread: int) -> None:
    """Remove what is planted. Python goes on to look for it until some thread raises something, so this one does.

    Each step would be slow otherwise, and a thread that a debugger traces would stand still.
    """
    me = threading.get_ident()
    if thread != me:
        _set(thread, None)
        breathe()  # what others planted here is raised, and not replaced
    try:
        _set(me, _Nothing)
        breathe()
    except _Nothing:
        return
    except BaseException:  # a signal came first
        with suppress(_Nothing):
            breathe()
        raise


def _wait_for_a_good_moment(thread: int) -> None:
    looks = 0
    while _starts_another(thread) or (looks < _MOST_LOOKS and is_delicate(sys._current_frames().get(thread))):
        looks += 1
        time.sleep(_LOOK_SECONDS)


def _starts_another(thread: int) -> bool:
    """Whether a thread starts another one, which has the same number for a moment and would get the exception.

    That one would not come up then, and the first would wait for it for ever.
    """
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code is not _START:
        frame = frame.f_back
    return frame is not None
