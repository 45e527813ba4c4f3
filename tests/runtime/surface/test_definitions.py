"""Options of flows and tasks, and what can be made one."""

from __future__ import annotations

import functools
import inspect
from typing import Any
from unittest.mock import Mock, patch

import pytest
from strongroom import Flow, Task, flow, task
from strongroom.exceptions import InvalidNameError, ReservedArgumentError
from strongroom.runtime import flow_run, task_run
from strongroom.task_runners import ThreadPoolTaskRunner
from strongroom.tasks import exponential_backoff


@task(
    name="N", description="D", tags=["a", "b"], version="v1", retries=2, retry_delay_seconds=[1, 2],
    retry_jitter_factor=0.5, timeout_seconds=3, log_prints=True, persist_result=False, refresh_cache=True,
    viz_return_value=7, cache_result_in_memory=False, task_run_name="n-{x}", asset_deps=["s3://lake/orders"],
)  # fmt: skip
def full(x: int = 1) -> int:
    """What it does."""
    return x


@flow(
    name="FN", description="FD", version="9", retries=1, retry_delay_seconds=2, flow_run_name="r-{x}",
    timeout_seconds=4, validate_parameters=False, log_prints=True, persist_result=True,
    task_runner=ThreadPoolTaskRunner(max_workers=3),
)  # fmt: skip
def full_flow(x: int = 1) -> int:
    return x


def test_a_task_has_what_it_was_given() -> None:
    assert (full.name, full.description, full.tags, full.version) == ("N", "D", {"a", "b"}, "v1")
    assert (full.retries, full.retry_delay_seconds, full.retry_jitter_factor) == (2, [1, 2], 0.5)
    assert (full.timeout_seconds, full.log_prints, full.persist_result, full.refresh_cache) == (3.0, True, False, True)
    assert (full.viz_return_value, full.cache_result_in_memory, full.task_run_name) == (7, False, "n-{x}")
    assert (full.__name__, full.__doc__, full.fn(4), full.isasync) == ("full", "What it does.", 4, False)
    assert str(inspect.signature(full)) == "(x: 'int' = 1) -> 'int'"
    assert full.asset_deps == ["s3://lake/orders"]


def test_a_flow_has_what_it_was_given() -> None:
    assert (full_flow.name, full_flow.description, full_flow.version) == ("FN", "FD", "9")
    assert (full_flow.retries, full_flow.retry_delay_seconds, full_flow.timeout_seconds) == (1, 2, 4.0)
    assert (full_flow.should_validate_parameters, full_flow.log_prints, full_flow.persist_result) == (False, True, True)
    assert isinstance(full_flow.task_runner, ThreadPoolTaskRunner)


def test_other_options_leave_the_original_as_it_is() -> None:
    other = full.with_options(name="M", retries=0, retry_delay_seconds=0, tags=["c"])
    assert (other.name, other.retries, other.retry_delay_seconds, other.tags) == ("M", 0, 0, {"c"})
    assert (other.description, other.version, other.timeout_seconds, other.viz_return_value) == ("D", "v1", 3.0, 7)
    assert (full.name, full.retries) == ("N", 2)
    changed = full_flow.with_options(name="G", timeout_seconds=None, description="x")
    assert (changed.name, changed.timeout_seconds, changed.description, changed.version) == ("G", 4.0, "x", "9")
    assert full.with_options(task_run_name=None).task_run_name is None


def test_names_come_from_functions() -> None:
    @flow
    def some_flow_name() -> None: ...

    @task
    def some_task_name() -> None: ...

    assert (some_flow_name.name, some_task_name.name) == ("some-flow-name", "some_task_name")
    assert isinstance(some_flow_name, Flow)
    assert isinstance(some_task_name, Task)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: flow(name="a/b")(lambda: 1), InvalidNameError),
        (lambda: task(lambda return_state: 1), ReservedArgumentError),
        (lambda: flow(lambda wait_for: 1), ReservedArgumentError),
        (lambda: task(retries=2, retry_delay_seconds=list(range(51)))(lambda: 1), ValueError),
        (lambda: task(retries=2, retry_jitter_factor=-1)(lambda: 1), ValueError),
        (lambda: task(retries=2, retry_condition_fn="x")(lambda: 1), TypeError),
        (lambda: task(3), TypeError),
        (lambda: flow(3), TypeError),
        (lambda: task(on_failure=3)(lambda: 1), TypeError),
        (lambda: task(on_failure=[3])(lambda: 1), TypeError),
        (lambda: task(nonsense=1)(lambda: 1), TypeError),
        (lambda: flow(nonsense=1)(lambda: 1), TypeError),
        (lambda: full.with_options(nonsense=1), TypeError),
        (lambda: task(task_run_name=3)(lambda: 1), TypeError),
        (lambda: flow(flow_run_name=3)(lambda: 1), TypeError),
    ],
)
def test_what_is_refused_when_it_is_defined(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [(exponential_backoff(10), [10, 20, 40]), (lambda n: [n] * n, [3, 3, 3]), ([1, 2], [1, 2]), (5, 5), (None, 0)],
)
def test_delays_of_retries(delay: Any, seconds: Any) -> None:
    assert task(retries=3, retry_delay_seconds=delay)(lambda: 1).retry_delay_seconds == seconds


def test_settings_say_how_often_runs_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_TASKS_DEFAULT_RETRIES", "2")
    monkeypatch.setenv("STRONGROOM_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,10,100")
    monkeypatch.setenv("STRONGROOM_FLOWS_DEFAULT_RETRIES", "4")
    by_settings = task(lambda: 1)
    assert (by_settings.retries, by_settings.retry_delay_seconds) == (2, [1, 10, 100])
    assert task(retries=0, retry_delay_seconds=3)(lambda: 1).retries == 0
    assert flow(lambda: 1).retries == 4  # type: ignore[call-overload]


class Shop:
    def __init__(self, city: str = "Graz") -> None:
        self.city = city

    def __call__(self, x: int) -> str:
        return f"{self.city}{x}"

    @task
    def method(self, x: int) -> Any:
        return self.city, x

    @task
    def nested(self, x: int) -> Any:
        return self.method(x)

    @task
    @classmethod
    def class_outside(cls, x: int) -> Any:
        return cls.__name__, x

    @classmethod
    @task
    def class_inside(cls, x: int) -> Any:
        return cls.__name__, x

    @task
    @staticmethod
    def static_outside(x: int) -> int:
        return x

    @staticmethod
    @task
    def static_inside(x: int) -> int:
        return x

    @flow
    def flow_method(self, x: int) -> Any:
        return self.city, x, flow_run.parameters

    @flow
    @classmethod
    def flow_class(cls, x: int) -> Any:
        return cls.__name__, x

    @flow
    @staticmethod
    def flow_static(x: int) -> int:
        return x


class Kiosk(Shop):
    pass


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("method", ("Linz", 2)),
        ("nested", ("Linz", 2)),
        ("class_outside", ("Kiosk", 2)),
        ("class_inside", ("Kiosk", 2)),
        ("static_outside", 2),
        ("static_inside", 2),
        ("flow_method", ("Linz", 2, {"x": 2})),
        ("flow_class", ("Kiosk", 2)),
        ("flow_static", 2),
    ],
)
def test_methods_of_every_kind(name: str, given: Any) -> None:
    assert getattr(Kiosk("Linz"), name)(2) == given
    if "class" in name or "static" in name:
        assert getattr(Kiosk, name)(2) == given


def test_methods_are_submitted_and_mapped_too() -> None:
    shop = Shop()

    @flow
    def main() -> Any:
        return [
            shop.method.submit(1).result(),
            shop.method.map([1, 2]).result(),
            Shop.class_inside.submit(9).result(),
            shop.static_outside.map([1]).result(),
            shop.method.with_options(name="z")(5),
        ]

    assert main() == [("Graz", 1), [("Graz", 1), ("Graz", 2)], ("Shop", 9), [1], ("Graz", 5)]


def test_objects_and_partial_functions_and_built_ins() -> None:
    assert task(Shop())(5) == "Graz5"
    assert flow(Shop(), name="shop")(5) == "Graz5"  # type: ignore[call-overload]
    assert task(functools.partial(lambda a, b: a + b, 1))(2) == 3
    assert task(functools.partial(lambda a, b: a + b, b=1), name="p")(2) == 3
    assert task(len)([1, 2]) == 2
    assert task(Shop().__call__)(1) == "Graz1"


def test_names_of_parameters_may_be_odd() -> None:
    assert task(lambda **kw: sorted(kw.items()))(**{"x-y": 1, "class": 2}) == [("class", 2), ("x-y", 1)]
    odd = flow(lambda model_config, json, _x=1: (model_config, json, _x), name="odd")  # type: ignore[call-overload]
    assert odd(1, 2) == (1, 2, 1)


def test_runs_are_named_by_templates_and_functions() -> None:
    class Order:
        number = 7

    def by_runtime() -> str:
        return f"{flow_run.flow_name}/{task_run.task_name}/{task_run.parameters['x']}"

    def by_parameters(parameters: dict[str, Any]) -> str:
        return f"P{parameters['x']}"

    @task
    def name(x: Any, d: Any = None) -> Any:
        return task_run.name

    @flow(name="FL", flow_run_name=lambda: f"{flow_run.flow_name}-{flow_run.parameters['b']}")
    def main(a: int, b: int = 7) -> Any:
        return [
            flow_run.name,
            name.with_options(task_run_name="t-{x.number:03d}-{d[k]}")(Order(), {"k": 1}),
            name.with_options(task_run_name=by_runtime, name="TN")(3),
            name.with_options(task_run_name=by_parameters).submit(1).result(),
            name.with_options(task_run_name="static")(1),
        ]

    assert main(1) == ["FL-7", "t-007-1", "FL/TN/3", "P1", "static"]


@pytest.mark.parametrize("template", ["{nope}", lambda: 5, "{x.nope}", "{x:%Q%}"])
def test_a_name_that_cannot_be_made_fails_the_run(template: Any) -> None:
    state = task(task_run_name=template)(lambda x: x)([1], return_state=True)
    assert state.is_failed()
    assert "run name" in str(state.message)


@pytest.mark.parametrize("stand_in", [lambda x: x * 100, Mock(return_value=300)])
def test_runs_call_what_a_test_puts_in_the_place_of_the_function(stand_in: Any) -> None:
    @task
    def load(x: int) -> int:
        return x

    @flow
    def loads(x: int) -> int:
        return load(x) + load.submit(x).result()

    with patch.object(load, "fn", stand_in):
        assert loads(3) == 600
    assert loads(3) == 6
    with patch.object(loads, "fn", stand_in):
        assert loads("3") == 300  # type: ignore[arg-type]
    assert loads(3) == 6
