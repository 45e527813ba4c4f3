"""The tasks, as scripts for other tools call them, and our own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from servers.snowflake import SnowflakeAccount
from strongroom import Block, flow
from strongroom.artifacts import watch_progress
from strongroom_snowflake import (
    SnowflakeConnector,
    aexecute,
    aload_dataframe,
    aquery,
    execute,
    execute_many,
    load_dataframe,
    load_files,
    query,
    snowflake_multiquery,
    snowflake_multiquery_async,
    snowflake_query,
    snowflake_query_async,
    snowflake_query_sync,
    unload,
    wait_for_data,
)
from strongroom_snowflake.errors import ObjectNotFound


def test_queries_as_scripts_ask_them(connector: SnowflakeConnector, tmp_path: Path) -> None:
    from snowflake.connector import DictCursor

    (tmp_path / "a_file.csv").write_text("1\n")

    @flow
    def asking() -> list[Any]:
        snowflake_query_sync("create stage mystage", connector)
        return [
            snowflake_query("select %(id_param)s as n", connector, params={"id_param": 1}),
            snowflake_query("select 2 as n", connector, cursor_type=DictCursor, poll_frequency_seconds=1),
            snowflake_query_sync(f"put file://{tmp_path}/a_file.csv @mystage", connector)[0][6],
            asyncio.run(snowflake_query_async("select 3", connector)),
        ]

    assert asking() == [[(1,)], [{"N": 2}], "UPLOADED", [(3,)]]


def test_several_queries_share_a_session(connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
    queries = ["create temporary table x as select %(n)s as n", "select n from x"]

    @flow
    def asking() -> list[Any]:
        return [
            snowflake_multiquery(queries, connector, params={"n": 1})[1],
            asyncio.run(snowflake_multiquery_async(["select 1", "select 2"], connector)),
        ]

    assert asking() == [[(1,)], [[(1,)], [(2,)]]]


def test_several_queries_are_a_transaction(connector: SnowflakeConnector) -> None:
    connector.execute("create table t (n integer)")
    inserts = ["insert into t values (1)", "insert into t values (2)"]

    @flow
    def asking(queries: list[str], control: bool = False) -> Any:
        return snowflake_multiquery(queries, connector, as_transaction=True, return_transaction_control_results=control)

    with pytest.raises(ObjectNotFound):
        asking([*inserts, "select * from no_such_table"])
    assert connector.fetch_one("select count(*) from t") == (0,)
    assert len(asking(inserts)) == 2
    assert connector.fetch_one("select count(*) from t") == (2,)
    assert len(asking(inserts, True)) == 4


def test_our_own_tasks(connector: SnowflakeConnector, tmp_path: Path) -> None:
    connector.save("prod-snowflake")
    (tmp_path / "more.csv").write_text("4,d\n")

    @flow
    def nightly() -> dict[str, Any]:
        warehouse = Block.load("prod-snowflake")
        assert isinstance(warehouse, SnowflakeConnector)
        execute(warehouse, "create table orders (n integer, s varchar)")
        execute_many(warehouse, "insert into orders values (:n, :s)", [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}])
        load_dataframe(warehouse, [{"n": 3, "s": "c"}], "orders")
        load_files(warehouse, tmp_path / "more.csv", "orders")
        return {
            "count": query(warehouse, "select count(*) from orders where n >= %s", [2]),
            "arrow": query(warehouse, "select n from orders", result="arrow").num_rows,
            "waited": wait_for_data(warehouse, "select max(n) from orders", timeout_seconds=5),
            "files": unload(warehouse, "orders", tmp_path / "out").rows,
        }

    assert nightly() == {"count": [(3,)], "arrow": 4, "waited": (4,), "files": 4}


def test_their_twins(connector: SnowflakeConnector) -> None:
    @flow
    async def nightly() -> Any:
        await aexecute(connector, "create table orders (n integer)")
        await aload_dataframe(connector, [{"n": 3}], "orders")
        return await aquery(connector, "select n from orders")

    assert asyncio.run(nightly()) == [(3,)]


def test_loads_tell_how_far_they_are(connector: SnowflakeConnector, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text(f"{number},x\n")
    connector.execute("create table orders (n integer, s varchar)")
    told: list[str] = []

    @flow
    def loading() -> None:
        load_files(connector, tmp_path, "orders", pattern="*.csv")
        load_dataframe(connector, [{"n": 3}, {"n": 4}], "orders")

    end = watch_progress(lambda progress: told.append(str(progress.description)))
    try:
        loading()
    finally:
        end()
    assert "upload to orders: 12 bytes of 12 bytes" in told
    assert told[-1] == "upload to orders: 2 rows of 2 rows"
