"""How an invocation shows in the run that it is part of: dbt's lines as logs, dbt's nodes as runs."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any
from uuid import UUID

from strongroom import State, get_run_logger
from strongroom.nodes import report, reported
from strongroom.states import Cancelled, Completed, Failed, Running

from strongroom_dbt.result import DbtNode

_LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class RunObserver:
    """Passes lines to the run's logger, and records each node as a run of its own below the current one."""

    def __init__(self) -> None:
        self._logger = get_run_logger()
        earlier = {node.dynamic_key: node for node in reported()}
        self.done = frozenset(key for key, node in earlier.items() if node.state.is_completed())
        """The unique ids of nodes that an earlier attempt of this run completed."""
        self._runs: dict[str, UUID] = {key: node.id for key, node in earlier.items()}
        self._attempts = Counter({key: node.run_count for key, node in earlier.items()})

    def log(self, level: str, message: str, node: str) -> None:
        """A line of dbt."""
        self._logger.log(_LEVELS.get(level, logging.INFO), "%s", message)

    def node_started(self, node: DbtNode) -> None:
        """The node's run is running."""
        self._attempts[node.unique_id] += 1
        self._report(node, Running())

    def node_finished(self, node: DbtNode) -> None:
        """The node's run has ended."""
        self._report(node, state_of(node))

    def _report(self, node: DbtNode, state: State[Any]) -> None:
        self._runs[node.unique_id] = report(
            node.name,
            key=node.unique_id,
            state=state,
            start_time=None if node.skipped else node.started_at,
            end_time=node.finished_at,
            upstream=[self._runs[before] for before in node.depends_on if before in self._runs],
            message=node.message,
            attempt=max(1, self._attempts[node.unique_id]),
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
