"""Ends code that takes too long: an asynchronous function by cancellation, a synchronous one as well as can be.

On the main thread a timer signal interrupts even a blocking call. On another thread an exception is planted that Python
raises at its next step, so a call that waits outside of Python ends first; the message then says so.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import ClassVar, TypeVar

from strongroom.planting import plant, take_back

R = TypeVar("R")


class Expired:
    """What a call gives that took too long. ``late`` is how many seconds over; None where it was ended in time."""

    __slots__ = ("late", "seconds")

    def __init__(self, seconds: float, late: float | None = None) -> None:
        self.seconds = seconds
        self.late = late

    def __str__(self) -> str:
        text = f"exceeded timeout of {float(self.seconds)} second(s)"
        if self.late is not None:
            text += f"; it could not be interrupted where it waited, and ended {self.late:.1f} second(s) later"
        return text


class TimeIsUp(BaseException):
    """Travels through the code that is to end, past every ``except Exception``."""


async def await_within(seconds: float, awaitable: Awaitable[R]) -> R | Expired:
    """What ``awaitable`` gives, or :class:`Expired`; it is cancelled then."""
    try:
        async with asyncio.timeout(seconds) as scope:
            return await awaitable
    except TimeoutError:
        if scope.expired():
            return Expired(seconds)
        raise


def call_within(seconds: float, function: Callable[[], R]) -> R | Expired:
    """What ``function`` returns, or :class:`Expired`."""
    alarm: _Signal | _Planted = _Signal(seconds) if _signals_work() else _Planted(seconds)
    begun = time.monotonic()
    try:
        try:
            alarm.start()
            result = function()
        finally:
            alarm.stop()
    except TimeIsUp as interrupt:
        alarm.stop()
        if not alarm.rang(interrupt):
            raise
        alarm.pass_on()
        late = time.monotonic() - begun - seconds
        return Expired(seconds, late if late > 1 else None)
    alarm.pass_on()
    late = time.monotonic() - begun - seconds
    return result if late < 0 else Expired(seconds, late)


def _signals_work() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, _Signal.ring)


class _Signal:
    """Rings by the process's one timer, which the alarm that is due first has. Rings once, and never after ``stop``.

    Where two ring at once, the one exception takes the place of the other on its way: the inner one then raises what
    the outer one was to raise.
    """

    _active: ClassVar[list[_Signal]] = []
    _rung: ClassVar[list[_Signal]] = []

    def __init__(self, seconds: float) -> None:
        self._interrupt = TimeIsUp()
        self._due = time.monotonic() + seconds

    def start(self) -> None:
        if not _Signal._active:
            signal.signal(signal.SIGALRM, _Signal.ring)
        _Signal._active.append(self)
        _Signal._arm()

    def stop(self) -> None:
        self._disarm()
        if self in _Signal._rung:
            _Signal._rung.remove(self)

    def _disarm(self) -> None:
        if self in _Signal._active:
            _Signal._active.remove(self)
            _Signal._arm()
            if not _Signal._active:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def rang(self, interrupt: BaseException) -> bool:
        return interrupt is self._interrupt

    def pass_on(self) -> None:
        """Raise what an alarm around this one was to raise."""
        if _Signal._rung:
            raise _Signal._rung[0]._interrupt

    @staticmethod
    def ring(_signal: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        for alarm in _Signal._active:
            if alarm._due <= now:
                _Signal._rung.append(alarm)
                alarm._disarm()
                raise alarm._interrupt
        _Signal._arm()

    @staticmethod
    def _arm() -> None:
        due = min((alarm._due for alarm in _Signal._active), default=None)
        signal.setitimer(signal.ITIMER_REAL, 0.0 if due is None else max(due - time.monotonic(), 1e-6))


_around = threading.local()
"""The alarms around the code of each thread, the outermost first."""


class _Planted:
    """Rings by an exception that a watching thread plants. What was planted too late for its code is taken back."""

    def __init__(self, seconds: float) -> None:
        self.due = time.monotonic() + seconds
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._planted = self._caught = False
        self.over = False

    def start(self) -> None:
        _around.__dict__.setdefault("alarms", []).append(self)
        _watch.add(self)

    def stop(self) -> None:
        with self._lock:
            if self.over:
                return
            self.over = True
        _around.alarms.remove(self)
        if self._planted:
            take_back(self._thread)

    def rang(self, interrupt: BaseException) -> bool:
        self._caught = self._planted
        return self._planted

    def pass_on(self) -> None:
        """Raise what was planted for an alarm around this one: a thread keeps one planted exception at a time."""
        if self._planted and any(outer._planted and not outer._caught for outer in _around.alarms):
            raise TimeIsUp

    def ring(self) -> None:
        with self._lock:
            if not self.over:
                self._planted = True
                plant(self._thread, TimeIsUp)


class _Watch:
    """One thread that rings alarms when they are due; it begins with the first one."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, int, _Planted]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, alarm: _Planted) -> None:
        with self._changed:
            if len(self._alarms) > 64 and next(self._numbers) % 64 == 0:
                self._alarms = [entry for entry in self._alarms if not entry[2].over]
                heapq.heapify(self._alarms)
            heapq.heappush(self._alarms, (alarm.due, next(self._numbers), alarm))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="strongroom-timeouts", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._alarms or self._alarms[0][0] > time.monotonic():
                    self._changed.wait(self._alarms[0][0] - time.monotonic() if self._alarms else None)
                alarm = heapq.heappop(self._alarms)[2]
            alarm.ring()


_watch = _Watch()
