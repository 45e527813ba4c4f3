"""What tasks make of their inputs: futures wherever they stand, marks around values, and what is mapped over."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from strongroom import allow_failure, flow, get_run_context, task, unmapped
from strongroom.exceptions import MappingLengthMismatch, MappingMissingIterable, ParameterBindError
from strongroom.futures import (
    PrefectFuture,
    PrefectFutureList,
    as_completed,
    resolve_futures_to_results,
    resolve_futures_to_states,
    wait,
)
from strongroom.utilities.annotations import BaseAnnotation, NotSet, freeze, opaque, quote


@task
def inc(x: Any, by: int = 1) -> Any:
    return x + by


@task
def boom(message: str = "bang") -> None:
    raise ValueError(message)


@task
def give(x: Any) -> Any:
    return x


@task
def three(a: Any, b: Any = 0, *, c: Any = 0) -> Any:
    return a, b, c


@dataclasses.dataclass
class Pipe:
    base: Any
    rate: Any = None
    made: int = 0

    def __post_init__(self) -> None:
        self.made += 1


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    a: Any
    b: Any = None


Pair = collections.namedtuple("Pair", "a b")


def in_a_flow(body: Any) -> Any:
    """What ``body`` gives inside a flow, as one value that decides nothing about the flow."""
    found: list[Any] = []
    flow(lambda: found.append(body()), name="f")()  # type: ignore[call-overload]
    return found[0]


def test_futures_are_found_in_collections_dataclasses_and_models() -> None:
    def body() -> Any:
        future, state = inc.submit(1), inc(5, return_state=True)
        model = give(Model(a=future, b=[state]))
        return (
            give({"k": [future, (future,)], "s": state}),
            give(Pair(future, 2)),
            give({future}),
            give(frozenset([future])),
            give(Pipe(1, future)),
            (model.a, model.b),
            give(collections.OrderedDict(a=future)),
            dict(give(collections.defaultdict(list, k=[future]))),
            give(inc.map([1, 2])),
        )

    assert in_a_flow(body) == (
        {"k": [2, (2,)], "s": 6},
        Pair(2, 2),
        {2},
        frozenset({2}),
        Pipe(1, 2, made=1),
        (2, [6]),
        collections.OrderedDict(a=2),
        {"k": [2]},
        [2, 3],
    )


def test_what_holds_no_future_is_handed_over_as_it_is() -> None:
    pipe, items = Pipe(1, 2), {"a": [1]}
    assert in_a_flow(lambda: give(pipe)) is pipe
    assert in_a_flow(lambda: give(items)) is items


def test_marks_decide_what_is_looked_at() -> None:
    def body() -> Any:
        future = inc.submit(1)
        quoted = give(quote([future]))
        return (
            isinstance(quoted[0], PrefectFuture),
            give(opaque(future)),
            give(opaque(give.submit(Pipe(5)))).made,
            give(unmapped([1, 2])),
            [type(each).__name__ for each in give(allow_failure([boom.submit(), future]))],
        )

    assert in_a_flow(body) == (True, 2, 1, [1, 2], ["ValueError", "int"])


def test_marks_have_their_value() -> None:
    for mark in (quote, opaque, unmapped, allow_failure, freeze):
        assert mark(3).unwrap() == mark(3).value == 3
        assert mark(3).rewrap(4) == mark(4)
        assert isinstance(mark(3), BaseAnnotation)
    assert NotSet is not None


def test_the_record_of_a_run_is_a_value_like_any_other() -> None:
    def body() -> Any:
        run = get_run_context().flow_run  # type: ignore[union-attr]
        return give(run) is run, give.submit(opaque(run)).result() is run

    assert in_a_flow(body) == (True, True)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (lambda: three.map([1, 2], [3, 4]), [(1, 3, 0), (2, 4, 0)]),
        (lambda: three.map(a=[1, 2], b=[3, 4], c=unmapped(9)), [(1, 3, 9), (2, 4, 9)]),
        (lambda: three.map([1, 2], unmapped([7, 8])), [(1, [7, 8], 0), (2, [7, 8], 0)]),
        (lambda: three.map([1, 2], 5), [(1, 5, 0), (2, 5, 0)]),
        (lambda: three.map("ab", [1, 2]), [("ab", 1, 0), ("ab", 2, 0)]),
        (lambda: three.map([1, 2], b=allow_failure([3, 4])), [(1, 3, 0), (2, 4, 0)]),
        (lambda: three.map([1, 2], b=unmapped(quote([3]))), [(1, [3], 0), (2, [3], 0)]),
        (lambda: three.map([1, 2], inc.submit(1)), [(1, 2, 0), (2, 2, 0)]),
        (lambda: three.map({"a": 1, "b": 2}, 0), [("a", 0, 0), ("b", 0, 0)]),
        (lambda: inc.map(inc.map(inc.map([1, 2]))), [4, 5]),
        (lambda: inc.map([inc.submit(1), inc.submit(2)]), [3, 4]),
        (lambda: inc.map(give.submit([5, 6])), [6, 7]),
        (lambda: inc.map(x for x in (1, 2)), [2, 3]),
        (lambda: inc.map(range(3)), [1, 2, 3]),
        (lambda: inc.map([]), []),
        (lambda: give.map([(1, 2), (3, 4)]), [(1, 2), (3, 4)]),
        (lambda: give.map({"a": 1}.items()), [("a", 1)]),
        (lambda: give.map([None, None]), [None, None]),
        (lambda: inc.map([1, 2], wait_for=[inc.submit(1)]), [2, 3]),
    ],
)
def test_what_is_mapped_over(call: Any, given: list[Any]) -> None:
    assert in_a_flow(lambda: call().result()) == given


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: three.map([1, 2], [1, 2, 3]), MappingLengthMismatch),
        (lambda: three.map(1, 2), MappingMissingIterable),
        (lambda: three.map(unmapped([1])), MappingMissingIterable),
        (lambda: three.map(), ParameterBindError),
        (lambda: three.map([1], zz=[1]), ParameterBindError),
    ],
)
def test_what_cannot_be_mapped_over(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        in_a_flow(call)


def test_one_failure_among_mapped_runs_is_one_failure() -> None:
    @task
    def picky(x: int) -> int:
        if x == 2:
            raise ValueError("two")
        return x

    @flow
    def main() -> Any:
        futures = picky.map([1, 2, 3])
        after = inc.map(futures, return_state=True)
        with pytest.raises(ValueError, match="two"):
            futures.result()
        results = futures.result(raise_on_failure=False)
        assert [type(each).__name__ for each in results] == ["int", "ValueError", "int"]
        assert [state.name for state in after] == ["Completed", "NotReady", "Completed"]
        return futures

    state = main(return_state=True)
    assert (state.name, state.message) == ("Failed", "1/3 states failed.")


def test_futures_alone_and_in_lists() -> None:
    def body() -> Any:
        futures = inc.map(range(3))
        done, not_done = wait(futures)
        seen: list[Any] = []
        futures[0].add_done_callback(lambda future: seen.append(future.result()))
        both = PrefectFutureList([futures[0], boom.submit()])
        with pytest.raises(ValueError, match="bang"):
            both.result()
        return (
            isinstance(futures, PrefectFutureList),
            (len(done), len(not_done)),
            sorted(future.result() for future in as_completed(futures)),
            seen,
            resolve_futures_to_results({"a": [futures[0]]}),
            resolve_futures_to_states({"a": futures[0]})["a"].name,
            futures.wait(),
        )

    assert in_a_flow(body) == (True, (3, 0), [1, 2, 3], [1], {"a": [1]}, "Completed", None)


def test_runs_wait_for_what_they_are_told_to() -> None:
    order: list[int] = []

    @task
    def step(n: int) -> None:
        order.append(n)

    @flow
    def main() -> None:
        first = step.submit(1)
        second = step.submit(2, wait_for=[first])
        step(3, wait_for=[second])
        mapped = step.map([4], wait_for=[second, "no run", None])
        step.submit(5, wait_for=[mapped]).wait()
        step.submit(6, wait_for=[step(0, return_state=True)]).wait()

    main()
    assert order == [1, 2, 3, 4, 5, 0, 6]


def test_what_cleans_up_runs_after_a_run_that_never_began() -> None:
    @task
    def dies() -> None:
        raise ValueError("dies")

    @task
    def then(x: Any) -> Any:
        return x

    @flow
    def cleans() -> tuple[Any, ...]:
        never = then.submit(dies.submit())
        cleaned = then.submit("cleaned", wait_for=[allow_failure(never)])
        return cleaned.result(), then(allow_failure(never)), then([allow_failure(never), 1])

    assert cleans() == ("cleaned", None, [None, 1])
