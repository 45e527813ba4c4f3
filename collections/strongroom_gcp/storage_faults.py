"""What goes wrong with buckets and objects, in our words: ``asked(bucket, name, lambda: blob.reload())``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from strongroom import StrongroomError
from strongroom.stores import ObjectChanged, PreconditionFailed

from strongroom_gcp import faults
from strongroom_gcp.errors import (
    BucketNotFound,
    GcpDamaged,
    GcpDenied,
    GcpError,
    GcpRefused,
    GcpUnreachable,
    ObjectNotFound,
)

T = TypeVar("T")
_RIGHTS = {
    "objects.get": "storage.objects.get",
    "objects.list": "storage.objects.list",
    "objects.create": "storage.objects.create",
    "objects.delete": "storage.objects.delete",
}


def asked(bucket: str, name: str, call: Callable[[], T]) -> T:
    """What ``call`` returns, or its error in our words, without the frames in which requests and tokens lie.

    :param name: the object that it is about; empty if it is about the bucket.
    """
    outcome: T | StrongroomError
    try:
        outcome = call()
    except StrongroomError as exc:
        if not isinstance(exc, GcpError | ObjectChanged | PreconditionFailed):
            raise
        outcome = type(exc)(exc.problem, exc.remedy)
    except Exception as exc:
        problem = explain(exc, bucket, name)
        if problem is None:
            raise
        outcome = problem
    if isinstance(outcome, StrongroomError):
        raise outcome
    return outcome


def explain(exc: BaseException, bucket: str, name: str = "") -> StrongroomError | None:
    """Our error for what Google's client raises; ``None`` for an exception that is not one of its."""
    import google.api_core.exceptions as core
    import requests
    import urllib3
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    from strongroom_gcp.resumable import SessionLost

    what = place(bucket, name)
    if isinstance(exc, InvalidResponse):
        return explain(core.from_http_response(exc.response), bucket, name)  # type: ignore[no-untyped-call]
    if isinstance(exc, core.NotFound):
        return _absent(str(exc), bucket, name)
    if isinstance(exc, core.PreconditionFailed):
        return PreconditionFailed(
            f"The {what} is not what it was expected to be: it is there already, or another generation of it.",
            "Read what is there now, and decide again.",
        )
    if isinstance(exc, core.BadRequest) and "CRC32C" in str(exc):
        return ObjectChanged(
            f"What was sent for {what} does not have the checksum that it had before: the file changed while it was "
            "uploaded, or was damaged on the way. What was there before is there still.",
            "Upload it again.",
        )
    if isinstance(exc, DataCorruption):
        return damaged(bucket, name)
    if isinstance(exc, urllib3.exceptions.HTTPError):
        return interrupted(bucket, name)
    if isinstance(exc, requests.RequestException):
        return _unanswered(exc, what)
    if isinstance(exc, SessionLost):
        return interrupted(bucket, name)
    if isinstance(exc, core.Forbidden):
        return _denied(exc, what)
    return faults.explain(exc, f"the {what}")


def place(bucket: str, name: str = "") -> str:
    """How errors name it."""
    return f"object {name!r} in bucket {bucket!r}" if name else f"bucket {bucket!r}"


def damaged(bucket: str, name: str) -> GcpDamaged:
    """For a transfer whose checksum does not fit."""
    return GcpDamaged(
        f"What was transferred of {place(bucket, name)} does not fit its checksum: it was damaged on the way.",
        "Try again; nothing incomplete was left under the final name.",
    )


def interrupted(bucket: str, name: str) -> GcpUnreachable:
    """For a transfer that broke off as often as it was tried."""
    return GcpUnreachable(
        f"The transfer of {place(bucket, name)} broke off each time that it was tried.",
        "Try again; nothing incomplete was left under the final name.",
    )


def changed(bucket: str, name: str) -> ObjectChanged:
    """For an object that is another one in the middle of a transfer."""
    return ObjectChanged(f"The {place(bucket, name)} was replaced while it was read.", "Read it again.")


def _absent(said: str, bucket: str, name: str) -> GcpError:
    if name and "bucket does not exist" not in said:
        return ObjectNotFound(f"There is no {place(bucket, name)}.", "List the bucket to see the names that it has.")
    return BucketNotFound(f"There is no bucket {bucket!r}.", "Create it, or correct its name or the project's login.")


def _denied(exc: object, what: str) -> GcpError:
    """Google names the right that is missing: ``… does not have storage.objects.get access to …``."""
    said = str(getattr(exc, "message", ""))
    right = next((f" {right}" for short, right in _RIGHTS.items() if f"storage.{short}" in said), "")
    return GcpDenied(
        f"The login lacks the right{right} for {what}." if right else f"Google denies the use of {what}.",
        f"Grant it a role with{right or ' the right to do this'}, such as roles/storage.objectUser, on the bucket.",
    )


def _unanswered(exc: object, what: str) -> GcpError:
    import requests

    if isinstance(exc, requests.exceptions.SSLError):
        return GcpUnreachable(
            f"The server for {what} could not prove who it is.", "Check the endpoint and any proxy between."
        )
    if isinstance(exc, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        return GcpUnreachable(
            f"No answer came for {what} ({type(exc).__name__}), each time that it was tried.",
            "Check the network, the endpoint and any proxy.",
        )
    return GcpRefused(f"The request for {what} could not be made ({type(exc).__name__}).", "Check the endpoint.")
