"""A durable task that completed is never carried out again, whenever its process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import PostgresDatabase
from strongroom import flow, task
from strongroom.journal import current_journal, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.resume import resume

CODE = """
    import asyncio, os, signal
    from pathlib import Path
    from strongroom import flow, task
    from strongroom.journal import writer
    from strongroom.task_runners import ProcessPoolTaskRunner

    writer.GATHER_SECONDS = 3600  # what is not flushed on purpose is lost with the process
    HERE = Path(__file__).parent

    def ran(what):
        with (HERE / "ran.txt").open("a") as file:
            file.write(f"{what}\\n")

    def die(n):
        if os.environ.get("DIE_AFTER") == str(n):
            os.kill(os.getpid(), signal.SIGKILL)

    @task(durable=True)
    def pay(n):
        ran(f"pay {n}")
        return n, bytes(50_000 if n == 2 else 10)

    @task(durable=True)
    async def apay(n):
        ran(f"pay {n}")
        return n, bytes(10)

    @task
    def look(n):
        ran(f"look {n}")
        return n, bytes(10)

    @flow
    def called():
        total = 0
        for n in range(4):
            total += pay(n)[0]
            die(n)
        return total

    @flow
    def submitted():
        total = 0
        for n in range(4):
            total += pay.submit(n).result()[0]
            die(n)
        return total

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere():
        total = 0
        for n in range(4):
            total += pay.submit(n).result()[0]
            die(n)
        return total

    @flow
    async def awaited():
        total = 0
        for n in range(4):
            total += (await apay(n))[0]
            die(n)
        return total

    @flow(durable=True)
    def throughout():
        total = 0
        for n in range(4):
            total += look(n)[0]
            die(n)
        return total

    @flow(durable=True)
    def outer():
        return throughout()

    @flow(durable=True)
    def not_there():
        total = 0
        for n in range(4):
            total += look.with_options(durable=False)(n)[0]
            die(n)
        return total

    if __name__ == "__main__":
        called_flow = globals()[os.environ["FLOW"]]
        found = called_flow()
        asyncio.run(found) if asyncio.iscoroutine(found) else None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "pays.py"
    file.write_text(textwrap.dedent(CODE))
    return file


def killed(file: Path, flow: str, after: int) -> None:
    """Run a flow in a process that is killed as soon as the task has returned."""
    environment = {**os.environ, "FLOW": flow, "DIE_AFTER": str(after)}
    ended = subprocess.run([sys.executable, str(file)], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def runs_of(file: Path) -> list[str]:
    return [line.split()[1] for line in file.with_name("ran.txt").read_text().splitlines()]


@pytest.mark.parametrize("name", ["called", "submitted", "elsewhere", "awaited", "throughout", "outer"])
def test_a_durable_task_that_returned_is_never_run_again(
    file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(file, name, after=0)
    [run] = current_journal().flow_runs()
    for after in (1, 2) if name == "called" else (2,):
        monkeypatch.setenv("DIE_AFTER", str(after))
        resumed = [sys.executable, "-m", "strongroom", "runs", "resume", str(run.id)]
        ended = subprocess.run(resumed, capture_output=True, text=True, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    monkeypatch.delenv("DIE_AFTER")
    state = resume(str(run.id))
    assert state.result() == 6
    assert runs_of(file) == ["0", "1", "2", "3"]


def test_a_history_in_postgresql_is_as_durable(
    file: Path, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_JOURNAL", postgres.url)
    killed(file, "called", after=2)
    [run] = current_journal().flow_runs()
    assert resume(str(run.id)).result() == 6
    assert runs_of(file) == ["0", "1", "2", "3"]


def test_others_are_run_again_where_the_last_batch_was_not_written(file: Path) -> None:
    killed(file, "not_there", after=2)
    [run] = current_journal().flow_runs()
    assert resume(str(run.id)).result() == 6
    assert runs_of(file) == ["0", "1", "2", "0", "1", "2", "3"]


class Unwritten(MemoryJournal):
    """A journal that cannot be written."""

    def settle(self) -> bool:
        return False


def test_a_history_that_cannot_be_written_is_said_once_a_flow(caplog: pytest.LogCaptureFixture) -> None:
    @task(durable=True)
    def pay(n: int) -> int:
        return n

    @flow
    def pays() -> int:
        return sum(pay(n) for n in range(3)) + sum(pay.map(range(3)).result())

    with using_journal(Unwritten()):
        assert pays() == 6
        assert [record.getMessage() for record in caplog.records if "not durable" in record.getMessage()] == [
            "It is not durable, and a resumption may run it again: the run history is not written now."
        ]
        assert pay(1) == 1


def test_a_result_that_cannot_be_kept_is_told(caplog: pytest.LogCaptureFixture) -> None:
    @task(durable=True)
    def opens() -> Any:
        return threading.Lock()

    @flow
    def work() -> None:
        opens()

    work()
    assert "It is not durable, and a resumption may run it again: its result cannot be kept" in caplog.text


def test_who_does_not_say_so_pays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Counting(MemoryJournal):
        def settle(self) -> bool:
            written.append("settled")
            return True

    @task
    def usual(n: int) -> int:
        return n

    @flow
    def work() -> int:
        return sum(usual(n) for n in range(10))

    with using_journal(Counting()):
        work()
        assert len(written) == 2  # as the flow begins and ends
        usual.with_options(durable=True)(1)
        assert len(written) == 3
