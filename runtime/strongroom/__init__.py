"""Strongroom: blocks that keep credentials and connections, and the flows that load them by name.

Every public name is loaded when it is first asked for, so that ``import strongroom`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_blocks import Block as Block
    from strongroom_blocks import SecretDict as SecretDict
    from strongroom_blocks import arefresh as arefresh
    from strongroom_blocks import reference_of as reference_of
    from strongroom_blocks import refresh as refresh
    from strongroom_blocks import require_extra as require_extra
    from strongroom_blocks import secret_from as secret_from
    from strongroom_blocks.capabilities import Database as Database
    from strongroom_blocks.capabilities import ObjectStore as ObjectStore
    from strongroom_blocks.capabilities import StoredObject as StoredObject
    from strongroom_blocks.errors import InvalidKey as InvalidKey
    from strongroom_blocks.errors import MissingExtra as MissingExtra
    from strongroom_blocks.newer_version import newer_version as newer_version
    from strongroom_blocks.object_keys import base_name as base_name
    from strongroom_blocks.object_keys import folder_prefix as folder_prefix
    from strongroom_blocks.object_keys import join_key as join_key
    from strongroom_blocks.object_keys import relative_key as relative_key
    from strongroom_blocks.redaction import redactor as redactor
    from strongroom_blocks.settings_source import BlockSettingsSource as BlockSettingsSource
    from strongroom_blocks.twins import async_twin as async_twin
    from strongroom_blocks.twins import given_up as given_up
    from strongroom_blocks.types import JSON as JSON
    from strongroom_blocks.types import Connection as Connection
    from strongroom_blocks.types import DuckDB as DuckDB
    from strongroom_blocks.types import LocalFileSystem as LocalFileSystem
    from strongroom_blocks.types import LocalFolder as LocalFolder
    from strongroom_blocks.types import PostgreSQL as PostgreSQL
    from strongroom_blocks.types import Secret as Secret
    from strongroom_blocks.types import SqlDatabase as SqlDatabase
    from strongroom_registry.errors import StrongroomError as StrongroomError

    from strongroom.annotations import allow_failure as allow_failure
    from strongroom.annotations import opaque as opaque
    from strongroom.annotations import quote as quote
    from strongroom.annotations import unmapped as unmapped
    from strongroom.client.orchestration import get_client as get_client
    from strongroom.context import get_run_context as get_run_context
    from strongroom.context import tags as tags
    from strongroom.deployments.runner import adeploy as adeploy
    from strongroom.deployments.runner import deploy as deploy
    from strongroom.flow_runs import apause_flow_run as apause_flow_run
    from strongroom.flow_runs import aresume_flow_run as aresume_flow_run
    from strongroom.flow_runs import asuspend_flow_run as asuspend_flow_run
    from strongroom.flow_runs import pause_flow_run as pause_flow_run
    from strongroom.flow_runs import resume_flow_run as resume_flow_run
    from strongroom.flow_runs import suspend_flow_run as suspend_flow_run
    from strongroom.flows import Flow as Flow
    from strongroom.flows import flow as flow
    from strongroom.logging import disable_run_logger as disable_run_logger
    from strongroom.logging import get_run_logger as get_run_logger
    from strongroom.runner.serving import aserve as aserve
    from strongroom.runner.serving import serve as serve
    from strongroom.states import State as State
    from strongroom.task_twins import task_twin as task_twin
    from strongroom.tasks import Task as Task
    from strongroom.tasks import task as task
    from strongroom.transactions import Transaction as Transaction

_HOMES = {
    "strongroom_blocks": ("Block", "SecretDict", "arefresh", "reference_of", "refresh", "require_extra", "secret_from"),
    "strongroom_blocks.capabilities": ("Database", "ObjectStore", "StoredObject"),
    "strongroom_blocks.errors": ("InvalidKey", "MissingExtra"),
    "strongroom_blocks.newer_version": ("newer_version",),
    "strongroom_blocks.object_keys": ("base_name", "folder_prefix", "join_key", "relative_key"),
    "strongroom_blocks.redaction": ("redactor",),
    "strongroom_blocks.settings_source": ("BlockSettingsSource",),
    "strongroom_blocks.twins": ("async_twin", "given_up"),
    "strongroom_blocks.types": (
        "JSON", "Connection", "DuckDB", "LocalFileSystem", "LocalFolder", "PostgreSQL", "Secret", "SqlDatabase",
    ),
    "strongroom_registry.errors": ("StrongroomError",),
    "strongroom.annotations": ("allow_failure", "opaque", "quote", "unmapped"),
    "strongroom.client.orchestration": ("get_client",),
    "strongroom.context": ("get_run_context", "tags"),
    "strongroom.deployments.runner": ("adeploy", "deploy"),
    "strongroom.flow_runs": (
        "apause_flow_run", "aresume_flow_run", "asuspend_flow_run",
        "pause_flow_run", "resume_flow_run", "suspend_flow_run",
    ),
    "strongroom.flows": ("Flow", "flow"),
    "strongroom.logging": ("disable_run_logger", "get_run_logger"),
    "strongroom.runner.serving": ("aserve", "serve"),
    "strongroom.states": ("State",),
    "strongroom.task_twins": ("task_twin",),
    "strongroom.tasks": ("Task", "task"),
    "strongroom.transactions": ("Transaction",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = frozenset({
    "artifacts", "assets", "blocks", "cache_policies", "client", "clock", "concurrency", "context", "deployments",
    "events", "exceptions", "filesystems", "flow_runs", "flows", "futures", "input", "locking", "logging", "results",
    "runner", "runtime", "schedules", "serializers", "settings", "states", "task_runners", "task_worker", "tasks",
    "transactions", "utilities", "variables",
})  # fmt: skip
"""After ``import strongroom`` alone, ``strongroom.runtime.flow_run.name`` works."""

__version__ = "0.1.0"
__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"strongroom.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'strongroom' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
