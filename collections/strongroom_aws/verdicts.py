"""What AWS says when it does not give what it was asked for, in the words that keys and secret sources have for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from strongroom import MissingExtra, StrongroomError, redactor

from strongroom_aws import faults
from strongroom_aws.errors import (
    AccessDenied,
    AwsError,
    CredentialsExpired,
    CredentialsProblem,
    CredentialsRejected,
    EndpointUnreachable,
    RequestRefused,
    ResourceNotFound,
)
from strongroom_aws.unlogged import unlogged

T = TypeVar("T")

_ABSENT = {
    "EntityNotFoundException", "NotFoundException", "ParameterNotFound", "ParameterVersionNotFound",
    "ResourceNotFoundException",
}  # fmt: skip
_DENIED = {"DecryptionFailure", "InvalidSignatureException", "MissingAuthenticationToken", "NotAuthorizedException"}
_BUSY = {
    "DependencyTimeoutException", "InternalServerError", "InternalServiceError", "KMSInternalException",
    "KeyUnavailableException", "LimitExceededException", "RequestExpired", "ThrottledException",
    "TooManyRequestsException",
}  # fmt: skip
_SHOWN = 300


class Word(Enum):
    """In which way AWS says no."""

    ABSENT = "absent"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """A no of another kind; the code says which."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A no: its kind, what is wrong, what to do, and AWS' own code where it gave one. Holds nothing of the request."""

    word: Word
    problem: str
    remedy: str
    code: str = ""


def asked(what: str, call: Callable[[], T]) -> T | Verdict:
    """What ``call`` returns, or why there is nothing. What it sends and gets is not logged.

    :param what: what it is asked for, such as ``the secret 'crm'``.
    :raises MissingExtra: boto3 is not installed.
    """
    try:
        with unlogged():
            return call()
    except MissingExtra:
        raise
    except StrongroomError as problem:
        denied = isinstance(problem, CredentialsProblem)
        return Verdict(Word.DENIED if denied else Word.REFUSED, problem.problem, problem.remedy)
    except Exception as error:
        return _judged(error, what)


def _judged(error: Any, what: str) -> Verdict:
    import botocore.exceptions as sdk

    if isinstance(error, sdk.ClientError):
        return verdict_of(error.response, what)
    if isinstance(error, sdk.NoCredentialsError | sdk.PartialCredentialsError):
        return Verdict(
            Word.DENIED,
            f"No credentials were found to ask AWS for {what} with.",
            "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role.",
        )
    if isinstance(error, sdk.CredentialRetrievalError | sdk.SSOError | sdk.TokenRetrievalError | sdk.LoginError):
        return Verdict(
            Word.DENIED,
            f"The credentials to ask AWS for {what} with could not be fetched ({type(error).__name__}).",
            "Log in again (for SSO: aws sso login), or check the profile that fetches them.",
        )
    if isinstance(error, sdk.HTTPClientError | sdk.ConnectionError):
        return Verdict(
            Word.UNREACHABLE,
            f"No answer for {what} from {faults.address(error)} ({type(error).__name__}).",
            "Check the network, the region and the endpoint.",
        )
    if isinstance(error, sdk.ParamValidationError):
        return Verdict(Word.REFUSED, f"AWS cannot be asked for {what}: its name does not fit.", "Correct it.")
    return Verdict(
        Word.UNREACHABLE,
        f"What answered for {what} made no sense ({type(error).__name__}).",
        "Check that the endpoint is AWS, and no proxy stands before it.",
    )


def verdict_of(response: Mapping[str, Any], what: str) -> Verdict:
    """What an answer says that has an ``Error`` with a ``Code`` and a ``Message``."""
    error = response.get("Error", {})
    code = str(error.get("Code", "Unknown"))
    said = redactor.redact(str(error.get("Message", ""))).strip()[:_SHOWN].rstrip(".")
    reason = f"{code}: {said}" if said else code
    if code in faults.REJECTED | faults.EXPIRED:
        return Verdict(
            Word.DENIED,
            f"The credentials that asked for {what} were rejected ({code}).",
            "Renew them, or log in again (for SSO: aws sso login).",
            code,
        )
    if code in faults.DENIED | _DENIED:
        return Verdict(
            Word.DENIED,
            f"AWS does not let these credentials use {what} ({reason}).",
            "Grant it to their user or role, or use other credentials.",
            code,
        )
    if code in _ABSENT:
        return Verdict(
            Word.ABSENT, f"There is no {what.removeprefix('the ')} ({reason}).", "Check its name and region.", code
        )
    if code in faults.BUSY | _BUSY or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return Verdict(
            Word.UNREACHABLE, f"AWS could not answer for {what} ({reason}), and was asked again.", "Try later.", code
        )
    return Verdict(
        Word.REFUSED, f"AWS refused {what} ({reason}).", "The code is explained in AWS' documentation.", code
    )


_KINDS: dict[Word, type[AwsError]] = {
    Word.ABSENT: ResourceNotFound,
    Word.DENIED: AccessDenied,
    Word.UNREACHABLE: EndpointUnreachable,
}


def error_of(verdict: Verdict) -> AwsError:
    """The no as an error."""
    kind = _KINDS.get(verdict.word, RequestRefused)
    if verdict.code in faults.REJECTED:
        kind = CredentialsRejected
    elif verdict.code in faults.EXPIRED:
        kind = CredentialsExpired
    return kind(verdict.problem, verdict.remedy)


def answered(what: str, call: Callable[[], T]) -> T:
    """What ``call`` returns; what it sends and gets is not logged.

    :param what: what it is asked for, such as ``the secret 'crm'``.
    :raises AwsError: AWS says no, or nothing.
    """
    outcome = asked(what, call)
    if isinstance(outcome, Verdict):
        raise error_of(outcome)
    return outcome
