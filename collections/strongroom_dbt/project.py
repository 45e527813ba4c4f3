"""A dbt project and the door to dbt: every invocation goes through here."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field, JsonValue
from strongroom import Block, async_twin, require_extra
from strongroom.checks import CheckAbsent, CheckFailed

from strongroom_dbt import invocation
from strongroom_dbt.errors import DbtProjectInvalid, DbtUsageError
from strongroom_dbt.failures import raise_failure
from strongroom_dbt.invocation import DbtObserver
from strongroom_dbt.profile import DbtProfile, RenderedProfile
from strongroom_dbt.result import DbtNode, DbtResult
from strongroom_dbt.targets import require_adapter

_SET_BY_THE_BLOCK = ("--project-dir", "--profiles-dir", "--profile", "--target", "-t", "--vars")
_WITHOUT_WAREHOUSE = ("deps", "clean")
_QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}


class DbtProject(Block, slug="dbt-project", title="dbt project"):
    """A dbt project and the profile that it is built with.

    ``DbtProject(project_dir="shop", profile=DbtProfile.load("shop-profile")).save("shop")`` keeps the profile by
    reference, so that the project follows when the profile or its warehouse gets a new version.
    """

    project_dir: Path = Field(description="The folder of dbt_project.yml; a relative one starts at the current folder.")
    profile: DbtProfile = Field(description="Where dbt builds and as whom.")
    target_path: Path | None = Field(
        default=None,
        description="The folder that dbt writes artifacts and, below it, logs into; the project's own unless given.",
    )
    vars: dict[str, JsonValue] = Field(default_factory=dict, description="Variables for every invocation; no secrets.")

    def invoke(
        self,
        arguments: Sequence[str],
        *,
        vars: dict[str, JsonValue] | None = None,
        target: str | None = None,
        threads: int | None = None,
        observer: DbtObserver | None = None,
        cancelled: threading.Event | None = None,
    ) -> DbtResult:
        """Run any dbt command in a process of its own, and wait for its end.

        An exception in this thread (an interruption, the timeout of a task) ends the process and what it started.

        :param arguments: the command and its options, such as ``["build", "--select", "orders+"]``.
        :param vars: more variables; they win over the block's.
        :param target: another name for the target; the warehouse stays the profile's.
        :param threads: how many nodes at once, instead of the profile's number.
        :param observer: is told of every line and node while dbt works.
        :param cancelled: an event that another thread may set to end the process; ``DbtCancelled`` is raised then.
        :raises DbtNodeFailed: models, tests, seeds or snapshots failed; the error has each with its message.
        :raises DbtProjectInvalid: there is no project, or dbt cannot read it.
        :raises DbtProfileInvalid: the profile cannot be made from its warehouse block, or dbt does not take it.
        :raises DbtUsageError: arguments that dbt does not know, or that the block sets itself.
        :raises DbtWarehouseUnavailable: the warehouse cannot be opened.
        :raises DbtFailed: dbt broke off for another reason. ``DbtCrashed``: its process died.
        :raises MissingExtra: dbt, or its adapter for the warehouse, is not installed.
        """
        command = _command(arguments)
        folder = self._folder()
        require_extra("dbt.__version__", extra="dbt")  # light; the rest is for the process
        name = _profile_name(folder)
        if command in _WITHOUT_WAREHOUSE:
            profile = RenderedProfile(text="{}\n", secrets={})
        else:
            require_adapter(self.profile.adapter_type())
            settings = self.profile if threads is None else self.profile.model_copy(update={"threads": threads})
            profile = settings.render(name, target=target)
        variables = json.dumps({**self.vars, **(vars or {})})
        ours = ["--project-dir", str(folder), "--profile", name, "--target", target or self.profile.target]
        ending = invocation.run(
            [*arguments, *ours, "--vars", variables, *self._output_options(command)],
            profile=profile,
            observer=observer or Silent(),
            environment=_QUIET,
            cancelled=cancelled,
        )
        result = DbtResult(ending.success, command, ending.nodes, ending.elapsed)
        raise_failure(result, ending.failure, folder)
        return result

    async def ainvoke(
        self,
        arguments: Sequence[str],
        *,
        vars: dict[str, JsonValue] | None = None,
        target: str | None = None,
        threads: int | None = None,
        observer: DbtObserver | None = None,
    ) -> DbtResult:
        """The asynchronous twin of :meth:`invoke`. Cancelled, it ends the process before it lets go."""
        cancelled = threading.Event()
        options = {"vars": vars, "target": target, "threads": threads, "observer": observer, "cancelled": cancelled}
        work = asyncio.ensure_future(asyncio.to_thread(partial(self.invoke, arguments, **options)))  # type: ignore[arg-type]
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([work])
            work.exception()
            raise

    def check(self, timeout: float) -> str:
        """Whether the project is there and can be read; the profile is checked as the block that it is. Runs no dbt.

        :raises CheckAbsent: there is no ``dbt_project.yml`` in the folder.
        :raises CheckFailed: it cannot be read, or has no name.
        """
        yaml = require_extra("yaml", extra="dbt")
        absent: CheckAbsent | None = None
        try:
            folder = self._folder()
        except DbtProjectInvalid as error:
            absent = CheckAbsent(error.problem, error.remedy)
        if absent is not None:
            raise absent
        try:
            project = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            project = None
        name = project.get("name") if isinstance(project, dict) else None
        if not isinstance(name, str):
            raise CheckFailed(f"{folder / 'dbt_project.yml'} is no dbt project: it has no name.", "Correct the file.")
        return f"the project {name} is there"

    acheck: ClassVar = async_twin(check)

    def _folder(self) -> Path:
        folder = self.project_dir.expanduser().resolve()
        if not (folder / "dbt_project.yml").is_file():
            raise DbtProjectInvalid(
                f"There is no dbt project in {folder}: no file dbt_project.yml.",
                "Set `project_dir` to the folder that holds it; a relative one starts at the current folder.",
            )
        return folder

    def _output_options(self, command: str) -> list[str]:
        options = ["--no-send-anonymous-usage-stats", "--no-use-colors"]
        if self.target_path is None:
            return options
        target_path = self.target_path.expanduser().resolve()
        options += ["--log-path", str(target_path / "logs")]
        return options if command == "deps" else [*options, "--target-path", str(target_path)]


class Silent:
    """Wants to know nothing."""

    def log(self, level: str, message: str, node: str) -> None:
        """Nothing."""

    def node_started(self, node: DbtNode) -> None:
        """Nothing."""

    def node_finished(self, node: DbtNode) -> None:
        """Nothing."""


def _command(arguments: Sequence[str]) -> str:
    if not arguments or arguments[0].startswith("-"):
        raise DbtUsageError(
            "The arguments begin with no dbt command.", 'Put the command first: ["build", "--select", ...].'
        )
    for argument in arguments:
        if argument.partition("=")[0] in _SET_BY_THE_BLOCK:
            raise DbtUsageError(
                f"{argument.partition('=')[0]} is set by the block.",
                "Use its fields, or the parameters `vars`, `target` and `threads`.",
            )
    return arguments[0]


def _profile_name(folder: Path) -> str:
    """The profile that the project asks for; a name of ours where it asks for none, or by Jinja."""
    yaml = require_extra("yaml", extra="dbt")
    try:
        project = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        project = None  # dbt will say what is wrong with it
    name = project.get("profile") if isinstance(project, dict) else None
    return name if isinstance(name, str) and name and "{" not in name else "strongroom"
