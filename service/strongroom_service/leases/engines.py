"""The engines that are installed, by the names that roles have for them."""

from __future__ import annotations

import functools
import inspect
from importlib.metadata import entry_points
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import EngineFailed, InvalidRequest
from strongroom_service.leases.engine import Engine
from strongroom_service.telling import faults

GROUP = "strongroom.lease_engines"


@functools.cache
def engine_named(name: str) -> Engine[Any]:
    """The engine that a package registered under this name; one object for the whole process.

    :raises EngineFailed: there is none, or it cannot be loaded.
    """
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(sorted(point.name for point in entry_points(group=GROUP)))
        raise EngineFailed(
            f"There is no lease engine {name!r:.80}.", f"Install the package that has it, or use {known}."
        )
    try:
        loaded: Any = found[0].load()
        engine = cast(Engine[Any], loaded() if inspect.isclass(loaded) else loaded)
    except StrongroomError as error:
        problem, remedy = f"The lease engine {name!r:.80} cannot be loaded: {error.problem}", error.remedy
    except Exception as error:
        problem = f"The lease engine {name!r:.80} cannot be loaded ({type(error).__name__})."
        remedy = "Repair the package that brings it."
    else:
        return engine
    raise EngineFailed(problem, remedy)


def options_of(engine: Engine[Any], options: dict[str, Any]) -> BaseModel:
    """What a role says for its engine, checked.

    :raises InvalidRequest: a field that is none, or a value that does not do; says which, never what stood there.
    """
    try:
        return engine.options.model_validate(options)
    except ValidationError as error:
        told = faults(error, shows_texts=True)
    raise InvalidRequest(f"The engine does not take these options: {told}.", "Correct the role's options.")
