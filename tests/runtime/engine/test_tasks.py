"""Tasks as people use them: called, awaited, in flows and outside, as methods, with their options."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from strongroom import flow, tags, task
from strongroom.annotations import quote
from strongroom.errors import FailedRun, InvalidDefinition, ParameterBindError, TaskRunTimeoutError
from strongroom.journal.memory import MemoryJournal
from strongroom.states import Completed, Failed, State


@task
def add(x: int, y: int = 1) -> int:
    """Adds two numbers."""
    return x + y


@task
async def add_slowly(x: int, y: int = 1) -> int:
    await asyncio.sleep(0)
    return x + y


def the_task_run(journal: MemoryJournal) -> Any:
    [run] = journal.flow_runs()
    [task_run] = journal.task_runs(run.id)
    return task_run


def test_a_task_is_called_like_its_function() -> None:
    assert add(1) == 2
    assert add(1, y=2) == 3
    assert add.fn(1, 5) == 6
    assert add.name == "add"
    assert add.description == "Adds two numbers."
    assert add.__doc__ == "Adds two numbers."


def test_an_asynchronous_task_is_awaited() -> None:
    assert asyncio.run(add_slowly(1)) == 2


def test_a_state_is_returned_on_request() -> None:
    state = add(1, return_state=True)
    assert isinstance(state, State)
    assert state.is_completed()
    assert state.result() == 2
    failed = task(lambda: 1 / 0)(return_state=True)
    assert failed.is_failed()
    assert "ZeroDivisionError: division by zero" in (failed.message or "")
    assert isinstance(failed.result(raise_on_failure=False), ZeroDivisionError)
    assert asyncio.run(add_slowly(1, return_state=True)).result() == 2


def test_an_exception_comes_out_as_it_was_raised() -> None:
    class Mine(Exception):
        pass

    error = Mine("this very one")

    @task
    def fail() -> None:
        raise error

    with pytest.raises(Mine) as caught:
        fail()
    assert caught.value is error


def test_wrong_arguments_are_refused_before_anything_runs() -> None:
    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        add()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        add(1, z=2)  # type: ignore[call-overload]
    with pytest.raises(ParameterBindError, match="multiple values"):
        add(1, x=2)  # type: ignore[call-overload]
    with pytest.raises(ParameterBindError, match="too many positional"):
        add(1, 2, 3)  # type: ignore[call-overload]


def test_every_kind_of_parameter_arrives() -> None:
    @task
    def all_kinds(a: int, /, b: int, *rest: int, c: int, d: int = 4, **more: int) -> tuple[Any, ...]:
        return a, b, rest, c, d, more

    assert all_kinds(1, 2, 3, 4, c=5, e=6) == (1, 2, (3, 4), 5, 4, {"e": 6})
    assert all_kinds(1, b=2, c=3) == (1, 2, (), 3, 4, {})
    assert all_kinds.submit(1, 2, 3, c=5, e=6).result() == (1, 2, (3,), 5, 4, {"e": 6})


class Scale:
    factor = 10

    def __init__(self, unit: int) -> None:
        self.unit = unit

    @task
    def instance(self, x: int) -> int:
        return self.unit * x

    @task
    @classmethod
    def of_class(cls, x: int) -> int:
        return cls.factor * x

    @task
    @staticmethod
    def static(x: int) -> int:
        return x

    @task
    async def later(self, x: int) -> int:
        return self.unit * x


def test_methods_are_tasks_too() -> None:
    scale = Scale(3)
    assert scale.instance(2) == 6
    assert scale.instance.submit(2).result() == 6
    assert scale.instance.map([1, 2]).result() == [3, 6]
    assert scale.instance.with_options(name="other")(2) == 6
    assert Scale(5).instance(2) == 10
    assert Scale.of_class(2) == 20
    assert scale.of_class(2) == 20
    assert Scale.static(2) == 2
    assert scale.static.submit(2).result() == 2
    assert asyncio.run(scale.later(2)) == 6


def test_tasks_call_tasks(journal: MemoryJournal) -> None:
    @task
    def outer(x: int) -> int:
        return add(add(x))

    @flow
    def job() -> int:
        return outer(1)

    assert job() == 3
    [run] = journal.flow_runs()
    outer_run, *inner = sorted(journal.task_runs(run.id), key=lambda r: r.dynamic_key != f"{outer.task_key}-0")
    assert [r.parent_id for r in inner] == [outer_run.id] * 2
    assert {r.dynamic_key for r in inner} == {f"{add.task_key}-0", f"{add.task_key}-1"}
    assert outer_run.parent_id == run.id


def test_a_task_recurses() -> None:
    @task
    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    assert factorial(12) == 479001600


def test_a_run_is_recorded_with_what_happened(journal: MemoryJournal) -> None:
    @flow
    def job() -> None:
        add.with_options(name="sum", tags=["math"])(1)

    with tags("nightly"):
        job()
    [run] = journal.flow_runs()
    record = the_task_run(journal)
    assert run.tags == {"nightly"}
    assert (record.task_name, record.name, record.tags) == ("sum", "sum-0", {"math", "nightly"})
    assert [event.name for event in record.history] == ["Running", "Completed"]
    assert record.start_time <= record.end_time
    assert record.state.is_completed()
    assert record.inputs_fingerprint


def test_a_returned_state_is_the_runs_state() -> None:
    @task
    def skip() -> Any:
        return Completed(name="Skipped", message="nothing to do")

    @task
    def refuse() -> Any:
        return Failed(message="not today")

    assert skip(return_state=True).name == "Skipped"
    assert refuse(return_state=True).is_failed()
    with pytest.raises(FailedRun, match="not today"):
        refuse.submit().result()


def test_the_caller_of_a_task_gets_the_states_and_futures_that_it_returns() -> None:
    @task
    def give(value: Any) -> Any:
        return value()

    assert give(lambda: Failed(message="look at me")).message == "look at me"
    assert [state.name for state in give(lambda: [Completed(name="Skipped"), Failed()])] == ["Skipped", "Failed"]
    assert give(lambda: add(1, return_state=True)).result() == 2
    assert give(lambda: add.submit(1)).result() == 2
    assert give.submit(lambda: add.submit(1)).result().result() == 2

    @task
    async def later() -> Any:
        return Failed(message="look at me")

    assert asyncio.run(later()).is_failed()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("add {x} and {y}", "add 1 and 2"),
        (lambda: "made up", "made up"),
        (lambda parameters: f"x={parameters['x']}", "x=1"),
    ],
)
def test_runs_have_names_of_ones_own(template: Any, name: str, journal: MemoryJournal) -> None:
    @flow
    def job() -> None:
        add.with_options(task_run_name=template)(1, 2)

    job()
    assert the_task_run(journal).name == name


def test_a_name_that_cannot_be_filled_in_fails_the_run() -> None:
    with pytest.raises(InvalidDefinition, match="cannot be filled in"):
        add.with_options(task_run_name="{z}")(1)


def test_options_can_be_changed_and_nothing_else_changes() -> None:
    seen = []
    original = add.with_options(name="original", retries=2, tags=["a"], version="7", description="what it does")
    original.on_completion(lambda *_: seen.append("done"))
    other = original.with_options(name="other")
    assert (other.name, other.retries, other.tags, other.version) == ("other", 2, {"a"}, "7")
    assert (original.name, other.description, other.task_key) == ("original", "what it does", original.task_key)
    other(1)
    assert seen == ["done"]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="no option 'retry'"):
        task(retry=3)(add.fn)  # type: ignore[call-overload]
    with pytest.raises(InvalidDefinition, match="no option 'retry'"):
        add.with_options(retry=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidDefinition):
        task(timeout_seconds=0)(add.fn)


def test_hooks_are_called_with_task_run_and_state() -> None:
    seen: list[Any] = []

    def hook(task: Any, run: Any, state: State[Any]) -> None:
        seen.append((task.name, run.task_name, state.name))

    async def asynchronous(task: Any, run: Any, state: State[Any]) -> None:
        seen.append("awaited")

    watched = task(name="watched", on_running=[hook], on_completion=[hook, asynchronous])(lambda: 1)
    watched()
    assert seen == [("watched", "watched", "Running"), ("watched", "watched", "Completed"), "awaited"]
    seen.clear()

    @task(retries=1, on_failure=[hook])
    def fails() -> None:
        raise ValueError

    @fails.on_running
    def begins(*_: Any) -> None:
        seen.append("begins")

    fails(return_state=True)
    assert seen == ["begins", "begins", ("fails", "fails", "Failed")]


def test_hooks_of_asynchronous_tasks() -> None:
    seen: list[str] = []

    async def asynchronous(task: Any, run: Any, state: State[Any]) -> None:
        seen.append("awaited")

    def synchronous(task: Any, run: Any, state: State[Any]) -> None:
        seen.append("called")

    asyncio.run(add_slowly.with_options(on_completion=[asynchronous, synchronous])(1))
    assert seen == ["awaited", "called"]


def test_a_hook_that_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the hook is broken")

    assert add.with_options(on_completion=[broken])(1) == 2
    assert "the hook is broken" in caplog.text


def test_a_result_that_is_not_held_in_memory_is_read_from_storage() -> None:
    state = add.with_options(persist_result=True, cache_result_in_memory=False)(1, return_state=True)
    assert state.data is not None
    assert state.data != 2
    assert state.result() == 2


def test_a_quoted_argument_arrives_as_it_is() -> None:
    future = add.submit(1)

    @task
    def look(value: Any) -> Any:
        return value is future

    assert look(quote(future))


def test_a_timeout_ends_a_task() -> None:
    @task(timeout_seconds=0.05)
    def forever() -> None:
        while True:
            pass

    @task(timeout_seconds=0.05)
    async def forever_later() -> None:
        await asyncio.Event().wait()

    state = forever(return_state=True)
    assert (state.name, state.is_failed()) == ("TimedOut", True)
    with pytest.raises(TaskRunTimeoutError, match=r"exceeded timeout of 0\.05 second"):
        state.result()
    with pytest.raises(TimeoutError):
        forever.submit().result()
    with pytest.raises(TaskRunTimeoutError):
        asyncio.run(forever_later())


def test_log_prints_puts_prints_into_the_log(journal: MemoryJournal) -> None:
    @task(log_prints=True)
    def chatty() -> None:
        print("rows:", 3)

    @flow
    def job() -> None:
        chatty()

    job()
    [run] = journal.flow_runs()
    assert "rows: 3" in [entry.message for entry in journal.logs(run.id)]


def test_no_secret_gets_into_messages_or_logs(canary: Any, journal: MemoryJournal, caplog: Any) -> None:
    from strongroom_blocks import redactor

    secret = canary("token")
    redactor.register(secret)

    @task
    def leak() -> None:
        raise ValueError(f"bad token {secret}")

    @flow
    def job() -> State[Any]:
        return leak(return_state=True)

    state = job(return_state=True)
    assert secret not in (state.message or "")
    [run] = journal.flow_runs()
    texts = [entry.message for entry in journal.logs(run.id)]
    texts += [event.message for r in journal.task_runs(run.id) for event in r.history]
    assert any("bad token" in text for text in texts)
    assert not any(secret in text for text in texts)
