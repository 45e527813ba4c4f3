"""What the command line and the documentation tell of a task of a collection."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.collections.found_task import FoundTask


def task_sheet(task: FoundTask) -> dict[str, Any]:
    """A task, as ``strongroom collection show --json`` documents it."""
    from strongroom.cli.type_sheet import prose

    return {
        "name": task.name,
        "module": task.module,
        "twin": task.twin,
        "summary": prose(task.summary),
        "description": task.description,
        "signature": f"{task.name}{task.signature()}",
        "parameters": [_parameter(found, task.meanings) for found in task.parameters()],
        "returns": task.returns(),
    }


def _parameter(found: inspect.Parameter, meanings: dict[str, str]) -> dict[str, Any]:
    from strongroom.collections.found_task import written

    stars = "*" if found.kind is found.VAR_POSITIONAL else "**" if found.kind is found.VAR_KEYWORD else ""
    return {
        "parameter": f"{stars}{found.name}",
        "type": "" if found.annotation is found.empty else written(found.annotation),
        "required": found.default is found.empty and not stars,
        "default": None if found.default is found.empty else repr(found.default),
        "description": meanings.get(found.name, ""),
    }
