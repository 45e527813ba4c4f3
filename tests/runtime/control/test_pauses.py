"""Runs pause and suspend themselves, are resumed from here and from other processes, and get the input they ask for."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from pydantic import SecretStr
from strongroom import flow, get_run_logger, pause_flow_run, resume_flow_run, suspend_flow_run, task
from strongroom.entrypoints import load_flow
from strongroom.errors import (
    FlowPauseTimeout,
    InvalidRunInput,
    LedgerUnavailable,
    NotPausable,
    NotPausedError,
    NotResumable,
    Pause,
)
from strongroom.flow_runs import _Waiting, apause_flow_run, aresume_flow_run, asuspend_flow_run, wait_for_flow_run
from strongroom.input import RunInput
from strongroom.journal import FlowRun, current_journal
from strongroom.ledger import current_ledger
from strongroom.resume import resume
from strongroom.runtime import flow_run
from strongroom.states import State

Make = Callable[[str], Any]


class Person(RunInput):
    name: str
    age: int


class In:
    """A call in a thread, and the run that it is."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.result = error

    def paused(self, times: int = 1) -> FlowRun:
        """The run, once it is paused for the n-th time."""
        while True:
            for run in current_journal().flow_runs(subflows=True):
                if run.state.is_paused() and [e.name for e in run.history].count("Paused") == times:
                    return run
            assert self._thread.is_alive(), self.result
            time.sleep(0.01)

    def end(self) -> Any:
        self._thread.join()
        return self.result


@flow
def synchronous() -> Any:
    return pause_flow_run(wait_for_input=Person)


@flow
async def asynchronous() -> Any:
    return await pause_flow_run(wait_for_input=Person)


@pytest.mark.parametrize("call", [synchronous, lambda: asyncio.run(asynchronous())])
def test_a_run_waits_until_it_gets_what_it_asks_for(call: Callable[[], Any]) -> None:
    waiting = In(call)
    run = waiting.paused()
    resume_flow_run(run.id, run_input={"name": "Ada", "age": 36})
    person = waiting.end()
    assert (person.name, person.age) == ("Ada", 36)
    assert isinstance(person, Person)
    run = current_journal().flow_run(str(run.id))
    assert [event.name for event in run.history] == ["Pending", "Running", "Paused", "Running", "Completed"]
    assert run.run_count == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "name, age is missing"),
        ({"name": "Ada"}, "age is missing"),
        ({"name": "Ada", "age": "old"}, "age is no integer"),
        ({"name": "Ada", "age": 1, "size": 2}, "size is no field of it"),
    ],
)
def test_a_wrong_input_is_refused_and_the_run_goes_on_waiting(given: Any, said: str) -> None:
    waiting = In(synchronous)
    run = waiting.paused()
    with pytest.raises(InvalidRunInput, match=said):
        resume_flow_run(run.id, run_input=given)
    assert current_journal().flow_run(str(run.id)).state.is_paused()
    resume_flow_run(run.id, run_input={"name": "Ada", "age": 36})
    waiting.end()


class ShirtOrder(RunInput):
    size: Literal["small", "large"]
    color: Literal["red", "green"]

    @pydantic.model_validator(mode="after")
    def in_stock(self) -> ShirtOrder:
        if (self.size, self.color) == ("small", "green"):
            raise ValueError("Green is there in large alone.")
        return self


def test_what_the_model_itself_refuses_is_raised_in_the_flow_which_may_ask_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @flow
    def order() -> Any:
        while True:
            try:
                return pause_flow_run(wait_for_input=ShirtOrder)
            except pydantic.ValidationError as error:
                get_run_logger().error("Not so: %s", error)

    waiting = In(order)
    resume_flow_run(waiting.paused().id, {"size": "small", "color": "green"})
    run = waiting.paused(times=2)
    with pytest.raises(InvalidRunInput, match="size is none of small, large"):
        resume_flow_run(run.id, {"size": "medium", "color": "red"})
    resume_flow_run(run.id, {"size": "large", "color": "green"})
    assert waiting.end().size == "large"
    assert "Green is there in large alone" in caplog.text


@pytest.mark.parametrize(("kind", "value"), [(int, 7), (str, "Ada"), (list[int], [1, 2]), (dict[str, int], {"a": 1})])
def test_plain_types_are_asked_for_as_value(kind: Any, value: Any) -> None:
    @flow
    def ask() -> Any:
        return pause_flow_run(wait_for_input=kind)

    waiting = In(ask)
    resume_flow_run(waiting.paused().id, {"value": value})
    assert waiting.end() == value


def test_a_model_of_pydantic_will_do_and_defaults_fill_in() -> None:
    class User(pydantic.BaseModel):
        name: str = "nobody"

    @flow
    def ask() -> Any:
        user = pause_flow_run(wait_for_input=User)
        person = pause_flow_run(wait_for_input=Person.with_initial_data(description="**Who?**", name="anonymous"))
        return user, person

    waiting = In(ask)
    resume_flow_run(waiting.paused().id)
    resume_flow_run(waiting.paused(times=2).id, {"age": 3})
    user, person = waiting.end()
    assert isinstance(user, User)
    assert (user.name, person.name, person.age) == ("nobody", "anonymous", 3)


def test_initial_data_for_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRunInput, match="Person has no field 'nmae'"):
        Person.with_initial_data(nmae="typo")


def test_nobody_resumes_it_and_it_fails() -> None:
    @flow
    def ask() -> None:
        pause_flow_run(timeout=0.01, poll_interval=0.01)

    state: State[Any] = ask(return_state=True)  # type: ignore[assignment]
    assert state.is_failed()
    with pytest.raises(FlowPauseTimeout, match=r"paused, and nobody resumed it in 0\.01 seconds"):
        state.result()


def test_a_pause_with_a_key_is_passed_once() -> None:
    @flow
    def ask() -> list[Any]:
        return [pause_flow_run(wait_for_input=int, key="once") for _ in range(3)]

    waiting = In(ask)
    resume_flow_run(waiting.paused().id, {"value": 1})
    assert waiting.end() == [1, 1, 1]


@pytest.mark.parametrize("colour", ["synchronous", "asynchronous"])
def test_a_run_stays_paused_while_the_ledger_is_away(
    colour: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = 3
    probe = _Waiting.probe

    def probed(self: _Waiting, session: Any) -> bool | None:
        nonlocal away
        if away:
            away -= 1
            raise LedgerUnavailable("The ledger is away.", "Wait.")
        return probe(self, session)

    @flow
    def waits() -> int:
        pause_flow_run(timeout=60)
        return 1

    @flow
    async def awaits() -> int:
        await apause_flow_run(timeout=60)
        return 1

    monkeypatch.setattr(_Waiting, "probe", probed)
    call = In(waits if colour == "synchronous" else lambda: asyncio.run(awaits()))
    resume(str(call.paused().id))
    assert call.end() == 1
    assert away == 0
    assert [r.getMessage() for r in caplog.records if "stays paused" in r.getMessage()] == [
        "It stays paused: The ledger is away. Wait."
    ]


def test_a_subflow_pauses_alone_and_tasks_go_on_meanwhile() -> None:
    done = threading.Event()

    @task
    def work() -> int:
        done.wait()
        return 1

    @flow
    def inner() -> Any:
        future = work.submit()
        pause_flow_run()
        return future.result()

    @flow
    def outer() -> Any:
        return inner()

    waiting = In(outer)
    run = waiting.paused()
    assert run.flow_name == "inner"
    assert current_journal().flow_run(str(run.parent_flow_run_id)).state.is_running()
    done.set()
    resume_flow_run(run.id)
    assert waiting.end() == 1


@pytest.mark.parametrize("pause", [pause_flow_run, suspend_flow_run])
def test_only_flows_pause(pause: Callable[[], Any]) -> None:
    with pytest.raises(NotPausable, match="Only flow runs can be"):
        pause()

    @task
    def work() -> None:
        pause()

    @flow
    def etl() -> None:
        work()

    with pytest.raises(RuntimeError, match="Task runs cannot be"):
        etl()


def test_a_run_that_waits_for_nobody_is_not_resumed() -> None:
    @flow
    def etl() -> int:
        return 1

    etl()
    [run] = current_journal().flow_runs()
    with pytest.raises(NotPausedError, match="waits for nobody: it is Completed"):
        resume_flow_run(run.id)


def test_what_was_answered_lies_sealed(canary: Callable[[str], str]) -> None:
    secret = canary("an answer")

    class Login(RunInput):
        token: SecretStr

    @flow
    def ask() -> int:
        return len(pause_flow_run(wait_for_input=Login).token.get_secret_value())

    waiting = In(ask)
    run = waiting.paused()
    resume_flow_run(run.id, {"token": secret})
    assert waiting.end() == len(secret)
    with current_ledger().reading() as session:
        values = [bytes(row[0]) for row in session.execute("SELECT value FROM inputs")]
    assert len(values) == 2
    assert not any(secret.encode() in value for value in values)


SUSPENDING = """
    from strongroom import pause_flow_run, suspend_flow_run
    from strongroom.input import RunInput

    class Approval(RunInput):
        approved: bool

    @task
    def prepare():
        say("prepares")
        return 41

    @flow
    def etl():
        number = prepare()
        answer = suspend_flow_run(wait_for_input=Approval, timeout=60)
        return number + 1 if answer.approved else None

    @flow
    async def asynchronous():
        number = prepare()
        answer = await suspend_flow_run(wait_for_input=Approval, key="approval")
        return number + 1 if answer.approved else None

    @flow
    def outer():
        return etl() + 1

    if __name__ == "__main__":
        made = globals()[sys.argv[1]]()
        if sys.argv[1] == "asynchronous":
            asyncio.run(made)
        say("must not be reached")
"""


@pytest.mark.parametrize(("name", "result"), [("etl", 42), ("asynchronous", 42), ("outer", 43)])
def test_a_suspended_run_ends_its_process_and_goes_on_in_another(script: Make, name: str, result: int) -> None:
    one = script(SUSPENDING).start(name)
    assert one.end()[0] == 0
    assert one.said == ["prepares"]
    assert set(one.states().values()) == {"Suspended", "Completed"}
    run = one.run
    assert run.state.name == "Suspended"
    with pytest.raises(InvalidRunInput, match="approved is missing"):
        resume_flow_run(run.id)
    assert resume(str(run.id), {"approved": True}).result() == result
    after = current_journal().flow_run(str(run.id))
    assert [event.name for event in after.history][-3:] == ["Resuming", "Running", "Completed"]
    assert [task.run_count for task in current_journal().task_runs(run.id)] in ([1], [])


def test_with_return_state_the_caller_gets_the_state() -> None:
    @flow
    def etl() -> None:
        suspend_flow_run()

    state: State[Any] = etl(return_state=True)  # type: ignore[assignment]
    assert (state.type, state.name) == ("PAUSED", "Suspended")
    with pytest.raises(Pause):
        etl()


def test_a_suspended_run_is_resumed_through_the_function_too(tmp_path: Path) -> None:
    path = tmp_path / "suspending.py"
    path.write_text(
        "from strongroom import flow, suspend_flow_run\n\n\n"
        "@flow\ndef etl():\n    return suspend_flow_run(wait_for_input=int)\n"
    )
    state = load_flow(f"{path}:etl")(return_state=True)
    assert state.is_paused()
    [run] = current_journal().flow_runs()
    assert asyncio.run(aresume_flow_run(run.id, {"value": 4})) is None
    assert wait_for_flow_run(run.id).state.is_completed()


def test_a_suspension_that_ran_out_fails_the_run(tmp_path: Path) -> None:
    path = tmp_path / "running_out.py"
    path.write_text(
        "from strongroom import flow, suspend_flow_run\n\n\n@flow\ndef etl():\n    suspend_flow_run(timeout=0)\n"
    )
    load_flow(f"{path}:etl")(return_state=True)
    [run] = current_journal().flow_runs()
    with pytest.raises(NotResumable, match="was to be resumed until"):
        resume_flow_run(run.id)
    state = current_journal().flow_run(str(run.id)).state
    assert state.is_failed()
    assert "suspended, and nobody resumed it" in (state.message or "")


def test_another_process_suspends_a_run_before_its_next_task(script: Make) -> None:
    body = """
        @task
        def step(n):
            say(f"step {n}")
            while not (HERE / "go").exists():
                time.sleep(0.01)
            return n

        @flow
        def etl():
            from strongroom.context import get_run_context

            first = step(1)
            while get_run_context().control.halting is None and not (HERE / "resumed").exists():
                time.sleep(0.01)
            return first + step(2)

        if __name__ == "__main__":
            etl()
    """
    one = script(body).start().until("step 1")
    suspend_flow_run(flow_run_id=one.run.id)
    (one.path.parent / "go").touch()
    assert one.end()[0] == 0
    assert one.said == ["step 1"]
    assert one.run.state.name == "Suspended"
    (one.path.parent / "resumed").touch()
    assert resume(str(one.run.id)).result() == 3
    with pytest.raises(NotPausable, match="does not run: it is Completed"):
        suspend_flow_run(flow_run_id=one.run.id)


def test_a_run_that_was_killed_while_it_was_paused_goes_on_behind_the_pause(script: Make) -> None:
    body = """
        from strongroom import pause_flow_run

        @task
        def prepare():
            say("prepares")
            return 41

        @flow
        def etl():
            return prepare() + pause_flow_run(wait_for_input=int)

        if __name__ == "__main__":
            etl()
    """
    one = script(body).start().until("prepares")
    while not one.run.state.is_paused():
        time.sleep(0.01)
    one.send(signal.SIGKILL).end()
    assert resume(str(one.run.id), {"value": 1}).result() == 42
    assert one.said == ["prepares"]


def test_the_twins_are_awaited_whatever_calls_them() -> None:
    @flow
    async def etl() -> Any:
        return await apause_flow_run(wait_for_input=int)

    @flow
    async def suspends() -> Any:
        return await asuspend_flow_run()

    waiting = In(lambda: asyncio.run(etl()))
    resume_flow_run(waiting.paused().id, {"value": 3})
    assert waiting.end() == 3
    state = asyncio.run(suspends(return_state=True))  # type: ignore[call-overload]
    assert state.name == "Suspended"


def test_waiting_for_a_run_takes_a_while_and_may_be_said(caplog: pytest.LogCaptureFixture) -> None:
    from strongroom.exceptions import FlowRunWaitTimeout

    @flow
    def etl() -> str:
        with pytest.raises(FlowRunWaitTimeout, match="is not over after 0 seconds"):
            wait_for_flow_run(flow_run.id, timeout=0)
        return str(flow_run.id)

    run_id = etl()
    with caplog.at_level(logging.INFO):
        assert wait_for_flow_run(run_id, log_states=True).state.is_completed()
    assert "is in state 'Completed'" in caplog.text
    assert os.getpid() == wait_for_flow_run(run_id).pid
