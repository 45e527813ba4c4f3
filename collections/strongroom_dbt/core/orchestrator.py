"""PrefectDbtOrchestrator: builds that retry single nodes, and leave out what is done or has no fresh sources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from strongroom import async_twin
from strongroom.artifacts import create_markdown_artifact
from strongroom.concurrency.sync import concurrency as slots
from strongroom.context import current_run

from strongroom_dbt.cancellable import cancelled_around_here, in_a_thread
from strongroom_dbt.core._executor import DbtCoreExecutor
from strongroom_dbt.core.arguments import Arguments
from strongroom_dbt.core.build_results import results_of, summary, write_run_results
from strongroom_dbt.core.node_cache import CacheConfig, NodeCache
from strongroom_dbt.core.plan import BuildPlan, Manifest, plan_of
from strongroom_dbt.core.runner import FAILING_ROWS, PrefectDbtRunner
from strongroom_dbt.core.settings import PrefectDbtSettings
from strongroom_dbt.errors import DbtBuildFailed
from strongroom_dbt.failures import failure_error, told
from strongroom_dbt.options import arguments_of
from strongroom_dbt.reporting import LogObserver
from strongroom_dbt.result import DbtNode, DbtResult
from strongroom_dbt.running import Door, Manner, Work, door

_REFUSED = {
    "--select", "-s", "--models", "-m", "--exclude", "--selector", "--indirect-selection", "--project-dir",
    "--target-path", "--profiles-dir", "--log-level",
}  # fmt: skip
_INSTEAD = {
    "--full-refresh": "run_build(full_refresh=True)",
    "--target": 'run_build(target="...")',
    "-t": 'run_build(target="...")',
    "--threads": "PrefectDbtOrchestrator(threads=N)",
    "--defer": "PrefectDbtOrchestrator(defer=True)",
    "--state": "PrefectDbtOrchestrator(state_path=...)",
    "--defer-state": "PrefectDbtOrchestrator(defer_state_path=...)",
    "--favor-state": "PrefectDbtOrchestrator(favor_state=True)",
}
_WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


class ExecutionMode(StrEnum):
    """Whether nodes are retried and remembered each for itself. dbt works through its graph by itself in both."""

    PER_WAVE = "per_wave"
    PER_NODE = "per_node"


class TestStrategy(StrEnum):
    """When tests run: as soon as what they test is built, after everything else, or not at all."""

    __test__ = False

    IMMEDIATE = "immediate"
    DEFERRED = "deferred"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class _Request:
    """One call of ``run_build`` or ``plan``."""

    options: tuple[str, ...]
    selection: tuple[str, ...]
    full_refresh: bool
    only_fresh_sources: bool
    target: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known before anything is built."""

    selection: tuple[str, ...]
    chosen: tuple[str, ...] = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    cache: NodeCache | None = None
    predictions: Mapping[str, str] | None = None
    manifest: Manifest | None = None


class PrefectDbtOrchestrator:
    """Builds a project: ``PrefectDbtOrchestrator(execution_mode=ExecutionMode.PER_NODE, retries=2).run_build()``.

    All nodes go through one process of dbt, which keeps the order of dependencies and works on ``concurrency`` nodes
    at once; each is a run of its own. What failed is run again there, with what was skipped because of it.

    :param settings: where project and profiles are.
    :param manifest_path: a ``manifest.json`` to plan by; artifacts go beside it.
    :param executor: a :class:`DbtCoreExecutor`.
    :param threads: how many nodes at once in ``PER_WAVE``, and where ``concurrency`` is not set.
    :param state_path: the artifacts that ``state:modified`` and ``defer`` compare with; ``defer_state_path`` others for
        ``defer``; ``favor_state`` takes from there even what is selected.
    :param retries: how often a node that failed is run again, after ``retry_delay_seconds``; of ``PER_NODE``.
    :param concurrency: how many nodes at once in ``PER_NODE``; or the name of a limit, a slot of which the build holds.
    :param cache: what is remembered from run to run; of ``PER_NODE``.
    :param create_summary_artifact: in a flow, keep a summary as the artifact ``dbt-orchestrator-summary``.
    :param write_run_results: write the results of all commands of a build as one ``run_results.json``.
    :param raise_on_failure: False gives the results where nodes failed, in place of an error.
    :raises ValueError: ``retries`` or ``cache`` with ``PER_WAVE``, or a task runner, which nodes have no use for.
    """

    def __init__(
        self,
        settings: PrefectDbtSettings | None = None,
        manifest_path: Path | str | None = None,
        executor: DbtCoreExecutor | None = None,
        threads: int | None = None,
        state_path: Path | str | None = None,
        defer: bool = False,
        defer_state_path: Path | str | None = None,
        favor_state: bool = False,
        execution_mode: ExecutionMode | str = ExecutionMode.PER_WAVE,
        retries: int = 0,
        retry_delay_seconds: float = 30,
        concurrency: int | str | None = None,
        task_runner_type: Any = None,
        cache: CacheConfig | None = None,
        test_strategy: TestStrategy | str = TestStrategy.IMMEDIATE,
        create_summary_artifact: bool = True,
        include_compiled_code: bool = False,
        write_run_results: bool = False,
        disable_assets: bool = False,
        raise_on_failure: bool = True,
    ) -> None:
        self._mode = ExecutionMode(execution_mode)
        if self._mode is ExecutionMode.PER_WAVE and (retries or cache is not None):
            raise ValueError("retries and cache are of nodes: pass execution_mode=ExecutionMode.PER_NODE.")
        if task_runner_type is not None:
            raise ValueError("Nodes run in the threads of dbt: leave task_runner_type out, and set concurrency.")
        if executor is not None and not isinstance(executor, DbtCoreExecutor):
            raise ValueError(f"A {type(executor).__name__} cannot run nodes here: pass a DbtCoreExecutor, or none.")
        self._run_deps = executor is None or executor.run_deps
        settings = settings or (executor.settings if executor else None) or PrefectDbtSettings()
        if manifest_path is not None:
            settings = settings.model_copy(update={"target_path": Path(manifest_path).expanduser().resolve().parent})
        self._has_manifest = manifest_path is not None
        self._runner = PrefectDbtRunner(
            settings=settings, include_compiled_code=include_compiled_code, disable_assets=disable_assets
        )
        self._state = {"state": state_path, "defer": defer, "defer_state": defer_state_path, "favor_state": favor_state}
        self._threads = concurrency if isinstance(concurrency, int) else threads
        self._limit = concurrency if isinstance(concurrency, str) else None
        self._manner = Manner(retries, retry_delay_seconds, failing_rows=FAILING_ROWS)
        self._cache = cache
        self._test_strategy = TestStrategy(test_strategy)
        self._summarizes = create_summary_artifact
        self._writes_run_results = write_run_results
        self._raises = raise_on_failure

    def run_build(
        self,
        select: str | None = None,
        exclude: str | None = None,
        full_refresh: bool = False,
        only_fresh_sources: bool = False,
        target: str | None = None,
        extra_cli_args: Sequence[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Build, and give each node's result by unique id: ``status`` is success, cached, error or skipped.

        :param select: which nodes, in dbt's selection syntax; ``exclude`` takes some of them out again.
        :param full_refresh: build incremental models and seeds anew.
        :param only_fresh_sources: leave out what is made of sources that are older than they may be.
        :param target: the target of the profile.
        :param extra_cli_args: other options of ``dbt build``.
        :raises DbtBuildFailed: nodes failed, unless ``raise_on_failure=False``.
        :raises ValueError: an option that has a parameter of its own.
        """
        request = self._request(select, exclude, full_refresh, only_fresh_sources, target, extra_cli_args)
        with self._opened(request) as opened:
            found = self._looked(opened, request)
            hits = [node for node, word in (found.predictions or {}).items() if word == "hit"]
            runs = self._built(opened, request, replace(self._manner, done=hits), found.selection)
        nodes = [node for _, run in runs for node in run.nodes]
        results: dict[str, dict[str, Any]] = {}
        for command, run in runs:
            results |= results_of(run.nodes, command, [*found.selection, *request.options])
        if found.cache is not None:
            found.cache.keep(results)
            results |= {node: {"status": "cached", **_built_before(found.cache, node)} for node in hits}
        results |= {node: {"status": "skipped", "reason": reason} for node, reason in found.stale.items()}
        self._conclude(results, nodes, request)
        return results

    async def arun_build(self, *args: Any, **kwargs: Any) -> dict[str, dict[str, Any]]:
        """The asynchronous twin of :meth:`run_build`. Cancelled, it ends dbt before it lets go."""
        return await in_a_thread(partial(self.run_build, *args, **kwargs))

    def plan(
        self,
        select: str | None = None,
        exclude: str | None = None,
        full_refresh: bool = False,
        only_fresh_sources: bool = False,
        target: str | None = None,
        extra_cli_args: Sequence[str] | None = None,
    ) -> BuildPlan:
        """What :meth:`run_build` would do with the same parameters; nothing is built."""
        request = self._request(select, exclude, full_refresh, only_fresh_sources, target, extra_cli_args)
        with self._opened(request) as opened:
            found = self._looked(opened, request, planning=True)
        assert found.manifest is not None  # noqa: S101 - planning reads it
        plan = plan_of(found.manifest, found.chosen, found.predictions)
        return replace(plan, skipped_nodes=found.stale)

    aplan: ClassVar = async_twin(plan)

    def _request(
        self, select: str | None, exclude: str | None, full_refresh: bool, only_fresh_sources: bool,
        target: str | None, extra: Sequence[str] | None,
    ) -> _Request:  # fmt: skip
        for argument in extra or ():
            name = argument.partition("=")[0]
            if name in _REFUSED:
                raise ValueError(f"{name} is the orchestrator's own: use its parameters, or its settings.")
            if name in _INSTEAD:
                raise ValueError(f"{name} has a parameter of its own: {_INSTEAD[name]}.")
        selection = arguments_of("", {"select": select, "exclude": exclude})
        options = arguments_of("", {"target": target, "threads": None if self._threads is None else str(self._threads)})
        for name, value in self._state.items():
            if value is not None and value is not False:
                path = [] if value is True else [str(Path(value).expanduser().resolve())]
                options += ["--" + name.replace("_", "-"), *path]
        return _Request((*options, *(extra or ())), tuple(selection), full_refresh, only_fresh_sources, target)

    @contextmanager
    def _opened(self, request: _Request) -> Iterator[Door]:
        work = self._runner.work(self._runner.settings, request.target)
        held = nullcontext() if self._limit is None else slots(self._limit, occupy=1)
        with held, door(work) as opened:
            if self._run_deps and not self._has_manifest and _unparsed(work):
                self._done(opened, ["deps"])
            yield opened

    def _looked(self, opened: Door, request: _Request, *, planning: bool = False) -> _Found:
        """What is to be built, without what is known to be stale."""
        stale: dict[str, str] = {}
        selection = request.selection
        plain = Arguments("ls", request.options, {}).selection()
        plain += [] if request.target is None else ["--target", request.target]
        if request.only_fresh_sources:
            sources = self._stale_sources(opened, plain)
            before = set(self._listed(opened, selection, plain))
            selection = _without(selection, sources)
            left = set(self._listed(opened, selection, plain))
            stale = dict.fromkeys(sorted(before - left), "stale source")
        if not planning and self._cache is None:
            return _Found(selection, stale=stale)
        chosen = self._listed(opened, selection, plain)
        folder = self._runner.target_path
        if not (folder / "manifest.json").is_file():
            self._done(opened, ["parse"])
        manifest = Manifest.read(folder / "manifest.json")
        if self._cache is None:
            return _Found(selection, chosen, stale, manifest=manifest)
        cache = NodeCache(self._cache, folder, manifest, request.target or "", request.full_refresh)
        return _Found(selection, chosen, stale, cache, cache.predictions(chosen), manifest)

    def _built(
        self, opened: Door, request: _Request, manner: Manner, selection: Sequence[str]
    ) -> list[tuple[str, DbtResult]]:
        refresh = ["--full-refresh"] if request.full_refresh else []
        aside = () if self._test_strategy is TestStrategy.IMMEDIATE else _WITHOUT_TESTS
        commands = [("build", [*selection, *refresh, *aside, *request.options])]
        if self._test_strategy is TestStrategy.DEFERRED:
            commands.append(("test", [*selection, *request.options]))
        runs = []
        for command, arguments in commands:
            result, failure = opened.run(
                [command, *arguments], manner, self._runner.observer(), cancelled_around_here()
            )
            if failure is not None:
                raise failure_error(result, failure, opened.folder)
            runs.append((command, result))
        return runs

    def _stale_sources(self, opened: Door, options: Sequence[str]) -> list[str]:
        result, failure = opened.run(
            ["source", "freshness", *options], Manner(), self._runner.observer(), cancelled_around_here()
        )
        if failure is not None:
            raise failure_error(result, failure, opened.folder)
        return [node.unique_id for node in result.nodes if node.failed]

    def _listed(self, opened: Door, selection: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
        tests = _WITHOUT_TESTS if self._test_strategy is TestStrategy.SKIP else ()
        built = [x for kind in ("model", "seed", "snapshot", "test", "unit_test") for x in ("--resource-type", kind)]
        line = ["ls", "--quiet", "--output", "json", "--output-keys", "unique_id", *built, *selection, *tests, *options]
        output = self._done(opened, line).output or ()
        return tuple(json.loads(row)["unique_id"] for row in output if row.startswith("{"))

    def _done(self, opened: Door, line: Sequence[str]) -> DbtResult:
        result, failure = opened.run(line, Manner(), LogObserver(quiet=True), cancelled_around_here())
        if failure is not None:
            raise failure_error(result, failure, opened.folder)
        return result

    def _conclude(self, results: Mapping[str, Mapping[str, Any]], nodes: list[DbtNode], request: _Request) -> None:
        if self._writes_run_results:
            path = self._runner.target_path / "run_results.json"
            write_run_results(path, nodes, {"which": "build", "full_refresh": request.full_refresh})
        if self._summarizes and current_run() is not None:
            create_markdown_artifact(summary(results), key="dbt-orchestrator-summary", description="dbt build")
        failed = tuple(node for node in nodes if node.failed)
        if failed and self._raises:
            result = DbtResult(False, "build", tuple(nodes), sum(node.execution_time for node in nodes))
            raise DbtBuildFailed(told(result), nodes=failed, all_nodes=result.nodes)


def _unparsed(work: Work) -> bool:
    """Whether a project that has packages was never parsed."""
    if (work.artifacts_folder() / "manifest.json").is_file():
        return False
    return any((work.folder / name).is_file() for name in ("packages.yml", "dependencies.yml"))


def _without(selection: Sequence[str], sources: Sequence[str]) -> tuple[str, ...]:
    """A selection without what is made of these sources."""
    if not sources:
        return tuple(selection)
    descendants = [f"source:{'.'.join(source.split('.')[1:])}+" for source in sources]
    if "--exclude" in selection:
        place = list(selection).index("--exclude") + 2
        return (*selection[:place], *descendants, *selection[place:])
    return (*selection, "--exclude", *descendants)


def _built_before(cache: NodeCache, node: str) -> dict[str, Any]:
    known = cache.result(node)
    return {"built": known["timing"]} if "timing" in known else {}
