"""How a command of dbt is run: in its session and its folder, again for what failed, its artifacts kept."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from strongroom import require_extra

from strongroom_dbt import invocation
from strongroom_dbt.errors import DbtCancelled, DbtProjectInvalid
from strongroom_dbt.invocation import DbtObserver, Ending, Order, Session
from strongroom_dbt.places import place_of, target_folder_of
from strongroom_dbt.profile import RenderedProfile
from strongroom_dbt.result import DbtNode, DbtResult
from strongroom_dbt.stored_artifacts import LAST, LATEST, StoredArtifacts

_QUIET = {"DBT_USE_COLORS": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
_WITHOUT_TARGET = ("deps", "debug", "init")
_ALONE = ("deps", "clean")
_TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Work:
    """What a command works on.

    :param folder: of the project.
    :param profile: for a ``profiles.yml`` of the session; None where dbt finds one by itself, or in ``profiles_dir``.
    :param target_path: where artifacts go, and logs below it; where the project says, unless given.
    :param store: where artifacts are kept afterwards.
    """

    folder: Path
    profile: RenderedProfile | None = None
    profiles_dir: Path | None = None
    target_path: Path | None = None
    store: StoredArtifacts | None = None

    def artifacts_folder(self) -> Path:
        """Where the artifacts of the project are."""
        return self.target_path or _own_target(self.folder) or self.folder / "target"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command is run.

    :param retries: how often what failed is run again, with what was skipped because of it.
    :param retry_delay_seconds: between the attempts.
    :param done: unique ids of nodes to leave out.
    :param failing_rows: how many rows of each failed test to fetch.
    :param state: a folder of artifacts to compare with, or True for the last good ones of the store; for ``retry``, of
        the last run whatever came of it.
    """

    retries: int = 0
    retry_delay_seconds: float = 0
    done: Collection[str] = ()
    failing_rows: int = 0
    state: Path | str | Literal[True] | None = None
    manifest: str | None = None
    keywords: Mapping[str, Any] = field(default_factory=dict)
    debug: bool = False


class Door:
    """An open session on a project, for one command after another."""

    def __init__(self, work: Work, dbt: Session) -> None:
        self._work = work
        self._dbt = dbt

    @property
    def folder(self) -> Path:
        """The folder of the project."""
        return self._work.folder

    def run(
        self,
        arguments: Sequence[str],
        manner: Manner,
        observer: DbtObserver,
        cancelled: threading.Event | None = None,
    ) -> tuple[DbtResult, Mapping[str, str] | None]:
        """Run a command; gives its result, and the failure that dbt broke off with, if it did.

        :raises DbtCancelled: ``cancelled`` was set. ``DbtCrashed``: the process died.
        :raises DbtProjectInvalid: there is no state in the store to compare with.
        """
        cancelled = cancelled or threading.Event()
        command, work = command_of(arguments), self._work
        ours = None if command in _WITHOUT_TARGET else work.target_path or _own_target(work.folder)
        with ExitStack() as stack:
            begun = time.time()
            lock = work.folder if command == "deps" else ours
            place = stack.enter_context(place_of(lock, alone=command in _ALONE))
            options = [] if ours is None else _output_options(work, ours, place)
            if manner.state is not None:
                options += ["--state", str(stack.enter_context(self._state(manner.state, command)))]
            order = Order(
                [*arguments, "--project-dir", str(work.folder), *options],
                manner.done, manner.failing_rows, manner.manifest, manner.keywords, manner.debug,
            )  # fmt: skip
            ending = self._attempts(order, manner, observer, cancelled)
            nodes = tuple(_published(node, place, ours) for node in ending.nodes)
            result = DbtResult(ending.success, command, nodes, ending.elapsed, ending.output)
            if work.store is not None and place is not None and command not in _WITHOUT_TARGET:
                result = replace(result, artifacts=work.store.keep(place, begun, command, ending.success))
        return result, ending.failure

    def _attempts(self, order: Order, manner: Manner, observer: DbtObserver, cancelled: threading.Event) -> Ending:
        ending = self._dbt.run(order, observer, cancelled)
        for attempt in range(1, manner.retries + 1):
            if ending.success or ending.failure is not None or not any(node.failed for node in ending.nodes):
                break
            done = [node.unique_id for node in ending.nodes if not node.failed and not node.skipped]
            left = len(ending.nodes) - len(done)
            observer.log("warn", f"Attempt {attempt + 1} of {manner.retries + 1}: {left} nodes are left.", "")
            _wait(manner.retry_delay_seconds, cancelled)
            again = self._dbt.run(replace(order, done=[*order.done, *done]), observer, cancelled)
            ending = _both(ending, again)
        return ending

    @contextmanager
    def _state(self, state: Path | str | Literal[True], command: str) -> Iterator[Path]:
        if state is not True:
            yield Path(state).expanduser().resolve()
            return
        if self._work.store is None:
            raise DbtProjectInvalid("The project has no store of artifacts.", "Set `artifacts` in the DbtProject.")
        with tempfile.TemporaryDirectory(prefix="strongroom-dbt-state-") as folder:
            yield self._work.store.fetch(Path(folder), LAST if command == "retry" else LATEST)


@contextmanager
def door(work: Work, environment: Mapping[str, str] | None = None) -> Iterator[Door]:
    """A session on a project; its process ends with the ``with``.

    :param environment: variables for the process, besides those of this one.
    :raises MissingExtra: dbt is not installed.
    """
    require_extra("dbt.__version__", extra="dbt")  # light; the rest is for the process
    variables = {**_QUIET, **(environment or {})}
    with invocation.session(work.profile, work.folder, variables, work.profiles_dir) as dbt:
        yield Door(work, dbt)


def command_of(arguments: Sequence[str]) -> str:
    """The command that arguments begin with: ``build``, ``docs generate``."""
    groups = {"source": "freshness", "docs": "generate"}
    if len(arguments) > 1 and arguments[0] in groups and not arguments[1].startswith("-"):
        return " ".join(arguments[:2])
    return arguments[0]


def read_project(folder: Path) -> dict[str, Any]:
    """The content of ``dbt_project.yml``; empty where it cannot be read, of which dbt has more to say."""
    yaml = require_extra("yaml", extra="dbt")
    try:
        project = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return project if isinstance(project, dict) else {}


def _own_target(folder: Path) -> Path | None:
    return target_folder_of(folder, read_project(folder), os.environ)


def _output_options(work: Work, ours: Path, place: Path | None) -> list[str]:
    """Where to write, where that is not where dbt writes by itself."""
    if work.target_path is None and place in (ours, None):
        return []
    return ["--target-path", str(place), "--log-path", str(Path(str(place), "logs"))]


def _published(node: DbtNode, place: Path | None, ours: Path | None) -> DbtNode:
    """The node, with the path that its SQL has after the files of a private folder took their places."""
    if node.compiled_path is None or place is None or place == ours:
        return node
    return replace(node, compiled_path=node.compiled_path.replace(f"{place.name}/", ""))


def _wait(seconds: float, cancelled: threading.Event) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if cancelled.wait(min(left, _TICK_SECONDS)):
            raise DbtCancelled("The invocation of dbt was cancelled between two attempts.")


def _both(first: Ending, again: Ending) -> Ending:
    """What two attempts came to."""
    later = {node.unique_id: node for node in again.nodes}
    merged = [_later(node, later.pop(node.unique_id, None)) for node in first.nodes]
    return replace(again, nodes=(*merged, *later.values()), elapsed=first.elapsed + again.elapsed)


def _later(node: DbtNode, again: DbtNode | None) -> DbtNode:
    if again is None:
        return node
    return replace(again, attempts=(0 if node.skipped else node.attempts) + 1)
