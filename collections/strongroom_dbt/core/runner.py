"""PrefectDbtRunner: dbt's own ``dbtRunner``, for flows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from strongroom_dbt.cancellable import cancelled_around_here, in_a_thread
from strongroom_dbt.core.arguments import Arguments, taken_apart
from strongroom_dbt.core.hooks import DbtHookContext, Hookable
from strongroom_dbt.core.profiles_yml import resolved_profiles
from strongroom_dbt.core.settings import PrefectDbtSettings
from strongroom_dbt.errors import DbtError
from strongroom_dbt.failures import failure_error, raise_failure
from strongroom_dbt.invocation import DbtObserver
from strongroom_dbt.profile import RenderedProfile
from strongroom_dbt.reporting import LogObserver, Loud, observer_here
from strongroom_dbt.result import DbtNode, DbtResult
from strongroom_dbt.running import Door, Manner, Work, door

_PLACES = {
    "--project-dir": "project_dir", "--profiles-dir": "profiles_dir", "--target-path": "target_path",
    "--log-level": "log_level", "--target": "target", "-t": "target",
}  # fmt: skip
FAILING_ROWS = 5


@dataclass(frozen=True, slots=True)
class DbtRunnerResult:
    """How a command went, in the shape of dbt's own ``dbtRunnerResult``.

    ``result`` is the lines of ``ls``, whether ``debug`` found all well, or a :class:`~strongroom_dbt.DbtResult`.
    """

    success: bool
    exception: BaseException | None = None
    result: Any = None


class PrefectDbtRunner(Hookable):
    """Runs commands of dbt by the arguments of its command line, each in a process of its own.

    Within a flow or a task each node is a run of its own. ``profiles.yml`` may name blocks and variables; see
    :mod:`strongroom_dbt.core.profiles_yml`.

    :param manifest: a parsed project, as dbt's ``Manifest``, that the commands work with.
    :param settings: where project and profiles are; from ``DBT_…`` variables and dbt's own rules unless given.
    :param raise_on_failure: False gives a result where nodes failed, in place of an error.
    :param client: a client of ``get_client()``, which is not needed.
    :param include_compiled_code: put the SQL of models into the descriptions of their assets.
    :param disable_assets: do not tell what models, seeds and snapshots make as assets.
    """

    def __init__(
        self,
        manifest: Any = None,
        settings: PrefectDbtSettings | None = None,
        raise_on_failure: bool = True,
        client: Any = None,
        include_compiled_code: bool = False,
        disable_assets: bool = False,
    ) -> None:
        super().__init__()
        self._profile: RenderedProfile | None = None
        self._environment: dict[str, str] = {}
        self._lines: list[str] | None = None
        if client is not None and type(client).__module__ != "strongroom.client.orchestration":
            raise DbtError(f"A {type(client).__name__} is no client of get_client().", "Leave client out.")
        self.settings = settings or PrefectDbtSettings()
        self.raise_on_failure = raise_on_failure
        self._manifest = manifest
        self._include_compiled_code = include_compiled_code
        self._disable_assets = disable_assets

    def with_profile(self, profile: RenderedProfile, environment: Mapping[str, str]) -> PrefectDbtRunner:
        """This runner, with a profile in place of what ``profiles.yml`` says, and variables for dbt's process."""
        self._profile = profile
        return self.with_environment(environment)

    def with_environment(self, environment: Mapping[str, str]) -> PrefectDbtRunner:
        """This runner, with more variables for dbt's process."""
        self._environment |= environment
        return self

    def with_lines(self, lines: list[str]) -> PrefectDbtRunner:
        """This runner, which adds every line of dbt to these, too."""
        self._lines = lines
        return self

    @property
    def profile(self) -> RenderedProfile | None:
        """The profile in place of what ``profiles.yml`` says, if there is one."""
        return self._profile

    @property
    def project_dir(self) -> Path:
        """The folder of the project."""
        return self.settings.project_folder()

    @property
    def profiles_dir(self) -> Path | None:
        """The folder of ``profiles.yml``."""
        return self.settings.profiles_folder()

    @property
    def target_path(self) -> Path:
        """The folder of the artifacts."""
        return self.work(self.settings, None).artifacts_folder()

    @property
    def log_level(self) -> str:
        """The least level of dbt's lines that are told."""
        return self.settings.log_level

    @property
    def project_name(self) -> str:
        """The name of the project, as its manifest has it."""
        return str(self.manifest.metadata.project_name)

    @property
    def manifest(self) -> Any:
        """The parsed project, as dbt's own ``Manifest``: what was given, or what the last command left."""
        if self._manifest is None:
            from dbt.artifacts.schemas.manifest import WritableManifest
            from dbt.contracts.graph.manifest import Manifest

            path = self.target_path / "manifest.json"
            self._manifest = Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(str(path)))
        return self._manifest

    def invoke(self, args: list[str], **kwargs: Any) -> DbtRunnerResult:
        """Run a command: ``invoke(["build", "--select", "orders+"])``.

        :param args: as on dbt's command line.
        :param kwargs: options by the names of their parameters, ``target="prod"``, as ``dbtRunner.invoke`` takes them.
        :raises DbtNodeFailed: nodes failed, unless ``raise_on_failure=False``. Other errors as
            :meth:`strongroom_dbt.DbtProject.invoke`.
        """
        given = taken_apart(args, _PLACES)
        places = {_PLACES[name]: value for name, value in given.said.items()}
        places |= {name: kwargs.pop(name) for name in set(_PLACES.values()) & set(kwargs)}
        target = places.pop("target", None)
        settings = self.settings.model_validate({**self.settings.model_dump(), **places})
        work = self.work(settings, target)
        options = [] if target is None else ["--target", target]
        with self._given_manifest() as manifest, door(work, self._environment) as opened:
            manner = Manner(
                failing_rows=FAILING_ROWS, manifest=manifest, keywords=kwargs, debug=settings.log_level == "debug"
            )
            return self._run(opened, given, options, manner, self.observer(settings.log_level))

    async def ainvoke(self, args: list[str], **kwargs: Any) -> DbtRunnerResult:
        """The asynchronous twin of :meth:`invoke`. Cancelled, it ends the process before it lets go."""
        return await in_a_thread(partial(self.invoke, args, **kwargs))

    def _run(
        self, opened: Door, given: Arguments, options: list[str], manner: Manner, observer: DbtObserver
    ) -> DbtRunnerResult:
        told = partial(DbtHookContext, command=given.command, owner=self, args=tuple(given.line()))
        selected = self._selected(opened, given, options)
        self._hooks.call(told(event="run_start", node_ids=tuple(selected.get("", ()))), selected)
        watching = _Models(observer, lambda node: self._hooks.call(_after_model(told, node), selected))
        result, failure = opened.run([*given.line(), *options], manner, watching, cancelled_around_here())
        error = None if failure is None else failure_error(result, failure, opened.folder)
        self._hooks.call(_at_the_end(told, result, error), selected)
        if error is None and not result.success and self.raise_on_failure and given.command != "debug":
            raise_failure(result, None, opened.folder)
        if error is not None and self.raise_on_failure:
            raise error
        if given.command in ("ls", "list"):
            return DbtRunnerResult(result.success, error, result.output)
        return DbtRunnerResult(result.success, error, result.success if given.command == "debug" else result)

    def _selected(self, opened: Door, given: Arguments, options: list[str]) -> Mapping[str, Collection[str]]:
        """The unique ids of each selector of the hooks, and for those of the start what the command itself picks."""
        wanted = {select: ["--select", select] for select in self._hooks.selectors()}
        if self._hooks.by_event["run_start"] and given.command not in ("deps", "clean", "debug", "init", "retry"):
            wanted[""] = given.selection()
        found = {}
        for select, selection in wanted.items():
            line = ["ls", "--quiet", "--output", "json", "--output-keys", "unique_id", *selection, *options]
            result, _ = opened.run(line, Manner(), LogObserver(quiet=True), cancelled_around_here())
            found[select] = _unique_ids(result.output)
        return found

    def work(self, settings: PrefectDbtSettings, target: str | None) -> Work:
        """What its commands work on, with these settings and this target."""
        folder, profiles = settings.project_folder(), settings.profiles_folder()
        rendered = self._profile
        if rendered is None and profiles is not None and (profiles / "profiles.yml").is_file():
            rendered = resolved_profiles(profiles / "profiles.yml", target)
        place = None if settings.target_path is None else (folder / settings.target_path.expanduser()).resolve()
        return Work(folder, rendered, profiles, place)

    def observer(self, level: str | None = None) -> DbtObserver:
        """Who is told of lines and nodes: the run that is going on here, or else a logger."""
        level = level or self.settings.log_level
        observer = observer_here(assets=not self._disable_assets, compiled_code=self._include_compiled_code)
        return Loud(observer, level, self._lines)

    @contextmanager
    def _given_manifest(self) -> Iterator[str | None]:
        if self._manifest is None or not hasattr(self._manifest, "to_msgpack"):
            yield None
            return
        from dbt.parser.manifest import extended_mashumaro_encoder

        with tempfile.NamedTemporaryFile(prefix="strongroom-dbt-", suffix=".msgpack") as file:
            file.write(self._manifest.to_msgpack(extended_mashumaro_encoder))
            file.flush()
            yield file.name


class _Models:
    """Tells of each model that ended, besides what the observer is told."""

    def __init__(self, observer: DbtObserver, ended: Any) -> None:
        self.log = observer.log
        self.node_started = observer.node_started
        self._finished = observer.node_finished
        self._ended = ended

    def node_finished(self, node: DbtNode) -> None:
        """A node ended."""
        self._finished(node)
        if node.resource_type == "model":
            self._ended(node)


def _after_model(told: Any, node: DbtNode) -> DbtHookContext:
    return told(  # type: ignore[no-any-return]
        event="post_model", node=node, node_id=node.unique_id, node_ids=(node.unique_id,), result=node.to_json(),
        status=_status(node), error=node.message if node.failed else None,
    )  # fmt: skip


def _at_the_end(told: Any, result: DbtResult, error: DbtError | None) -> DbtHookContext:
    nodes = {node.unique_id: node.to_json() for node in result.nodes}
    return told(  # type: ignore[no-any-return]
        event="run_end", status="success" if result.success else "error", result={"success": result.success},
        run_results=None if error is not None else nodes, error=error, node_ids=tuple(nodes),
    )  # fmt: skip


def _status(node: DbtNode) -> str:
    return "error" if node.failed else "skipped" if node.skipped else "success"


def _unique_ids(lines: Any) -> tuple[str, ...]:
    return tuple(json.loads(line)["unique_id"] for line in lines or () if line.startswith("{"))
