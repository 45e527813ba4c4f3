"""Once more, where what came was not whole: for requests that may be made any number of times."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_ATTEMPTS = 5


def again(attempt: Callable[[], T], attempts: int = _ATTEMPTS) -> T:
    """The SDK repeats a request that gets no answer, but not one whose answer breaks off in the middle."""
    import botocore.exceptions as sdk

    broken = (
        sdk.IncompleteReadError,
        sdk.ResponseStreamingError,
        sdk.ReadTimeoutError,
        sdk.FlexibleChecksumError,
    )
    for _ in range(attempts - 1):
        with suppress(*broken):
            return attempt()
    return attempt()
