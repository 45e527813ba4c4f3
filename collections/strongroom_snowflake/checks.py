"""Whether a login or a database works, in the words that ``strongroom block check`` has for a no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strongroom.checks import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable

from strongroom_snowflake.errors import (
    AccessDenied,
    CredentialsProblem,
    KeyUnusable,
    ObjectNotFound,
    ServiceProblem,
    SnowflakeError,
)
from strongroom_snowflake.faults import told


@contextmanager
def checking(place: str) -> Iterator[None]:
    """Turns what goes wrong with Snowflake into the words of a check."""
    try:
        with told(place):
            yield
    except SnowflakeError as problem:
        raise _kind(problem)(problem.problem, problem.remedy) from None


def _kind(problem: SnowflakeError) -> type[CheckFailed]:
    if isinstance(problem, ObjectNotFound):
        return CheckAbsent
    if isinstance(problem, AccessDenied | CredentialsProblem | KeyUnusable):
        return CheckDenied
    if isinstance(problem, ServiceProblem):
        return CheckUnreachable
    return CheckFailed


def see_places(connection: Any, database: str | None, schema: str | None, warehouse: str | None) -> str:
    """What a session has become after it was told where to work: a name that is not there leaves it nowhere.

    :raises CheckAbsent: one of the names is not that of something which the role may use.
    """
    row = (
        connection.cursor()
        .execute("select current_user(), current_role(), current_database(), current_schema(), current_warehouse()")
        .fetchone()
    )
    user, role = row[0], row[1]
    for kind, wanted, found in (
        ("database", database, row[2]), ("schema", schema, row[3]), ("warehouse", warehouse, row[4]),
    ):  # fmt: skip
        if wanted and not found:
            raise CheckAbsent(
                f"Role {role} finds no {kind} {wanted!r}.", f"Correct the {kind}, or grant USAGE on it to the role."
            )
    return f"logged in as {user}, in role {role}"
