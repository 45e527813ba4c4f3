"""One worker process, as the flow's process sees it: started, handed calls, told to stop, and ended if it does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any
from uuid import UUID

from strongroom.errors import CrashedRun
from strongroom.task_runners import travel
from strongroom.task_runners.messages import Ending, Message, undumped
from strongroom.task_runners.remote import RemoteCall

GRACE_SECONDS = 10.0
"""How long an interrupted task may take for its clean-up before its process is killed."""

_LOOK_SECONDS = 1.0
_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from strongroom.task_runners import process_worker as w"
)


_processes: weakref.WeakSet[WorkerProcess] = weakref.WeakSet()


def kill_all() -> None:
    """End every worker process of this one, because it ends itself."""
    for process in list(_processes):
        process.kill()


class WorkerProcess:
    """A fresh interpreter in a session of its own, so that a terminal's Ctrl-C reaches the flow alone.

    It loads no script, so a script needs no ``if __name__ == "__main__"``. It ends by itself when this process is gone.
    """

    def __init__(self, initializer: bytes) -> None:
        """``initializer`` is the pickle of a function and its arguments, called before the first task."""
        ours, theirs = Pipe()
        path = [entry for entry in sys.path if isinstance(entry, str)]
        code = f"{_PROGRAM}; w.main({theirs.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(path)],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self._connection: Connection[Any, Any] = ours
        self._send_lock = threading.Lock()
        self._lock = threading.Lock()
        self._run: UUID | None = None
        self._timer: threading.Timer | None = None
        self._killed = False
        _processes.add(self)
        self._send(initializer)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it takes another call."""
        return self._process.poll() is None and not self._killed

    def carry_out(
        self, call: RemoteCall, receive: Callable[[Message], None], unwanted: Callable[[], bool] = lambda: False
    ) -> Ending:
        """Have it carry out ``call``; raises :class:`~strongroom.errors.CrashedRun`, which says how it died.

        ``unwanted`` says whether somebody wanted it interrupted before there was something to interrupt.
        """
        try:
            self._send(call.run.id.bytes + travel.dumps(call))
            with self._lock:
                self._run = call.run.id
            if unwanted():
                self.interrupt(call.run.id)
            while True:
                told = undumped(self._received())
                if isinstance(told, Ending):
                    return told
                receive(told)
        except (EOFError, OSError):
            raise CrashedRun(self._how_it_died()) from None
        finally:
            with self._lock:
                self._run = None
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None

    def interrupt(self, run_id: UUID) -> None:
        """Raise KeyboardInterrupt in the task of this run, if it is here; kill the process if that takes too long.

        It is raised once, for a second one would end the task's clean-up.
        """
        with self._lock:
            if self._run != run_id or self._timer is not None:
                return
            self._timer = threading.Timer(GRACE_SECONDS, self.kill)
            self._timer.daemon = True
            self._timer.start()
        with suppress(OSError):
            self._send(run_id.bytes)

    def kill(self) -> None:
        """End it here and now, with all that it started."""
        self._killed = True
        if self._process.returncode is None:
            self._end_group()

    def close(self) -> None:
        """Let it go, once it is idle; it gets some time for what it does at its exit."""
        self._connection.close()
        _processes.discard(self)
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, body: bytes) -> None:
        with self._send_lock:
            self._connection.send_bytes(body)

    def _received(self) -> bytes:
        # A process that it forked may hold the other end of the pipe, so its end is looked for too.
        while not self._connection.poll(_LOOK_SECONDS):
            if self._process.poll() is not None and not self._connection.poll():
                raise EOFError
        return self._connection.recv_bytes()

    def _how_it_died(self) -> str:
        try:
            code = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._end_group()  # what it began ends with it
        if self._killed:
            return f"The worker process {self.pid} did not end when it was interrupted, and was killed."
        how = f"was ended by {_signal(-code)}" if code < 0 else f"exited with code {code}"
        return f"The worker process {self.pid} {how} while it carried out this task."


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
