"""Caching and persisted results: what makes two runs the same, and what is kept where."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from strongroom import flow, task
from strongroom.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CachePolicy,
    CompoundCachePolicy,
    task_input_hash,
)
from strongroom.journal.memory import MemoryJournal


class Counter:
    """A function that counts its calls."""

    __name__ = "work"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any = None, debug: bool = False) -> int:
        self.calls += 1
        return self.calls


@pytest.fixture
def work() -> Counter:
    return Counter()


def test_nothing_is_cached_unless_results_persist(work: Counter) -> None:
    counted = task(work)

    @flow
    def job() -> Any:
        return counted(1), counted(1)

    assert job() == (1, 2)


def test_the_default_policy_holds_within_one_run(work: Counter) -> None:
    counted = task(persist_result=True)(work)

    @flow
    def job() -> Any:
        return counted(1), counted(1), counted(2), counted(1, return_state=True).name

    assert job() == (1, 1, 2, "Cached")
    assert job() == (3, 3, 4, "Cached")


def test_the_same_inputs_hit_across_runs_and_processes(work: Counter, journal: MemoryJournal) -> None:
    counted = task(cache_policy=INPUTS)(work)
    assert counted(1) == 1
    assert counted(1) == 1
    assert counted.submit(1).result() == 1
    assert counted(2) == 2
    assert counted({"b": {2, 1}, "a": 1}) == counted({"a": 1, "b": {1, 2}}) == 3
    state = counted(1, return_state=True)
    assert (state.name, state.result()) == ("Cached", 1)


def test_inputs_can_be_left_out(work: Counter) -> None:
    counted = task(cache_policy=INPUTS - "debug")(work)
    assert counted(1) == counted(1, debug=True) == 1
    assert counted(2, debug=True) == 2


def test_a_function_gives_the_key(work: Counter) -> None:
    seen = []

    def key(context: Any, parameters: dict[str, Any]) -> str:
        seen.append((context.task.name, context.task_run.task_name, parameters))
        return f"fixed/{parameters['x']}"

    counted = task(name="work", cache_key_fn=key)(work)
    assert counted(1) == counted(1, debug=True) == 1
    assert seen[0] == ("work", "work", {"x": 1, "debug": False})


def test_the_ready_made_key_function_tells_tasks_and_inputs_apart(work: Counter) -> None:
    counted = task(cache_key_fn=task_input_hash)(work)
    assert counted(1) == counted(1) == 1
    assert counted(2) == 2

    @task(cache_key_fn=task_input_hash)
    def other(x: int) -> str:
        return "other"

    assert other(1) == "other"


def test_a_cached_result_expires(work: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.results import store as results

    counted = task(cache_policy=INPUTS, cache_expiration=timedelta(hours=1))(work)
    assert counted(1) == counted(1) == 1
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(results, "now", lambda: later)
    assert counted(1) == 2


def test_a_refresh_runs_and_renews(work: Counter) -> None:
    counted = task(cache_policy=INPUTS)(work)
    fresh = counted.with_options(refresh_cache=True)
    assert counted(1) == 1
    assert fresh(1) == 2
    assert counted(1) == 2


def test_flow_parameters_as_the_key(work: Counter) -> None:
    counted = task(cache_policy=FLOW_PARAMETERS)(work)

    @flow
    def job(day: str) -> int:
        return counted(object())

    assert [job("mon"), job("mon"), job("tue")] == [1, 1, 2]


def test_the_source_is_part_of_the_key() -> None:
    @task(cache_policy=TASK_SOURCE)
    def one() -> int:
        return 1

    first = one()

    @task(cache_policy=TASK_SOURCE)
    def two() -> int:
        return 2

    assert (first, one(), two()) == (1, 1, 2)


@pytest.mark.parametrize(
    "value", [SecretStr("not to be hashed"), lambda: 1, open],
)  # fmt: skip
def test_inputs_without_a_safe_identity_run_uncached_and_say_so(
    value: Any, work: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    counted = task(cache_policy=INPUTS)(work)
    if value is open:
        value = (line for line in [])
    with caplog.at_level(logging.WARNING):
        assert (counted(value), counted(value)) == (1, 2)
    assert "not cached" in caplog.text
    assert "INPUTS - 'name'" in caplog.text


def test_a_key_function_that_raises_means_no_cache(work: Counter, caplog: pytest.LogCaptureFixture) -> None:
    def broken(context: Any, parameters: dict[str, Any]) -> str:
        raise RuntimeError("no key today")

    counted = task(cache_key_fn=broken)(work)
    assert (counted(1), counted(1)) == (1, 2)
    assert "no key today" in caplog.text


def test_failures_are_not_cached(work: Counter) -> None:
    @task(cache_policy=INPUTS)
    def fails_once(x: int) -> int:
        if work() == 1:
            raise ValueError
        return x

    assert fails_once(7, return_state=True).is_failed()
    assert fails_once(7) == 7


def test_options_that_contradict_each_other_are_warned_of(work: Counter, caplog: pytest.LogCaptureFixture) -> None:
    by_key = task(cache_policy=INPUTS, cache_key_fn=lambda *_: "one key", name="by_key")(work)
    assert [by_key(1), by_key(2)] == [1, 1]
    uncached = task(cache_policy=INPUTS, persist_result=False, name="uncached")(work)
    assert [uncached(1), uncached(1)] == [2, 3]
    by_place = task(cache_key_fn=lambda *_: "one key", result_storage_key="at-{parameters[x]}", name="by_place")(work)
    assert [by_place(1), by_place(2), by_place(1)] == [4, 5, 4]
    assert "'by_place' has a result_storage_key" in caplog.text
    assert "'by_key' has a cache_policy and a cache_key_fn" in caplog.text
    assert "'uncached' is not cached" in caplog.text


@pytest.mark.parametrize(
    ("options", "persists"),
    [
        ({}, None),
        ({"persist_result": False}, False),
        ({"cache_policy": INPUTS}, True),
        ({"cache_policy": NO_CACHE}, None),
        ({"cache_policy": None}, None),
        ({"cache_key_fn": task_input_hash}, True),
        ({"result_serializer": "json"}, True),
        ({"result_storage_key": "k"}, True),
        ({"result_storage": Path("/tmp/x")}, True),
    ],
)
def test_some_options_imply_that_results_persist(options: dict[str, Any], persists: bool | None, work: Counter) -> None:
    assert task(**options)(work).persist_result is persists


def test_results_lie_where_the_template_says(tmp_path: Path, work: Counter) -> None:
    counted = task(result_storage=tmp_path, result_storage_key="{flow_run.flow_name}/{parameters[x]}")(work)

    @flow(name="nightly")
    def job() -> Any:
        return counted("orders"), counted("orders", return_state=True).name, counted("customers")

    assert job() == (1, "Cached", 2)
    assert sorted(p.name for p in (tmp_path / "nightly").iterdir()) == ["customers", "orders"]


def test_a_flow_decides_for_its_tasks(tmp_path: Path, work: Counter) -> None:
    counted = task(work)
    declines = task(persist_result=False)(work)

    @flow(result_storage=tmp_path, result_serializer="json")
    def job() -> Any:
        return counted(1), counted(1), declines(1), declines(1)

    assert job() == (1, 1, 2, 3)
    assert [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("setting", ["true", "false"])
def test_a_setting_decides_for_tasks_whatever_their_flow_says(
    setting: str, work: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_TASKS_DEFAULT_PERSIST_RESULT", setting)
    counted = task(work)

    @flow(persist_result=setting != "true")
    def job() -> Any:
        return counted(1), counted(1)

    assert job() == ((1, 1) if setting == "true" else (1, 2))


def test_a_result_that_cannot_be_stored_is_said_and_the_run_completes(caplog: pytest.LogCaptureFixture) -> None:
    import threading

    @task(persist_result=True, cache_policy=INPUTS)
    def lock(x: int) -> Any:
        return threading.Lock()

    assert lock(1, return_state=True).is_completed()
    assert "not persisted" in caplog.text


@pytest.mark.parametrize("policy", [INPUTS, INPUTS.configure(isolation_level="SERIALIZABLE")])
def test_a_storage_that_is_not_there_is_said_and_the_run_completes(
    policy: CachePolicy, work: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    counted = task(cache_policy=policy, result_storage="no-such-block")(work)
    undone = task(result_storage="no-such-block", on_rollback=[lambda txn: None])(work)
    assert [counted(1), counted(1), undone(1)] == [1, 2, 3]
    assert "The cache is not to be had: UnknownBlock" in caplog.text
    assert "The result was not persisted: UnknownBlock" in caplog.text


POLICIES = [INPUTS, TASK_SOURCE, RUN_ID, FLOW_PARAMETERS, INPUTS - "x", NO_CACHE, DEFAULT]


@given(st.sampled_from(POLICIES), st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_policies_add_up(a: CachePolicy, b: CachePolicy, c: CachePolicy) -> None:
    def parts(policy: CachePolicy) -> set[CachePolicy]:
        found = set(policy.policies) if isinstance(policy, CompoundCachePolicy) else {policy}
        return found - {NO_CACHE}

    assert parts((a + b) + c) == parts(a + (b + c)) == parts(a) | parts(b) | parts(c)
    assert parts(a + a) == parts(a)


def test_the_algebra_of_the_documented_policies() -> None:
    assert DEFAULT == INPUTS + TASK_SOURCE + RUN_ID
    assert NONE == NO_CACHE
    assert NO_CACHE + INPUTS == INPUTS
    assert INPUTS + NO_CACHE == INPUTS
    assert (INPUTS - "a") - "b" == (INPUTS - "b") - "a"
    assert DEFAULT - "a" == (INPUTS - "a") + TASK_SOURCE + RUN_ID
    assert TASK_SOURCE - "a" == TASK_SOURCE + (INPUTS - "a")
    assert (TASK_SOURCE + RUN_ID) - "a" == TASK_SOURCE + RUN_ID + (INPUTS - "a")
    assert NO_CACHE - "a" == NO_CACHE
    with pytest.raises(TypeError):
        INPUTS - 3  # type: ignore[operator]


def test_a_policy_of_ones_own(work: Counter) -> None:
    class Parity(CachePolicy):
        def compute_key(self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **_: Any) -> str:
            return f"parity-{inputs['x'] % 2}"

    counted = task(cache_policy=Parity())(work)
    assert [counted(1), counted(3), counted(2)] == [1, 1, 2]
