"""The client: runs, states, lines, variables, artifacts and deployments, by the names of Prefect's methods."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from strongroom import flow, get_client, get_run_logger, tags, task
from strongroom.artifacts import create_markdown_artifact
from strongroom.client.schemas.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    LogFilter,
    TaskRunFilter,
    VariableFilter,
)
from strongroom.client.schemas.objects import Flow, FlowRun, StateType
from strongroom.client.schemas.sorting import FlowRunSort, LogSort, TaskRunSort
from strongroom.exceptions import ObjectNotFound
from strongroom.states import Completed
from strongroom.variables import Variable


@task
def work(x: int) -> int:
    get_run_logger().info("working on %s", x)
    return x


@flow
def good(x: int) -> None:
    work(x)


@flow
def bad() -> None:
    raise ValueError("bad")


@flow
def outer() -> None:
    good(9)


@pytest.fixture(autouse=True)
def runs() -> None:
    good(1)
    with tags("nightly"):
        good(2)
    bad(return_state=True)
    outer()


def ask(name: str, *args: Any, **kwargs: Any) -> Any:
    """What both clients give, which is the same."""

    async def asynchronously() -> Any:
        async with get_client() as client:
            return await getattr(client, name)(*args, **kwargs)

    with get_client(sync_client=True) as client:
        given = getattr(client, name)(*args, **kwargs)
    assert repr(asyncio.run(asynchronously())) == repr(given)
    return given


def names(runs: list[FlowRun]) -> list[str]:
    return [run.flow_name for run in runs]


def test_the_last_runs_that_completed() -> None:
    wanted = FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}})
    found = ask("read_flow_runs", flow_run_filter=wanted, sort=FlowRunSort.END_TIME_DESC, limit=2)
    assert names(found) == ["outer", "good"]
    ends = [run.end_time for run in ask("read_flow_runs", sort="END_TIME_DESC")]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["good", "outer", "bad", "good", "good"]),
        ({"flow_run_filter": FlowRunFilter(tags={"all_": ["nightly"]})}, ["good"]),
        ({"flow_run_filter": FlowRunFilter(tags={"is_null_": True}, parent_flow_run_id={"is_null_": False})}, ["good"]),
        (
            {"flow_run_filter": FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Failed"])))},
            ["bad"],
        ),
        ({"flow_run_filter": FlowRunFilter(state={"type": {"not_any_": ["COMPLETED"]}})}, ["bad"]),
        ({"flow_filter": FlowFilter(name={"any_": ["bad", "outer"]})}, ["outer", "bad"]),
        ({"flow_filter": FlowFilter(name={"like_": "OO"})}, ["good", "good", "good"]),
        ({"flow_run_filter": FlowRunFilter(start_time={"after_": datetime(2200, 1, 1, tzinfo=UTC)})}, []),
        ({"flow_run_filter": FlowRunFilter(start_time={"before_": "2200-01-01T00:00:00+00:00"})}, ["good"] * 5),
        ({"task_run_filter": TaskRunFilter(name={"like_": "work"}), "limit": 1}, ["good"]),
        ({"deployment_filter": DeploymentFilter(name={"any_": ["none"]})}, []),
        (
            {
                "flow_run_filter": FlowRunFilter(
                    operator="or_", tags={"any_": ["nightly"]}, state={"name": {"any_": ["Failed"]}}
                )
            },
            ["bad", "good"],
        ),
        ({"offset": 4}, ["good"]),
    ],
)
def test_runs_are_filtered(filters: Any, found: list[str]) -> None:
    given = names(ask("read_flow_runs", **filters))
    assert given == found or (found == ["good"] * 5 and len(given) == 5)
    if not {"limit", "offset"} & filters.keys():
        assert ask("count_flow_runs", **filters) == len(found)


def test_a_filter_without_such_a_field_says_which_there_are() -> None:
    with pytest.raises(ValueError, match=r"FlowRunFilter has no field 'colour'. It has: id, name"):
        FlowRunFilter(colour={"any_": ["red"]})
    with pytest.raises(ValueError, match="no condition"):
        ask("read_flow_runs", flow_run_filter=FlowRunFilter(name="x"))


def test_states_tasks_and_lines_of_a_run() -> None:
    [run] = ask("read_flow_runs", flow_run_filter=FlowRunFilter(tags={"any_": ["nightly"]}))
    assert [state.name for state in ask("read_flow_run_states", run.id)] == ["Pending", "Running", "Completed"]
    [task_run] = ask("read_task_runs", flow_run_filter=FlowRunFilter(id={"any_": [run.id]}))
    assert ask("read_task_run", task_run.id).name == task_run.name == "work-0"
    assert [state.name for state in ask("read_task_run_states", task_run.id)][-1] == "Completed"
    assert len(ask("read_task_runs", sort=TaskRunSort.END_TIME_DESC)) == 3
    lines = ask("read_logs", LogFilter(flow_run_id={"any_": [run.id]}, level={"ge_": 20}))
    assert "working on 2" in [line.message for line in lines]
    newest = ask("read_logs", LogFilter(task_run_id={"any_": [task_run.id]}), sort=LogSort.TIMESTAMP_DESC)
    assert [line.message for line in newest] == ["working on 2"]
    assert (run.total_run_time >= timedelta(), run.deployment_id) == (True, None)


def test_flows_are_known_by_their_runs() -> None:
    [run] = ask("read_flow_runs", flow_filter=FlowFilter(name={"any_": ["bad"]}))
    assert ask("read_flow", run.flow_id) == ask("read_flow_by_name", "bad") == Flow("bad")
    assert [flow.name for flow in ask("read_flows")] == ["bad", "good", "outer"]
    with pytest.raises(ObjectNotFound):
        ask("read_flow_by_name", "none")


def test_a_run_is_given_another_state_and_removed() -> None:
    with get_client(sync_client=True) as client:
        run = client.read_flow_runs(limit=1, offset=1)[0]
        cancelled = run.state.copy(update={"name": "Cancelled", "type": StateType.CANCELLED})
        with pytest.raises(RuntimeError, match="is over"):
            client.set_flow_run_state(run.id, cancelled)
        given = client.set_flow_run_state(run.id, cancelled, force=True)
        assert (given.status, given.state.name) == ("ACCEPT", "Cancelled")
        assert client.read_flow_run(run.id).state.name == "Cancelled"
        client.delete_flow_run(run.id)
        for missing in (run.id, uuid4()):
            with pytest.raises(ObjectNotFound):
                client.read_flow_run(missing)
        with pytest.raises(ObjectNotFound):
            client.read_task_run(uuid4())


def test_a_run_that_goes_on_is_changed_by_nobody_else() -> None:
    @flow
    def main() -> None:
        with get_client(sync_client=True) as client:
            [own] = client.read_flow_runs(flow_run_filter=FlowRunFilter(state={"type": {"any_": ["RUNNING"]}}))
            with pytest.raises(RuntimeError, match="goes on in a process"):
                client.set_flow_run_state(own.id, Completed())

    main()


def test_variables_artifacts_and_deployments() -> None:
    Variable.set("rows", 3)
    create_markdown_artifact("# Hello", key="hello")
    assert ask("read_variable_by_name", "rows").value == 3
    assert ask("read_variable_by_name", "none") is None
    assert [v.name for v in ask("read_variables", VariableFilter(name={"like_": "row"}))] == ["rows"]
    [artifact] = ask("read_latest_artifacts")
    assert (artifact.key, ask("read_artifacts")) == ("hello", [artifact])
    with get_client(sync_client=True) as client:
        client.delete_artifact(artifact.id)
        client.delete_variable_by_name("rows")
        with pytest.raises(ObjectNotFound):
            client.delete_artifact(artifact.id)
        client.create_concurrency_limit("db", 2)
        assert client.read_concurrency_limit_by_tag("db").concurrency_limit == 2
        client.delete_concurrency_limit_by_tag("db")
    assert (ask("read_artifacts"), ask("read_variables"), ask("read_deployments")) == ([], [], [])
    with pytest.raises(ObjectNotFound):
        ask("read_deployment_by_name", "a/b")


@pytest.mark.parametrize("name", ["create_task_run", "create_flow_run", "nonsense"])
def test_what_there_is_not_says_so(name: str) -> None:
    for client in (get_client(), get_client(sync_client=True)):
        with pytest.raises(AttributeError, match=rf"The client has no '{name}'\. \w"):
            getattr(client, name)
        assert "read_flow_runs" in dir(client)
