"""What an object has to be for a request to be carried out, and what a new one is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict


class Conditions(TypedDict, total=False):
    """Preconditions (https://cloud.google.com/storage/docs/request-preconditions).

    ``if_generation_match=0`` is: there is no such object.
    """

    if_generation_match: int | None
    if_generation_not_match: int | None
    if_metageneration_match: int | None
    if_metageneration_not_match: int | None


class DownloadOptions(Conditions, total=False):
    """How an object is fetched.

    ``timeout`` is seconds for an answer, or for the connection and an answer.
    """

    timeout: float | tuple[float, float]


class UploadOptions(DownloadOptions, total=False):
    """How an object is made: what it is kept with, and on which conditions."""

    content_type: str | None
    content_encoding: str | None
    content_disposition: str | None
    cache_control: str | None
    metadata: Mapping[str, str] | None
    storage_class: str | None
    predefined_acl: str | None


_ATTRIBUTES = ("content_encoding", "content_disposition", "cache_control", "metadata", "storage_class")


def describe(blob: Any, options: UploadOptions) -> dict[str, Any]:
    """Set on a new blob what it is to be kept with; the rest, which goes with the request.

    :raises TypeError: there is no such option.
    """
    left: dict[str, Any] = dict(options)
    check(left, UploadOptions)
    for name in _ATTRIBUTES:
        value = left.pop(name, None)
        if value is not None:
            setattr(blob, name, value if isinstance(value, str) else dict(value))
    return left


def check(options: Mapping[str, Any], known: type) -> None:
    """:raises TypeError: an option is none of those that are known."""
    unknown = sorted(set(options) - set(known.__annotations__))
    if unknown:
        raise TypeError(f"There is no option {unknown[0]!r}; there are {', '.join(sorted(known.__annotations__))}.")
