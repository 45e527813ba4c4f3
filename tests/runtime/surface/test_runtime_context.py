"""What code can ask about its run: the runtime context, the contexts of runs, tags, and processes of one's own."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import strongroom
from strongroom import flow, get_run_context, tags, task
from strongroom.context import EngineContext, FlowRunContext, TagsContext, TaskRunContext
from strongroom.exceptions import ConfigurationError, MissingContextError
from strongroom.runtime import deployment, flow_run, task_run
from strongroom.task_runners import ThreadPoolTaskRunner


@task(tags=["own"])
def look(x: int, y: int = 2) -> Any:
    context, flow_context = get_run_context(), FlowRunContext.get()
    assert isinstance(context, TaskRunContext)
    assert flow_context is not None
    assert str(context.task_run.id) == task_run.id
    return (
        (task_run.parameters, task_run.tags, task_run.name, task_run.task_name, task_run.run_count),
        (flow_run.flow_name, flow_run.parameters, flow_context.flow.name, flow_context.parameters),
        (context.task.name, context.parameters, context.task_run.name, context.log_prints),
    )


def test_outside_of_runs_nothing_is_known_and_nothing_raises() -> None:
    assert (flow_run.id, flow_run.name, flow_run.tags, flow_run.parameters, flow_run.run_count) == (
        None, None, [], {}, 0,
    )  # fmt: skip
    assert (flow_run.parent_flow_run_id, flow_run.root_flow_run_id, flow_run.parent_deployment_id) == (None, None, None)
    assert (flow_run.job_variables, flow_run.ui_url, flow_run.api_url, task_run.ui_url) == (None, None, None, None)
    assert (task_run.id, task_run.tags, task_run.parameters, task_run.run_count) == (None, [], {}, 0)
    assert (deployment.id, deployment.name, deployment.version, deployment.parameters) == (None, None, None, {})
    assert flow_run.scheduled_start_time.tzinfo is not None
    assert (FlowRunContext.get(), TaskRunContext.get(), TagsContext.get().current_tags) == (None, None, set())
    with pytest.raises(MissingContextError):
        get_run_context()


def test_a_task_sees_itself_and_its_flow() -> None:
    @flow
    def main(a: int, b: int = 5) -> Any:
        with tags("inner"):
            return look(1), look.submit(1).result()[0][1]

    with tags("outer"):
        (own, around, context), submitted_tags = main(1)
    assert own == ({"x": 1, "y": 2}, ["inner", "outer", "own"], "look-0", "look", 1)
    assert around == ("main", {"a": 1, "b": 5}, "main", {"a": 1, "b": 5})
    assert context == ("look", {"x": 1, "y": 2}, "look-0", False)
    assert submitted_tags == ["inner", "outer", "own"]


def test_a_flow_sees_itself() -> None:
    @flow(version="3")
    def child(parent: str) -> Any:
        return flow_run.parent_flow_run_id == flow_run.root_flow_run_id == parent, flow_run.flow_version

    @flow(name="Parent")
    def main(a: int) -> Any:
        context = get_run_context()
        assert isinstance(context, EngineContext)
        assert str(context.flow_run.id) == flow_run.id == flow_run.root_flow_run_id
        return (
            (context.flow.name, context.flow_run.name == flow_run.name, context.flow_run.state.name),
            (type(context.start_time), type(context.task_runner), context.parameters, flow_run.parent_flow_run_id),
            child(str(flow_run.id)),
            TaskRunContext.get(),
        )

    assert main(1) == (
        ("Parent", True, "Running"),
        (datetime, ThreadPoolTaskRunner, {"a": 1}, None),
        (True, "3"),
        None,
    )


def test_a_task_without_a_flow_has_no_flow_run() -> None:
    assert task(lambda: (flow_run.id, FlowRunContext.get(), task_run.name is None))() == (None, None, False)


def test_tags_add_up_and_reach_subflows() -> None:
    @flow
    def child() -> Any:
        return flow_run.tags, task(lambda: task_run.tags, name="t")()

    @flow
    def main() -> Any:
        with tags("a", "b") as some, tags("c") as more:
            return sorted(some), sorted(more), child(), flow_run.tags

    assert main() == (["a", "b"], ["a", "b", "c"], (["a", "b", "c"], ["a", "b", "c"]), [])


@pytest.mark.parametrize(
    ("variable", "text", "look_up", "value"),
    [
        ("FLOW_RUN__NAME", "mock", lambda: flow_run.name, "mock"),
        ("FLOW_RUN__RUN_COUNT", "7", lambda: flow_run.run_count, 7),
        ("TASK_RUN__FAKE_KEY", "foo", lambda: task_run.fake_key, "foo"),  # type: ignore[attr-defined]
        ("DEPLOYMENT__NAME", "nightly", lambda: deployment.name, "nightly"),
        (
            "FLOW_RUN__SCHEDULED_START_TIME",
            "2026-01-02T03:04:05",
            lambda: flow_run.scheduled_start_time,
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
    ],
)
def test_a_variable_says_what_a_test_wants(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, look_up: Any, value: Any
) -> None:
    monkeypatch.setenv(f"STRONGROOM__RUNTIME__{variable}", text)
    assert look_up() == value


def test_what_no_variable_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM__RUNTIME__FLOW_RUN__TAGS", "a,b")
    monkeypatch.setenv("STRONGROOM__RUNTIME__FLOW_RUN__RUN_COUNT", "many")
    with pytest.raises(ValueError, match="monkeypatch"):
        _ = flow_run.tags
    with pytest.raises(ConfigurationError, match="Set it anew"):
        _ = flow_run.run_count
    with pytest.raises(AttributeError, match=r"runtime.flow_run has no attribute 'nonsense'"):
        _ = flow_run.nonsense  # type: ignore[attr-defined]


def test_the_modules_list_what_they_know() -> None:
    assert {"id", "name", "parameters", "root_flow_run_id", "job_variables"} < set(dir(flow_run))
    assert {"id", "task_name", "run_count"} < set(dir(task_run))
    assert dir(deployment) == ["flow_run_id", "id", "name", "parameters", "version"]
    assert strongroom.runtime.flow_run is flow_run


SCRIPT = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor
    from strongroom import flow, task, get_run_logger, tags
    from strongroom.context import with_context
    from strongroom.journal import current_journal
    from strongroom.runtime import flow_run, task_run

    @task
    def inner(x):
        return task_run.tags, x + 1

    def work(item):
        get_run_logger().info("Processing %s", item)
        return inner(item), flow_run.name, task_run.name

    @task
    def spread(items):
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            return list(pool.map(with_context(work), items))

    @flow(flow_run_name="mine")
    def main():
        with tags("a"):
            return spread([1, 2])

    if __name__ == "__main__":
        print(main())
        [run] = current_journal().flow_runs()
        print(sorted(line.message for line in current_journal().logs(run.id) if "Processing" in line.message))
        print(len(current_journal().task_runs(run.id)))
"""


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_of_ones_own_are_part_of_the_run(tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run([sys.executable, str(script), method], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[((['a'], 2), 'mine', 'spread-0'), ((['a'], 3), 'mine', 'spread-0')]",
        "['Processing 1', 'Processing 2']",
        "3",
    ]


def test_without_a_run_there_is_nothing_to_take_along() -> None:
    from strongroom.context import with_context

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(with_context(abs), -3).result() == 3
