"""Rotating the password of a PostgreSQL login."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from strongroom_blocks.credential_rotation import CredentialRotation
from strongroom_blocks.errors import RotationNotPossible
from strongroom_blocks.extras import require_extra
from strongroom_blocks.types.postgresql import PostgreSQL

if TYPE_CHECKING:
    from psycopg import Connection


class PostgreSQLPassword(CredentialRotation[PostgreSQL]):
    """A new random password for the user of a ``postgresql`` block.

    With one user there is a moment between *set* and the switch in which who still uses the former version cannot log
    in anew (connections that are open stay). With ``users``, two roles with the same rights, each rotation takes the
    other one, so that the former version works until the rotation after.

    The server is told a hash of the password (SCRAM), so that the password stands in no log of it.

    :param admin: who may change the role, such as its own block; by default the block itself, which every role may for
        its own password.
    :param users: the names of two roles to alternate between; these need ``admin``.
    """

    def __init__(self, admin: PostgreSQL | None = None, users: tuple[str, str] | None = None) -> None:
        if users is not None and (admin is None or len(set(users)) != 2):
            raise RotationNotPossible(
                "Two users take turns only if they are two, and somebody may change the password of both.",
                "Name two roles, and as admin a block whose role may alter them.",
            )
        self._admin = admin
        self._users = users

    def create(self, current: PostgreSQL) -> PostgreSQL:
        if current.user is None:
            raise RotationNotPossible("The block names no user.", "Save it with the user whose password is rotated.")
        return current.model_copy(
            update={"user": self._next(current), "password": SecretStr(secrets.token_urlsafe(32))}
        )

    def set(self, current: PostgreSQL, pending: PostgreSQL) -> None:
        if self._admin is None and self._works(pending):
            return  # done before an interruption, after which the current password is no good any more
        with (self._admin or current).connection() as connection:
            _alter(connection, pending)

    def _next(self, current: PostgreSQL) -> str:
        if self._users is None:
            return str(current.user)
        first, second = self._users
        return second if current.user == first else first

    def _works(self, pending: PostgreSQL) -> bool:
        from strongroom_blocks.errors import CheckFailed

        try:
            self.test(pending)
        except CheckFailed:
            return False
        return True


def _alter(connection: Connection[Any], pending: PostgreSQL) -> None:
    sql = require_extra("psycopg", extra="postgres").sql
    user = str(pending.user)
    password = pending.password.get_secret_value() if pending.password is not None else ""
    hashed = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(hashed)))
