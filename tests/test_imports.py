"""What an import costs: modules are counted, since that does not depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "boto3", "botocore", "dbt", "duckdb", "pandas", "pyarrow", "numpy", "snowflake", "google", "hvac", "sqlalchemy",
    "fastapi", "starlette", "flask", "aiohttp", "httpx", "requests", "jinja2", "dask", "distributed", "psycopg",
    "airflow", "grpc", "strongroom_service", "strongroom_airflow", "strongroom_aws", "strongroom_dbt", "strongroom_gcp",
    "strongroom_snowflake", "strongroom_sqlalchemy", "strongroom_vault", "urllib3",
}  # fmt: skip


def loaded(statement: str) -> list[str]:
    """The modules of a fresh process after ``statement``."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def bare() -> int:
    """What the interpreter of this environment loads by itself (``.pth`` files add to it)."""
    return len(loaded("pass"))


@pytest.mark.parametrize(
    ("statement", "most"),
    [
        ("import strongroom", 300),
        ("from strongroom import Block, Secret", 300),
        ("from strongroom import flow, task", 300),
        ("from strongroom import Block, Secret, flow, get_run_logger, task", 357),  # 180 of them are pydantic's
    ],
)
def test_an_import_stays_small(statement: str, most: int) -> None:
    names = loaded(statement)
    assert not {name.partition(".")[0] for name in names} & HEAVY
    assert len(names) <= most, f"{len(names)} modules"


def test_the_import_of_the_package_alone_loads_next_to_nothing() -> None:
    assert len(loaded("import strongroom")) - bare() <= 15


def test_the_help_of_the_command_line_loads_neither_pydantic_nor_cryptography() -> None:
    names = loaded("import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n  import strongroom.cli")
    assert not {name.partition(".")[0] for name in names} & (HEAVY | {"pydantic", "cryptography", "rich", "sqlite3"})


def test_a_registry_of_this_machine_loads_nothing_that_speaks_to_servers() -> None:
    names = loaded("from strongroom_registry import open_registry\nopen_registry('memory:').close()")
    assert not {name for name in names if name.startswith("strongroom_registry.remote.")} - {
        "strongroom_registry.remote.address"
    }
    assert not {name.partition(".")[0] for name in names} & HEAVY


@pytest.mark.parametrize(
    "collection",
    [
        "strongroom_airflow",
        "strongroom_aws",
        "strongroom_dbt",
        "strongroom_gcp",
        "strongroom_snowflake",
        "strongroom_sqlalchemy",
        "strongroom_vault",
    ],
)
def test_a_collection_loads_no_sdk(collection: str) -> None:
    names = {name.partition(".")[0] for name in loaded(f"import {collection}")}
    assert names & HEAVY == {collection}
