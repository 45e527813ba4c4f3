"""What goes to a worker and comes back, as bytes: saved blocks as references, tasks and flows of modules by name.

Whatever Python can import again travels by name, everything else (a script's functions and classes, inner functions,
lambdas) by value, so that a worker needs no access to the script and a script needs no ``if __name__ == "__main__"``.
Only for bytes between a flow and its own workers: whoever can forge them runs code.
"""

from __future__ import annotations

import functools
import importlib
import io
import pickle
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from strongroom_registry.errors import StrongroomError

from strongroom.definitions import Definition
from strongroom.errors import CannotTravel


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Writes definitions, and the functions that they stand before, by name where that leads to them again."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Definition):
            _let_travel_by_value(value.fn.__module__)
            if _at(value.fn) is value:
                return _definition, (value.fn.__module__, value.fn.__qualname__)
            known = {key: item for key, item in vars(value).items() if key not in _RECKONED}
            return _bare, (type(value),), known
        if isinstance(value, type):
            _let_travel_by_value(value.__module__)
        elif isinstance(value, FunctionType):
            _let_travel_by_value(value.__module__)
            found = _at(value)
            if isinstance(found, Definition) and found.fn is value:
                return _function, (value.__module__, value.__qualname__)
        return super().reducer_override(value)


_RECKONED = frozenset({"signature", "validator"})
"""What a definition finds out about its function when it is asked."""


class _PicklerBeside(_Pickler):
    """Leaves out the objects that are at the other end already."""

    def __init__(self, file: Any, there: Mapping[int, int]) -> None:
        super().__init__(file, protocol=5)
        self._there = there

    def persistent_id(self, value: Any) -> int | None:
        return self._there.get(id(value))


class _UnpicklerBeside(pickle.Unpickler):
    def __init__(self, file: Any, here: Callable[[int], Any]) -> None:
        super().__init__(file)
        self._here = here

    def persistent_load(self, number: Any) -> Any:
        return self._here(number)


def dumps(value: Any, there: Mapping[int, int] | None = None) -> bytes:
    """The bytes of a value; raises what its classes raise where they cannot be written.

    ``there`` gives the numbers of objects, by their ``id``, that the other end has: of those the number alone goes.
    """
    file = io.BytesIO()
    pickler = _PicklerBeside(file, there) if there else _Pickler(file, protocol=5)
    pickler.dump(value)
    return file.getvalue()


def loads(body: bytes, here: Callable[[int], Any] | None = None) -> Any:
    """The value; raises what its classes raise, such as the error of a block that cannot be loaded here.

    ``here`` gives the objects that came another way, by their numbers.
    """
    if here is None:
        return pickle.loads(body)  # noqa: S301  from this flow's own workers alone
    return _UnpicklerBeside(io.BytesIO(body), here).load()


def dump_inputs(parameters: Mapping[str, Any], task: str, there: Mapping[int, int] | None = None) -> bytes:
    """The bytes of a task's inputs; raises :class:`~strongroom.errors.CannotTravel`, which names the input."""
    try:
        return dumps(dict(parameters), there)
    except Exception:
        for name, value in parameters.items():
            dump_named(value, f"The input {name!r} of task {task!r}")
        raise CannotTravel(f"The inputs of task {task!r} cannot travel to a worker.", _PLAIN_DATA) from None


def has_blocks(inputs: bytes) -> bool:
    """Whether there may be references of blocks in a pickle: it names what loads them."""
    return b"strongroom_blocks.documents" in inputs


def dump_named(value: Any, what: str) -> bytes:
    """The bytes of one value; raises :class:`~strongroom.errors.CannotTravel` for ``what`` it is.

    An unwritable object's own words are not repeated, for they may carry its values.
    """
    try:
        return dumps(value)
    except StrongroomError as error:
        raise CannotTravel(f"{what} cannot travel between a flow and its worker: {error}") from None
    except (Exception, RecursionError) as error:
        kind = type(value).__qualname__
        raise CannotTravel(
            f"{what}, a {kind}, cannot travel between a flow and its worker ({type(error).__name__}).", _PLAIN_DATA
        ) from None


_PLAIN_DATA = "Pass data rather than open connections, locks, files or generators; or use ThreadPoolTaskRunner."


def _at(function: Any) -> Any:
    """What stands where a function's name leads to in another process; None where it leads nowhere."""
    module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", "<")
    if module is None or "<" in path or not importable(module):
        return None
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def importable(module: str) -> bool:
    """Whether another process that has this one's ``sys.path`` imports the same module by this name."""
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    return loaded is not None and module != "__main__" and (file is None or _found(module, file))


@functools.lru_cache(maxsize=1024)
def _found(module: str, file: str) -> bool:
    path, name = None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = None
        for finder in sys.meta_path:
            try:
                spec = finder.find_spec(name, path)
            except (ImportError, ValueError, AttributeError):
                continue
            if spec is not None:
                break
        if spec is None:
            return False
        path = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return spec is not None and spec.origin == file


def _let_travel_by_value(module: str | None) -> None:
    """Have the classes and functions of a module that no other process can import travel as what they are."""
    if module is not None and module != "__main__" and module in sys.modules and not importable(module):
        cloudpickle.register_pickle_by_value(sys.modules[module])


def _definition(module: str, path: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _function(module: str, path: str) -> Any:
    return _definition(module, path).fn


def _bare(kind: type[Definition]) -> Definition:
    return kind.__new__(kind)
