"""What a model says of a value that it refuses, so that the caller is told: a phrase that never holds the value."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

TOLD = "told"
"""The type of such errors. Of all others the answer names the type alone, since their texts may quote what was sent."""


def unfit(phrase: str) -> PydanticCustomError:
    """The error of a validator whose phrase may be told: ``names are in lower case``."""
    return PydanticCustomError(TOLD, "{phrase}", {"phrase": phrase})
