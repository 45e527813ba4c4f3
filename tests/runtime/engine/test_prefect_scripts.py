"""Scripts written for Prefect: names that they import, attributes that they read, what calls give them."""

from __future__ import annotations

from typing import Any

import pytest
from strongroom import flow, task
from strongroom.annotations import quote
from strongroom.cache_policies import CacheKeyFnPolicy, CompoundCachePolicy
from strongroom.errors import InvalidDefinition
from strongroom.exceptions import MissingContextError, PrefectException, UnfinishedRun, UpstreamTaskError
from strongroom.logging import get_run_logger
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
