"""Errors that leave behind the frames they came through: tools that print local variables would find secrets there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from strongroom_registry.errors import StrongroomError

P = ParamSpec("P")
R = TypeVar("R")


def without_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Have our own errors, whose message says it all, start their traceback at the call of ``function``."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StrongroomError as error:
            refusal = error.with_traceback(None)
            refusal.__context__ = refusal.__cause__ = None
        raise refusal

    return guarded
