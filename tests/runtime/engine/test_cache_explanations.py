"""Why a result was taken from the cache, or was not, in one sentence of the run's record."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.cache_policies import DEFAULT, INPUTS, NO_CACHE, CachePolicy
from strongroom.journal.memory import MemoryJournal


@pytest.fixture
def why(journal: MemoryJournal) -> Any:
    """The explanation of the latest run of a task that ran in a flow."""

    def ask() -> str:
        [run] = journal.flow_runs(limit=1)
        return journal.task_runs(run.id)[-1].explanation

    return ask


@flow
def call(made: Any, *args: Any, **options: Any) -> Any:
    return made(*args, **options)


def counting(**options: Any) -> Any:
    calls: list[int] = []

    @task(name="work", **options)
    def work(a: Any, b: Any = None) -> int:
        calls.append(1)
        return len(calls)

    return work


def test_a_hit_names_its_source(why: Any) -> None:
    work = counting(cache_policy=INPUTS)
    call(work, 1)
    assert why() == "Not cached: no earlier run has the same inputs."
    call(work, 1)
    assert why().startswith("Cached: the same inputs as run work-0 (")
    assert f"of {datetime.now(UTC):%Y-}" in why()
    state = work(1, return_state=True)
    assert state.message.startswith("Cached: the same inputs as run work-0 (")


def test_a_miss_names_what_differs_from_the_last_run(why: Any) -> None:
    work = counting(cache_policy=INPUTS)
    call(work, 1, b=1)
    call(work, 1, b=2)
    assert why() == "Not cached: no earlier run has the same inputs; the input 'b' differs from the last run's, work-0."
    call(work, 2, b=3)
    assert "the input 'a' and the input 'b' differ from" in why()


def test_the_run_is_part_of_the_default_key(why: Any) -> None:
    work = counting(persist_result=True)
    call(work, 1)
    call(work, 1)
    assert why() == (
        "Not cached: no earlier run has the same inputs, code and run; the run differs from the last run's, work-0."
    )


def test_a_run_that_left_no_result(why: Any) -> None:
    @task(cache_policy=INPUTS)
    def fails(a: int) -> None:
        raise ValueError

    for _ in range(2):
        call(fails, 1, return_state=True)
        assert isinstance(why(), str)
    assert why() == "Not cached: the last run with the same key, fails-0, left no result."


def test_expired(why: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom.results import store as results

    work = counting(cache_policy=INPUTS, cache_expiration=timedelta(hours=1))
    call(work, 1)
    later = datetime.now(UTC) + timedelta(hours=4, minutes=1)
    monkeypatch.setattr(results, "now", lambda: later)
    call(work, 1)
    assert why() == "Not cached: the cached result expired 3 h ago."


def test_damaged(why: Any, tmp_path: Path) -> None:
    work = counting(cache_key_fn=lambda *_: "k", result_storage=tmp_path)
    call(work, 1)
    (tmp_path / "k").write_bytes(b"no record")
    call(work, 1)
    assert why() == (
        "Not cached: the cached result is not used: What lies there is no result of Strongroom. "
        "Remove it, or use another storage."
    )


def test_an_input_without_a_hash(why: Any, caplog: pytest.LogCaptureFixture) -> None:
    work = counting(cache_policy=INPUTS)
    with caplog.at_level(logging.WARNING):
        call(work, (line for line in []))
    assert why() == "Not cached: the input 'a' cannot be hashed (A generator cannot be hashed (TypeError))."
    assert "INPUTS - 'name'" in caplog.text


@pytest.mark.parametrize(
    ("options", "variables", "reason"),
    [
        ({"cache_policy": INPUTS, "refresh_cache": True}, {}, "refresh_cache is on"),
        ({"cache_policy": INPUTS}, {"STRONGROOM_TASKS_REFRESH_CACHE": "true"}, "refresh_cache is on"),
        (
            {"cache_policy": INPUTS},
            {"STRONGROOM_TASKS_DISABLE_CACHING": "true"},
            "STRONGROOM_TASKS_DISABLE_CACHING is on",
        ),
        (
            {"persist_result": True},
            {"STRONGROOM_TASKS_DEFAULT_NO_CACHE": "true"},
            "the task has no policy of its own, and STRONGROOM_TASKS_DEFAULT_NO_CACHE is on",
        ),
        ({"cache_policy": INPUTS, "persist_result": False}, {}, "persistence is off (persist_result=False)"),
        (
            {"cache_expiration": timedelta(hours=1)},
            {},
            "persistence is off (give a cache_policy, or persist_result=True)",
        ),
        ({"cache_key_fn": lambda *_: None}, {}, "the cache policy gives no key"),
    ],
)
def test_what_rules_the_cache_out(
    options: dict[str, Any], variables: dict[str, str], reason: str, why: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    work = counting(**options)
    assert [call(work, 1), call(work, 1)] == [1, 2]
    assert why() == f"Not cached: {reason}."


def test_what_a_flow_persists_is_cached_within_its_run() -> None:
    work = counting(cache_expiration=timedelta(hours=1))

    @flow(persist_result=True)
    def job() -> Any:
        return work(1), work(1)

    assert job() == (1, 1)


def test_a_refresh_that_a_task_declines_beats_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_TASKS_REFRESH_CACHE", "true")
    work = counting(cache_policy=INPUTS, refresh_cache=False)
    assert [call(work, 1), call(work, 1)] == [1, 1]


@pytest.mark.parametrize("policy", [NO_CACHE, DEFAULT])
def test_a_task_without_a_cache_is_not_asked(policy: CachePolicy, why: Any) -> None:
    call(counting() if policy is DEFAULT else counting(cache_policy=policy), 1)
    assert why() == ""
