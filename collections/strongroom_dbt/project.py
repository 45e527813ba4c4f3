"""A dbt project and the door to dbt: every invocation goes through here."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, field_validator
from strongroom import Block, ObjectStore, async_twin, require_extra
from strongroom.checks import CheckAbsent, CheckFailed

from strongroom_dbt.cancellable import cancelled_around_here, in_a_thread
from strongroom_dbt.documentation import Documentation
from strongroom_dbt.errors import DbtProjectInvalid, DbtUsageError
from strongroom_dbt.failures import raise_failure
from strongroom_dbt.invocation import DbtObserver
from strongroom_dbt.profile import EXAMPLE, DbtProfile, RenderedProfile
from strongroom_dbt.result import DbtNode, DbtResult
from strongroom_dbt.running import Manner, Work, command_of, door, read_project
from strongroom_dbt.stored_artifacts import StoredArtifacts
from strongroom_dbt.targets import require_adapter

_SET_BY_THE_BLOCK = ("--project-dir", "--profiles-dir", "--profile", "--target", "-t", "--vars", "--state")
_WITHOUT_WAREHOUSE = ("deps", "clean")
_WITHOUT_THREADS = ("ls", "list", "deps", "clean", "debug")

_EXAMPLE: dict[str, Any] = {"project_dir": "shop", "profile": EXAMPLE}


class DbtProject(Block, slug="dbt-project", title="dbt project"):
    """A dbt project and the profile that it is built with.

    ``DbtProject(project_dir="shop", profile=DbtProfile.load("shop-profile")).save("shop")`` keeps the profile by
    reference, so that the project follows when the profile or its warehouse gets a new version. Without a profile, dbt
    takes the ``profiles.yml`` that it finds by its own rules.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    project_dir: Path = Field(description="The folder of dbt_project.yml; a relative one starts at the current folder.")
    profile: DbtProfile | None = Field(default=None, description="Where dbt builds and as whom.")
    profiles_dir: Path | None = Field(
        default=None, description="The folder of a profiles.yml, for a project without a profile block."
    )
    target_path: Path | None = Field(
        default=None,
        description="The folder that dbt writes artifacts and, below it, logs into; the project's own unless given.",
    )
    vars: dict[str, JsonValue] = Field(default_factory=dict, description="Variables for every invocation; no secrets.")
    artifacts: Block | None = Field(
        default=None, description="The object store that keeps manifest, run_results, catalog and sources of every run."
    )
    artifacts_folder: str = Field(default="dbt", description="The folder in that store.")

    @field_validator("artifacts")
    @classmethod
    def _is_a_store(cls, value: Block | None) -> Block | None:
        if value is not None and not isinstance(value, ObjectStore):
            raise ValueError(f"{type(value).__name__} is no object store, such as a LocalFolder or an S3Bucket")
        return value

    def invoke(
        self,
        arguments: Sequence[str],
        *,
        vars: dict[str, JsonValue] | None = None,
        target: str | None = None,
        threads: int | None = None,
        state: Path | str | Literal[True] | None = None,
        retries: int = 0,
        retry_delay_seconds: float = 0,
        done: Collection[str] = (),
        failing_rows: int = 5,
        raise_on_failure: bool = True,
        observer: DbtObserver | None = None,
        cancelled: threading.Event | None = None,
    ) -> DbtResult:
        """Run any dbt command in a process of its own, and wait for its end.

        An exception in this thread (an interruption, the timeout of a task) ends the process and what it started.
        While another invocation writes to the project's artifacts, this one writes beside them, and its files take
        their places when it is over.

        :param arguments: the command and its options, such as ``["build", "--select", "orders+"]``.
        :param vars: more variables; they win over the block's.
        :param target: another name for the target; the warehouse stays the profile's.
        :param threads: how many nodes at once, instead of the profile's number.
        :param state: a folder of artifacts that ``state:modified`` and ``--defer`` compare with, or True for the last
            good ones in the store of the block.
        :param retries: how often the nodes that failed are run again, with those that were skipped because of them.
        :param done: unique ids of nodes to leave out, because they are done.
        :param failing_rows: how many of the rows that a failed test found are fetched.
        :param raise_on_failure: False gives a result with the failed nodes, where an error would tell of them.
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
        command = _checked(arguments)
        folder = self._folder()
        work, ours = self._work(folder, command, target, threads)
        variables = {**self.vars, **(vars or {})}
        if variables:
            ours += ["--vars", json.dumps(variables)]
        manner = Manner(retries, retry_delay_seconds, done, failing_rows, state)
        with door(work) as opened:
            result, failure = opened.run(
                [*arguments, *ours], manner, observer or Silent(), cancelled or cancelled_around_here()
            )
        if failure is not None or raise_on_failure:
            raise_failure(result, failure, folder)
        return result

    async def ainvoke(self, arguments: Sequence[str], **options: Any) -> DbtResult:
        """The asynchronous twin of :meth:`invoke`. Cancelled, it ends the process before it lets go."""
        return await in_a_thread(partial(self.invoke, arguments, **options))

    def fetch_artifacts(self, to: Path | str) -> Path:
        """Fetch the artifacts of the last run that succeeded from the store into a folder, and return it.

        :raises DbtProjectInvalid: the project has no store, or the store has none.
        """
        store = self._store()
        if store is None:
            raise DbtProjectInvalid("The project has no store of artifacts.", "Set `artifacts` in the DbtProject.")
        folder = Path(to).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        return store.fetch(folder)

    afetch_artifacts: ClassVar = async_twin(fetch_artifacts)

    @contextmanager
    def serve_docs(self, port: int = 0) -> Iterator[Documentation]:
        """Serve the documentation that ``docs generate`` wrote, to this machine alone, while the ``with`` lasts.

        :param port: of 127.0.0.1; any free one unless given. ``url`` of what is yielded tells it.
        :raises DbtProjectInvalid: there is no documentation yet.
        """
        work, _ = self._work(self._folder(), "deps", None, None)
        with Documentation(work.artifacts_folder(), port) as documentation:
            yield documentation

    def check(self, timeout: float) -> str:
        """Whether the project is there and can be read; the profile is checked as the block that it is. Runs no dbt.

        :raises CheckAbsent: there is no ``dbt_project.yml`` in the folder.
        :raises CheckFailed: it cannot be read, or has no name.
        """
        absent: CheckAbsent | None = None
        try:
            folder = self._folder()
        except DbtProjectInvalid as error:
            absent = CheckAbsent(error.problem, error.remedy)
        if absent is not None:
            raise absent
        name = read_project(folder).get("name")
        if not isinstance(name, str):
            raise CheckFailed(f"{folder / 'dbt_project.yml'} is no dbt project: it has no name.", "Correct the file.")
        return f"the project {name} is there"

    acheck: ClassVar = async_twin(check)

    def _work(self, folder: Path, command: str, target: str | None, threads: int | None) -> tuple[Work, list[str]]:
        """What to work on, and the options that tell dbt of the profile."""
        rendered, options = None, []
        if self.profile is not None:
            name = _profile_name(folder)
            rendered = RenderedProfile(text="{}\n", secrets={})
            if command not in _WITHOUT_WAREHOUSE:
                require_adapter(self.profile.adapter_type())
                settings = self.profile if threads is None else self.profile.model_copy(update={"threads": threads})
                rendered = settings.render(name, target=target)
            options = ["--profile", name, "--target", target or self.profile.target]
        else:
            options += [] if target is None else ["--target", target]
            options += [] if threads is None or command in _WITHOUT_THREADS else ["--threads", str(threads)]
        profiles_dir = None if self.profiles_dir is None else self.profiles_dir.expanduser().resolve()
        target_path = None if self.target_path is None else self.target_path.expanduser().resolve()
        return Work(folder, rendered, profiles_dir, target_path, self._store()), options

    def _store(self) -> StoredArtifacts | None:
        return None if self.artifacts is None else StoredArtifacts(self.artifacts, self.artifacts_folder)

    def _folder(self) -> Path:
        folder = self.project_dir.expanduser().resolve()
        if not (folder / "dbt_project.yml").is_file():
            raise DbtProjectInvalid(
                f"There is no dbt project in {folder}: no file dbt_project.yml.",
                "Set `project_dir` to the folder that holds it; a relative one starts at the current folder.",
            )
        return folder


class Silent:
    """Wants to know nothing."""

    def log(self, level: str, message: str, node: str) -> None:
        """Nothing."""

    def node_started(self, node: DbtNode) -> None:
        """Nothing."""

    def node_finished(self, node: DbtNode) -> None:
        """Nothing."""


def _checked(arguments: Sequence[str]) -> str:
    if not arguments or arguments[0].startswith("-"):
        raise DbtUsageError(
            "The arguments begin with no dbt command.", 'Put the command first: ["build", "--select", ...].'
        )
    for argument in arguments:
        if argument.partition("=")[0] in _SET_BY_THE_BLOCK:
            raise DbtUsageError(
                f"{argument.partition('=')[0]} is set by the block.",
                "Use its fields, or the parameters `vars`, `target`, `state` and `threads`.",
            )
    return command_of(arguments)


def _profile_name(folder: Path) -> str:
    """The profile that the project asks for; a name of ours where it asks for none, or by Jinja."""
    require_extra("yaml", extra="dbt")
    name = read_project(folder).get("profile")
    return name if isinstance(name, str) and name and "{" not in name else "strongroom"
