"""Scripts in processes of their own, which say over a pipe where they are, so that nothing is timed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom.journal import FlowRun, current_journal

NESTED = """
    READY = threading.Event()

    @task
    def work():
        READY.wait()
        with cleaning("task"):
            say("working")
            forever()

    @task
    def waiting(before): ...

    @flow(**HOOKS)
    def inner():
        with cleaning("subflow"):
            future = work.submit()
            waiting.submit(future)
            READY.set()
            future.wait()

    @flow(**HOOKS)
    def etl():
        with cleaning("flow"):
            inner()

    etl()
"""
HEAD = """
    import asyncio, os, signal, sys, threading, time
    from contextlib import contextmanager
    from pathlib import Path
    from strongroom import flow, task, get_run_logger

    HERE = Path(__file__).parent

    def say(what):
        os.write(1, f"{what}\\n".encode())

    def forever():
        while True:
            time.sleep(0.01)

    @contextmanager
    def cleaning(what):
        try:
            yield
        except BaseException as error:
            say(f"{what}: {type(error).__name__}")
            raise
        finally:
            say(f"{what}: cleaned")

    def told(flow, run, state):
        say(f"hook: {state.name}")

    HOOKS = dict(on_cancellation=[told], on_crashed=[told], on_failure=[told], on_completion=[told])
"""


class Script:
    """A user's file, in a process that is told to end, or tells of its end by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def start(self, *arguments: str) -> Script:
        command = [sys.executable, str(self.path), *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, stdin=pipe, text=True)
        return self

    def until(self, line: str) -> Script:
        """Go on when the script has said this."""
        assert self.process is not None
        assert self.process.stdout is not None
        for said in self.process.stdout:
            self.said.append(said.rstrip("\n"))
            if self.said[-1] == line:
                return self
        raise AssertionError(f"It never said {line!r}: {self.said} {self.end()}")

    def send(self, number: signal.Signals) -> Script:
        assert self.process is not None
        self.process.send_signal(number)
        return self

    def end(self) -> tuple[int, str]:
        """The exit code, and what stands on standard error, when it is over."""
        assert self.process is not None
        rest, errors = self.process.communicate(timeout=60)
        self.said += rest.splitlines()
        return self.process.returncode, errors

    @property
    def run(self) -> FlowRun:
        """The one outermost run of the script."""
        [run] = current_journal().flow_runs()
        return run

    def states(self) -> dict[str, str]:
        """The state of the run, of its subflows and of all their tasks, by the name of the flow or task run."""
        found, flows = {}, [self.run]
        while flows:
            run = flows.pop()
            found[run.flow_name] = run.state.name
            found.update({task.name: task.state.name for task in current_journal().task_runs(run.id)})
            flows += current_journal().subflow_runs(run.id)
        return found


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[[str], Script]]:
    made: list[Script] = []

    def make(body: str) -> Script:
        path = tmp_path / f"script_{len(made)}.py"
        path.write_text(textwrap.dedent(HEAD) + textwrap.dedent(body))
        made.append(Script(path))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGKILL)
            one.process.communicate()
