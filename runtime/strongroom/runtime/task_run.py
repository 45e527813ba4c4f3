"""The task run around the calling code: ``task_run.name``, ``task_run.parameters``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from strongroom.context import TaskRunContext
from strongroom.runtime.attributes import attribute

if TYPE_CHECKING:
    id: str | None
    name: str | None
    task_name: str | None
    tags: list[str]
    parameters: dict[str, Any]
    run_count: int
    api_url: str | None
    ui_url: str | None


def _of_run(look: Callable[[Any], Any], default: Callable[[], Any] = lambda: None) -> Callable[[], Any]:
    def look_up() -> Any:
        context = TaskRunContext.get()
        return default() if context is None else look(context)

    return look_up


_ATTRIBUTES = {
    "id": _of_run(lambda context: str(context.task_run.id)),
    "name": _of_run(lambda context: context.task_run.name),
    "task_name": _of_run(lambda context: context.task_run.task_name),
    "tags": _of_run(lambda context: sorted(context.task_run.tags), list),
    "parameters": _of_run(lambda context: dict(context.parameters), dict),
    "run_count": _of_run(lambda context: context.task_run.run_count, int),
    "api_url": lambda: None,
    "ui_url": lambda: None,
}
__all__ = list(_ATTRIBUTES)


def __getattr__(name: str) -> Any:
    return attribute("task_run", _ATTRIBUTES, name)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)
