"""What another program works on inside a task shows as runs below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from strongroom import flow, task
from strongroom.errors import MissingContextError
from strongroom.journal.memory import MemoryJournal
from strongroom.nodes import report
from strongroom.states import Completed, Failed, Running
from strongroom.testing import strongroom_test_harness

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=2)


@pytest.fixture
def journal() -> Iterator[MemoryJournal]:
    with strongroom_test_harness() as journal:
        yield journal


@task
def build() -> None:
    first = report("orders", key="model.orders", state=Running(), start_time=NOON)
    assert report("orders", key="model.orders", state=Completed(), start_time=NOON, end_time=LATER) == first
    report("spent", key="model.spent", state=Failed(), start_time=NOON, upstream=[first], message="no such column")


@flow
def nightly() -> None:
    build()


def test_nodes_are_runs_below_the_task_that_reports_them(journal: MemoryJournal) -> None:
    nightly()
    [flow_run] = journal.flow_runs()
    runs = {run.name: run for run in journal.task_runs(flow_run.id)}
    orders, spent = runs["orders"], runs["spent"]
    assert orders.kind == spent.kind == "node"
    assert orders.parent_id == spent.parent_id == runs["build-0"].id
    assert spent.upstream == (orders.id,)
    assert (spent.state.name, spent.state.message) == ("Failed", "no such column")


def test_a_node_that_is_reported_again_is_the_same_node_further_on(journal: MemoryJournal) -> None:
    nightly()
    [flow_run] = journal.flow_runs()
    [orders] = [run for run in journal.task_runs(flow_run.id) if run.name == "orders"]
    assert (orders.start_time, orders.end_time) == (NOON, LATER)
    assert [event.name for event in orders.history] == ["Running", "Completed"]
    assert orders.run_count == 1


def test_a_flow_may_report_nodes_of_its_own(journal: MemoryJournal) -> None:
    @flow
    def watching() -> None:
        report("job", key="job-1", state=Completed())

    watching()
    [flow_run] = journal.flow_runs()
    [job] = journal.task_runs(flow_run.id)
    assert job.parent_id == flow_run.id
    assert job.start_time is None


def test_the_message_of_a_node_shows_no_secret(journal: MemoryJournal, canary: Callable[[str], str]) -> None:
    from strongroom import Secret

    token = canary("token")

    @flow
    def watching() -> None:
        Secret(value=token)
        report("job", key="job-1", state=Failed(), message=f"denied with {token}")

    watching()
    [flow_run] = journal.flow_runs()
    [job] = journal.task_runs(flow_run.id)
    assert job.state.message == "denied with **********"


def test_outside_of_runs_there_is_nothing_that_a_node_belongs_to() -> None:
    with pytest.raises(MissingContextError, match="The node 'job' belongs to no run"):
        report("job", key="job-1", state=Completed())
