"""Asking an engine, and telling in our words what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import EngineFailed

T = TypeVar("T")


def call_engine(name: str, ask: Callable[[], T]) -> T:
    """What an engine answers.

    :param name: of the engine.
    :raises EngineFailed: it raised anything. Only texts that were made to be shown are repeated.
    """
    try:
        return ask()
    except StrongroomError as error:
        problem, remedy = error.problem, error.remedy
    except Exception as error:
        problem, remedy = f"it raised {type(error).__name__}.", "See the documentation of the engine."
    raise EngineFailed(f"The lease engine {name} failed: {problem}", remedy)
