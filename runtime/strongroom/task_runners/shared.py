"""The task runner of tasks that are submitted outside of flows: one for the process, open until it ends."""

from __future__ import annotations

import atexit
import threading

from strongroom.task_runners.threads import ThreadPoolTaskRunner

_lock = threading.Lock()
_runner: ThreadPoolTaskRunner | None = None


def shared_runner() -> ThreadPoolTaskRunner:
    """The runner; the process waits for its tasks when it ends."""
    global _runner
    with _lock:
        if _runner is None:
            runner = ThreadPoolTaskRunner()
            runner.open()
            atexit.register(runner.drain)
            _runner = runner
        return _runner


def drain() -> None:
    """Wait for the tasks that were submitted outside of flows, if there are any."""
    if _runner is not None:
        _runner.drain()
