"""Errors as answers: which status each has, and the one shape in which it is told."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from strongroom_registry import errors as registry
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import (
    InvalidRequest,
    MethodNotAllowed,
    ServiceRefusal,
    ServiceUnavailable,
    TooManyRequests,
)
from strongroom_service.telling import faults

_STATUSES: tuple[tuple[type[StrongroomError], int], ...] = (
    (registry.InvalidReference, 400),
    (registry.DocumentDeleted, 410),
    (registry.VersionDestroyed, 410),
    (registry.UnknownDocument, 404),
    (registry.UnknownVersion, 404),
    (registry.UnknownLabel, 404),
    (registry.UnknownWorkspace, 404),
    (registry.UnknownKey, 404),
    (registry.NameTaken, 409),
    (registry.StaleExpectation, 412),
    (registry.TypeMismatch, 409),
    (registry.WorkspaceInUse, 409),
    (registry.DocumentInUse, 409),
    (registry.KeyInUse, 409),
    (registry.TooLarge, 413),
    (registry.InvalidKeyUri, 400),
    (registry.KeyProblem, 503),
    (registry.StoreProblem, 503),
    (registry.IntegrityError, 500),
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class ErrorDetail(BaseModel):
    """What went wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64, description="The kind of error, for programs.")
    message: str = Field(description="What is wrong, with which thing.")
    remedy: str = Field(description="What can be done about it.")
    request_id: str = Field(max_length=64, description="The request, as the audit names it.")


class ErrorAnswer(BaseModel):
    """The one shape of errors."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorDetail


def status_of(error: StrongroomError) -> int:
    """The status of the answer that tells of an error."""
    if isinstance(error, ServiceRefusal | ServiceUnavailable):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def code_of(error: StrongroomError) -> str:
    """The code of an error: the name of its class in snake case."""
    return _WORDS.sub("_", type(error).__name__).lower()


def shape_of(error: StrongroomError, request_id: str) -> ErrorAnswer:
    """The body of the answer that tells of an error."""
    return ErrorAnswer(
        error=ErrorDetail(code=code_of(error), message=error.problem, remedy=error.remedy, request_id=request_id)
    )


def headers_of(error: StrongroomError) -> dict[str, str]:
    """The headers that an error brings along."""
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(max(1, error.retry_after))}
    if isinstance(error, ServiceUnavailable | registry.StoreProblem | registry.KeyProblem):
        return {"Retry-After": "1"}
    return {}


def misunderstood(error: ValidationError, what: str) -> InvalidRequest:
    """That a body or a query does not fit its model: where, and never what stood there.

    :param what: ``"body"`` or ``"query"``.
    """
    return InvalidRequest(f"The {what} does not fit: {faults(error)}.", "/api/v1/openapi.json says what is taken.")
