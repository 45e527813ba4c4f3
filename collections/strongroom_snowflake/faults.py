"""What the connector raises, told in our words: ``with told("account x"): …``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strongroom import StrongroomError, redactor

from strongroom_snowflake import errors

REJECTED = {390100, 390101, 390102, 390144, 390195, 390303, 390422, 394300, 394304, 394305, 394306, 394400, 394401}
EXPIRED = {390110, 390318, 394301, 394302, 394303}
SESSION_GONE = {250002, 390103, 390104, 390111, 390112, 390113, 390114, 390115}
"""The session is not known any more: the statement that asked was not run."""
_UNREACHABLE = {250001, 250003, 250005, 250006, 251011, 251012, 252007, 252010, 252013, 290404, 290500}
_TIMED_OUT = {"HYT00", "HYT01"}
_MISSING = {2003, 2043, 390201, 390189}
_DENIED = {3001, 3003, 390202}
_CANCELLED = {604, 625, 630}
_GONE = {709, 2026}
_PREFIX = re.compile(r"^\s*\d{6}(?: \([0-9A-Z]{5}\)|: \d+)?: (?:[0-9a-f-]{36}: )?")
_SHOWN = 600


@contextmanager
def told(place: str, query_id: str | None = None) -> Iterator[None]:
    """Turns the connector's exceptions into ours, which name the query and hold nothing of the request."""
    try:
        yield
    except Exception as exc:
        problem = explain(exc, place, query_id)
        if problem is None:
            raise
        raise problem from None


def explain(exc: BaseException, place: str, query_id: str | None = None) -> errors.SnowflakeError | None:
    """Our error for the connector's; ``None`` for an exception that is not the connector's."""
    driver: Any = sys.modules.get("snowflake.connector.errors")
    if driver is None or isinstance(exc, StrongroomError) or not isinstance(exc, driver.Error):
        return None
    errno, sqlstate = int(getattr(exc, "errno", -1) or -1), str(getattr(exc, "sqlstate", "") or "")
    query_id = getattr(exc, "sfqid", None) or query_id
    said = _said(exc)
    problem = _kind(exc, driver, errno, sqlstate, place, f"{said} (query {query_id})" if query_id else said)
    problem.query_id, problem.sqlstate = query_id, sqlstate if sqlstate != "n/a" else None
    problem.errno = errno if errno != -1 else None
    return problem


def _said(exc: Any) -> str:
    text = str(getattr(exc, "raw_msg", None) or getattr(exc, "msg", None) or type(exc).__name__)
    text = _PREFIX.sub("", text)
    return redactor.redact(" ".join(text.split()))[:_SHOWN].rstrip(".")


def _kind(exc: BaseException, driver: Any, errno: int, sqlstate: str, place: str, said: str) -> errors.SnowflakeError:
    if errno in REJECTED or sqlstate == "28000":
        return errors.CredentialsRejected(
            f"Snowflake does not let the login to {place} in ({errno}): {said}.",
            "Save the credentials block again with the right user and password, key or token; or see the account's "
            "network policies.",
        )
    if errno in EXPIRED:
        return errors.CredentialsExpired(
            f"The token of the login to {place} is no longer valid ({errno}): {said}.",
            "Save the credentials block again with a fresh one, or name a file in token_path that is kept fresh.",
        )
    if errno in SESSION_GONE:
        return errors.SessionLost(
            f"The session at {place} is over ({errno}).", "Run it again: a new session is opened for it."
        )
    if (
        errno in _UNREACHABLE
        or sqlstate in _TIMED_OUT
        or (isinstance(exc, driver.OperationalError) and not sqlstate[:2].isalnum())
    ):
        return errors.ServerUnreachable(
            f"No answer from Snowflake for {place}: {said}.",
            "Check the network, and account and host of the credentials; or try again later.",
        )
    if isinstance(exc, _unavailable(driver)):
        return errors.ServerUnreachable(
            f"Snowflake could not answer for {place}: {said}.", "Try again later; see status.snowflake.com."
        )
    return _of_query(exc, driver, errno, sqlstate, said)


def _of_query(exc: BaseException, driver: Any, errno: int, sqlstate: str, said: str) -> errors.SnowflakeError:
    if errno in _DENIED or sqlstate == "42501":
        return errors.AccessDenied(f"{said}.", "Grant the role the right to do this, or set another role.")
    if errno in _MISSING or sqlstate in ("42S02", "02000"):
        return errors.ObjectNotFound(
            f"{said}.", "Correct the name, or the database and schema of the block; or grant its role to see it."
        )
    if errno in _GONE:
        return errors.QueryNotFound(f"{said}.", "Results are kept for 24 hours; run the query again.")
    if errno in _CANCELLED or sqlstate == "57014":
        return errors.QueryCancelled(f"{said}.", "See who cancelled it, or raise STATEMENT_TIMEOUT_IN_SECONDS.")
    if sqlstate[:2] in ("22", "42", "0A") or isinstance(exc, driver.ProgrammingError | driver.InterfaceError):
        return errors.StatementInvalid(f"{said}.", "Correct the statement, or its parameters.")
    return errors.QueryFailed(f"{said}.", "The query's own page in Snowsight says more.")


def _unavailable(driver: Any) -> tuple[type[Exception], ...]:
    names = (
        "ServiceUnavailableError", "BadGatewayError", "GatewayTimeoutError", "InternalServerError", "TooManyRequests",
        "RequestTimeoutError", "RequestExceedMaxRetryError", "OtherHTTPRetryableError", "ForbiddenError",
    )  # fmt: skip
    return tuple(getattr(driver, name) for name in names if hasattr(driver, name))
