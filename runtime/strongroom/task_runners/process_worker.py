"""What a worker process of :class:`~strongroom.task_runners.ProcessPoolTaskRunner` does: one task after the other.

Tasks run in the main thread, so that a timeout or an interrupt ends even a call that waits outside of Python. Another
thread reads what the flow's process sends: a call, or an interrupt. When that process is gone, the task is
interrupted, and this one ends.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from strongroom.task_runners import travel
from strongroom.task_runners.messages import Refused, dumped
from strongroom.task_runners.process import GRACE_SECONDS
from strongroom.task_runners.remote import RemoteCall, place

_ID = 16
"""Bytes of the run's id before a call; alone, they are an interrupt of that run."""


def main(descriptor: int) -> None:
    """Carry out what comes in at a connection until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker(Connection(descriptor)).run()


class _Worker:
    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._send_lock = threading.Lock()
        self._calls: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current = b""
        self._busy = self._interruptible = self._interrupted = False

    def run(self) -> None:
        try:
            initializer, arguments = travel.loads(self._connection.recv_bytes())
        except EOFError:
            return
        failure = _failure(lambda: initializer(*arguments)) if initializer is not None else None
        threading.Thread(target=self._read, name="strongroom-calls", daemon=True).start()
        while (body := self._calls.get()) is not None:
            self._carry_out(body, failure)

    def _carry_out(self, body: bytes, failure: str | None) -> None:
        if failure is not None:
            self._tell(Refused(failure, place()))
            return
        ending: Any = None
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with self._lock:
                self._interruptible, interrupted = True, self._interrupted
            if interrupted:
                raise KeyboardInterrupt
            call: RemoteCall = travel.loads(body[_ID:])
            ending = call.carry_out(self._tell)
        except KeyboardInterrupt:
            ending = Refused("it was interrupted before it began.", place())
        finally:
            with suppress(KeyboardInterrupt):  # one that came just now has nothing left to interrupt
                self._interruptible = self._busy = False
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._tell(ending)

    def _tell(self, told: Any) -> None:
        body = dumped(told)
        with self._send_lock, suppress(OSError):
            self._connection.send_bytes(body)

    def _read(self) -> None:
        while True:
            try:
                body = self._connection.recv_bytes()
            except (EOFError, OSError):
                break
            if len(body) > _ID:
                self._busy, self._interrupted, self._current = True, False, body[:_ID]
                self._calls.put(body)
            elif body == self._current:
                self._interrupt()
        self._calls.put(None)
        if self._busy:
            self._interrupt()
            time.sleep(GRACE_SECONDS)
            os.killpg(0, signal.SIGKILL)

    def _interrupt(self) -> None:
        with self._lock:
            self._interrupted = True
            if self._interruptible:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _failure(initialize: Callable[[], object]) -> str | None:
    try:
        initialize()
    except Exception as error:
        return f"its initializer raised {type(error).__name__}: {error}"
    return None
