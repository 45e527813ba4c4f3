"""Scripts written for Prefect: names that they import, attributes that they read, what calls give them."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from strongroom import flow, get_run_context, task
from strongroom.annotations import quote
from strongroom.cache_policies import CacheKeyFnPolicy, CompoundCachePolicy
from strongroom.errors import InvalidDefinition
from strongroom.exceptions import MissingContextError, PrefectException, UnfinishedRun, UpstreamTaskError
from strongroom.logging import get_run_logger
from strongroom.runtime import flow_run, task_run
from strongroom.tasks import exponential_backoff


@task
def double(x: Any) -> Any:
    return 2 * x


@task
def fail() -> None:
    raise ValueError("failed task")


def test_the_errors_that_scripts_catch_stand_in_exceptions() -> None:
    with pytest.raises(MissingContextError):
        get_run_logger()
    assert issubclass(UpstreamTaskError, UnfinishedRun)
    assert issubclass(UnfinishedRun, PrefectException)


def test_retries_can_be_read_from_a_task_and_a_flow() -> None:
    backing_off = double.with_options(retries=3, retry_delay_seconds=exponential_backoff(10))
    assert (backing_off.retries, backing_off.retry_delay_seconds) == (3, [10, 20, 40])
    assert (double.retries, double.retry_delay_seconds, double.retry_jitter_factor) == (0, 0, None)
    assert flow(retries=2, retry_delay_seconds=5)(double.fn).retry_delay_seconds == 5


def test_a_condition_for_retries_has_to_be_a_function() -> None:
    with pytest.raises(InvalidDefinition, match="retry_condition_fn of 'double'"):
        double.with_options(retry_condition_fn=3)  # type: ignore[arg-type]


def test_a_single_hook_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidDefinition, match=r"on_failure of 'double' is a single function. Give a list"):
        double.with_options(on_failure=print)  # type: ignore[arg-type]


def test_a_quote_gives_its_value_back() -> None:
    assert quote([1]).unquote() == [1]


def test_policies_have_their_names() -> None:
    policy = double.with_options(cache_key_fn=lambda *_: "key").cache_policy
    assert isinstance(policy, CacheKeyFnPolicy)
    assert isinstance(double.cache_policy, CompoundCachePolicy)


def test_hooks_see_the_parameters_and_the_state_of_the_run() -> None:
    seen = []

    def look(flow: Any, run: Any, state: Any) -> None:
        seen.append((state.name, run.state_name, run.state_type, run.parameters, run.expected_start_time.tzinfo))

    @flow(on_running=[look], on_completion=[look], on_failure=[look])
    def job(table: str, n: int = 3) -> None: ...

    job("orders", n="4")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        job("orders", n="many")  # type: ignore[arg-type]
    full = {"table": "orders", "n": 4}
    assert seen == [
        ("Running", "Running", "RUNNING", full, UTC),
        ("Completed", "Completed", "COMPLETED", full, UTC),
        ("Failed", "Failed", "FAILED", {"table": "orders", "n": "many"}, UTC),
    ]


def test_the_flow_run_of_the_context_has_its_parameters() -> None:
    @flow
    def job(n: int) -> Any:
        return get_run_context().flow_run.parameters  # type: ignore[union-attr]

    assert job(3) == {"n": 3}


def test_outside_of_runs_there_are_no_tags_parameters_and_attempts() -> None:
    assert (flow_run.tags, flow_run.parameters, flow_run.run_count, flow_run.name) == ([], {}, 0, None)
    assert (task_run.tags, task_run.parameters, task_run.run_count, task_run.name) == ([], {}, 0, None)
