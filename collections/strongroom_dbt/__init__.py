"""dbt in flows: profiles made from warehouse blocks, projects, and a task for each command.

Every public name is loaded when it is first asked for: the process that runs dbt needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_dbt.errors import DbtCancelled as DbtCancelled
    from strongroom_dbt.errors import DbtCrashed as DbtCrashed
    from strongroom_dbt.errors import DbtError as DbtError
    from strongroom_dbt.errors import DbtFailed as DbtFailed
    from strongroom_dbt.errors import DbtNodeFailed as DbtNodeFailed
    from strongroom_dbt.errors import DbtProfileInvalid as DbtProfileInvalid
    from strongroom_dbt.errors import DbtProjectInvalid as DbtProjectInvalid
    from strongroom_dbt.errors import DbtUsageError as DbtUsageError
    from strongroom_dbt.errors import DbtWarehouseUnavailable as DbtWarehouseUnavailable
    from strongroom_dbt.invocation import DbtObserver as DbtObserver
    from strongroom_dbt.profile import DbtProfile as DbtProfile
    from strongroom_dbt.project import DbtProject as DbtProject
    from strongroom_dbt.result import DbtNode as DbtNode
    from strongroom_dbt.result import DbtResult as DbtResult
    from strongroom_dbt.targets import DbtWarehouse as DbtWarehouse
    from strongroom_dbt.tasks import dbt_build as dbt_build
    from strongroom_dbt.tasks import dbt_deps as dbt_deps
    from strongroom_dbt.tasks import dbt_parse as dbt_parse
    from strongroom_dbt.tasks import dbt_run as dbt_run
    from strongroom_dbt.tasks import dbt_seed as dbt_seed
    from strongroom_dbt.tasks import dbt_snapshot as dbt_snapshot
    from strongroom_dbt.tasks import dbt_test as dbt_test

_HOMES = {
    "strongroom_dbt.errors": (
        "DbtCancelled", "DbtCrashed", "DbtError", "DbtFailed", "DbtNodeFailed", "DbtProfileInvalid",
        "DbtProjectInvalid", "DbtUsageError", "DbtWarehouseUnavailable",
    ),
    "strongroom_dbt.invocation": ("DbtObserver",),
    "strongroom_dbt.profile": ("DbtProfile",),
    "strongroom_dbt.project": ("DbtProject",),
    "strongroom_dbt.result": ("DbtNode", "DbtResult"),
    "strongroom_dbt.targets": ("DbtWarehouse",),
    "strongroom_dbt.tasks": (
        "dbt_build", "dbt_deps", "dbt_parse", "dbt_run", "dbt_seed", "dbt_snapshot", "dbt_test",
    ),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'strongroom_dbt' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
