"""Flows as people use them: how they end, what they take, what they call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from strongroom import flow, task
from strongroom.errors import (
    FailedRun,
    FlowRunTimeoutError,
    InvalidDefinition,
    MissingContextError,
    ParameterBindError,
    ParameterTypeError,
    UnfinishedRun,
)
from strongroom.journal.memory import MemoryJournal
from strongroom.runtime import flow_run, task_run
from strongroom.states import Cancelled, Completed, Failed, State, StateType


@task
def double(x: int) -> int:
    return 2 * x


@task
def fail(x: int = 0) -> None:
    raise ValueError("failed task")


def history(journal: MemoryJournal) -> list[str]:
    [run] = journal.flow_runs()
    return [event.name for event in run.history]


def test_a_flow_is_called_like_its_function(journal: MemoryJournal) -> None:
    @flow(name="ETL Pipeline", description="what it does", version="3")
    def etl(x: int, y: int = 2) -> int:
        return double(x) + y

    assert etl(1) == 4
    assert etl.name == "ETL Pipeline"
    [run] = journal.flow_runs()
    assert (run.flow_name, run.flow_version, run.parameters_shown) == ("ETL Pipeline", "3", {"x": 1, "y": 2})
    assert history(journal) == ["Pending", "Running", "Completed"]
    assert run.pid > 0
    assert run.name.count("-") == 1


def test_a_flow_is_named_after_its_function() -> None:
    @flow
    def my_daily_job() -> None: ...

    assert my_daily_job.name == "my-daily-job"


def test_an_asynchronous_flow_with_concurrent_tasks() -> None:
    both = asyncio.Barrier(2)

    @task
    async def meet(x: int) -> int:
        await both.wait()
        return x

    @flow
    async def job() -> list[int]:
        return await asyncio.gather(meet(1), meet(2))

    assert asyncio.run(job()) == [1, 2]


@pytest.mark.parametrize(
    ("make", "kind", "name"),
    [
        (lambda: 42, "COMPLETED", "Completed"),
        (lambda: None, "COMPLETED", "Completed"),
        (lambda: Completed(name="Skipped", message="no work"), "COMPLETED", "Skipped"),
        (lambda: Failed(message="manual"), "FAILED", "Failed"),
        (lambda: Cancelled(), "CANCELLED", "Cancelled"),
        (lambda: fail(return_state=True), "FAILED", "Failed"),
        (lambda: double(1, return_state=True), "COMPLETED", "Completed"),
        (lambda: double.submit(1), "COMPLETED", "Completed"),
        (lambda: fail.submit(), "FAILED", "Failed"),
        (lambda: (double.submit(1), fail.submit()), "FAILED", "Failed"),
        (lambda: [double.submit(1), double(1, return_state=True)], "COMPLETED", "Completed"),
        (lambda: double.map([1, 2]), "COMPLETED", "Completed"),
        (lambda: fail.map([1, 2]), "FAILED", "Failed"),
        (lambda: ("bar", fail(return_state=True)), "COMPLETED", "Completed"),
        (lambda: {"state": fail(return_state=True)}, "COMPLETED", "Completed"),
        (lambda: double.submit(fail.submit()), "FAILED", "Failed"),
    ],
)
def test_what_is_returned_decides_the_final_state(make: Any, kind: str, name: str) -> None:
    state = flow(make)(return_state=True)
    assert (state.type, state.name) == (StateType(kind), name)


def test_what_a_call_gives_when_futures_are_returned() -> None:
    assert flow(lambda: double.submit(4))().result() == 8
    assert flow(lambda: double(4, return_state=True))().result() == 8
    assert flow(lambda: Completed(data=8))() == 8
    states = flow(lambda: [double.submit(4), double.submit(5)])()
    assert [state.result() for state in states] == [8, 10]
    assert [state.name for state in flow(lambda: [double.submit(4), fail.submit()])()] == ["Completed", "Failed"]
    assert [state.result() for state in flow(lambda: double.map([1, 2]))()] == [2, 4]
    with pytest.raises(ValueError, match="failed task"):
        flow(lambda: fail.submit())()
    with pytest.raises(FailedRun, match="manual"):
        flow(lambda: Failed(message="manual"))()
    with pytest.raises(UnfinishedRun):
        flow(lambda: double.submit(fail.submit()))()


def test_a_failed_task_that_nobody_asks_about_does_not_fail_the_flow(journal: MemoryJournal) -> None:
    @flow
    def job() -> str:
        fail.submit()
        return "fine"

    assert job() == "fine"
    [run] = journal.flow_runs()
    [task_run] = journal.task_runs(run.id)
    assert task_run.state.is_failed()


def test_a_flow_ends_after_its_tasks(journal: MemoryJournal) -> None:
    import threading

    go = threading.Event()

    @task
    def slow() -> None:
        go.wait()

    @task
    def release() -> None:
        go.set()

    @flow
    def job() -> None:
        slow.submit()
        release.submit()

    job()
    [run] = journal.flow_runs()
    assert [r.state.name for r in journal.task_runs(run.id)] == ["Completed"] * 2
    assert all(r.end_time <= run.end_time for r in journal.task_runs(run.id))  # type: ignore[operator]


def test_a_failed_flow_cancels_what_has_not_begun(journal: MemoryJournal) -> None:
    import threading

    begun, go = threading.Event(), threading.Event()

    @task
    def first() -> None:
        begun.set()
        go.wait()

    @task
    def second(x: Any) -> None: ...

    @flow
    def job() -> None:
        future = first.submit()
        second.submit(future)
        begun.wait()
        threading.Timer(0.01, go.set).start()
        raise RuntimeError("the flow fails")

    with pytest.raises(RuntimeError):
        job()
    [run] = journal.flow_runs()
    assert {r.task_name: r.state.name for r in journal.task_runs(run.id)} == {
        "first": "Completed",
        "second": "Cancelled",
    }


class Model(BaseModel):
    a: int
    b: str


def test_arguments_are_converted_as_annotations_say() -> None:
    @flow
    def job(n: int, model: Model, *rest: int, flag: bool = False, **more: float) -> Any:
        return n, model, rest, flag, more

    result = job("3", {"a": "1", "b": "x"}, "4", flag="yes", z="1.5")  # type: ignore[call-overload]
    assert result == (3, Model(a=1, b="x"), (4,), True, {"z": 1.5})


def test_arguments_that_do_not_fit_fail_the_run_before_it_runs(journal: MemoryJournal) -> None:
    @flow
    def job(name: str, model: Model) -> None: ...

    with pytest.raises(ParameterTypeError, match=r"name: Input should be a valid string; model\.a: "):
        job(1, {"a": "WRONG", "b": "fine"})  # type: ignore[call-overload]
    assert history(journal) == ["Pending", "Failed"]


def test_validation_can_be_switched_off() -> None:
    @flow(validate_parameters=False)
    def job(name: str) -> Any:
        return name

    assert job(1) == 1  # type: ignore[call-overload]


def test_any_name_of_a_parameter_works() -> None:
    @flow
    def job(model_config: int, _private: int, self: int, schema: str = "s") -> Any:
        return model_config, _private, self, schema

    assert job(1, 2, 3) == (1, 2, 3, "s")


def test_no_error_about_arguments_shows_them(canary: Any, journal: MemoryJournal) -> None:
    secret = canary("password")

    class Login(BaseModel):
        user: str
        password: SecretStr
        port: int

    @flow
    def job(login: Login, token: SecretStr) -> None: ...

    with pytest.raises(ParameterTypeError) as caught:
        job({"user": "me", "password": secret, "port": secret}, [secret])  # type: ignore[call-overload]
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    job(Login(user="me", password=SecretStr(secret), port=1), SecretStr(secret))
    for run in journal.flow_runs():
        assert secret not in str(run.parameters_shown) + str(run.history)


def test_flows_call_flows(journal: MemoryJournal) -> None:
    @flow
    def child(x: int) -> int:
        return double(x)

    @flow
    def parent() -> int:
        return child(double.submit(1)) + child(2)  # type: ignore[call-overload]

    assert parent() == 8
    [run] = journal.flow_runs()
    children = journal.subflow_runs(run.id)
    assert [(c.flow_name, c.parent_flow_run_id, c.dynamic_key) for c in children] == [
        ("child", run.id, "child-0"),
        ("child", run.id, "child-1"),
    ]
    assert [len(journal.task_runs(c.id)) for c in children] == [1, 1]


def test_a_failed_subflow_fails_its_caller_unless_its_state_is_asked_for() -> None:
    @flow
    def child() -> None:
        fail()

    @flow
    def parent() -> Any:
        child()

    @flow
    def careful() -> str:
        return child(return_state=True).name

    with pytest.raises(ValueError, match="failed task"):
        parent()
    assert careful() == "Failed"


class Job:
    def __init__(self, base: int) -> None:
        self.base = base

    @flow
    def instance(self, x: int) -> int:
        return self.base + x

    @flow
    @classmethod
    def of_class(cls, x: int) -> int:
        return x

    @flow
    @staticmethod
    def static(x: int) -> int:
        return x


def test_methods_are_flows_too() -> None:
    assert Job(10).instance("1") == 11  # type: ignore[call-overload]
    assert Job.of_class(2) == 2
    assert Job.static(3) == 3


def test_hooks_are_called_with_flow_run_and_state() -> None:
    seen: list[Any] = []

    def hook(flow: Any, run: Any, state: State[Any]) -> None:
        seen.append((flow.name, run.flow_name, state.name))

    @flow(name="job", on_completion=[hook], on_failure=[hook], on_running=[hook], retries=1)
    def job(fails: bool) -> None:
        if fails:
            raise ValueError

    job(False)
    job(True, return_state=True)
    names = [name for _, _, name in seen]
    assert names == ["Running", "Completed", "Running", "Retrying", "Failed"]

    @flow(on_cancellation=[hook])
    def stops() -> Any:
        return Cancelled()

    @stops.on_crashed
    def crashed(flow: Any, run: Any, state: State[Any]) -> None:
        seen.append("crashed")

    stops(return_state=True)
    assert seen[-1] == ("stops", "stops", "Cancelled")


@pytest.mark.parametrize(
    ("interrupt", "message"),
    [
        (KeyboardInterrupt(), "aborted by an interrupt signal"),
        (SystemExit(3), "aborted by Python system exit call"),
    ],
)
def test_an_interrupt_crashes_the_run_cleans_up_and_goes_on(
    interrupt: BaseException, message: str, journal: MemoryJournal
) -> None:
    cleaned = []

    @task(on_crashed=[lambda *_: cleaned.append("task hook")])
    def stop() -> None:
        try:
            raise interrupt
        finally:
            cleaned.append("task")

    @flow(on_crashed=[lambda *_: cleaned.append("flow hook")])
    def job() -> None:
        stop()

    for call in (lambda: job(), lambda: job(return_state=True)):
        cleaned.clear()
        with pytest.raises(type(interrupt)):
            call()
        assert cleaned == ["task", "task hook", "flow hook"]
    for run in journal.flow_runs():
        assert run.state.is_crashed()
        assert message in (run.state.message or "")
        assert journal.task_runs(run.id)[0].state.is_crashed()


def test_a_cancelled_asynchronous_flow_crashes(journal: MemoryJournal) -> None:
    @flow
    async def job(begun: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        begun = asyncio.Event()
        running = asyncio.create_task(job(begun))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert history(journal)[-1] == "Crashed"


def test_a_timeout_ends_a_flow() -> None:
    @flow(timeout_seconds=0.05)
    def forever() -> None:
        while True:
            pass

    @flow(timeout_seconds=0.05)
    async def forever_later() -> None:
        await asyncio.Event().wait()

    with pytest.raises(FlowRunTimeoutError):
        forever()
    state = asyncio.run(forever_later(return_state=True))
    assert state.name == "TimedOut"


def test_runs_have_names_of_ones_own(journal: MemoryJournal) -> None:
    @flow(flow_run_name="load-{table}-{n:03}")
    def job(table: str, n: int) -> str | None:
        return flow_run.name

    assert job("orders", 7) == "load-orders-007"
    assert journal.flow_runs()[0].name == "load-orders-007"


def test_the_run_knows_itself() -> None:
    assert flow_run.id is None
    assert task_run.name is None

    @task(tags=["t"])
    def inner(x: int) -> Any:
        return task_run.name, task_run.task_name, task_run.parameters, task_run.tags, task_run.run_count, flow_run.name

    @flow(version="v1")
    def job(n: int) -> Any:
        return flow_run.name, flow_run.flow_name, flow_run.flow_version, flow_run.parameters, inner(5)

    name, flow_name, version, parameters, seen = job(3)
    assert (flow_name, version, parameters) == ("job", "v1", {"n": 3})
    assert seen == ("inner-0", "inner", {"x": 5}, ["t"], 1, name)


def test_there_is_no_context_outside_of_runs() -> None:
    from strongroom import get_run_context

    with pytest.raises(MissingContextError):
        get_run_context()

    @task
    def inner() -> Any:
        return get_run_context().parameters

    @flow
    def job(x: int) -> Any:
        return get_run_context().parameters, inner()

    assert job(1) == ({"x": 1}, {})


def test_options_can_be_changed_and_nothing_else_changes() -> None:
    @flow(retries=2, version="1")
    def job() -> int:
        return 1

    other = job.with_options(name="other", retries=0)
    assert (other.name, other.retries, other.version, job.name) == ("other", 0, "1", "job")
    with pytest.raises(InvalidDefinition, match="no option 'retry'"):
        job.with_options(retry=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidDefinition, match="no task runner"):
        flow(task_runner="threads")(lambda: 1)  # type: ignore[call-overload]


def test_a_flow_remembers_where_it_stands() -> None:
    @flow
    def inner() -> None: ...

    assert inner.entrypoint is None
    assert outer_flow.entrypoint is not None
    assert outer_flow.entrypoint.endswith("test_flows:outer_flow")


@flow
def outer_flow() -> None: ...


def test_a_generator_that_is_returned_becomes_a_list() -> None:
    @flow
    def job() -> Any:
        return (n * n for n in range(3))

    assert job() == [0, 1, 4]


def test_a_run_names_the_versions_of_the_blocks_that_it_loaded(canary: Any, journal: MemoryJournal) -> None:
    from strongroom import Block, Secret

    Secret(value=canary("first")).save("crm")
    Secret(value=canary("second")).save("crm", overwrite=True)

    @task
    def load() -> None:
        Block.load("crm@1")

    @flow
    def job() -> None:
        Secret.load("crm")
        Secret.load("crm")
        load.submit()

    job()
    assert journal.flow_runs()[0].blocks == ["crm@2", "crm@1"]


def test_a_misspelt_parameter_is_named_beside_the_missing_one() -> None:
    @flow
    def load(day: str) -> str:
        return day

    with pytest.raises(ParameterBindError, match=r"missing .*'day', and there is no parameter 'dya'"):
        load(dya="monday")  # type: ignore[call-arg]
