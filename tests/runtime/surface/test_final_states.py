"""What a call gives, and which state its run ends in, by what its function returned."""

from __future__ import annotations

from typing import Any

import pytest
from strongroom import State, allow_failure, flow, task
from strongroom.exceptions import CancelledRun, FailedRun, UpstreamTaskError
from strongroom.states import Cancelled, Completed, Failed


@task
def inc(x: int) -> int:
    return x + 1


@task
def boom(message: str = "bang") -> None:
    raise ValueError(message)


class Mishap(Exception):
    def __init__(self, what: str, how: int) -> None:
        super().__init__(f"{what}-{how}")
        self.how = how


def summed_up(given: Any) -> Any:
    """States by type and name; collections of them likewise."""
    if isinstance(given, State):
        return f"{given.type.value}/{given.name}"
    if isinstance(given, list | tuple):
        return type(given)(summed_up(each) for each in given)
    return {key: summed_up(each) for key, each in given.items()} if isinstance(given, dict) else given


DONE, FAILED = "COMPLETED/Completed", "FAILED/Failed"


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (lambda: 5, 5),
        (lambda: None, None),
        (lambda: [][:], []),
        (lambda: {"a": 1}, {"a": 1}),
        (lambda: inc.submit(1), DONE),
        (lambda: [inc.submit(1), inc.submit(2)], [DONE, DONE]),
        (lambda: inc.map([1, 2]), [DONE, DONE]),
        (lambda: (inc.submit(1), Completed()), (DONE, DONE)),
        (lambda: inc(1, return_state=True), DONE),
        (lambda: ("x", inc(1, return_state=True)), ("x", DONE)),
        (lambda: {"a": inc.submit(1)}, {"a": DONE}),
        (lambda: [inc(1, return_state=True), boom(return_state=True)], [DONE, FAILED]),
        (lambda: Completed(message="m", name="Skipped"), None),
        (lambda: Completed(data=42), 42),
    ],
)
def test_what_a_call_of_a_flow_gives(body: Any, given: Any) -> None:
    assert summed_up(flow(body, name="f")()) == given  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        (lambda: [inc.submit(1), inc.submit(2)], "Completed", "All states completed."),
        (lambda: [inc(1, return_state=True), boom(return_state=True)], "Failed", "1/2 states failed."),
        (lambda: boom.submit(), "Failed", "1/1 states failed."),
        (lambda: Completed(message="m", name="Skipped"), "Skipped", "m"),
        (lambda: Failed(message="nope"), "Failed", "nope"),
        (lambda: Cancelled(message="stop"), "Cancelled", "stop"),
        (lambda: None, "Completed", None),
    ],
)
def test_the_state_that_a_flow_ends_in(body: Any, name: str, message: str | None) -> None:
    state = flow(body, name="f")(return_state=True)  # type: ignore[call-overload]
    assert (state.name, state.message) == (name, message)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (lambda: Failed(message="nope"), FailedRun, "nope"),
        (lambda: Failed(data=ValueError("q")), ValueError, "q"),
        (lambda: Cancelled(message="stop"), CancelledRun, "stop"),
        (lambda: boom.submit(), ValueError, "bang"),
        (lambda: boom(), ValueError, "bang"),
    ],
)
def test_what_a_call_of_a_flow_raises(body: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        flow(body, name="f")()  # type: ignore[call-overload]


def test_a_future_that_nobody_looks_at_decides_nothing() -> None:
    @flow
    def careless() -> None:
        boom.submit()

    assert careless(return_state=True).is_completed()


def test_states_that_a_task_makes_are_its_own_and_are_given_to_its_caller() -> None:
    @task
    def toggle(fail: bool) -> Any:
        return Failed(message="told to") if fail else Completed(message="fine", data=5)

    @flow
    def main() -> Any:
        assert summed_up((toggle(True), toggle(False))) == (FAILED, DONE)
        assert toggle.submit(False).result() == 5
        with pytest.raises(FailedRun, match="told to"):
            toggle.submit(True).result()
        return toggle(True), toggle(False)

    state = main(return_state=True)
    assert (state.name, state.message) == ("Failed", "1/2 states failed.")


def test_an_exception_keeps_its_class_its_attributes_and_its_cause() -> None:
    @flow
    def child() -> None:
        raise Mishap("valve", 3) from KeyError("before")

    @flow
    def parent() -> Any:
        with pytest.raises(Mishap, match="valve-3") as raised:
            child()
        assert raised.value.how == 3
        assert isinstance(raised.value.__cause__, KeyError)
        return child(return_state=True)

    state = parent(return_state=True)
    assert (state.name, state.message) == ("Failed", "1/1 states failed.")
    assert isinstance(state.result(raise_on_failure=False), State)
    with pytest.raises(Mishap):
        parent()


@pytest.mark.parametrize("error", [StopIteration("s"), StopAsyncIteration(), GeneratorExit(), AssertionError()])
def test_odd_exceptions_end_a_run_like_any_other(error: BaseException) -> None:
    @task
    def odd() -> None:
        raise error

    state = odd(return_state=True)
    assert state.is_final()
    if isinstance(error, Exception):
        assert state.is_failed()
        with pytest.raises(type(error)):
            odd()


def test_an_exception_that_is_returned_is_a_result() -> None:
    error = ValueError("returned")
    assert task(lambda: error)() is error
    assert flow(lambda: error, name="f")() is error  # type: ignore[call-overload]


def test_a_task_whose_input_failed_never_begins() -> None:
    @flow
    def main() -> Any:
        late = inc.submit(boom.submit())
        late.wait()
        waiting = inc.submit(1, wait_for=[boom.submit()])
        waiting.wait()
        with pytest.raises(UpstreamTaskError):
            late.result()
        with pytest.raises(UpstreamTaskError):
            inc(boom.submit())
        relaxed = inc.submit(1, wait_for=[allow_failure(boom.submit())])
        return late.state.name, waiting.state.name, relaxed.result(), late.state.is_pending()

    assert main() == ("NotReady", "NotReady", 2, True)


def test_what_a_run_that_failed_gives_without_raising() -> None:
    error = boom(return_state=True).result(raise_on_failure=False)
    assert isinstance(error, ValueError)
    assert isinstance(Failed(message="why").result(raise_on_failure=False), FailedRun)
    assert task(lambda: Failed(message="by hand"))(return_state=True).result(raise_on_failure=False) is None


def test_a_state_knows_whose_it_is() -> None:
    @flow
    def main() -> Any:
        return inc(1, return_state=True).state_details

    [run] = [main(return_state=True).state_details]
    inner = main()
    assert run.flow_run_id is not None
    assert run.task_run_id is None
    assert inner.flow_run_id is not None
    assert inner.task_run_id is not None
    assert inc(1, return_state=True).state_details.flow_run_id is None
