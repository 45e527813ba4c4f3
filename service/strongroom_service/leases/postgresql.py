"""Roles of PostgreSQL that live as long as their lease."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from strongroom_blocks.extras import require_extra

from strongroom_service.errors import EngineFailed
from strongroom_service.leases.engine import Durations, Grant, Issued, Naming
from strongroom_service.telling import unfit

if TYPE_CHECKING:
    from psycopg import Connection, sql


_STATEMENT_MS = 20_000
_LOCK_MS = 5_000
_IDLE_MS = 10_000
_MARK = "strongroom lease "
Identifier = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00]+$")]
Statement = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]


class PostgreSQLOptions(BaseModel):
    """What a leased role may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    member_of: tuple[Identifier, ...] = Field((), max_length=50, description="The roles that it becomes a member of.")
    statements: tuple[Statement, ...] = Field(
        (), max_length=50, description="What is run when it was created; {name} stands for its name, quoted."
    )
    databases: tuple[Identifier, ...] = Field(
        (),
        max_length=20,
        description="Other databases of the server where it gets rights or makes tables: to be cleared there, too.",
    )
    reassign_to: Identifier | None = Field(
        None, description="Who gets the tables that it made; by default the administrator. They are never dropped."
    )
    connection_limit: int = Field(-1, ge=-1, le=10_000, description="How many connections it may have; -1 for any.")

    @field_validator("statements")
    @classmethod
    def _speak_of_the_name_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for statement in value:
            try:
                places = {part[1:] for part in Formatter().parse(statement) if part[1] is not None}
            except ValueError:
                places = {("", "", None)}
            if places - {("name", "", None)}:
                raise unfit("may hold {name} and no other braces; write a brace as two of them")
        return value

    @model_validator(mode="after")
    def _may_do_something(self) -> PostgreSQLOptions:
        if not self.member_of and not self.statements:
            raise unfit("a role without member_of and without statements may do nothing: give one of them")
        return self


class PostgreSQL:
    """Roles with a password and an end (``VALID UNTIL``), which the server holds to even where nobody comes to drop
    them.

    Made in one transaction, which the server itself gives up when this process stands still. When a role goes, it can
    log in no more, its connections are ended, what it made belongs to somebody else, and only then it is dropped. A
    role that does not bear the lease's mark is never touched.
    """

    options: ClassVar[type[BaseModel]] = PostgreSQLOptions
    blocks: ClassVar[tuple[str, ...]] = ("postgresql",)
    is_renewable: ClassVar[bool] = True

    def __init__(self) -> None:
        require_extra("psycopg", extra="postgres")

    def naming(self, options: PostgreSQLOptions) -> Naming:
        return Naming(63)

    def durations(self, options: PostgreSQLOptions) -> Durations:
        return Durations(timedelta(seconds=5))

    def create(self, admin: Any, options: PostgreSQLOptions, grant: Grant) -> Issued:
        password = secrets.token_urlsafe(32)
        with _told(), _transaction(admin) as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), grant.name.encode(), b"scram-sha-256")
            for statement in _making(options, grant, verifier.decode()):
                connection.execute(statement)
            if not grant.is_in_time():
                raise EngineFailed("The role was not made in time, and so not at all.", "Try again.")
        place = {"host": admin.host, "port": str(admin.port), "database": admin.database}
        return Issued({**place, "user": grant.name, "password": password}, {"role": grant.name})

    def renew(self, admin: Any, options: PostgreSQLOptions, grant: Grant) -> None:
        from psycopg import sql

        with _told(), _transaction(admin) as connection:
            if not _is_there(connection, grant):
                raise EngineFailed(f"The role {grant.name} is not there any more.", "Make a new lease.")
            connection.execute(
                sql.SQL("alter role {} valid until {}").format(sql.Identifier(grant.name), _moment(grant.until))
            )

    def revoke(self, admin: Any, options: PostgreSQLOptions, grant: Grant) -> datetime | None:
        from psycopg import sql

        name = sql.Identifier(grant.name)
        with _told():
            with _transaction(admin) as connection:
                if not _is_there(connection, grant):
                    return None
                connection.execute(sql.SQL("alter role {} nologin").format(name))
                connection.execute(sql.SQL("grant {} to current_user").format(name))
            with _transaction(admin) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [grant.name]
                )
            for database in options.databases:
                with _transaction(admin.model_copy(update={"database": database})) as connection:
                    _let_go(connection, options, name)
            with _transaction(admin) as connection:
                _let_go(connection, options, name)
                connection.execute(sql.SQL("drop role if exists {}").format(name))
        return None


@contextmanager
def _transaction(admin: Any) -> Iterator[Connection[Any]]:
    """A transaction of the administrator that ends, one way or the other, also if this process does not go on."""
    with admin.connection() as connection:
        connection.execute(
            "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) as of (name, value)",
            [
                ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
                [str(_STATEMENT_MS), str(_LOCK_MS), str(_IDLE_MS)],
            ],
        )
        yield connection


def _making(options: PostgreSQLOptions, grant: Grant, verifier: str) -> Iterator[sql.Composed]:
    """The password goes to the server as what it keeps of it, so that no log of statements holds it."""
    from psycopg import sql

    name = sql.Identifier(grant.name)
    yield sql.SQL(
        "create role {} login nosuperuser nocreatedb nocreaterole noreplication connection limit {} "
        "password {} valid until {}"
    ).format(name, sql.Literal(options.connection_limit), sql.Literal(verifier), _moment(grant.until))
    yield sql.SQL("comment on role {} is {}").format(name, sql.Literal(_MARK + grant.lease))
    for group in options.member_of:
        yield sql.SQL("grant {} to {}").format(sql.Identifier(group), name)
    for statement in options.statements:
        yield sql.SQL(statement).format(name=name)  # an administrator's own words


def _let_go(connection: Connection[Any], options: PostgreSQLOptions, name: sql.Identifier) -> None:
    from psycopg import sql

    heir = sql.Identifier(options.reassign_to) if options.reassign_to else sql.SQL("current_user")
    connection.execute(sql.SQL("reassign owned by {} to {}").format(name, heir))
    connection.execute(sql.SQL("drop owned by {}").format(name))


def _is_there(connection: Connection[Any], grant: Grant) -> bool:
    """Whether there is a role of this name that was made for this lease."""
    found = connection.execute(
        "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = %s", [grant.name]
    ).fetchone()
    if found is not None and found[0] != _MARK + grant.lease:
        raise EngineFailed(
            f"There is a role {grant.name} that was not made for this lease, and it is left alone.",
            "See whose it is. If it is the lease's, and its comment was changed, put that back or drop the role.",
        )
    return found is not None


def _moment(at: datetime) -> sql.Literal:
    from psycopg import sql

    return sql.Literal(at.astimezone(UTC).isoformat(timespec="seconds"))


@contextmanager
def _told() -> Iterator[None]:
    """What the server says, in one sentence; its longer texts repeat the statement."""
    from psycopg import Error

    try:
        yield
    except Error as error:
        said = (error.diag.message_primary or type(error).__name__).strip().partition("\n")[0].rstrip(".")[:300]
        problem = EngineFailed(
            f"PostgreSQL says no: {said}.",
            "See that the server runs, and what the role's administrator may do: he creates roles, has the rights that "
            "he hands on with the admin option, and may end connections.",
        )
        raise problem from None
