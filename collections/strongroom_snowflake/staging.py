"""Stages that live as long as a session: files on their way in and out of Snowflake."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom_snowflake import results, running
from strongroom_snowflake.errors import LoadIncomplete, SessionNeeded, SnowflakeError, StatementInvalid
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.unlogged import unlogged

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

_PLAIN = re.compile(r"[A-Za-z0-9_./ -]+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
FileFormat = str | Mapping[str, Any]
"""``"csv"``, ``"parquet"``, ``"json"``, …; the name of a file format of the database; or its options."""
_WORDS = {"type", "compression", "match_by_column_name", "on_error", "validation_mode", "binary_format", "load_mode"}
"""Options whose values are words, and stand without quotes."""
_TYPES = {"CSV", "JSON", "AVRO", "ORC", "PARQUET", "XML"}


@contextmanager
def session_of(block: SnowflakeConnector) -> Iterator[Any]:
    """A session that statements of one load share: a function that runs one and gives its rows as dicts."""
    session = running.begin(block, goes_on=False)
    succeeded = False
    if session.in_transaction:
        running.end(block, succeeded=True)
        raise SessionNeeded(
            "Loading and unloading make a stage, which would commit the transaction that they are called in.",
            "Call it before or after `with connector.transaction():`.",
        )

    def say(sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        def ask() -> Any:
            cursor = running.executed(block, session.connection, Statement(sql, parameters), session)
            return results.whole(cursor, "dicts") if cursor.description else []

        found: list[dict[str, Any]] = running.in_session(block, session, ask)
        return [{name.lower(): value for name, value in row.items()} for row in found]

    try:
        yield say
        succeeded = True
    finally:
        running.roll_back(block)
        running.end(block, succeeded=succeeded)


@contextmanager
def stage(say: Any, options: str = "") -> Iterator[str]:
    """A new temporary stage, dropped at the end; its name. ``options`` say where it is, if not inside of Snowflake."""
    name = f"STRONGROOM_{secrets.token_hex(8).upper()}"
    with unlogged():  # the keys of a bucket may stand in it
        say(f"create temporary stage {name}{options and ' '}{options}")
    try:
        yield name
    finally:
        with suppress(SnowflakeError):
            say(f"drop stage if exists {name}")


def put(say: Any, file: Path, place: str, *, compress: bool) -> None:
    """Upload a file of this machine into a stage.

    :raises LoadIncomplete: it did not arrive.
    """
    with _plainly_named(file) as path:
        url = literal("file://" + str(path).replace("\\", "/"))
        told = say(f"put {url} @{place} auto_compress={'true' if compress else 'false'} overwrite=true")
    for row in told:
        if row["status"].upper() not in ("UPLOADED", "SKIPPED"):
            raise LoadIncomplete(
                f"The file {file} was not uploaded ({row['status']}): {row.get('message') or 'no reason was given'}.",
                "See whether this machine reaches the cloud storage of the account.",
            )


@contextmanager
def _plainly_named(file: Path) -> Iterator[Path]:
    """A path to a file that PUT takes for no pattern, and that needs no escapes."""
    path = file.resolve()
    if _PLAIN.fullmatch(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
        link = Path(folder, re.sub(r"[^A-Za-z0-9._-]", "_", path.name))
        link.symlink_to(path)
        yield link


def literal(text: str) -> str:
    """A text as a statement holds it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def file_format(given: FileFormat, **more: Any) -> str:
    """The clause of COPY that says how files are written.

    :raises StatementInvalid: an option has no name, or no value, that a statement may hold.
    """
    if isinstance(given, str) and given.upper() not in _TYPES:
        parts = given.split(".")
        if not all(_WORD.fullmatch(part) for part in parts) or len(parts) > 3:
            raise StatementInvalid(f"{given!r:.80} names no file format.", "Write csv, parquet, …, or schema.name.")
        return f"file_format = (format_name = {literal(given)})"
    options = {"type": given} if isinstance(given, str) else dict(given)
    options = {**more, **{name.lower(): value for name, value in options.items()}}
    return f"file_format = ({' '.join(option(name, value) for name, value in options.items())})"


def option(name: str, value: Any) -> str:
    """An option of a statement: ``SKIP_HEADER = 1``.

    :raises StatementInvalid: it has no name, or no value, that a statement may hold.
    """
    if not _WORD.fullmatch(name):
        raise StatementInvalid(f"{name!r:.80} names no option.", "Options are words, such as SKIP_HEADER.")
    return f"{name.upper()} = {_value(name, value)}"


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return value.upper() if name.lower() in _WORDS and _WORD.fullmatch(value) else literal(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(_value(name, item) for item in value)})"
    raise StatementInvalid(f"The option {name} cannot be {type(value).__name__}.", "Give a text, a number or a list.")
