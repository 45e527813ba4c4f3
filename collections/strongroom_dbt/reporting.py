"""How an invocation shows in the run that it is part of: dbt's lines as logs, dbt's nodes as runs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from strongroom import State, get_run_logger
from strongroom.assets import Asset, AssetProperties, tell_materialization
from strongroom.context import current_run
from strongroom.nodes import next_group, report, reported
from strongroom.states import Cancelled, Completed, Failed, Running

from strongroom_dbt.invocation import DbtObserver
from strongroom_dbt.result import DbtNode

LOGGER = logging.getLogger("strongroom_dbt")
LEVELS = ("debug", "info", "warn", "error", "none")
_LONGEST_DESCRIPTION = 2500
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class RunObserver:
    """Passes lines to the run's logger, and records each node as a run of its own below the current one."""

    def __init__(self, *, assets: bool = True, compiled_code: bool = False) -> None:
        """
        :param assets: tell what models, seeds and snapshots make as assets.
        :param compiled_code: with their SQL in the description.
        """
        self._logger = get_run_logger()
        self._assets = assets
        self._compiled_code = compiled_code
        self._group = next_group("dbt") + "/"
        earlier = {
            node.dynamic_key.removeprefix(self._group): node
            for node in reported()
            if node.dynamic_key.startswith(self._group)
        }
        self.done = frozenset(unique_id for unique_id, node in earlier.items() if node.state.is_completed())
        """The unique ids of nodes that an earlier attempt of this run completed."""
        self._runs: dict[str, UUID] = {unique_id: node.id for unique_id, node in earlier.items()}
        self._attempts = Counter(
            {unique_id: node.run_count for unique_id, node in earlier.items() if node.state.name != "Skipped"}
        )

    def log(self, level: str, message: str, node: str) -> None:
        """A line of dbt."""
        self._logger.log(_LEVELS.get(level, logging.INFO), "%s", message)

    def node_started(self, node: DbtNode) -> None:
        """The node's run is running."""
        self._report(node, Running(), self._attempts[node.unique_id] + 1)

    def node_finished(self, node: DbtNode) -> None:
        """The node's run has ended."""
        self._attempts[node.unique_id] += not node.skipped
        self._report(node, state_of(node), max(1, self._attempts[node.unique_id]))
        if self._assets and node.asset is not None and not node.skipped:
            self._tell_asset(node, node.asset)

    def _report(self, node: DbtNode, state: State[Any], attempt: int) -> None:
        self._runs[node.unique_id] = report(
            node.name,
            key=self._group + node.unique_id,
            state=state,
            start_time=None if node.skipped else node.started_at,
            end_time=node.finished_at,
            upstream=[self._runs[before] for before in node.depends_on if before in self._runs],
            message=node.message,
            attempt=attempt,
        )

    def _tell_asset(self, node: DbtNode, made: Mapping[str, Any]) -> None:
        description = made["description"]
        if self._compiled_code and made["compiled_code"]:
            description += f"\n\n```sql\n{made['compiled_code']}\n```"
        properties = AssetProperties(
            name=made["name"],
            description=description[:_LONGEST_DESCRIPTION] or None,
            owners=made["owners"] or None,
            url=None,
        )
        tell_materialization(
            Asset(key=made["key"], properties=properties),
            upstream=[Asset(key=key, properties=None) for key in made["upstream"]],
            by="dbt",
            succeeded=not node.failed,
            metadata={"unique_id": node.unique_id, "status": node.status, "execution_time": node.execution_time},
        )


def state_of(node: DbtNode) -> State[Any]:
    """The final state of a node's run: ``Failed``, ``Completed`` (a warning by the name ``Warned``), or ``Skipped``.

    A skipped node was called off because of another one, hence its type is CANCELLED.
    """
    if node.failed:
        return Failed()
    if node.skipped:
        return Cancelled(name="Skipped")
    return Completed(name="Warned") if node.status == "warn" else Completed()


class LogObserver:
    """Passes lines to a logger, where no run is going on; none where it is quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def log(self, level: str, message: str, node: str) -> None:
        """A line of dbt."""
        if not self._quiet:
            LOGGER.log(_LEVELS.get(level, logging.INFO), "%s", message)

    def node_started(self, node: DbtNode) -> None:
        """Nothing."""

    def node_finished(self, node: DbtNode) -> None:
        """Nothing."""


def observer_here(*, assets: bool = True, compiled_code: bool = False) -> RunObserver | LogObserver:
    """Who is to be told: the run that the calling code is part of, or else a logger."""
    if current_run() is None:
        return LogObserver()
    return RunObserver(assets=assets, compiled_code=compiled_code)


class Loud:
    """Passes on the lines that are loud enough, and every node."""

    def __init__(self, observer: DbtObserver, level: str, lines: list[str] | None = None) -> None:
        """
        :param lines: where every line is kept besides.
        """
        self._observer = observer
        self._lines = lines
        self._least = LEVELS.index(level)

    def log(self, level: str, message: str, node: str) -> None:
        """A line of dbt."""
        if self._lines is not None:
            self._lines.append(message)
        if LEVELS.index(level) >= self._least:
            self._observer.log(level, message, node)

    def node_started(self, node: DbtNode) -> None:
        """A node began."""
        self._observer.node_started(node)

    def node_finished(self, node: DbtNode) -> None:
        """A node ended."""
        self._observer.node_finished(node)
