"""The flow run around the calling code: ``flow_run.name``, ``flow_run.parameters``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from strongroom.clock import now
from strongroom.context import FlowRunContext
from strongroom.runtime.attributes import attribute

if TYPE_CHECKING:
    from datetime import datetime

    id: str | None
    name: str | None
    flow_name: str | None
    flow_version: str | None
    tags: list[str]
    parameters: dict[str, Any]
    run_count: int
    scheduled_start_time: datetime
    parent_flow_run_id: str | None
    parent_deployment_id: str | None
    root_flow_run_id: str | None
    job_variables: dict[str, Any] | None
    api_url: str | None
    ui_url: str | None


def _of_run(look: Callable[[Any], Any], default: Callable[[], Any] = lambda: None) -> Callable[[], Any]:
    def look_up() -> Any:
        context = FlowRunContext.get()
        return default() if context is None else look(context)

    return look_up


def _root(context: Any) -> str:
    while context.parent is not None and context.parent.flow_run_context is not None:
        context = context.parent.flow_run_context
    return str(context.flow_run.id)


def _parent(context: Any) -> str | None:
    parent = context.flow_run.parent_flow_run_id
    return None if parent is None else str(parent)


def _parent_deployment(context: Any) -> str | None:
    caller = None if context.parent is None else context.parent.flow_run_context
    id_ = None if caller is None else caller.flow_run.deployment_id
    return None if id_ is None else str(id_)


def _job_variables(_: Any) -> dict[str, Any]:
    from strongroom.runtime.deployment import job_variables_here

    return job_variables_here()


_ATTRIBUTES = {
    "id": _of_run(lambda context: str(context.flow_run.id)),
    "name": _of_run(lambda context: context.flow_run.name),
    "flow_name": _of_run(lambda context: context.flow_run.flow_name),
    "flow_version": _of_run(lambda context: context.flow_run.flow_version),
    "tags": _of_run(lambda context: sorted(context.flow_run.tags), list),
    "parameters": _of_run(lambda context: dict(context.parameters), dict),
    "run_count": _of_run(lambda context: context.flow_run.run_count, int),
    "scheduled_start_time": _of_run(lambda context: context.flow_run.expected_start_time, now),
    "parent_flow_run_id": _of_run(_parent),
    "parent_deployment_id": _of_run(_parent_deployment),
    "root_flow_run_id": _of_run(_root),
    "job_variables": _of_run(_job_variables),
    "api_url": lambda: None,
    "ui_url": lambda: None,
}
__all__ = list(_ATTRIBUTES)


def __getattr__(name: str) -> Any:
    return attribute("flow_run", _ATTRIBUTES, name)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)
