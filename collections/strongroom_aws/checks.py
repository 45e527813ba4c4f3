"""Whether a login or a bucket works, in the three words that ``strongroom block check`` has for a no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from strongroom.checks import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable

from strongroom_aws import sessions
from strongroom_aws.errors import (
    AccessDenied,
    AwsError,
    BucketNotFound,
    CredentialsProblem,
    ResourceNotFound,
    ServiceProblem,
)
from strongroom_aws.faults import told

_ATTEMPTS = 2


def client_for(login: sessions.Login, service: str, timeout: float) -> Any:
    """A client that gives up within ``timeout`` seconds, by and large: two attempts, each with a quarter of it for the
    connection and again for the answer."""
    return sessions.client(replace(login, parameters=login.parameters.within(timeout / 4, _ATTEMPTS)), service)


@contextmanager
def checking(bucket: str = "") -> Iterator[None]:
    """Turns what goes wrong with AWS into the words of a check."""
    try:
        with told(bucket):
            yield
    except AwsError as problem:
        raise _kind(problem)(problem.problem, problem.remedy) from None


def _kind(problem: AwsError) -> type[CheckFailed]:
    if isinstance(problem, BucketNotFound | ResourceNotFound):
        return CheckAbsent
    if isinstance(problem, AccessDenied | CredentialsProblem):
        return CheckDenied
    if isinstance(problem, ServiceProblem):
        return CheckUnreachable
    return CheckFailed
