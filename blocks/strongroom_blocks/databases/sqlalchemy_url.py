"""URLs of SQLAlchemy, taken apart and put together, with nothing of them in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom_blocks.errors import BlockValidationError
from strongroom_blocks.extras import require_extra

if TYPE_CHECKING:
    from sqlalchemy import URL


def parts_of(url: str) -> dict[str, Any]:
    """Driver, host, port, database, username, password and query of a URL, those that it has.

    :raises BlockValidationError: it is no URL of SQLAlchemy; the error does not quote it.
    :raises MissingExtra: SQLAlchemy is not installed.
    """
    require_extra("sqlalchemy", extra="sql")
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None:
        raise BlockValidationError(
            "A text is no URL of a database.",
            "Write driver://user:password@host:port/database, and percent-encode what is in the parts: %40 for @.",
        )
    found = {
        "driver": parsed.drivername,
        "host": parsed.host,
        "port": parsed.port,
        "database": parsed.database,
        "username": parsed.username,
        "password": parsed.password,
        "query": {name: list(value) if isinstance(value, tuple) else value for name, value in parsed.query.items()},
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def url_of(
    driver: str,
    *,
    host: str | None = None,
    port: int | None = None,
    database: str | None = None,
    username: str | None = None,
    password: str | None = None,
    query: dict[str, Any] | None = None,
) -> URL:
    """A URL of its parts; it shows stars for the password.

    :raises MissingExtra: SQLAlchemy is not installed.
    """
    require_extra("sqlalchemy", extra="sql")
    from sqlalchemy import URL

    values = {name: tuple(value) if isinstance(value, list) else str(value) for name, value in (query or {}).items()}
    return URL.create(driver, username, password, host, port, database, values)
