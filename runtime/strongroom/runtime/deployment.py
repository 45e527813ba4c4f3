"""The deployment that the flow run around the calling code was begun from; None and nothing where there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.context import FlowRunContext
from strongroom.runtime.attributes import attribute

if TYPE_CHECKING:
    id: str | None
    name: str | None
    version: str | None
    flow_run_id: str | None
    parameters: dict[str, Any]


def _root() -> Any:
    """The outermost flow run around here, which is what a deployment begins."""
    context: Any = FlowRunContext.get()
    while context is not None and context.parent is not None and context.parent.flow_run_context is not None:
        context = context.parent.flow_run_context
    return context


def _of_deployment(look: Any, default: Any = None) -> Any:
    context = _root()
    return look(context) if context is not None and context.flow_run.deployment else default


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def _flow_run_id() -> str | None:
    context = FlowRunContext.get()
    return None if context is None else str(context.id)


def _carried_out() -> Any:
    """The deployment whose run this process was started for, where this is that run."""
    execution: Any = sys.modules.get("strongroom.runner.execution")
    found = None if execution is None else execution.current_deployment()
    return found if found is not None and found.full_name == _of_deployment(lambda c: c.flow_run.deployment) else None


def job_variables_here() -> dict[str, Any]:
    """The job variables of the deployment's run that this process was started for, around here; else none."""
    return sys.modules["strongroom.runner.execution"].current_variables() if _carried_out() is not None else {}


def _id() -> str | None:
    found = _carried_out()
    return None if found is None else str(found.id)


def _version() -> str | None:
    found = _carried_out()
    return None if found is None else found.definition.version


_ATTRIBUTES = {
    "id": _id,
    "name": lambda: _of_deployment(lambda context: context.flow_run.deployment.partition("/")[2]),
    "version": _version,
    "flow_run_id": _flow_run_id,
    "parameters": lambda: _of_deployment(lambda context: dict(context.parameters), {}),
}
__all__ = list(_ATTRIBUTES)


def __getattr__(name: str) -> Any:
    return attribute("deployment", _ATTRIBUTES, name)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)
