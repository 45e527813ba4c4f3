"""Queries that run by themselves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import uuid

import pytest
from servers.snowflake import SnowflakeAccount
from strongroom_snowflake import QueryHandle, SnowflakeConnector
from strongroom_snowflake.errors import NotReady, ObjectNotFound, QueryCancelled, QueryNotFound


def test_a_query_is_found_again_by_its_id(connector: SnowflakeConnector) -> None:
    query = connector.submit_query("select %s, n from (values (1), (2)) as v(n) order by n", ["a"])
    assert isinstance(query, QueryHandle)
    assert connector.results_of(query.id) == connector.results_of(query) == [("a", 1), ("a", 2)]
    assert connector.query_status(query).is_success
    assert connector.results_of(query, "arrow").num_rows == 2


def test_another_process_finds_it_after_a_crash(connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
    connector.save("warehouse")
    code = """if True:
        import os
        from strongroom import Block
        print(Block.load("warehouse").submit_query("select 'found', system$meet('crash', 2)"), flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    query = done.stdout.strip()
    assert (done.returncode, uuid.UUID(query).version) == (-9, 4)
    status = connector.query_status(query)
    assert (status.name, status.is_running) == ("RUNNING", True)
    connector.fetch_one("select system$meet('crash', 2)")
    assert connector.results_of(query) == [("found", "met")]


def test_a_query_that_runs_for_long_is_not_ready(connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
    query = connector.submit_query("select system$wait(600)")
    with pytest.raises(NotReady, match=query.id):
        connector.results_of(query, timeout_seconds=0.1)
    assert connector.query_status(query).is_running
    assert connector.cancel_query(query)
    with pytest.raises(QueryCancelled) as cancelled:
        connector.results_of(query)
    assert cancelled.value.query_id == query.id
    assert not connector.query_status(query).is_success


def test_what_went_wrong_is_said_with_its_id(connector: SnowflakeConnector) -> None:
    query = connector.submit_query("select * from no_such_table")
    with pytest.raises(ObjectNotFound) as missing:
        connector.results_of(query)
    assert missing.value.query_id == query.id


def test_what_is_no_query_is_said(connector: SnowflakeConnector) -> None:
    with pytest.raises(QueryNotFound):
        connector.query_status("no id")
    with pytest.raises(QueryNotFound):
        connector.model_copy(update={"poll_frequency_s": 0.01}).results_of(str(uuid.uuid4()))
    assert not connector.cancel_query(str(uuid.uuid4()))


def test_the_twins(connector: SnowflakeConnector) -> None:
    async def work() -> list[object]:
        query = await connector.asubmit_query("select 1")
        return [*await connector.aresults_of(query), (await connector.aquery_status(query)).name]

    assert asyncio.run(work()) == [(1,), "SUCCESS"]


def test_an_interrupted_wait_cancels_what_nobody_else_knows_of(
    connector: SnowflakeConnector, snowflake: SnowflakeAccount
) -> None:
    from strongroom import flow
    from strongroom_snowflake.database import snowflake_query

    @flow
    def asking() -> None:
        snowflake_query.with_options(timeout_seconds=0.3)("select system$wait(600)", connector)

    before = threading.active_count()
    assert asking(return_state=True).is_failed()
    [query] = snowflake.queries("system$wait")
    assert query["cancelled"]
    assert threading.active_count() < before + 20
