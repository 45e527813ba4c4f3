"""What fakesnow cannot do with stages: COPY INTO a stage, GET and REMOVE. Runs in its environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.transforms import stage

_UNLOAD = re.compile(
    r"copy\s+into\s+@([\w.\"]+)/?(\S*)\s+from\s+(\(.*?\)|[\w.\"]+)\s+file_format\s*=\s*\(\s*type\s*=\s*'?(\w+)'?([^)]*)\)(.*)",
    re.IGNORECASE | re.DOTALL,
)
_GET = re.compile(r"get\s+'?@([\w.\"]+)/?([^\s']*)'?\s+'?file://([^']*?)'?\s*(?:parallel.*)?;?\s*$", re.IGNORECASE)
_REMOVE = re.compile(r"(?:remove|rm)\s+'?@([\w.\"]+)/?([^\s']*)'?", re.IGNORECASE)


def unload(connection: Any, sql: str) -> dict[str, Any] | None:
    """The answer to COPY INTO a stage; ``None`` for another statement."""
    found = _UNLOAD.match(sql.strip())
    if found is None:
        return None
    folder, prefix = _folder(connection, found[1]), found[2].strip("'")
    source = found[3] if found[3].startswith("(") else f"(select * from {found[3]})"
    cursor = FakeSnowflakeCursor(connection, connection._duck_conn)
    cursor.execute(f"select * from {source} as unloaded", server=True)
    table = cursor._arrow_table
    assert table is not None
    kind = found[4].lower()
    ending = "snappy.parquet" if kind == "parquet" else "csv.gz"
    name = f"{prefix if prefix and not prefix.endswith('/') else prefix + 'data'}_0_0_0.{ending}"
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(table, path, kind, header="header = true" in " ".join(found[6].lower().split()))
    rows = [[str(table.num_rows), str(table.nbytes), str(path.stat().st_size)]]
    return _table(["rows_unloaded", "input_bytes", "output_bytes"], rows)


def _write(table: Any, path: Path, kind: str, *, header: bool) -> None:
    if kind == "parquet":
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, path)
        return
    import gzip

    import pyarrow.csv

    with gzip.open(path, "wb") as file:
        pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=header))


def get_files(connection: Any, sql: str) -> dict[str, Any] | None:
    """The answer to GET, with which the client fetches the files; ``None`` for another statement."""
    found = _GET.match(sql.strip())
    if found is None:
        return None
    folder = Path(_folder(connection, found[1]))
    files = _files(folder, found[2])
    return {
        "success": True,
        "code": None,
        "message": None,
        "data": {
            "command": "DOWNLOAD",
            "localLocation": found[3].replace("%20", " "),
            "src_locations": [str(file.relative_to(folder)) for file in files],
            "encryptionMaterial": [],
            "parallel": 4,
            "stageInfo": {"locationType": "LOCAL_FS", "location": str(folder), "creds": {}, "region": ""},
        },
    }


def remove_files(connection: Any, sql: str) -> dict[str, Any] | None:
    """The answer to REMOVE; ``None`` for another statement."""
    found = _REMOVE.match(sql.strip())
    if found is None:
        return None
    folder = Path(_folder(connection, found[1]))
    files = _files(folder, found[2])
    for file in files:
        os.remove(file)
    return _table(["name", "result"], [[str(file.relative_to(folder)), "removed"] for file in files])


def _files(folder: Path, prefix: str) -> list[Path]:
    return sorted(
        file for file in folder.rglob("*") if file.is_file() and str(file.relative_to(folder)).startswith(prefix)
    )


def _folder(connection: Any, name: str) -> str:
    parts = stage.parts_from_var(name, connection.database, connection.schema)
    return stage.internal_dir(".".join(parts))


def _table(names: list[str], rows: list[list[str]]) -> dict[str, Any]:
    rowtype = [
        {
            "name": name, "type": "text", "nullable": True, "length": 16777216, "byteLength": 16777216,
            "precision": None, "scale": None, "database": "", "schema": "", "table": "", "collation": None,
        }
        for name in names
    ]  # fmt: skip
    return {
        "success": True,
        "code": None,
        "message": None,
        "data": {
            "parameters": [], "rowtype": rowtype, "rowset": rows, "total": len(rows), "returned": len(rows),
            "queryResultFormat": "json", "statementTypeId": 4096,
        },
    }  # fmt: skip
