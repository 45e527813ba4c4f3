"""One login to a PostgreSQL database, and the connections that this process has by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom_blocks.client_pool import ClientPool
from strongroom_blocks.errors import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable
from strongroom_blocks.extras import require_extra

if TYPE_CHECKING:
    import psycopg
    from strongroom_registry.stores.postgres.connections import Connections

_LOGINS = 16
_DENIALS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted",
    "permission denied",
)


@dataclass(frozen=True, eq=False)
class Login:
    """What a connection is opened with; ``parameters`` are libpq's own, the password among them.

    A password that is refused, or a server that is away, is the driver's own ``OperationalError``, without the frames
    that hold the password.
    """

    parameters: dict[str, Any] = field(repr=False)

    def configure(self, connection: psycopg.Connection[Any]) -> None:
        """Nothing: the server settings came with the login."""

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection."""
        driver = require_extra("psycopg", extra="postgres")
        try:
            connection: psycopg.Connection[Any] = driver.connect(**self.parameters)
        except driver.Error as error:
            refusal: Exception = error.with_traceback(None)
            refusal.__context__ = refusal.__cause__ = None
        else:
            return connection
        raise refusal

    def busy(self) -> Exception:
        """That all connections are in use."""
        from psycopg_pool import PoolTimeout

        return PoolTimeout("All connections of this block are in use: raise its pool_size, or give some back.")

    def closed(self) -> Exception:
        """That this login was dropped for newer ones."""
        return LetGo("The connections of this block were closed.")


class LetGo(RuntimeError):
    """The login was dropped between being found and being used: find it again."""


_open: ClientPool[Connections] = ClientPool(
    _LOGINS, let_go=lambda connections: connections.close(), inherited=lambda connections: connections.after_fork()
)


def connections_of(login: Login, at_most: int) -> Connections:
    """The process' connections by this login: blocks with the same values share them. Nothing is opened yet.

    :raises MissingExtra: psycopg is not installed.
    """
    require_extra("psycopg", extra="postgres")
    from strongroom_registry.stores.postgres.connections import Connections

    values = sorted(login.parameters.items())
    place = [(name, value) for name, value in values if name != "password"]
    return _open.get(values, lambda: Connections(login, at_most=at_most), place=place)


def is_denial(error: BaseException) -> bool:
    """Whether the server answered and did not take the login."""
    return any(said in str(error) for said in _DENIALS)


def verdict(error: psycopg.Error, place: str) -> CheckFailed:
    """What a failed connection or statement means, in one of the words that a check has for it."""
    said = (error.diag.message_primary or str(error)).strip().partition("\n")[0].rstrip(".")
    told = f"{place}: {said}."
    if is_denial(error) or ("role" in said and "does not exist" in said):
        return CheckDenied(told, "Correct user and password, or have the server let them in.")
    if "database" in said and "does not exist" in said:
        return CheckAbsent(told, "Correct the name of the database, or create it.")
    if error.sqlstate is None and "FATAL" not in said:
        return CheckUnreachable(told, "See whether the server runs and is reachable from here, and its sslmode fits.")
    return CheckFailed(told, "See what the server's log says.")
