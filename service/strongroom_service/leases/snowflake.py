"""Users of Snowflake with a key pair of their own, which live as long as their lease."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from strongroom_blocks.extras import require_extra

from strongroom_service.leases.engine import Durations, Grant, Issued, Naming
from strongroom_service.telling import Told

_BITS = 2048
_TIMEOUT_SECONDS = 20
_MARK = "strongroom lease "
_WORD = "[A-Za-z_][A-Za-z0-9_$]*"
_OF_A_WORD = "1 to 255 of A-Z, a-z, 0-9, '_', '$', and begins with no digit and no '$'"
Identifier = Annotated[str, Field(min_length=1, max_length=255, pattern=f"^{_WORD}$"), Told(f"a name has {_OF_A_WORD}")]
Namespace = Annotated[
    str,
    Field(min_length=1, max_length=511, pattern=rf"^{_WORD}(\.{_WORD})?$"),
    Told(f"it has to be a database, or database.schema; each has {_OF_A_WORD}"),
]


class SnowflakeOptions(BaseModel):
    """What a leased user may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: tuple[Identifier, ...] = Field(
        min_length=1, max_length=50, description="Its roles; the first is the default."
    )
    warehouse: Identifier | None = Field(None, description="Its default warehouse.")
    namespace: Namespace | None = Field(None, description="Its default database, or database.schema.")


class Snowflake:
    """Users that log in by a key pair, made here: Snowflake gets the public half alone. When the lease is over they
    are disabled, their queries ended, and they are dropped; objects belong to roles and stay."""

    options: ClassVar[type[BaseModel]] = SnowflakeOptions
    blocks: ClassVar[tuple[str, ...]] = ("snowflake-credentials", "snowflake-connector")
    is_renewable: ClassVar[bool] = True

    def __init__(self) -> None:
        require_extra("snowflake.connector", extra="snowflake")

    def naming(self, options: SnowflakeOptions) -> Naming:
        return Naming(255)

    def durations(self, options: SnowflakeOptions) -> Durations:
        return Durations(timedelta(minutes=1))

    def create(self, admin: Any, options: SnowflakeOptions, grant: Grant) -> Issued:
        private, public = _key_pair()
        _run(admin, _making(options, grant, public))
        login = getattr(admin, "credentials", admin)
        credential = {
            "account": login.account,
            "user": grant.name.upper(),
            "private_key": private,
            "role": options.roles[0],
        }
        return Issued(credential, {"user": grant.name.upper()})

    def renew(self, admin: Any, options: SnowflakeOptions, grant: Grant) -> None:
        _run(admin, [f"alter user {_name(grant)} set days_to_expiry = {_days(grant.ttl)}"])

    def revoke(self, admin: Any, options: SnowflakeOptions, grant: Grant) -> datetime | None:
        name = _name(grant)
        _run(
            admin,
            [
                f"alter user if exists {name} set disabled = true",
                f"alter user if exists {name} abort all queries",
                f"drop user if exists {name}",
            ],
        )
        return None


def _making(options: SnowflakeOptions, grant: Grant, public_key: str) -> Iterator[str]:
    """Every word that goes into these statements was matched against a pattern of identifiers."""
    name = _name(grant)
    properties = {
        "type": "service",
        "rsa_public_key": f"'{public_key}'",
        "default_role": options.roles[0],
        "default_warehouse": options.warehouse,
        "default_namespace": options.namespace,
        "days_to_expiry": _days(grant.ttl),
        "comment": f"'{_MARK}{grant.lease}'",
    }
    yield f"create user {name} " + " ".join(
        f"{key} = {value}" for key, value in properties.items() if value is not None
    )
    for role in options.roles:
        yield f"grant role {role} to user {name}"


def _run(admin: Any, statements: Iterable[str]) -> None:
    from strongroom_snowflake import faults

    login = getattr(admin, "credentials", admin)
    connect = admin.get_connection if hasattr(admin, "get_connection") else admin.get_client
    with closing(connect()) as connection, faults.told(f"account {login.account}"), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, timeout=_TIMEOUT_SECONDS)


def _name(grant: Grant) -> str:
    return f'"{grant.name.upper()}"'


def _days(ttl: timedelta) -> int:
    """Snowflake counts in days: a second end, for when nobody comes to drop the user."""
    return math.ceil(ttl / timedelta(days=1)) + 1


def _key_pair() -> tuple[str, str]:
    """A new private key in PEM, and its public half as Snowflake takes it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), base64.b64encode(public).decode()
