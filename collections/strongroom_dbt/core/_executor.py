"""Who runs the nodes of an orchestrated build: dbt on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom_dbt.core.settings import PrefectDbtSettings


@dataclass(frozen=True, slots=True)
class DbtCoreExecutor:
    """dbt-core, in processes of this machine.

    :param settings: where project and profiles are.
    :param run_deps: install the packages first where the project has not been parsed yet.
    """

    settings: PrefectDbtSettings | None = None
    run_deps: bool = True
