"""From the text that names a task to the task: ``path/to/file.py:function`` or ``package.module:function``."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from strongroom.entrypoints import load_module
from strongroom.errors import UnknownTask
from strongroom.task_worker import loading
from strongroom.tasks import Task


def load_task(entrypoint: str) -> Task[..., Any]:
    """The task that an entrypoint names; raises :class:`~strongroom.errors.UnknownTask`, and what loading raises."""
    place, colon, name = entrypoint.rpartition(":")
    if not colon:
        raise UnknownTask(f"{entrypoint!r:.80} names no task.", "Write file.py:task, or package.module:task.")
    module = _loaded(place)
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
    if not isinstance(value, Task):
        known = ", ".join(key for key, found in vars(module).items() if isinstance(found, Task))
        raise UnknownTask(f"{place} has no task {name!r:.80}.", f"It has {known}." if known else "Decorate with @task.")
    return value


def tasks_of_module(name: str) -> list[Task[..., Any]]:
    """The tasks that a module defines; raises :class:`~strongroom.errors.UnknownTask` where it defines none."""
    module = _loaded(name)
    found = [value for value in vars(module).values() if isinstance(value, Task)]
    own = [task for task in found if task.fn.__module__ == module.__name__]
    if not own:
        raise UnknownTask(f"The module {name} defines no task.", "Decorate functions with @task.")
    return own


def _loaded(place: str) -> ModuleType:
    with loading():
        return load_module(place)
