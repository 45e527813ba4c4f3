"""A stretch of a thread's work that other threads may end: also in the moment in which it begins, or is over.

Work that somebody ends before it began ends as it begins, and work that is over is let be. Where a thread does other
work in between, because its own waits for that, both are ended in turn.

Blocking code is ended by an exception at its next step in Python. An event loop is asked to cancel its task instead,
for an exception that is raised in the loop's own code may take a step of a task with it, and that task then waits for
ever. Only a loop that does not answer, because the code of a task blocks it, gets the exception too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from strongroom import planting

R = TypeVar("R")
PATIENCE_SECONDS = 0.25
"""How long event loops may take to answer before it is looked at what blocks them."""
_LOOK_SECONDS = 0.01
_MOST_LOOKS = 500

_lock = threading.Lock()
_changed = threading.Condition(_lock)
_stints: dict[int, list[Stint | None]] = {}
"""The stints of each thread, the innermost last; None where one is about to begin."""


class Stint:
    """One piece of work. One thread begins it, runs its code, and ends it; any thread may interrupt it, at any time.

    Only the code is interrupted: nothing is between its end and that of the stint, nor before it.
    """

    __slots__ = ("_around", "_asked", "_heard", "_is_open", "_is_silent", "_is_struck", "_loop", "_loops", "_task",
                 "_thread")  # fmt: skip

    def __init__(self) -> None:
        self._asked = self._heard = 0
        self._around: Stint | None = None
        self._thread: int | None = None
        self._is_open = self._loops = self._is_silent = self._is_struck = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def begin(self, claim: Callable[[], bool] = lambda: True) -> bool:
        """Whether the work is the calling thread's, which ``claim`` says.

        What is to interrupt the work around it is raised here, and nothing is claimed then.
        """
        thread = threading.get_ident()
        if thread in _stints:
            return self._begin_inside(thread, claim)
        if claim():
            self._thread = thread
            _stints[thread] = [self]
            return True
        return False

    def _begin_inside(self, thread: int, claim: Callable[[], bool]) -> bool:
        own = _stints[thread]
        depth, around = len(own), own[-1]
        try:
            with _lock:
                heard = 0 if around is None else around._asked
                own.append(None)
            planting.breathe()
            if claim():
                with _lock:
                    own[-1] = self
                    self._thread, self._around, self._heard = thread, around, heard
                    if around is not None:
                        self._asked += around._asked - heard  # it waits for this one, so this one is to end first
                return True
        except BaseException:
            _leave(thread, depth)
            raise
        _leave(thread, depth)
        _pass_on(around, heard)
        return False

    def run(self, function: Callable[[], R]) -> tuple[R | None, BaseException | None]:
        """What ``function`` returns, which is not None, or what ended it."""
        result: R | None = None
        error: BaseException | None = None
        is_closed = False
        while not is_closed:  # an interrupt may come at any moment, also when all is done
            try:
                if result is None and error is None:
                    self._open()
                    result = function()
                self._close()
                is_closed = True
            except BaseException as raised:
                error = error or raised
        return result, None if result is not None else error

    def end(self) -> None:
        """The thread goes on with the work around this one; what is to interrupt that is raised here."""
        around, heard = self._around, self._heard
        if self._thread is not None:
            _leave(self._thread, _stints[self._thread].index(self))
        self._thread = self._around = None
        _pass_on(around, heard)

    def _open(self) -> None:
        with _lock:
            self._is_open = True
            if self._asked:
                raise KeyboardInterrupt

    def _close(self) -> None:
        with _lock:
            self._is_open = False
            if self._asked and self._thread is not None:
                planting.let_be(self._thread)

    def run_loop(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Like ``asyncio.run``, as the work's code."""
        attended = self._attended(coroutine)
        try:
            with _lock:
                if self._asked:
                    raise KeyboardInterrupt
                self._loops = True
            return asyncio.run(attended)
        finally:
            with _lock:
                self._loops = self._is_silent = self._is_struck = False
                self._loop = None
                _changed.notify_all()
            attended.close()
            coroutine.close()

    async def _attended(self, coroutine: Coroutine[Any, Any, R]) -> R:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        with _lock:
            if self._asked:
                raise KeyboardInterrupt
            self._loop, self._task = loop, task
        try:
            return await coroutine
        finally:
            self._task = None

    def _ask(self) -> Stint | None:
        """Have it end, with all that its thread does in between; returns what is to be struck for that."""
        own = _stints.get(self._thread) if self._thread is not None else None
        if own is None:
            self._asked += 1
            return None
        for stint in own[own.index(self) :]:
            if stint is not None:
                stint._asked += 1
        return own[-1]

    def _strike(self) -> None:
        if not self._is_open or self._thread is None:
            return
        if not self._loops:
            planting.interrupt(self._thread)
        elif self._loop is not None:
            self._is_silent = True
            try:
                self._loop.call_soon_threadsafe(self._answer)
            except RuntimeError:  # the loop is closed
                self._is_silent = False

    def _answer(self) -> None:
        """Called by the event loop. What an exception has ended that blocked it is not ended twice."""
        with _lock:
            task = None if self._is_struck else self._task
            self._is_silent = self._is_struck = False
            _changed.notify_all()
        if task is not None:
            task.cancel()

    def _strike_what_blocks(self, at_any_rate: bool) -> bool:
        """Interrupt the code that blocks the event loop. False where it cannot be told yet whether there is any."""
        if not self._is_silent or self._thread is None:
            return True
        frame = sys._current_frames().get(self._thread)
        is_idle = frame is None or planting.module_of(frame) == "selectors"
        if not at_any_rate and (is_idle or planting.is_delicate(frame)):
            return False
        self._is_silent, self._is_struck = False, True
        planting.interrupt(self._thread)
        return True


def interrupt_all(stints: Iterable[Stint]) -> None:
    """Have code end that threads run: by a KeyboardInterrupt at its next step in Python, or by a cancellation.

    Code that waits in C, in ``time.sleep`` or for an answer of a database, ends when that does.
    """
    with _changed:
        struck = [stint for stint in dict.fromkeys([stint._ask() for stint in stints]) if stint is not None]
        for stint in struck:
            stint._strike()
        _changed.wait_for(lambda: not any(stint._is_silent for stint in struck), PATIENCE_SECONDS)
        looks = 0
        while struck := [stint for stint in struck if not stint._strike_what_blocks(looks == _MOST_LOOKS)]:
            _changed.wait(_LOOK_SECONDS)
            looks += 1


def run_loop(coroutine: Coroutine[Any, Any, R]) -> R:
    """Like ``asyncio.run``, as the code of the thread's stint where there is one."""
    stint = (_stints.get(threading.get_ident()) or [None])[-1]
    return asyncio.run(coroutine) if stint is None or stint._loops else stint.run_loop(coroutine)


def _leave(thread: int, depth: int) -> None:
    with _lock:
        own = _stints.get(thread, [])
        del own[depth:]
        if not own:
            _stints.pop(thread, None)


def _pass_on(stint: Stint | None, heard: int) -> None:
    """Raise what is to interrupt a stint, since it was asked more often to end than it has heard of."""
    if stint is not None and stint._is_open and stint._asked > heard:
        raise KeyboardInterrupt
