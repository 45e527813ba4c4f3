"""What goes wrong with a connection of SQLAlchemy's, in words, without the frames that hold the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom_blocks.errors import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable, MissingExtra

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

_DENIED = (
    "authentication failed", "no password supplied", "no pg_hba.conf entry", "access denied", "permission denied",
    "login failed", "ora-01017", "invalid username/password", "is not permitted", "not authorized",
)  # fmt: skip
_ABSENT = ("does not exist", "unknown database", "unable to open database file", "cannot open database")
_UNREACHABLE = (
    "could not connect", "connection refused", "can't connect", "timeout", "timed out", "could not translate",
    "name or service not known", "failed to resolve", "no such file", "network", "unreachable",
)  # fmt: skip


def connected(engine: Engine) -> Connection | DBAPIError:
    """A connection; or why there is none, with the driver's own error in ``orig``."""
    from sqlalchemy.exc import DBAPIError

    try:
        return engine.connect()
    except DBAPIError as error:
        for each in (error, error.orig):
            if each is not None:
                each.__traceback__ = each.__context__ = None
        error.__cause__ = error.orig
        return error


def is_denial(error: Exception) -> bool:
    """Whether the server answered and did not take the login."""
    return any(said in str(error).lower() for said in _DENIED)


def verdict(error: DBAPIError, place: str) -> CheckFailed:
    """What a failed connection or statement means, in one of the words that a check has for it."""
    said = str(error.orig or error).strip().partition("\n")[0].rstrip(".")
    told, lower = f"{place}: {said}.", str(error).lower()
    if is_denial(error) or ("role" in lower and "does not exist" in lower):
        return CheckDenied(told, "Correct username and password, or have the server let them in.")
    if any(word in lower for word in _ABSENT):
        return CheckAbsent(told, "Correct the name of the database, or create it.")
    if any(word in lower for word in _UNREACHABLE):
        return CheckUnreachable(told, "See whether the server runs and is reachable from here.")
    return CheckFailed(told, "See what the server's log says.")


def driver_missing(module: str | None, driver: str) -> MissingExtra:
    """That the package below a driver is not installed."""
    return MissingExtra(
        f'The driver {driver} needs the package "{module or driver}", which is not installed.',
        "Install the package that SQLAlchemy's documentation names for this driver.",
    )
