"""Several processes that serve the same sockets: started, replaced when they die, stopped together."""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from strongroom_service.errors import WorkersFail

_log = logging.getLogger("strongroom.service")

_HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_FAILURES = 5
"""So many workers may end before they are ready, one after the other, before the crew gives up."""
_LATE = 5.0
"""Seconds beyond the grace after which a worker that is still there is ended."""


class Crew:
    """``count`` processes that each run ``work``; the caller's is their parent, and serves nothing itself.

    :param work: serves until SIGTERM; it is given the number of its worker, what to call when it takes connections,
        and a file descriptor that comes to its end when the parent is gone.
    :param grace: the seconds that a worker has to end.
    :param on_ready: called when all take connections.
    :param on_tick: called once a second.
    :param on_stop: called before the workers are asked to stop; it closes what listens, so that nobody waits there.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[int, Callable[[], None], int], None],
        *,
        grace: float,
        on_ready: Callable[[], None],
        on_tick: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._count = count
        self._work = work
        self._grace = grace
        self._on_ready = on_ready
        self._on_tick = on_tick
        self._on_stop = on_stop
        self._workers: dict[int, int] = {}  # process id: number
        self._ready: set[int] = set()
        self._starting: dict[int, int] = {}  # the reading end of a pipe: process id
        self._failures = 0
        self._announced = False
        self._life = os.pipe()  # its writing end is open as long as the parent lives

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a second one ends all at once.

        :raises WorkersFail: workers end before they are ready, again and again.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            for number in range(self._count):
                self._start(number)
            while not self._step():
                pass
            self._stop()
        except BaseException:
            self._signal_all(signal.SIGKILL)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _step(self) -> bool:
        """Wait for a second or a signal; True when it is time to stop."""
        heard = signal.sigtimedwait(_HEARD, 0.2 if self._starting else 1.0)
        self._see_who_is_ready()
        self._on_tick()
        if heard is None:
            return False
        if heard.si_signo == signal.SIGCHLD:
            for number in self._bury():
                self._start(number)
        elif heard.si_signo == signal.SIGHUP:
            self._signal_all(signal.SIGHUP)
        else:
            return True
        return False

    def _start(self, number: int) -> None:
        told, tells = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(told)
            os.close(self._life[1])
            self._be_worker(number, tells)
        os.close(tells)
        self._workers[process] = number
        self._starting[told] = process

    def _be_worker(self, number: int, tells: int) -> NoReturn:
        code = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            self._work(number, lambda: _say_ready(tells), self._life[0])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            _log.error("Worker %d ends: %s", number, error)
        finally:
            os._exit(code)

    def _see_who_is_ready(self) -> None:
        for told in select.select(list(self._starting), [], [], 0)[0]:
            process = self._starting.pop(told)
            if os.read(told, 1):
                self._ready.add(process)
                self._failures = 0
            os.close(told)
        if not self._announced and len(self._ready) == self._count:
            self._announced = True
            self._on_ready()

    def _bury(self) -> list[int]:
        """The numbers of the workers that ended."""
        self._see_who_is_ready()
        gone = []
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            if process not in self._workers:
                continue
            number = self._workers.pop(process)
            gone.append(number)
            _log.error("Worker %d ended (%s); another one takes its place.", number, _how(status))
            if process not in self._ready:
                self._failures += 1
            self._ready.discard(process)
        if self._failures >= _FAILURES:
            raise WorkersFail(
                f"{self._failures} processes ended before they served anything.", "See what they said before this line."
            )
        return gone

    def _stop(self) -> None:
        self._on_stop()
        self._signal_all(signal.SIGTERM)
        end = time.monotonic() + self._grace + _LATE
        while self._workers and (left := end - time.monotonic()) > 0:
            heard = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}, min(left, 1.0))
            if heard is not None and heard.si_signo != signal.SIGCHLD:
                self._signal_all(signal.SIGKILL)
                os._exit(128 + heard.si_signo)
            self._reap()
        if self._workers:
            _log.error("%d processes did not end in time, and are ended.", len(self._workers))
            self._signal_all(signal.SIGKILL)

    def _reap(self) -> None:
        while self._workers:
            process, _status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            self._workers.pop(process, None)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._workers:
            os.kill(process, number)


def _say_ready(tells: int) -> None:
    os.write(tells, b"1")
    os.close(tells)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.waitstatus_to_exitcode(status)}"
