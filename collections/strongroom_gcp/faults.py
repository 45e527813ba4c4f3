"""What the client libraries raise, told in our words: ``asked("the key x", lambda: client.encrypt(…))``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from strongroom import StrongroomError, redactor

from strongroom_gcp.errors import (
    GcpAbsent,
    GcpBusy,
    GcpDamaged,
    GcpDenied,
    GcpError,
    GcpExists,
    GcpLoginMissing,
    GcpLoginRefused,
    GcpRefused,
    GcpUnreachable,
)

T = TypeVar("T")
_SHOWN = 300
_STATE = re.compile(r"\b(DISABLED|DESTROYED|DESTROY_SCHEDULED|PENDING_GENERATION|PENDING_IMPORT|IMPORT_FAILED)\b")
_OF_LOGIN = "Getting metadata from plugin failed"


def asked(what: str, call: Callable[[], T]) -> T:
    """What ``call`` returns, or its error in our words, without the frames in which requests and answers lie.

    :param what: what it is asked for, such as ``the secret crm``; it stands in the message.
    """
    try:
        outcome: T | GcpError = call()
    except StrongroomError as exc:
        if not isinstance(exc, GcpError):
            raise
        outcome = type(exc)(exc.problem, exc.remedy)
    except Exception as exc:
        problem = explain(exc, what)
        if problem is None:
            raise
        outcome = problem
    if isinstance(outcome, GcpError):
        raise outcome
    return outcome


def explain(exc: BaseException, what: str) -> GcpError | None:
    """Our error for the library's; ``None`` for an exception that is not one of its."""
    import google.api_core.exceptions as core
    import google.auth.exceptions as auth

    if isinstance(exc, core.RetryError) and exc.cause is not None:
        return explain(exc.cause, what) if isinstance(exc.cause, Exception) else None
    if isinstance(exc, auth.GoogleAuthError):
        return _of_login(exc, what)
    if isinstance(exc, core.GoogleAPICallError):
        return _refusal(exc, what)
    if isinstance(exc, core.GoogleAPIError):
        return GcpUnreachable(f"No answer came for {what} ({type(exc).__name__}).", "Try again later.")
    return None


def _of_login(exc: BaseException, what: str) -> GcpError:
    import google.auth.exceptions as auth

    if isinstance(exc, auth.TransportError | auth.TimeoutError):
        return GcpUnreachable(
            f"Google could not be asked for a token for {what}.", "Check the network and any proxy; then try again."
        )
    if isinstance(exc, auth.DefaultCredentialsError | auth.MalformedError):
        return GcpLoginMissing(
            "No usable credentials of Google Cloud were found.",
            "Set GOOGLE_APPLICATION_CREDENTIALS to a service account's file, run "
            "`gcloud auth application-default login`, or name a GcpCredentials block.",
        )
    return GcpLoginRefused(
        f"Google did not accept the credentials for {what} ({type(exc).__name__}).",
        "Save new ones; check that the service account exists, that its key is not deleted, and this machine's clock.",
    )


def _refusal(exc: object, what: str) -> GcpError:
    import google.api_core.exceptions as core

    said = _said(exc)
    words = f": {said}" if said else ""
    if isinstance(exc, core.NotFound):
        return GcpAbsent(f"There is no {what.removeprefix('the ')}.", "Check the project, the location and the name.")
    if isinstance(exc, core.FailedPrecondition):
        state = _STATE.search(said)
        if state is None:
            return GcpRefused(f"Google refuses {what} as it is now{words}.", "See to what it says.")
        return GcpAbsent(
            f"The state of {what} is {state[0]}.", "Enable or restore it, if that can be done, or name another."
        )
    if isinstance(exc, core.Conflict):
        return GcpExists(f"There is {what.replace('the ', 'a ', 1)} already.", "Choose another name, or use that one.")
    if isinstance(exc, core.Unauthorized):
        return GcpLoginRefused(f"Google does not accept the credentials for {what}.", "Save new ones, or log in again.")
    if isinstance(exc, core.Forbidden):
        return GcpDenied(
            f"Google denies the use of {what}{words}.",
            "Grant the login a role that allows it, enable the API in the project, and check the name: what is not "
            "there is denied as well.",
        )
    if isinstance(exc, core.ResourceExhausted) and "larger than max" in said:
        return GcpDamaged(f"The answer for {what} is larger than any secret or key can be.", "Check the endpoint.")
    if isinstance(exc, core.ResourceExhausted | core.TooManyRequests):
        return GcpBusy(f"A quota for {what} is used up.", "Try again later, or have the quota raised.")
    if isinstance(exc, core.ServiceUnavailable) and _OF_LOGIN in str(exc):
        return GcpLoginRefused(
            f"No token could be had for {what}.",
            "Check the network, and that the service account exists and its key is not deleted.",
        )
    if isinstance(exc, core.DeadlineExceeded | core.GatewayTimeout):
        return GcpUnreachable(
            f"Google did not answer for {what} within the time.", "Check the network, or allow more time."
        )
    if isinstance(exc, core.ServiceUnavailable):
        return GcpUnreachable(f"Nobody answers for {what}.", "Check the network, the endpoint and any proxy.")
    if isinstance(exc, core.InvalidArgument | core.BadRequest):
        return GcpRefused(f"Google refused {what}{words}.", "Correct what was asked for.")
    return GcpUnreachable(f"Google could not answer for {what} ({type(exc).__name__}).", "Try again later.")


def _said(exc: object) -> str:
    message = " ".join(str(getattr(exc, "message", "")).split())
    return redactor.redact(message)[:_SHOWN].rstrip(".")
