"""Which file is a registry: its tables, how a new file gets them, and how those of an older format become ours."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from strongroom_registry.errors import StoreForeign, StoreNewer
from strongroom_registry.tree import path_of

APPLICATION_ID = 0x5352_4D31
"""``SRM1``: what byte 68 of the file says, so that ``file`` and we know whose it is."""
FORMAT = 2

_SQL_FOLDER = Path(__file__).parent / "sql" / "sqlite"


def queries() -> dict[str, str]:
    """The statements of the store, by their names."""
    blocks = (_SQL_FOLDER / "queries.sql").read_text().split("-- name: ")[1:]
    return {name.strip(): sql.strip() for name, _, sql in (block.partition("\n") for block in blocks)}


def _statements(name: str) -> list[str]:
    return (_SQL_FOLDER / name).read_text().split(";\n")


def _bare(sql: str) -> str:
    """A statement without comments, its words set apart by one space."""
    return " ".join(re.sub(r"--[^\n]*", "", sql).split())


_SCHEMAS = {number: _statements(f"format_{number}.sql") for number in range(1, FORMAT + 1)}
_DECLARED = {
    number: {bare.split()[2]: bare for bare in map(_bare, schema) if bare} for number, schema in _SCHEMAS.items()
}
"""How each table and index of a format was made, by its name."""


def make(connection: sqlite3.Connection) -> None:
    """Give a new file its tables and its mark, within the transaction that has begun."""
    for statement in _SCHEMAS[FORMAT]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def recognise(connection: sqlite3.Connection, path: Path) -> int:
    """The format of a file, 0 if it is new, before anything in it is changed. Within a transaction: somebody may be
    making it right now.

    :raises StoreForeign: another program's, or its tables are not those of its format.
    :raises StoreNewer: a newer version wrote it.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise StoreForeign(f"{path} is a database of another program.", "Name another file.")
    if version < 1:
        raise StoreForeign(f"{path} has format {version}, which never was.", "Restore it from a backup.")
    if version > FORMAT:
        raise StoreNewer(
            f"{path} has format {version}, this version of Strongroom knows {FORMAT}.", "Upgrade Strongroom."
        )
    _check_tables(connection, path, _DECLARED[version])
    return version


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file from an older format to ours, within the transaction that has begun."""
    connection.create_function("trie_path", 1, path_of, deterministic=True)
    for number in range(version, FORMAT):
        for statement in _statements(f"from_{number}_to_{number + 1}.sql"):
            if "-- the tables of format" in statement:
                _make_missing(connection, number + 1)
                statement = _bare(statement)
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _make_missing(connection: sqlite3.Connection, number: int) -> None:
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    for name, statement in zip(_DECLARED[number], _SCHEMAS[number], strict=False):
        if name not in there:
            connection.execute(statement)


def _check_tables(connection: sqlite3.Connection, path: Path, declared: dict[str, str]) -> None:
    """A view or trigger in the place of a table could do anything, such as never come to an end."""
    found = {
        name: (kind, _bare(sql))
        for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        if sql is not None and (table in declared or name in declared)
    }
    for name in found.keys() | declared.keys():
        kind, sql = found.get(name, ("table", ""))
        if sql != declared.get(name):
            raise StoreForeign(
                f"The tables of {path} are not those of a registry: see its {kind} {name!r:.80}.",
                "Restore it from a backup, and find out who can write it.",
            )
