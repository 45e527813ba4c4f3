"""Bulk loading: data frames and files, through a stage and COPY INTO."""

from __future__ import annotations

import glob
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from strongroom import ObjectStore
from strongroom.sql import table_name
from strongroom.transfer_progress import moving

from strongroom_snowflake import external_stage
from strongroom_snowflake.errors import LoadIncomplete, SnowflakeError, StatementInvalid
from strongroom_snowflake.frames import columns_of, row_count, tables
from strongroom_snowflake.results import library
from strongroom_snowflake.staging import FileFormat, file_format, option, put, session_of, stage

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

IfExists = Literal["append", "replace", "truncate", "fail"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load brought into the table."""

    rows: int
    files: int


def load_dataframe(
    block: SnowflakeConnector, data: Any, table: str, *, if_exists: IfExists, create: bool, rows_per_file: int
) -> Loaded:
    """Data into a table, all of it or nothing."""
    name, pieces = table_name(table), _cut(tables(data), rows_per_file)
    first = next(pieces, None)
    if first is None:
        return Loaded(0, 0)
    columns = ", ".join(columns_of(first.schema))
    with session_of(block) as say, stage(say) as place, tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
        tell = moving(f"upload to {name}", row_count(data), "rows")
        rows, files = _uploaded(say, place, Path(folder), chain([first], pieces), tell)
        if if_exists == "fail":
            say(f"create table {name} ({columns})")
        elif create and if_exists != "replace":
            say(f"create table if not exists {name} ({columns})")
        copy = f"from @{place} {file_format('parquet', use_logical_type=True)} match_by_column_name = case_insensitive"
        if if_exists == "replace":
            _replace(say, name, columns, copy, rows)
        elif if_exists == "truncate":
            _truncate(say, name, copy, rows)
        else:
            _copied(say, name, copy, rows)
    return Loaded(rows, files)


def load_files(
    block: SnowflakeConnector,
    source: Any,
    table: str,
    *,
    format: FileFormat,
    pattern: str,
    storage_integration: str | None,
    options: Mapping[str, Any],
) -> Loaded:
    """Files of this machine, or objects of a store, into a table."""
    name = table_name(table)
    clause = " ".join([file_format(format), *(option(key, value) for key, value in options.items())])
    with session_of(block) as say:
        if isinstance(source, ObjectStore) and external_stage.is_reachable(source):
            with stage(say, external_stage.options(source, storage_integration)) as place:
                named = external_stage.matching(pattern)
                return _counted(say(f"copy into {name} from @{place} {clause} {named}".strip()))
        with stage(say) as place, tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
            if not _put_all(say, place, source, pattern, Path(folder), f"upload to {name}"):
                raise LoadIncomplete(f"There are no files {pattern!r} to load.", "See the folder, and the pattern.")
            return _counted(say(f"copy into {name} from @{place} {clause}"))


def _uploaded(
    say: Any, place: str, folder: Path, pieces: Iterable[Any], tell: Callable[[int], None] | None
) -> tuple[int, int]:
    parquet = library("pyarrow.parquet")
    rows = files = 0
    for piece in pieces:
        file = folder / f"{files:06d}.parquet"
        parquet.write_table(piece, file)
        put(say, file, place, compress=False)
        file.unlink()
        rows, files = rows + piece.num_rows, files + 1
        if tell is not None:
            tell(piece.num_rows)
    return rows, files


def _replace(say: Any, name: str, columns: str, copy: str, rows: int) -> None:
    """Through a table beside it, so that a load that fails leaves the former one."""
    beside = f"STRONGROOM_{secrets.token_hex(8).upper()}"
    say(f"create temporary table {beside} ({columns})")
    _copied(say, beside, copy, rows)
    say(f"create or replace table {name} copy grants as select * from {beside}")  # noqa: S608
    say(f"drop table {beside}")


def _truncate(say: Any, name: str, copy: str, rows: int) -> None:
    """In one transaction, which is over before anything else is said: DROP STAGE would commit what is open."""
    try:
        say("begin")
        say(f"delete from {name}")  # noqa: S608
        _copied(say, name, copy, rows)
        say("commit")
    except BaseException:
        with suppress(SnowflakeError):
            say("rollback")
        raise


def _copied(say: Any, name: str, copy: str, rows: int) -> None:
    loaded = _counted(say(f"copy into {name} {copy}")).rows
    if loaded != rows:
        raise LoadIncomplete(f"{loaded} of {rows} rows are in the table {name}.", "See COPY_HISTORY of the table.")


def _counted(told: list[dict[str, Any]]) -> Loaded:
    if not told or "rows_loaded" not in told[0]:
        raise LoadIncomplete(
            "No file was loaded: Snowflake found none, or has loaded them before.",
            "See the pattern; FORCE = TRUE loads files again.",
        )
    return Loaded(
        sum(int(row["rows_loaded"]) for row in told), sum(row["status"].upper() != "LOAD_SKIPPED" for row in told)
    )


def _put_all(say: Any, place: str, source: Any, pattern: str, folder: Path, what: str) -> int:
    """Files of this machine or of a store into a stage; how many."""
    files: Iterator[Path]
    if isinstance(source, ObjectStore):
        found = [entry for entry in source.list_objects() if Path(entry.key).match(pattern)]
        files, total = (_fetched(source, entry.key, folder) for entry in found), sum(entry.size for entry in found)
    else:
        here = list(_files(source, pattern))
        files, total = iter(here), sum(file.stat().st_size for file in here)
    tell, number = moving(what, total), 0
    for number, file in enumerate(files, start=1):
        size = file.stat().st_size
        put(say, file, f"{place}/{number}", compress=True)
        if tell is not None:
            tell(size)
    return number


def _fetched(store: ObjectStore, key: str, folder: Path) -> Path:
    """An object as a file; the one before it is not needed any more."""
    for former in folder.iterdir():
        former.unlink()
    return store.download_object_to_path(key, folder / Path(key).name)


def _files(source: Any, pattern: str) -> Iterator[Path]:
    places: Iterable[Any] = [source] if isinstance(source, str | Path) else source
    for place in places:
        path = Path(place).expanduser()
        if path.is_dir():
            yield from sorted(file for file in path.rglob(pattern) if file.is_file())
        elif path.is_file():
            yield path
        else:
            found = sorted(glob.glob(str(path), recursive=True))
            if not found:
                raise StatementInvalid(f"There is no file {path}.", "Correct the path.")
            yield from (Path(file) for file in found if Path(file).is_file())


def _cut(pieces: Iterator[Any], size: int) -> Iterator[Any]:
    for piece in pieces:
        for at in range(0, max(piece.num_rows, 1), size):
            yield piece.slice(at, size)
