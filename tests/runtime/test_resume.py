"""A flow that was killed goes on where it stood: in another process, after a real SIGKILL."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from strongroom.errors import NotResumable, UnknownRun
from strongroom.journal import FlowRun, current_journal
from strongroom.journal.records import now
from strongroom.liveness import SILENCE, is_alive, process_start
from strongroom.resume import aresume, resume
from strongroom.states import Completed, Failed, Running
from strongroom.testing.journal_contract import a_flow_run

HEAD = """
    import asyncio, os, signal, sys
    from dataclasses import dataclass
    from pathlib import Path
    from pydantic import SecretStr
    from strongroom import flow, task, get_run_logger
    from strongroom.journal import current_journal

    HERE = Path(__file__).parent

    def ran(what):
        with (HERE / "ran.txt").open("a") as file:
            file.write(f"{what}\\n")

    def die_once(where):
        ran(f"{where} reached")
        if os.environ.get("DIE_IN") == where:
            current_journal().flush()
            os.kill(os.getpid(), signal.SIGKILL)

    @dataclass
    class Row:
        n: int

    @task
    def extract(n):
        ran(f"extract {n}")
        return [Row(n), Row(n + 1), Row(n + 2)]

    @task
    def square(row):
        ran(f"square {row.n}")
        return Row(row.n ** 2)

    @task
    def total(rows):
        die_once("task")
        ran("total")
        return sum(row.n for row in rows)
"""

SYNC = """
    @flow
    def part(n):
        ran(f"part {n}")
        rows = extract(n)
        if n == 40:
            die_once("subflow")
        return len(rows)

    @task
    def outer(n):
        inner = square(Row(n))
        die_once("outer task")
        return inner.n

    @flow
    def etl(n: int, token: SecretStr):
        rows = extract(n)
        submitted = [square.submit(row) for row in rows]
        mapped = square.map([Row(100), Row(101)])
        rows = [future.result() for future in [*submitted, *mapped]]
        parts = part(30) + part(40)
        return {"total": total(rows), "parts": parts, "outer": outer(7), "token": len(token.get_secret_value())}

    if __name__ == "__main__":
        etl(2, os.environ["TOKEN"])
"""

ASYNC = """
    @task
    async def fetch(n):
        ran(f"fetch {n}")
        return Row(n)

    @task
    async def last():
        die_once("task")
        return 1

    @flow
    async def part(n):
        found = await fetch(n)
        if n == 40:
            die_once("subflow")
        return found.n

    @flow
    async def etl(n: int, token: SecretStr):
        rows = await asyncio.gather(*[fetch(i) for i in range(n)])
        parts = await part(30) + await part(40)
        return {"rows": len(rows), "parts": parts, "last": await last(), "token": len(token.get_secret_value())}

    if __name__ == "__main__":
        asyncio.run(etl(2, os.environ["TOKEN"]))
"""

RESUME = "import sys; from strongroom.resume import resume; print(resume(sys.argv[1]).result())"


@pytest.fixture
def token(canary: object) -> str:
    return canary("a parameter")  # type: ignore[operator, no-any-return]


class Script:
    """A user's file, run in processes of their own."""

    def __init__(self, folder: Path, body: str, token: str, name: str = "etl.py") -> None:
        self.path = folder / name
        self.path.write_text(textwrap.dedent(HEAD) + textwrap.dedent(body))
        self._environment = {**os.environ, "TOKEN": token}

    def run(self, *command: str, die_in: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**self._environment, "DIE_IN": die_in}
        return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)

    def killed(self, where: str) -> FlowRun:
        ended = self.run(str(self.path), die_in=where)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        [run] = current_journal().flow_runs()
        return run

    def resumed(self, run: FlowRun, die_in: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("-c", RESUME, str(run.id)[:8], die_in=die_in)

    def ran(self) -> Counter[str]:
        return Counter((self.path.parent / "ran.txt").read_text().splitlines())


def ran_once(script: Script, *, but: tuple[str, ...]) -> bool:
    return all(count == 1 for what, count in script.ran().items() if what not in but)


SYNC_RESULT = "{'total': 20230, 'parts': 6, 'outer': 49, 'token': %d}\n"


@pytest.mark.parametrize(
    ("where", "again"),
    [
        ("task", ("task reached",)),
        ("subflow", ("subflow reached", "part 40")),
        ("outer task", ("outer task reached",)),
    ],
)
def test_a_killed_flow_goes_on_and_runs_nothing_again_that_completed(
    tmp_path: Path, token: str, where: str, again: tuple[str, ...]
) -> None:
    script = Script(tmp_path, SYNC, token)
    run = script.killed(where)
    assert run.state.is_running()
    before = {task.id: task for task in current_journal().completed(run.id).values()}
    assert before
    ended = script.resumed(run)
    assert ended.stdout == SYNC_RESULT % len(token), ended.stderr
    assert ran_once(script, but=again), script.ran()
    assert all(script.ran()[what] == 2 for what in again)
    [after] = current_journal().flow_runs()
    assert after.id == run.id
    assert after.state.is_completed()
    assert [event.name for event in after.history][:3] == ["Pending", "Running", "Resuming"]
    runs = current_journal().task_runs(run.id)
    assert all(task.state.is_completed() for task in runs)
    assert all(before[task.id].end_time == task.end_time for task in runs if task.id in before)
    assert len({(task.parent_id, task.dynamic_key) for task in runs}) == len(runs)


@pytest.mark.parametrize("where", ["task", "subflow"])
def test_a_killed_asynchronous_flow_goes_on_too(tmp_path: Path, token: str, where: str) -> None:
    script = Script(tmp_path, ASYNC, token)
    run = script.killed(where)
    ended = script.resumed(run)
    assert ended.stdout == "{'rows': 2, 'parts': 70, 'last': 1, 'token': %d}\n" % len(token), ended.stderr  # noqa: UP031
    assert ran_once(script, but=(f"{where} reached",)), script.ran()


def test_a_run_that_is_killed_twice_is_resumed_twice(tmp_path: Path, token: str) -> None:
    script = Script(tmp_path, SYNC, token)
    run = script.killed("subflow")
    assert script.resumed(run, die_in="outer task").returncode == -signal.SIGKILL
    assert script.resumed(run).stdout == SYNC_RESULT % len(token)
    assert ran_once(script, but=("subflow reached", "part 40", "outer task reached")), script.ran()


def test_a_flow_killed_at_any_moment_runs_nothing_again_that_the_history_has(tmp_path: Path, token: str) -> None:
    body = """
        @task
        def step(n):
            ran(f"step {n}")
            os.write(1, b"%d\\n" % n)
            return n

        @flow
        def etl(n: int):
            found = [step(i) for i in range(n)]
            return sum(found) + sum(step.map(range(n, 2 * n)).result())

        if __name__ == "__main__":
            etl(1000)
    """
    script = Script(tmp_path, body, token)
    process = subprocess.Popen(
        [sys.executable, script.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert "1500\n" in process.stdout
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    [run] = current_journal().flow_runs()
    kept = [task_run.name for task_run in current_journal().completed(run.id).values()]
    assert len(kept) > 500
    ended = script.resumed(run)
    assert ended.stdout.splitlines()[-1] == str(sum(range(2000))), ended.stderr
    ran = script.ran()
    assert len(ran) == 2000
    assert all(ran[f"step {name.rpartition('-')[2]}"] == 1 for name in kept)


@pytest.mark.parametrize("keep_days", [0, 30])
def test_what_was_kept_for_the_resumption_is_sealed_and_gone_when_nobody_wants_a_replay(
    tmp_path: Path, token: str, strongroom_home: Path, monkeypatch: pytest.MonkeyPatch, keep_days: int
) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_AUTO_KEEP_DAYS", str(keep_days))
    body = """
        @task
        def large(token):
            return token.get_secret_value() * 1000

        @flow
        def etl(n: int, token: SecretStr):
            found = large(token)
            die_once("end")
            return len(found) // 1000

        if __name__ == "__main__":
            etl(1, SecretStr(os.environ["TOKEN"]))
    """
    script = Script(tmp_path, body, token)
    run = script.killed("end")
    captured = strongroom_home / "storage" / "captured" / str(run.id)
    assert len(list(captured.iterdir())) == 1
    assert script.resumed(run).stdout == f"{len(token)}\n"
    assert captured.exists() == bool(keep_days)
    assert run.parameters_shown["token"] == "**********"


def test_a_failed_flow_goes_on_with_the_mended_file_and_says_that_it_changed(tmp_path: Path, token: str) -> None:
    body = """
        @task
        def load(rows):
            raise RuntimeError("not yet")

        @flow
        def etl(n: int):
            return load(extract(n))

        if __name__ == "__main__":
            etl(1)
    """
    script = Script(tmp_path, body, token)
    assert script.run(str(script.path)).returncode == 1
    [run] = current_journal().flow_runs()
    assert run.state.is_failed()
    script.path.write_text(script.path.read_text().replace('raise RuntimeError("not yet")', "return len(rows)"))
    ended = script.resumed(run)
    assert ended.stdout == "3\n", ended.stderr
    assert "The file of the flow changed" in ended.stderr
    assert script.ran() == {"extract 1": 1}


def test_a_script_named_like_a_module_of_python_is_resumed_as_any_other(tmp_path: Path, token: str) -> None:
    script = Script(tmp_path, SYNC, token, name="wave.py")
    run = script.killed("task")
    ended = script.resumed(run)
    assert ended.stdout == SYNC_RESULT % len(token), ended.stderr
    assert ran_once(script, but=("task reached",)), script.ran()


def saved(run: FlowRun) -> str:
    current_journal().save_flow_run(run)
    return str(run.id)


@pytest.fixture
def dead() -> int:
    """The number of a process that is over."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def here(**changes: object) -> FlowRun:
    return a_flow_run(host=os.uname().nodename, pid=os.getpid(), **changes)


def test_a_completed_run_is_not_resumed() -> None:
    with pytest.raises(NotResumable, match="completed; there is nothing left of it to do"):
        resume(saved(here(state=Completed())))


def test_a_run_that_still_runs_is_not_resumed() -> None:
    with pytest.raises(NotResumable, match=f"still runs, in the process {os.getpid()}"):
        resume(saved(here(state=Running())))


def test_a_part_of_a_run_names_the_run_to_resume() -> None:
    parent = here()
    with pytest.raises(NotResumable, match=f"Resume that one: {parent.id}"):
        resume(saved(here(state=Failed(), parent_flow_run_id=parent.id)))


def test_a_run_without_a_file_or_parameters_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotResumable, match="Define flows in a file"):
        resume(saved(here(state=Failed())))
    with pytest.raises(NotResumable, match="There is no file"):
        resume(saved(here(state=Failed(), entrypoint=f"{tmp_path}/gone.py:etl")))
    file = tmp_path / "kept.py"
    file.write_text("from strongroom import flow\n@flow\ndef etl(): ...\n")
    with pytest.raises(NotResumable, match=r"parameters .* could not be kept"):
        resume(saved(here(state=Failed(), entrypoint=f"{file}:etl")))
    sealed = b"SR\x01\x01 of another registry"
    with pytest.raises(NotResumable, match="do not open"):
        resume(saved(here(state=Failed(), entrypoint=f"{file}:etl", sealed_parameters=sealed)))


def test_an_unknown_run_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownRun):
        resume("abcdef")


def test_a_run_is_alive_while_its_process_is(dead: int) -> None:
    assert is_alive(here(state=Running()))
    assert not is_alive(here(state=Failed()))
    assert not is_alive(replace(here(state=Running()), pid=dead))
    assert not is_alive(replace(here(state=Running()), pid=0))


def test_a_process_that_began_after_the_runs_last_state_is_another_one() -> None:
    began = process_start(os.getpid())
    assert began is not None
    assert not is_alive(here(state=Running(timestamp=began - timedelta(hours=1))))


def test_a_dead_process_that_nobody_waited_for_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert process_start(child) is None
    finally:
        os.waitpid(child, 0)


def test_a_run_of_another_machine_is_alive_while_it_gives_signs_of_life() -> None:
    assert is_alive(a_flow_run(host="elsewhere", heartbeat=now()))
    assert not is_alive(a_flow_run(host="elsewhere", heartbeat=now() - SILENCE))
    assert not is_alive(a_flow_run(host="elsewhere", heartbeat=None))


def test_the_asynchronous_twin_goes_on_as_well(tmp_path: Path) -> None:
    from strongroom.entrypoints import load_flow

    file = tmp_path / "awaited_etl.py"
    file.write_text(
        "from pathlib import Path\nfrom strongroom import flow, task\n\n\n"
        "@task\ndef work():\n    with open(Path(__file__).parent / 'calls', 'a') as calls:\n"
        "        calls.write('x')\n    return 20\n\n\n"
        "@flow\ndef etl():\n    done = work()\n    if not (Path(__file__).parent / 'mended').exists():\n"
        "        raise RuntimeError('not yet')\n    return done + 1\n"
    )
    assert load_flow(f"{file}:etl")(return_state=True).is_failed()
    (tmp_path / "mended").touch()
    [run] = current_journal().flow_runs()
    assert asyncio.run(aresume(str(run.id))).result() == 21
    assert (tmp_path / "calls").read_text() == "x"
