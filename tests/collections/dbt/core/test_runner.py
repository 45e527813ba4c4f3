"""The runner and the orchestrator that scripts written for Prefect know, on a real project."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from shop import SHOP, write
from strongroom import flow
from strongroom.artifacts.rows import list_artifacts
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import (
    CacheConfig,
    DbtBuildFailed,
    DbtHookContext,
    DbtNodeFailed,
    DbtProjectInvalid,
    PrefectDbtRunner,
    PrefectDbtSettings,
)
from strongroom_dbt.core._executor import DbtCoreExecutor
from strongroom_dbt.core._orchestrator import ExecutionMode, PrefectDbtOrchestrator, TestStrategy

PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: dev.duckdb}, prod: {type: duckdb, path: p.duckdb}}}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PrefectDbtSettings:
    """A project with its own profiles.yml, parsed once."""
    folder = write(tmp_path_factory.mktemp("shop"), {**SHOP, "profiles.yml": PROFILES})
    return PrefectDbtSettings(project_dir=folder)


def test_a_runner_shows_nodes_calls_hooks_and_gives_dbts_results(settings: PrefectDbtSettings) -> None:
    told: list[tuple[object, ...]] = []
    runner = PrefectDbtRunner(settings=settings)

    @runner.on_run_start
    def begin(context: DbtHookContext) -> None:
        told.append((context.event, context.command, len(context.node_ids)))

    @runner.post_model(select="best")
    def model(context: DbtHookContext) -> None:
        told.append((context.event, context.node_id, context.status))
        raise RuntimeError("a hook that fails is no failure of dbt")

    @runner.on_run_end
    def end(context: DbtHookContext) -> None:
        told.append((context.event, context.status, sorted(context.run_results or {})[0]))

    @flow
    def nightly() -> list[tuple[str, str]]:
        result = runner.invoke(["build"], target="prod")
        assert result.success
        return [(each.node.name, str(each.status)) for each in result.result.results]

    with strongroom_test_harness() as journal:
        assert dict(nightly())["best"] == "success"
        [run] = journal.flow_runs()
        nodes = journal.task_runs(run.id)
        assert {node.name for node in nodes} >= {"orders", "customers", "best"}
        assert {node.parent_id for node in nodes} == {run.id}
        lines = [entry.message for entry in journal.logs(run.id)]
    assert any("The hook model failed: RuntimeError" in line for line in lines)
    assert any("target='prod'" in line for line in lines)
    assert told == [
        ("run_start", "build", 5),
        ("post_model", "model.shop.best", "success"),
        ("run_end", "success", "model.shop.best"),
    ]
    assert runner.project_dir == settings.project_dir
    assert runner.target_path == runner.project_dir / "target"


def test_a_runner_without_a_flow_and_its_twin(settings: PrefectDbtSettings) -> None:
    result = asyncio.run(PrefectDbtRunner(settings=settings).ainvoke(["ls", "--select", "best"]))
    assert result.result == ["shop.best"]


def test_failures_are_raised_or_told(settings: PrefectDbtSettings) -> None:
    arguments = ["test", "--select", "best", "--vars", "{limit: 1}", "--selekt"]
    with pytest.raises(ValueError, match="No such option '--selekt'"):
        PrefectDbtRunner(settings=settings).invoke(arguments)
    told = PrefectDbtRunner(settings=settings, raise_on_failure=False).invoke(arguments)
    assert not told.success
    assert isinstance(told.exception, ValueError)


def test_the_project_is_looked_for_upwards(settings: PrefectDbtSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.project_dir is not None
    monkeypatch.chdir(settings.project_dir / "models")
    assert PrefectDbtRunner().project_dir == settings.project_dir
    assert PrefectDbtRunner().profiles_dir == settings.project_dir
    monkeypatch.chdir("/")
    with pytest.raises(DbtProjectInvalid, match="There is no dbt project in /"):
        _ = PrefectDbtRunner().project_dir


def test_settings_come_from_dbts_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", "/srv/shop")
    monkeypatch.setenv("DBT_LOG_LEVEL", "WARN")
    found = PrefectDbtSettings(profiles_dir=Path("/srv/profiles"))
    assert (found.project_dir, found.profiles_dir, found.log_level) == (
        Path("/srv/shop"),
        Path("/srv/profiles"),
        "warn",
    )


def test_an_orchestrated_build_knows_what_is_done(settings: PrefectDbtSettings) -> None:
    orchestrator = PrefectDbtOrchestrator(
        settings=settings,
        execution_mode=ExecutionMode.PER_NODE,
        retries=1,
        retry_delay_seconds=0,
        concurrency=2,
        cache=CacheConfig(),
        test_strategy=TestStrategy.SKIP,
        write_run_results=True,
    )

    @flow
    def nightly() -> list[dict[str, str]]:
        return [{key: result["status"] for key, result in orchestrator.run_build().items()} for _ in range(2)]

    with strongroom_test_harness():
        first, second = nightly()
        kept = list_artifacts(key="dbt-orchestrator-summary", every=True)
        assert ["3 cached" in str(artifact.data) for artifact in kept].count(True) == 1
    assert first == {"seed.shop.orders": "success", "model.shop.customers": "success", "model.shop.best": "success"}
    assert set(second.values()) == {"cached"}
    assert orchestrator.plan(select="best").cache_predictions == {"model.shop.best": "hit"}


def test_an_orchestrated_build_fails_with_what_failed(settings: PrefectDbtSettings) -> None:
    failing = PrefectDbtOrchestrator(settings=settings)
    extra = ["--vars", "{limit: no_such_column}"]
    with pytest.raises(DbtBuildFailed, match=r"model best .*failed") as caught:
        failing.run_build(select="best", extra_cli_args=extra)
    assert isinstance(caught.value, DbtNodeFailed)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"retries": 1}, "retries and cache are of nodes"),
        ({"cache": CacheConfig()}, "retries and cache are of nodes"),
        ({"task_runner_type": object}, "leave task_runner_type out"),
        ({"executor": object()}, "pass a DbtCoreExecutor"),
    ],
)
def test_what_an_orchestrator_cannot_do_is_refused(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PrefectDbtOrchestrator(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "problem"),
    [("--select", "is the orchestrator's own"), ("--threads=3", r"PrefectDbtOrchestrator\(threads=N\)")],
)
def test_options_that_have_parameters_are_refused(settings: PrefectDbtSettings, argument: str, problem: str) -> None:
    orchestrator = PrefectDbtOrchestrator(executor=DbtCoreExecutor(settings, run_deps=False))
    with pytest.raises(ValueError, match=problem):
        orchestrator.run_build(extra_cli_args=[argument, "x"])
