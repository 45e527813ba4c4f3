"""The tables of a registry in PostgreSQL: which database has them, and the numbered migrations that make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from strongroom_registry.errors import StoreForeign, StoreNewer, StoreUnavailable
from strongroom_registry.stores.postgres.place import Place

_SQL_FOLDER = Path(__file__).parent.parent / "sql" / "postgres"
_MIGRATIONS = sorted(_SQL_FOLDER.glob("[0-9]*_*.sql"))
FORMAT = len(_MIGRATIONS)
"""The newest format: how many migrations there are."""
LOCK = 0x5352_4D31
"""``SRM1``: the advisory lock under which tables are made and changed."""

_SHAPE = (_SQL_FOLDER / "shape.sql").read_bytes()
_SHAPES = [path.read_text().splitlines() for path in sorted(_SQL_FOLDER.glob("[0-9]*_shape.txt"))]
"""What :func:`shape` says of the tables of each format, from the first on."""
_TABLES = sorted({line.split()[1] for lines in _SHAPES for line in lines if line.startswith("table ")})


def queries() -> dict[str, bytes]:
    """The statements of the store, by their names."""
    blocks = (_SQL_FOLDER / "queries.sql").read_text().split("-- name: ")[1:]
    return {name.strip(): sql.strip().encode() for name, _, sql in (block.partition("\n") for block in blocks)}


def shape(connection: psycopg.Connection[Any]) -> list[str]:
    """What stands under the names of our tables, and all that would run when they are used: one line each."""
    return [line for (line,) in connection.execute(_SHAPE, (_TABLES,))]


def recognise(connection: psycopg.Connection[Any], place: Place) -> int:
    """The format of a database, 0 if it holds no registry, before anything in it is changed.

    :raises StoreForeign: the tables are not those of their format.
    :raises StoreNewer: a newer version made them.
    """
    found = shape(connection)
    if not found:
        return 0
    _check_shape(_about(found, "migrations"), _about(_SHAPES[0], "migrations"), place)
    numbers = [number for (number,) in connection.execute(b"SELECT number FROM strongroom.migrations ORDER BY number")]
    if numbers and numbers[-1] > FORMAT:
        raise StoreNewer(
            f"The registry in {place.text} has format {numbers[-1]}, this version of Strongroom knows {FORMAT}.",
            "Upgrade Strongroom.",
        )
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise StoreForeign(
            f"The registry in {place.text} was made by migrations {numbers}, which never was.",
            "Restore it from a backup.",
        )
    _check_shape(found, _SHAPES[len(numbers) - 1], place)
    return len(numbers)


def migrate(connection: psycopg.Connection[Any], version: int) -> None:
    """Bring a database from a format, 0 where it has no tables, to ours, within the transaction that has begun."""
    if version == 0 and not _has_schema(connection):
        connection.execute(b"CREATE SCHEMA strongroom")
    for number, migration in enumerate(_MIGRATIONS[version:], version + 1):
        connection.execute(migration.read_bytes())
        connection.execute(
            b"INSERT INTO strongroom.migrations (number, applied_at) VALUES (%s, pg_catalog.now())", (number,)
        )


def stored_id(connection: psycopg.Connection[Any], place: Place) -> bytes:
    """The id of the store."""
    row = connection.execute(b"SELECT id FROM strongroom.store WHERE one = 1", binary=True).fetchone()
    if row is None or len(row[0]) != 16:
        raise StoreForeign(f"{place.text} has lost the id of its store.".capitalize(), "Restore it from a backup.")
    return bytes(row[0])


def absent(place: Place) -> StoreUnavailable:
    """That a database holds no registry."""
    return StoreUnavailable(f"There is no registry in {place.text}.", "Make one with `strongroom init`.")


def _has_schema(connection: psycopg.Connection[Any]) -> bool:
    query = b"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'strongroom'"
    return connection.execute(query).fetchone() is not None


def _about(lines: Sequence[str], table: str) -> list[str]:
    return [line for line in lines if table in line.replace(".", " ").split()]


def _check_shape(found: Sequence[str], declared: Sequence[str], place: Place) -> None:
    """A view, trigger or rule in the place of a table could do anything, such as never come to an end."""
    strange = sorted(set(found) ^ set(declared), key=lambda line: (not line.startswith("table "), line))
    if strange:
        there = "there is" if strange[0] in found else "there is no"
        raise StoreForeign(
            f"The tables of {place.text} are not those of a registry: {there} {strange[0]!r:.120}.",
            "Restore them from a backup, and find out who can change them.",
        )
