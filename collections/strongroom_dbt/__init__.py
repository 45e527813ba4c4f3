"""dbt in flows: profiles made from warehouse blocks, projects, and a task for each command.

Every public name is loaded when it is first asked for: the process that runs dbt needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_dbt.cli.commands import run_dbt_build as run_dbt_build
    from strongroom_dbt.cli.commands import run_dbt_model as run_dbt_model
    from strongroom_dbt.cli.commands import run_dbt_seed as run_dbt_seed
    from strongroom_dbt.cli.commands import run_dbt_snapshot as run_dbt_snapshot
    from strongroom_dbt.cli.commands import run_dbt_source_freshness as run_dbt_source_freshness
    from strongroom_dbt.cli.commands import run_dbt_test as run_dbt_test
    from strongroom_dbt.cli.commands import trigger_dbt_cli_command as trigger_dbt_cli_command
    from strongroom_dbt.cli.configs.base import GlobalConfigs as GlobalConfigs
    from strongroom_dbt.cli.configs.base import TargetConfigs as TargetConfigs
    from strongroom_dbt.cli.configs.bigquery import BigQueryTargetConfigs as BigQueryTargetConfigs
    from strongroom_dbt.cli.configs.postgres import PostgresTargetConfigs as PostgresTargetConfigs
    from strongroom_dbt.cli.configs.snowflake import SnowflakeTargetConfigs as SnowflakeTargetConfigs
    from strongroom_dbt.cli.credentials import DbtCliProfile as DbtCliProfile
    from strongroom_dbt.cli.operation import DbtCoreOperation as DbtCoreOperation
    from strongroom_dbt.core._executor import DbtCoreExecutor as DbtCoreExecutor
    from strongroom_dbt.core.hooks import DbtHookContext as DbtHookContext
    from strongroom_dbt.core.node_cache import CacheConfig as CacheConfig
    from strongroom_dbt.core.orchestrator import ExecutionMode as ExecutionMode
    from strongroom_dbt.core.orchestrator import PrefectDbtOrchestrator as PrefectDbtOrchestrator
    from strongroom_dbt.core.orchestrator import TestStrategy as TestStrategy
    from strongroom_dbt.core.plan import BuildPlan as BuildPlan
    from strongroom_dbt.core.runner import DbtRunnerResult as DbtRunnerResult
    from strongroom_dbt.core.runner import PrefectDbtRunner as PrefectDbtRunner
    from strongroom_dbt.core.settings import PrefectDbtSettings as PrefectDbtSettings
    from strongroom_dbt.documentation import Documentation as Documentation
    from strongroom_dbt.errors import DbtBuildFailed as DbtBuildFailed
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
    from strongroom_dbt.options import BuildAndTestOptions as BuildAndTestOptions
    from strongroom_dbt.options import BuildOptions as BuildOptions
    from strongroom_dbt.options import InvocationOptions as InvocationOptions
    from strongroom_dbt.options import NodeOptions as NodeOptions
    from strongroom_dbt.options import SelectionOptions as SelectionOptions
    from strongroom_dbt.options import TestOptions as TestOptions
    from strongroom_dbt.profile import DbtProfile as DbtProfile
    from strongroom_dbt.project import DbtProject as DbtProject
    from strongroom_dbt.result import DbtNode as DbtNode
    from strongroom_dbt.result import DbtResult as DbtResult
    from strongroom_dbt.targets import DbtWarehouse as DbtWarehouse
    from strongroom_dbt.tasks import adbt_build as adbt_build
    from strongroom_dbt.tasks import adbt_clean as adbt_clean
    from strongroom_dbt.tasks import adbt_clone as adbt_clone
    from strongroom_dbt.tasks import adbt_compile as adbt_compile
    from strongroom_dbt.tasks import adbt_debug as adbt_debug
    from strongroom_dbt.tasks import adbt_deps as adbt_deps
    from strongroom_dbt.tasks import adbt_docs_generate as adbt_docs_generate
    from strongroom_dbt.tasks import adbt_ls as adbt_ls
    from strongroom_dbt.tasks import adbt_parse as adbt_parse
    from strongroom_dbt.tasks import adbt_retry as adbt_retry
    from strongroom_dbt.tasks import adbt_run as adbt_run
    from strongroom_dbt.tasks import adbt_run_operation as adbt_run_operation
    from strongroom_dbt.tasks import adbt_seed as adbt_seed
    from strongroom_dbt.tasks import adbt_show as adbt_show
    from strongroom_dbt.tasks import adbt_snapshot as adbt_snapshot
    from strongroom_dbt.tasks import adbt_source_freshness as adbt_source_freshness
    from strongroom_dbt.tasks import adbt_test as adbt_test
    from strongroom_dbt.tasks import dbt_build as dbt_build
    from strongroom_dbt.tasks import dbt_clean as dbt_clean
    from strongroom_dbt.tasks import dbt_clone as dbt_clone
    from strongroom_dbt.tasks import dbt_compile as dbt_compile
    from strongroom_dbt.tasks import dbt_debug as dbt_debug
    from strongroom_dbt.tasks import dbt_deps as dbt_deps
    from strongroom_dbt.tasks import dbt_docs_generate as dbt_docs_generate
    from strongroom_dbt.tasks import dbt_ls as dbt_ls
    from strongroom_dbt.tasks import dbt_parse as dbt_parse
    from strongroom_dbt.tasks import dbt_retry as dbt_retry
    from strongroom_dbt.tasks import dbt_run as dbt_run
    from strongroom_dbt.tasks import dbt_run_operation as dbt_run_operation
    from strongroom_dbt.tasks import dbt_seed as dbt_seed
    from strongroom_dbt.tasks import dbt_show as dbt_show
    from strongroom_dbt.tasks import dbt_snapshot as dbt_snapshot
    from strongroom_dbt.tasks import dbt_source_freshness as dbt_source_freshness
    from strongroom_dbt.tasks import dbt_test as dbt_test

_HOMES = {
    "strongroom_dbt.cli.commands": (
        "run_dbt_build", "run_dbt_model", "run_dbt_seed", "run_dbt_snapshot", "run_dbt_source_freshness",
        "run_dbt_test", "trigger_dbt_cli_command",
    ),
    "strongroom_dbt.cli.configs.base": ("GlobalConfigs", "TargetConfigs",),
    "strongroom_dbt.cli.configs.bigquery": ("BigQueryTargetConfigs",),
    "strongroom_dbt.cli.configs.postgres": ("PostgresTargetConfigs",),
    "strongroom_dbt.cli.configs.snowflake": ("SnowflakeTargetConfigs",),
    "strongroom_dbt.cli.credentials": ("DbtCliProfile",),
    "strongroom_dbt.cli.operation": ("DbtCoreOperation",),
    "strongroom_dbt.core._executor": ("DbtCoreExecutor",),
    "strongroom_dbt.core.hooks": ("DbtHookContext",),
    "strongroom_dbt.core.node_cache": ("CacheConfig",),
    "strongroom_dbt.core.orchestrator": ("ExecutionMode", "PrefectDbtOrchestrator", "TestStrategy",),
    "strongroom_dbt.core.plan": ("BuildPlan",),
    "strongroom_dbt.core.runner": ("DbtRunnerResult", "PrefectDbtRunner",),
    "strongroom_dbt.core.settings": ("PrefectDbtSettings",),
    "strongroom_dbt.documentation": ("Documentation",),
    "strongroom_dbt.errors": (
        "DbtBuildFailed", "DbtCancelled", "DbtCrashed", "DbtError", "DbtFailed", "DbtNodeFailed",
        "DbtProfileInvalid", "DbtProjectInvalid", "DbtUsageError", "DbtWarehouseUnavailable",
    ),
    "strongroom_dbt.invocation": ("DbtObserver",),
    "strongroom_dbt.options": (
        "BuildAndTestOptions", "BuildOptions", "InvocationOptions", "NodeOptions", "SelectionOptions",
        "TestOptions",
    ),
    "strongroom_dbt.profile": ("DbtProfile",),
    "strongroom_dbt.project": ("DbtProject",),
    "strongroom_dbt.result": ("DbtNode", "DbtResult",),
    "strongroom_dbt.targets": ("DbtWarehouse",),
    "strongroom_dbt.tasks": (
        "adbt_build", "adbt_clean", "adbt_clone", "adbt_compile", "adbt_debug", "adbt_deps",
        "adbt_docs_generate", "adbt_ls", "adbt_parse", "adbt_retry", "adbt_run", "adbt_run_operation",
        "adbt_seed", "adbt_show", "adbt_snapshot", "adbt_source_freshness", "adbt_test", "dbt_build",
        "dbt_clean", "dbt_clone", "dbt_compile", "dbt_debug", "dbt_deps", "dbt_docs_generate", "dbt_ls",
        "dbt_parse", "dbt_retry", "dbt_run", "dbt_run_operation", "dbt_seed", "dbt_show", "dbt_snapshot",
        "dbt_source_freshness", "dbt_test",
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
