"""Whoever looks on at runs sees each state, and cannot harm them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from strongroom import flow, task
from strongroom.observation import dismiss, observers


@task
def double(n: int) -> int:
    return 2 * n


@flow
def nightly() -> int:
    return double.submit(21).result()


@pytest.fixture(autouse=True)
def _nobody_else() -> Iterator[None]:
    before = observers.copy()
    yield
    observers[:] = before


def test_each_state_of_each_run_is_told_as_it_is_entered():
    seen: list[tuple[str, str]] = []
    observers.append(lambda run: seen.append((type(run).__name__, run.state.name)))
    assert nightly() == 42
    assert [state for kind, state in seen if kind == "FlowRun"] == ["Pending", "Running", "Completed"]
    assert [state for kind, state in seen if kind == "TaskRun"] == ["Pending", "Running", "Completed"]


def test_one_that_fails_is_sent_away_and_the_runs_go_on(caplog: pytest.LogCaptureFixture):
    calls = []

    def failing(run: object) -> None:
        calls.append(run)
        raise ValueError("no terminal")

    observers.append(failing)
    with caplog.at_level(logging.ERROR, "strongroom"):
        assert nightly() == 42
    assert len(calls) == 1
    assert failing not in observers
    assert "no terminal" in caplog.text


def test_one_that_is_dismissed_sees_nothing_more():
    seen: list[object] = []
    observers.append(seen.append)
    dismiss(seen.append)
    dismiss(seen.append)
    nightly()
    assert seen == []
