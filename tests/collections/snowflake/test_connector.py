"""A database in Snowflake, through the real connector against the fake server."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from servers.snowflake import SnowflakeAccount
from strongroom import flow, task
from strongroom_blocks.testing import DatabaseContract
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials, connections, running
from strongroom_snowflake.errors import (
    AccessDenied,
    ObjectNotFound,
    OutcomeUnknown,
    QueryCancelled,
    SessionLost,
    SessionNeeded,
    StatementInvalid,
)
from strongroom_snowflake.statement import Statement

from .conftest import connector_of


class TestContract(DatabaseContract):
    placeholder = "%s"

    @pytest.fixture
    def database(self, connector: SnowflakeConnector) -> SnowflakeConnector:
        return connector


class TestPlaceholders:
    def test_the_server_binds_question_marks(
        self, snowflake: SnowflakeAccount, credentials: SnowflakeCredentials
    ) -> None:
        connector = connector_of(snowflake, credentials, paramstyle="qmark")
        connector.execute("create table t (n integer, s varchar)")
        connector.execute_many("insert into t values (?, ?)", [[1, "a"], [2, "it's"]])
        connector.execute_many("insert into t values (:n, :s)", [{"n": 3, "s": ":n"}, {"n": 4, "s": "100 %"}])
        assert connector.fetch_all("select n from t where s = ?", ["it's"]) == [(2,)]
        assert connector.fetch_all("select n from t where s = :s or n = :n order by n", {"n": 4, "s": ":n"}) == [
            (3,),
            (4,),
        ]
        assert snowflake.queries("select n from t where s = ? or n = ?")

    def test_operation_is_taken_for_the_statement(self, connector: SnowflakeConnector) -> None:
        assert connector.fetch_one(operation="select %(n)s", parameters={"n": 1}) == (1,)
        with pytest.raises(TypeError, match="statement"):
            connector.fetch_one()


class TestSession:
    @pytest.fixture
    def table(self, connector: SnowflakeConnector) -> SnowflakeConnector:
        connector.execute("create table t (n integer)")
        connector.execute_many("insert into t values (%s)", [[number] for number in range(5)])
        return connector

    def test_fetches_go_on_inside_of_a_with(self, table: SnowflakeConnector) -> None:
        query = "select n from t order by n"
        with table as same:
            assert same is table
            assert table.fetch_one(query) == (0,)
            assert table.fetch_many(query, size=2) == [(1,), (2,)]
            assert table.fetch_one("select n from t where n = %(n)s", {"n": 3}) == (3,)
            assert table.fetch_all(query) == [(3,), (4,)]
            assert table.fetch_many(query) == []
            table.reset_cursors()
            assert table.fetch_one(query) == (0,)
        assert table.fetch_one(query) == table.fetch_one(query) == (0,)

    def test_what_is_set_stays_for_the_with(self, table: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        with table:
            table.execute("use warehouse other")
            table.execute("create temporary table scratch as select 1 as n")
            assert table.fetch_one("select current_warehouse(), n from scratch") == ("OTHER", 1)
            with table:
                assert table.fetch_one("select current_warehouse() as again") == ("OTHER",)
        assert table.fetch_one("select current_warehouse()") == ("WH",)

    @pytest.mark.parametrize(
        "statement",
        ["use role x", " /* c */ Alter  Session set timezone = 'UTC'", "-- c\nBEGIN", "set a = 1", "rollback;",
         "create or replace temp table x (n int)"],
    )  # fmt: skip
    def test_a_statement_for_a_session_is_refused_where_none_is_kept(
        self, connector: SnowflakeConnector, statement: str
    ) -> None:
        with pytest.raises(SessionNeeded, match="with connector"):
            connector.execute(statement)

    def test_several_statements_at_once_leave_nothing_in_a_session_of_others(
        self, table: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        table.execute_string("use warehouse other; select 1", num_statements=2)
        assert table.fetch_one("select current_warehouse()") == ("WH",)
        with table:
            table.execute("select 1; use warehouse other", num_statements=2)
        assert table.fetch_one("select current_warehouse()") == ("WH",)
        with pytest.raises(ObjectNotFound):
            table.execute_string("use warehouse other; select n from missing", num_statements=2)
        assert table.fetch_one("select current_warehouse()") == ("WH",)

    def test_statements_that_wait_for_a_commit_by_a_parameter_get_it(
        self, snowflake: SnowflakeAccount, credentials: SnowflakeCredentials
    ) -> None:
        connector = connector_of(snowflake, credentials, session_parameters={"autocommit": False})
        connector.execute("create table t (n integer)")
        before = len(snowflake.queries("COMMIT"))
        connector.execute("insert into t values (1)")
        assert len(snowflake.queries("COMMIT")) == before + 1
        assert connector_of(snowflake, credentials).fetch_one("select count(*) from t") == (1,)

    def test_a_forked_process_leaves_the_sessions_of_its_parent(
        self, table: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        before = snowflake.counts()
        child = os.fork()
        if child == 0:
            connections.close_all()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert table.fetch_one("select count(*) from t") == (5,)
        assert snowflake.counts() == before

    def test_connections_are_used_again(self, table: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        before = snowflake.counts()["logins"]
        for _ in range(5):
            table.fetch_all("select n from t")
        with table:
            table.fetch_all("select n from t")
        assert snowflake.counts()["logins"] == before
        table.close()
        assert snowflake.counts()["sessions"] == 0
        assert table.fetch_one("select 1") == (1,)

    def test_an_own_connection_is_the_callers(self, connector: SnowflakeConnector) -> None:
        with connector.get_connection(client_session_keep_alive=False) as connection:
            cursor = connection.cursor().execute("select 1")
            assert cursor is not None
            assert cursor.fetchone() == (1,)
        assert connection.is_closed()

    def test_statements_wait_for_the_end_without_autocommit(
        self, snowflake: SnowflakeAccount, connector: SnowflakeConnector
    ) -> None:
        connector.execute("create table t (n integer)")
        manual = connector_of(
            snowflake, SnowflakeCredentials(**snowflake.login, password=snowflake.password, autocommit=False)
        )
        manual.execute("insert into t values (1)")
        assert connector.fetch_one("select count(*) from t") == (1,)
        with manual:
            manual.execute("insert into t values (2)")
            assert connector.fetch_one("select count(*) from t") == (1,)
        assert connector.fetch_one("select count(*) from t") == (2,)
        with pytest.raises(KeyError), manual:  # noqa: PT012
            manual.execute("insert into t values (3)")
            raise KeyError
        assert connector.fetch_one("select count(*) from t") == (2,)

    def test_calls_on_the_block_belong_to_the_transaction(self, table: SnowflakeConnector) -> None:
        with pytest.raises(KeyError), table.transaction():  # noqa: PT012
            table.execute("delete from t")
            assert table.fetch_one("select count(*) from t") == (0,)
            raise KeyError
        assert table.fetch_one("select count(*) from t") == (5,)
        with pytest.raises(SessionNeeded, match="no transactions inside"), table.transaction(), table.transaction():
            pass


class TestShapes:
    QUERY = (
        "select n as N, 'x' || n as s, n::number(10, 2) as d, null::varchar as nothing, "
        "'2026-01-02'::date as day from (values (1), (2), (3)) as v(n) order by n"
    )

    def test_rows_and_dicts(self, connector: SnowflakeConnector) -> None:
        day = datetime.date(2026, 1, 2)
        rows = connector.query(self.QUERY)
        assert rows[0] == (1, "x1", decimal.Decimal(1), None, day)
        assert connector.query(self.QUERY, result="dicts")[2] == dict(
            zip(["N", "S", "D", "NOTHING", "DAY"], rows[2], strict=True)
        )

    def test_arrow_and_pandas(self, connector: SnowflakeConnector) -> None:
        table = connector.query(self.QUERY, result="arrow")
        assert table.column("N").to_pylist() == [1, 2, 3]
        assert table.column("NOTHING").to_pylist() == [None] * 3
        frame = connector.query(self.QUERY, result="pandas")
        assert list(frame["S"]) == ["x1", "x2", "x3"]
        empty = connector.query("select 1 as n where 1 = 0", result="arrow")
        assert (empty.num_rows, empty.column_names) == (0, ["N"])

    def test_polars(self, connector: SnowflakeConnector) -> None:
        frame = connector.query(self.QUERY, result="polars")
        assert frame["N"].to_list() == [1, 2, 3]

    def test_what_comes_as_json_takes_every_shape(self, connector: SnowflakeConnector) -> None:
        connector.execute("create table t (n integer)")
        assert connector.query("insert into t values (1), (2)", result="arrow").num_rows == 1
        assert connector.query("insert into t values (3)", result="dicts") == [{"number of rows inserted": 1}]

    @pytest.mark.parametrize(
        ("result", "rows"),
        [("rows", len), ("dicts", len), ("arrow", lambda table: table.num_rows), ("pandas", len)],
    )
    def test_batches(self, connector: SnowflakeConnector, result: Any, rows: Callable[[Any], int]) -> None:
        query = "select seq as n from (select unnest(range(2500)) as seq)"
        pieces = list(connector.fetch_batches(query, result=result, size=1000))
        assert sum(map(rows, pieces)) == 2500
        if result in ("rows", "dicts"):
            assert [len(piece) for piece in pieces] == [1000, 1000, 500]

    def test_batches_in_a_coroutine(self, connector: SnowflakeConnector) -> None:
        async def work() -> list[int]:
            return [len(piece) async for piece in connector.afetch_batches(self.QUERY, result="rows", size=2)]

        assert asyncio.run(work()) == [2, 1]

    def test_several_statements(self, connector: SnowflakeConnector) -> None:
        text = "create table t (n integer); insert into t values (1);\n-- ; no end\nselect n, ';' from t;"
        assert connector.execute_string(text)[2] == [(1, ";")]
        together = "insert into t values (%s); select count(*) from t; select n from t where n = %s"
        assert connector.execute_string(together, [7, 7], num_statements=3)[1:] == [[(2,)], [(7,)]]
        with pytest.raises(StatementInvalid, match="did not match"):
            connector.execute_string("select 1; select 2", num_statements=3)


class TestErrors:
    def test_an_error_names_the_query(self, connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        with pytest.raises(ObjectNotFound) as missing:
            connector.fetch_all("select * from no_such_table")
        [query] = snowflake.queries("no_such_table")
        assert missing.value.query_id == query["id"]
        assert query["id"] in str(missing.value)
        assert (missing.value.errno, missing.value.sqlstate) == (2003, "42S02")
        assert missing.value.__cause__ is None
        with pytest.raises(StatementInvalid, match="query"):
            connector.execute("selec 1")
        with pytest.raises(AccessDenied, match="not assigned"), connector:
            connector.execute("use role accountadmin")

    def test_a_value_that_fits_no_placeholder(self, connector: SnowflakeConnector) -> None:
        with pytest.raises(StatementInvalid):
            connector.fetch_one("select %s", [object()])


class TestFaults:
    def test_a_busy_server_is_asked_again(self, connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        connector.fetch_one("select 1")
        snowflake.fail("busy", times=1)
        assert connector.fetch_one("select 'after all'") == ("after all",)

    def test_a_lost_answer_is_fetched_and_the_statement_not_run_twice(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.execute("create table t (n integer)")
        snowflake.fail("reset", matching="insert")
        connector.execute("insert into t values (1)")
        assert connector.fetch_one("select count(*) from t") == (1,)

    def test_a_session_token_is_renewed(self, connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        connector.fetch_one("select 1")
        before = snowflake.counts()["logins"]
        snowflake.fail("expired")
        assert connector.fetch_one("select 2") == (2,)
        assert snowflake.counts()["logins"] == before

    def test_a_login_that_ran_out_is_done_again(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.fetch_one("select 1")
        snowflake.change(masters_expire=True)
        snowflake.fail("expired")
        assert connector.fetch_one("select 2") == (2,)

    @pytest.mark.parametrize("statement", ["select 2", "insert into t values (1)"])
    def test_what_reached_no_session_is_run_on_a_new_one(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount, statement: str
    ) -> None:
        connector.execute("create table t (n integer)")
        snowflake.end_sessions()
        connector.execute(statement)
        assert len(snowflake.queries(statement)) == 1

    def test_streams_and_queries_by_id_begin_on_a_new_session(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        query = connector.submit_query("select 7")
        snowflake.end_sessions()
        assert connector.results_of(query) == [(7,)]
        snowflake.end_sessions()
        assert list(connector.fetch_batches("select 1", result="rows")) == [[(1,)]]

    def test_a_lost_session_ends_its_with(self, connector: SnowflakeConnector, snowflake: SnowflakeAccount) -> None:
        connector.execute("create table t (n integer)")
        with pytest.raises(SessionLost, match="rolled back"), connector.transaction() as work:  # noqa: PT012
            work.execute("insert into t values (1)")
            snowflake.end_sessions()
            work.execute("insert into t values (2)")
        assert connector.fetch_one("select count(*) from t") == (0,)
        with connector:
            connector.fetch_one("select 1")
            snowflake.end_sessions()
            for _ in range(2):
                with pytest.raises(SessionLost):
                    connector.fetch_one("select 2")

    def test_whether_a_statement_was_run_may_not_be_known(self, snowflake: SnowflakeAccount) -> None:
        credentials = SnowflakeCredentials(**{**snowflake.login, "network_timeout": 1}, password=snowflake.password)
        connector = connector_of(snowflake, credentials)
        connector.execute("create table t (n integer)")
        snowflake.fail("busy", times=1000, matching="insert")
        with pytest.raises(OutcomeUnknown, match="query history"):
            connector.execute("insert into t values (1)")

    def test_what_was_run_is_not_run_again_where_its_answer_is_lost(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.execute("create table t (n integer)")

        def take(cursor: Any) -> Any:
            snowflake.end_sessions()
            return cursor.connection.cursor().execute("select 1").fetchall()

        with pytest.raises(OutcomeUnknown):
            running.ran(connector, Statement("insert into t values (1)"), take)
        assert connector.fetch_one("select count(*) from t") == (1,)

    @pytest.mark.parametrize(
        ("sql", "is_reading"),
        [
            ("select ';' as \"a;b\" -- ;\n;", True),
            ("with v as (select 1) select * from v", True),
            ("select 1; delete from t", False),
            ("with p as procedure () returns int as 'delete from t' call p()", False),
        ],
    )
    def test_what_may_be_run_twice(self, sql: str, is_reading: bool) -> None:
        assert Statement(sql).is_reading is is_reading


class TestConcurrency:
    def test_as_many_queries_run_at_once_as_threads_ask(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        found: list[Any] = []
        query = "select system$meet('here', 12)"
        threads = [threading.Thread(target=lambda: found.append(connector.fetch_one(query))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [("met",)] * 12
        assert len({query["session"] for query in snowflake.queries("system$meet")}) == 12
        assert snowflake.counts()["sessions"] == connector.pool_size

    def test_tasks_of_a_flow_run_their_queries_at_once(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        @task
        def ask(number: int) -> Any:
            return connector.fetch_one("select system$meet('there', 4), %s", [number])

        @flow
        def many() -> list[Any]:
            return [future.result() for future in ask.map(range(4))]

        assert many() == [("met", number) for number in range(4)]


class TestRuns:
    def test_queries_are_tagged_with_their_run(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        from strongroom.runtime import flow_run, task_run

        @task
        def ask() -> str | None:
            connector.fetch_one("select 'in a task'")
            return task_run.id

        @flow(name="nightly")
        def asking() -> tuple[Any, Any]:
            connector.fetch_one("select 'in a flow'")
            connector.submit_query("select 'by itself'")
            return flow_run.id, ask()

        flow_id, task_id = asking()
        connector.fetch_one("select 'alone'")
        [alone] = snowflake.queries("alone")
        assert alone["tag"] == ""
        for text in ("in a flow", "by itself", "in a task"):
            [query] = snowflake.queries(text)
            tag = json.loads(query["tag"])["strongroom"]
            assert (tag["flow_run"], tag["flow"]) == (str(flow_id), "nightly")
            assert tag.get("task_run") == (str(task_id) if text == "in a task" else None)

    def test_an_own_tag_stays(self, snowflake: SnowflakeAccount, credentials: SnowflakeCredentials) -> None:
        tagged = connector_of(snowflake, credentials, session_parameters={"QUERY_TAG": "mine"})
        untagged = connector_of(snowflake, credentials, query_tags=False)

        @flow
        def asking() -> None:
            tagged.fetch_one("select 'tagged'")
            untagged.fetch_one("select 'plain'")

        asking()
        assert [query["tag"] for query in snowflake.queries("select '")] == ["mine", ""]

    def test_a_timeout_of_the_task_ends_the_query(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.fetch_one("select 1")

        @task(timeout_seconds=0.3)
        def ask() -> Any:
            return connector.fetch_one("select system$wait(600)")

        @flow
        def asking() -> Any:
            return ask(return_state=True)

        assert asking(return_state=True).is_failed()
        [query] = snowflake.queries("system$wait")
        assert query["cancelled"]
        assert connector.fetch_one("select 2") == (2,)

    def test_a_timeout_of_the_statement_ends_it(self, connector: SnowflakeConnector) -> None:
        with pytest.raises(QueryCancelled):
            connector.execute("select system$wait(600)", timeout=1)

    def test_a_coroutine_that_is_cancelled_ends_its_query(
        self, connector: SnowflakeConnector, snowflake: SnowflakeAccount
    ) -> None:
        connector.fetch_one("select 1")

        async def work() -> None:
            asking = asyncio.create_task(connector.afetch_one("select system$wait(600)"))
            while not await asyncio.to_thread(snowflake.queries, "system$wait"):
                pass
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

        asyncio.run(work())
        [query] = snowflake.queries("system$wait")
        assert query["cancelled"]
