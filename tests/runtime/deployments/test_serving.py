"""Processes that serve: real ones, real runs, synchronised by the ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from strongroom import flow
from strongroom.clock import now
from strongroom.deployments import due_runs, run_deployment, store
from strongroom.entrypoints import load_flow
from strongroom.errors import InvalidDeployment
from strongroom.journal import current_journal
from strongroom.ledger import Session, current_ledger, wait_until
from strongroom.runner import Runner
from strongroom.schedules import Interval

from .conftest import ended, rows, stored

Serving = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _shared(strongroom_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run history and the ledger lie in the home, where the processes of runs find them."""
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")


def served(path: Path, *names: str, runner: Runner | None = None, **options: Any) -> Runner:
    """A runner in this process for deployments of these flows, that carries out what is due when it is started."""
    runner = runner or Runner()
    for name in names:
        runner.add_flow(load_flow(f"{path}:{name}"), "here", **options)
    return runner


def waiting_for(condition: Callable[[Session], bool]) -> None:
    assert wait_until(lambda session: condition(session) or None, 60), "it does not happen"


def test_a_run_has_its_own_process_and_gives_what_it_returned(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = served(flows, "good", parameters={"word": "hello"}, tags=["night"])
    asked = run_deployment("good/here", parameters={"n": 21}, timeout=0, flow_run_name="by-hand", tags=["mine"])
    assert asked.state.name == "Scheduled"
    runner.start(run_once=True)
    found = current_journal().flow_run(str(asked.id))
    assert (found.state.name, found.name, found.deployment) == ("Completed", "by-hand", "good/here")
    assert found.pid != os.getpid()
    assert found.tags == {"night", "mine"}
    assert found.parameters_shown == {"n": 21, "word": "hello"}
    assert [event.name for event in found.history] == ["Scheduled", "Pending", "Running", "Completed"]
    assert "word hello" in [line.message for line in current_journal().logs(found.id)]
    assert [task.task_name for task in current_journal().task_runs(found.id)] == ["double"]
    [row] = rows()
    from strongroom.results.sealed_states import unseal_state

    assert unseal_state(row.state or b"", due_runs.state_place(row.id)).result() == 42


def test_what_a_run_can_ask_about_its_deployment(flows: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    variables = {"env": {"COLOUR": "blue"}, "working_dir": str(tmp_path / "there")}
    runner = served(flows, "told", schedule=Interval(3600), job_variables=variables, version="v7")
    [first, *_] = rows()
    with current_ledger().changing() as session:
        session.execute("UPDATE deployment_runs SET due = due - 3600000000 WHERE id = ?", str(first.id))
    runner.start(run_once=True)
    told = run_result(first.id)
    assert (told["deployment"], told["variable"], told["folder"]) == ("here", "blue", str(tmp_path / "there"))
    assert (told["id"], told["version"]) == (str(stored("told/here").id), "v7")
    assert told["tags"] == ["auto-scheduled"]
    assert first.due - timedelta(hours=1) <= told["expected"] <= now()


def run_result(run_id: Any) -> Any:
    return run_state(run_id).result()


def test_a_run_that_fails_hands_over_its_exception_and_one_that_dies_crashed(flows: Path) -> None:
    runner = served(flows, "bad", "dies")
    bad, dies = (run_deployment(f"{name}/here", timeout=0) for name in ("bad", "dies"))
    runner.start(run_once=True)
    with pytest.raises(ValueError, match="the boiler burst"):
        run_result(bad.id)
    found = current_journal().flow_run(str(dies.id))
    assert (found.state.name, found.state.message) == (
        "Crashed",
        "Its process ended with code 3 before the run was over.",
    )


def test_a_flow_that_cannot_be_loaded_any_more_crashed(flows: Path) -> None:
    runner = served(flows, "good")
    asked = run_deployment("good/here", timeout=0)
    flows.write_text("raise RuntimeError('no')")
    runner.start(run_once=True)
    state = current_journal().flow_run(str(asked.id)).state
    assert state.name == "Crashed"
    assert "RuntimeError: no" in str(state.message)


def test_a_run_that_was_cancelled_while_it_waited_does_not_run(flows: Path) -> None:
    from strongroom.cancellation import cancel_flow_run

    runner = served(flows, "good")
    asked = run_deployment("good/here", timeout=0)
    assert cancel_flow_run(asked.id).name == "Cancelled"
    runner.start(run_once=True)
    assert current_journal().flow_run(str(asked.id)).run_count == 0
    assert run_deployment("good/here", idempotency_key="", timeout=0).state.name == "Scheduled"
    assert ended(asked.id).stage == "ended"


def test_a_suspended_run_goes_back_to_whoever_serves_it(flows: Path) -> None:
    from strongroom.flow_runs import resume_flow_run

    runner = served(flows, "suspends")
    asked = run_deployment("suspends/here", timeout=0)
    runner.start(run_once=True)
    assert current_journal().flow_run(str(asked.id)).state.name == "Suspended"
    resume_flow_run(asked.id)
    runner.start(run_once=True)
    assert run_result(asked.id) == "resumed"


def test_the_file_of_a_flow_may_serve_without_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "unguarded.py"
    path.write_text("from strongroom import flow\n@flow\ndef mine():\n    return 5\nmine.serve(name='x')\n")
    runner = Runner()
    from strongroom.deployments.runner import RunnerDeployment

    runner.add_deployment(RunnerDeployment("x", "mine", f"{path}:mine", str(tmp_path)))
    asked = run_deployment("mine/x", timeout=0)
    runner.start(run_once=True)
    assert run_result(asked.id) == 5


def test_two_processes_serve_one_deployment_and_no_date_runs_twice(flows: Path, serving: Serving) -> None:
    flows.write_text(flows.read_text() + "\nif __name__ == '__main__':\n    good.serve(name='both', interval=1)\n")
    first, second = serving(str(flows)), serving(str(flows))
    waiting_for(
        lambda session: session.execute("SELECT count(*) FROM deployment_runs WHERE stage = 'ended'")[0][0] >= 4
    )
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert not stored("good/both").paused, "the other one serves it still"
    second.send_signal(signal.SIGINT)
    said, _ = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), said
    assert stored("good/both").paused
    assert [run.stage for run in rows() if run.stage != "ended"] == []
    counts = [run.run_count for run in current_journal().flow_runs(limit=1000)]
    assert len(counts) >= 4
    assert set(counts) == {1}


def test_a_server_that_is_killed_leaves_its_run_going_and_its_schedule_on(
    flows: Path, serving: Serving, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "gate")
    flows.write_text(
        flows.read_text() + "\nif __name__ == '__main__':\n"
        f"    waits.serve(name='w', parameters={{'folder': {str(tmp_path)!r}}}, cron='0 0 1 1 *')\n"
    )
    server = serving(str(flows))
    waiting_for(lambda session: bool(session.execute("SELECT 1 FROM deployment_servers")))
    asked = run_deployment("waits/w", timeout=0)
    with (tmp_path / "gate").open("w"):  # opens when the flow reads
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert ended(asked.id).stage == "ended"
    assert current_journal().flow_run(str(asked.id)).state.name == "Completed"
    assert not stored("waits/w").paused


def test_a_deployment_called_in_a_flow_is_a_part_of_its_run(flows: Path, serving: Serving) -> None:
    flows.write_text(flows.read_text() + "\nif __name__ == '__main__':\n    good.serve(name='s')\n")
    server = serving(str(flows))
    waiting_for(lambda session: bool(session.execute("SELECT 1 FROM deployment_servers")))

    @flow
    def caller() -> Any:
        return run_deployment("good/s", parameters={"n": 4}), run_deployment("good/s", as_subflow=False)

    @flow
    async def acaller() -> Any:
        return await run_deployment("good/s", parameters={"n": 5})

    inner, apart = caller()
    assert (inner.state.result(), apart.state.result()) == (8, 2)
    parent = current_journal().flow_run(str(inner.parent_flow_run_id))
    assert (parent.flow_name, apart.parent_flow_run_id) == ("caller", None)
    assert [run.id for run in current_journal().subflow_runs(parent.id)] == [inner.id]
    import asyncio

    assert asyncio.run(acaller()).state.result() == 10
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def test_a_source_is_brought_anew_for_each_run(flows: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> None:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", "-C", str(repository), *settings, *arguments], check=True, capture_output=True)

    git("init")
    (repository / "flows").mkdir()
    code = repository / "flows" / "remote.py"
    code.write_text("from strongroom import flow\n@flow\ndef answer():\n    return 1\n")
    git("add", ".")
    git("commit", "-m", "one")
    url = repository.as_uri()
    loaded = flow.from_source(source=url, entrypoint="flows/remote.py:answer")  # type: ignore[attr-defined]
    assert loaded() == 1
    runner = Runner()
    runner.add_deployment(loaded.to_deployment("git"))
    code.write_text(code.read_text().replace("return 1", "return 2"))
    git("commit", "-am", "two")
    asked = run_deployment("answer/git", timeout=0)
    runner.start(run_once=True)
    assert run_result(asked.id) == 2
    assert stored("answer/git").definition.source == url


def test_what_cannot_be_served_is_told(flows: Path) -> None:
    @flow
    def inner() -> None: ...

    with pytest.raises(InvalidDeployment, match="stands in no file, or inside of a function"):
        inner.to_deployment("x")
    good = load_flow(f"{flows}:good")
    with pytest.raises(InvalidDeployment, match="no option 'crom'"):
        good.to_deployment("x", crom="* * * * *")  # type: ignore[call-arg]
    with pytest.raises(InvalidDeployment, match="no triggers"):
        good.serve("x", triggers=[object()])
    with pytest.raises(InvalidDeployment, match="no web server"):
        good.serve("x", webserver=True)
    with pytest.raises(InvalidDeployment, match="no parameter 'm'"):
        good.to_deployment("x", parameters={"m": 1})
    with pytest.raises(InvalidDeployment, match="No work pool"):
        good.deploy("x")
    with pytest.raises(InvalidDeployment, match="do not happen in images"):
        good.deploy("x", work_pool_name="p", image="registry.example.com/x")


def test_pausing_at_the_end_is_a_choice(flows: Path) -> None:
    for pauses in (True, False):
        served(flows, "good", runner=Runner(pause_on_shutdown=pauses), cron="0 0 1 1 *").start(run_once=True)
        assert stored("good/here").paused is pauses
        with current_ledger().changing() as session:
            store.pause(session, store.find(session, "good/here").id, paused=False)


def test_everything_may_lie_in_postgresql(flows: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_JOURNAL", postgres.url)
    runner = served(flows, "good", interval=3600)
    asked = run_deployment("good/here", parameters={"n": 2}, timeout=0)
    runner.start(run_once=True)
    assert run_result(asked.id) == 4
    assert current_journal().flow_run(str(asked.id)).state.name == "Completed"
    assert stored("good/here").paused


def serving_waits(flows: Path, serving: Serving, tmp_path: Path) -> Any:
    """A process that serves, and a run in it that waits."""
    os.mkfifo(tmp_path / "gate")
    flows.write_text(
        flows.read_text() + "\nif __name__ == '__main__':\n"
        f"    waits.serve(name='w', parameters={{'folder': {str(tmp_path)!r}}})\n"
    )
    server = serving(str(flows))
    waiting_for(lambda session: bool(session.execute("SELECT 1 FROM deployment_servers")))
    asked = run_deployment("waits/w", timeout=0)
    gate = (tmp_path / "gate").open("w")  # opens when the flow reads
    return server, asked, gate


def test_a_run_that_goes_on_is_cancelled_from_outside(flows: Path, serving: Serving, tmp_path: Path) -> None:
    from strongroom.cancellation import cancel_flow_run

    server, asked, gate = serving_waits(flows, serving, tmp_path)
    with gate:
        assert cancel_flow_run(asked.id).name == "Cancelling"
        assert ended(asked.id).stage == "ended"
    assert run_state(asked.id).name == "Cancelled"
    assert current_journal().flow_run(str(asked.id)).state.name == "Cancelled"
    assert (tmp_path / "cleaned-up").exists()
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def test_a_second_signal_ends_the_runs_that_go_on(flows: Path, serving: Serving, tmp_path: Path) -> None:
    server, asked, gate = serving_waits(flows, serving, tmp_path)
    with gate:
        server.send_signal(signal.SIGTERM)
        waiting_for(lambda session: not session.execute("SELECT 1 FROM deployment_servers"))
        assert server.poll() is None, "it waits for the run"
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    assert run_state(asked.id).is_final()
    assert not run_state(asked.id).is_completed()
    assert (tmp_path / "cleaned-up").exists()


def run_state(run_id: Any) -> Any:
    from strongroom.results.sealed_states import unseal_state

    return unseal_state(ended(run_id).state or b"", due_runs.state_place(run_id))


def test_once_carries_out_all_that_is_due_however_few_go_on_at_once(flows: Path) -> None:
    runner = served(flows, "good", runner=Runner(limit=1))
    asked = [run_deployment("good/here", timeout=0, parameters={"n": n}) for n in range(3)]
    runner.start(run_once=True)
    assert [run_result(run.id) for run in asked] == [0, 2, 4]


def test_the_process_of_a_run_finds_a_ledger_that_no_setting_names(flows: Path, tmp_path: Path) -> None:
    from strongroom.ledger import open_ledger, using_ledger

    with using_ledger(open_ledger(f"sqlite:///{tmp_path / 'another.db'}")):
        runner = served(flows, "good")
        asked = run_deployment("good/here", timeout=0)
        runner.start(run_once=True)
        assert run_result(asked.id) == 2


def test_a_single_run_may_have_variables_of_its_own(flows: Path) -> None:
    runner = served(flows, "told", job_variables={"env": {"COLOUR": "blue"}})
    plain = run_deployment("told/here", timeout=0)
    own = run_deployment("told/here", timeout=0, job_variables={"env": {"COLOUR": "red"}})
    runner.start(run_once=True)
    assert (run_result(plain.id)["variable"], run_result(own.id)["variable"]) == ("blue", "red")
    assert run_result(own.id)["variables"] == {"env": {"COLOUR": "red"}}


def test_a_flow_of_a_module_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    package = tmp_path / "shelf_of_flows"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "load.py").write_text("from strongroom import flow\n@flow\ndef loads():\n    return 'loaded'\n")
    loaded = flow.from_source(tmp_path, "shelf_of_flows.load.loads")  # type: ignore[attr-defined]
    runner = Runner()
    runner.add_deployment(loaded.to_deployment("m"))
    asked = run_deployment("loads/m", timeout=0)
    runner.start(run_once=True)
    assert run_result(asked.id) == "loaded"
