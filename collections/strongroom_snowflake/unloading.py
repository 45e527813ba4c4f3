"""Bulk unloading: what a query finds, as files, by COPY INTO a stage."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom import ObjectStore
from strongroom.sql import Parameters, table_name

from strongroom_snowflake import external_stage
from strongroom_snowflake.errors import LoadIncomplete, StatementInvalid
from strongroom_snowflake.staging import FileFormat, file_format, literal, option, session_of, stage
from strongroom_snowflake.statement import bare

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

_PREFIX = re.compile(r"[A-Za-z0-9_=.-]+(?:/[A-Za-z0-9_=.-]+)*/?")
_QUERY = re.compile(r"(?:select|with)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What an unload wrote. ``files`` are names in the target folder or store; none are told of a bucket that
    Snowflake wrote to by itself."""

    rows: int
    files: list[str]


def unload(
    block: SnowflakeConnector,
    source: str,
    target: Any,
    parameters: Parameters,
    *,
    format: FileFormat,
    header: bool,
    prefix: str,
    storage_integration: str | None,
    options: Mapping[str, Any],
) -> Unloaded:
    """A table, or what a query finds, as files in a folder of this machine or in a store."""
    if not _PREFIX.fullmatch(prefix):
        raise StatementInvalid(f"{prefix!r:.80} begins no name of a file.", "Use letters, digits, and any of _=.-/")
    asked = f"({source.strip().rstrip(';')}\n)" if _QUERY.match(bare(source)) else table_name(source)
    more = [option(key, value) for key, value in {"header": header, **options}.items()]
    clause = " ".join([file_format(format), *more])

    def copied(say: Any, place: str) -> int:
        told = say(f"copy into @{place}/{prefix} from {asked} {clause}", parameters)
        return sum(int(row["rows_unloaded"]) for row in told)

    with session_of(block) as say:
        if isinstance(target, ObjectStore) and external_stage.is_reachable(target):
            with stage(say, external_stage.options(target, storage_integration)) as place:
                return Unloaded(copied(say, place), [])
        with stage(say) as place:
            rows = copied(say, place)
            if isinstance(target, ObjectStore):
                with tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
                    return Unloaded(
                        rows, [target.upload_from_path(file, file.name) for file in _got(say, place, folder)]
                    )
            return Unloaded(rows, _into_folder(say, place, Path(target).expanduser()))


def _into_folder(say: Any, place: str, target: Path) -> list[str]:
    """Each file appears under its name when it is whole."""
    target.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".strongroom-", dir=target)
    try:
        files = _got(say, place, folder)
        for file in files:
            os.replace(file, target / file.name)
        return [file.name for file in files]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _got(say: Any, place: str, folder: str) -> list[Path]:
    for row in say(f"get @{place} {literal('file://' + str(Path(folder).resolve()) + '/')}"):
        if row["status"].upper() != "DOWNLOADED":
            raise LoadIncomplete(
                f"The file {row['file']} was not downloaded ({row['status']}): {row.get('message') or 'no reason'}.",
                "See whether this machine reaches the cloud storage of the account.",
            )
    return sorted(file for file in Path(folder).iterdir() if file.is_file())
