"""From the text that names a flow to the flow: ``path/to/file.py:function`` or ``package.module:function``."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from strongroom.errors import FlowUnloadable, UnknownFlow
from strongroom.serializers import use_script

if TYPE_CHECKING:
    from strongroom.flows import Flow


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """The flow that an entrypoint names; its file or module is imported, as Python imports the file of a program.

    The function may be left out where the file or module defines one flow. A file's folder is put on ``sys.path``, so
    that it can import its neighbours.

    :raises UnknownFlow: there is no such file, module or flow in it.
    :raises FlowUnloadable: the file or module raised an exception.
    """
    place, colon, name = entrypoint.rpartition(":")
    if not colon:
        place, name = entrypoint, ""
    return _flow_in(load_module(place), place, name)


def load_module(place: str) -> ModuleType:
    """The module of a file or of a dotted name; see :func:`load_flow`, which raises the same."""
    is_file = place.endswith(".py") or "/" in place
    module = _module_of_file(Path(place)) if is_file else _module(place)
    use_script(module)
    return module


load_flow_from_entrypoint = load_flow


def _module_of_file(path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UnknownFlow(f"There is no file {path}.", "Name a flow as path/to/file.py:function.")
    if _is_at(sys.modules["__main__"], path):
        return sys.modules["__main__"]
    name = _module_name(path)
    loaded = sys.modules.get(name)
    if loaded is not None and _is_at(loaded, path):
        return loaded
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownFlow(f"{path} is no Python file.", "Name a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickles and pydantic look classes up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        failure = _failure(path.name, error)
    except BaseException:
        del sys.modules[name]
        raise
    else:
        return module
    del sys.modules[name]
    raise failure


def _module_name(path: Path) -> str:
    """The file's own name, as if its folder had been on the path all along, unless that is another module's.

    It is the same in every process, so that pickles of its classes can be read; a task's key leaves out what is added.
    """
    taken = sys.modules.get(path.stem)
    free = taken is None and path.stem not in sys.stdlib_module_names
    is_it = taken is not None and _is_at(taken, path)
    return path.stem if is_it or (free and path.stem.isidentifier()) else f"__{path.stem}_{_digest(path)}__"


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]


def _is_at(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _module(name: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            failure: FlowUnloadable | UnknownFlow = _failure(name, error)
        else:
            failure = UnknownFlow(
                f"There is no module {name!r:.80}.", "Name a flow as package.module:function or file.py:function."
            )
    except (TypeError, ValueError):  # a name that cannot be one
        failure = UnknownFlow(
            f"{name!r:.80} names no module.", "Name a flow as package.module:function or file.py:function."
        )
    except Exception as error:
        failure = _failure(name, error)
    raise failure


def _failure(what: str, error: BaseException) -> FlowUnloadable:
    """What went wrong in the user's own code, and where; the exception may hold anything, so it is not chained."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    where = f"line {line}" if line else f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    return FlowUnloadable(f"{what} cannot be loaded: {type(error).__name__}: {told} ({where}).", "Correct it first.")


def _flow_in(module: ModuleType, place: str, name: str) -> Flow[..., Any]:
    from strongroom.flows import Flow

    own = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if not name:
        own = {key: flow for key, flow in own.items() if flow.fn.__module__ == module.__name__}
        if len(own) == 1:
            return next(iter(own.values()))
        found = f"has {len(own)} flows: {', '.join(own)}" if own else "has no flow"
        raise UnknownFlow(f"{place} {found}.", f"Name one: {place}:function")
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
    if isinstance(value, Flow):
        return value
    by_name = [flow for flow in own.values() if flow.name == name]
    if len(by_name) == 1:
        return by_name[0]
    near = difflib.get_close_matches(name, own, n=3) or list(own)
    problem = f"{name} in {place} is no flow." if value is not None else f"{place} has no flow {name!r:.80}."
    raise UnknownFlow(problem, f"It has {', '.join(near)}." if near else "Decorate a function with @flow.")
