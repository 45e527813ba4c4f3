"""Snowflake: a query, and many rows as Arrow, beside the bare connector on the same fake server."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials

from benchmarks.s3 import ROOT, alternating
from benchmarks.table import Row

sys.path.append(str(ROOT / "tests"))

from servers.snowflake import FakeSnowflake, SnowflakeAccount, environment, joined, new_account

ROWS = 1_000_000


def run(quick: bool) -> list[Row]:
    """Ratios of wall-clock time in alternating rounds, with sessions that are open."""
    rows, rounds = (100_000, 3) if quick else (ROWS, 5)
    with tempfile.TemporaryDirectory() as folder, joined(Path(folder, "snowflake"), environment()) as users:
        server = FakeSnowflake(int(Path(users.name).with_name("port").read_text()))
        return _beside(new_account(server), rows, rounds)


def _beside(account: SnowflakeAccount, rows: int, rounds: int) -> list[Row]:
    import snowflake.connector

    ours = SnowflakeConnector(
        credentials=SnowflakeCredentials(**account.login, password=account.password),
        database=account.database,
        schema="PUBLIC",
        warehouse="WH",
    )
    login = {**account.login, "password": account.password, "platform_detection_timeout_seconds": 0.0}
    with contextlib.closing(snowflake.connector.connect(**login, database=account.database, schema="PUBLIC")) as theirs:
        theirs.cursor().execute(f"create table numbers as select range as n from range({rows})")

        def their_rows(_: str) -> None:
            found = theirs.cursor().execute("select n from numbers").fetch_arrow_all()
            assert found is not None
            assert found.num_rows == rows

        def our_rows(_: str) -> None:
            assert sum(batch.num_rows for batch in ours.fetch_batches("select n from numbers")) == rows

        query = alternating(
            rounds * 5,
            lambda _: ours.fetch_one("select 1"),
            lambda _: theirs.cursor().execute("select 1").fetchone(),
        )
        many = alternating(rounds, our_rows, their_rows)
    return [
        Row("one query", *query, "s", 1.2, "snowflake-connector-python, an open session"),
        Row(f"{rows:,} rows as Arrow", *many, "s", 1.1, "its fetch_arrow_all; ours in batches, in bounded memory"),
    ]
