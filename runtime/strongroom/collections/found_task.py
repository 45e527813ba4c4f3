"""The tasks of a collection: ``Task`` objects in the modules that its card names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from strongroom.collections.installed import Collection
from strongroom.tasks import Task

_PARAMETER = re.compile(r"^:param (\w+):(.*(?:\n[ \t]+.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task as its collection offers it: ``from module import name``. ``twin`` is its asynchronous form, if any."""

    name: str
    module: str
    task: Task[Any, Any]
    twin: str | None

    @property
    def description(self) -> str:
        """Its docstring."""
        return inspect.getdoc(self.task.fn) or ""

    @property
    def summary(self) -> str:
        """What it does, in its docstring's first paragraph."""
        return " ".join(self.description.partition("\n\n")[0].split())

    @property
    def meanings(self) -> dict[str, str]:
        """What the docstring says of parameters."""
        return {name: " ".join(text.split()) for name, text in _PARAMETER.findall(self.description)}

    def parameters(self) -> list[inspect.Parameter]:
        """Its parameters, with annotations as they are written."""
        return list(self._signature().parameters.values())

    def returns(self) -> str:
        """The type of its result as it is written, or nothing."""
        found = self._signature().return_annotation
        return "" if found is inspect.Signature.empty else written(found)

    def signature(self) -> str:
        """``(store: ObjectStore, path: str) -> bytes``, in one line."""
        signature = self._signature()
        parameters = [
            found if found.annotation is found.empty else found.replace(annotation=_Written(written(found.annotation)))
            for found in signature.parameters.values()
        ]
        returns: Any = signature.return_annotation
        if returns is not signature.empty:
            returns = _Written(written(returns))
        return str(signature.replace(parameters=parameters, return_annotation=returns))

    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.task.fn)


class _Written(str):
    """An annotation that a signature shows without quotes."""

    def __repr__(self) -> str:
        return str(self)


def written(annotation: Any) -> str:
    """An annotation as source code has it."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def tasks_of(collection: Collection) -> list[FoundTask]:
    """The tasks of a collection, as they stand in its modules, which are imported for it.

    :raises ImportError: a module that the card names is not there, or does not load.
    """
    found: list[FoundTask] = []
    seen: set[int] = set()
    for module in collection.card.task_modules:
        for task in _in(module, collection.packages):
            if id(task.task) not in seen:
                seen.add(id(task.task))
                found.append(task)
    return found


def _in(module: str, packages: tuple[str, ...]) -> Iterator[FoundTask]:
    loaded = import_module(module)
    here = {
        name: value
        for name, value in vars(loaded).items()
        if isinstance(value, Task) and not name.startswith("_") and _home(value) in packages
    }
    for name, task in here.items():
        if _is_twin(name, task) and name[1:] in here:
            continue
        twin = here.get(f"a{name}")
        yield FoundTask(name, module, task, f"a{name}" if twin is not None and _is_twin(f"a{name}", twin) else None)


def _home(task: Task[Any, Any]) -> str:
    return str(getattr(task.fn, "__module__", "")).partition(".")[0]


def _is_twin(name: str, task: Task[Any, Any]) -> bool:
    return name.startswith("a") and inspect.iscoroutinefunction(task.fn)
