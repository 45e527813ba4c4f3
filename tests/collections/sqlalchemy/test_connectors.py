"""Connectors as scripts for prefect_sqlalchemy use them: SQLite in both colours, and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from canaries import Plant
from servers.postgres import PostgresDatabase
from shelf import Shelf
from strongroom import Block, MissingExtra, flow, queries, secret_from, task
from strongroom.checks import check
from strongroom.testing import using_sources
from strongroom_blocks.testing import DatabaseContract
from strongroom_sqlalchemy import (
    AsyncDriver,
    AsyncSqlAlchemyConnector,
    ConnectionComponents,
    SqlAlchemyConnector,
    SyncDriver,
)
from strongroom_sqlalchemy.database import check_make_url

CREATE = "CREATE TABLE IF NOT EXISTS customers (name varchar, address varchar);"
INSERT = "INSERT INTO customers (name, address) VALUES (:name, :address);"
PEOPLE = [{"name": name, "address": "Highway 42"} for name in ("Ford", "Unknown", "Me")]


def on_sqlite(folder: Path, driver: Any = SyncDriver.SQLITE_PYSQLITE, **fields: Any) -> SqlAlchemyConnector:
    info = ConnectionComponents(driver=driver, database=str(folder / "my.db"))
    return SqlAlchemyConnector(connection_info=info, **fields)


def awaited(folder: Path, kind: type = AsyncSqlAlchemyConnector) -> Any:
    info = ConnectionComponents(driver=AsyncDriver.SQLITE_AIOSQLITE, database=str(folder / "my.db"))
    return kind(connection_info=info)


@pytest.fixture
def connector(tmp_path: Path) -> SqlAlchemyConnector:
    connector = on_sqlite(tmp_path)
    connector.execute(CREATE)
    connector.execute_many(INSERT, seq_of_parameters=PEOPLE)
    return connector


class TestContract(DatabaseContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Any:
        return on_sqlite(tmp_path)


class TestContractOnPostgreSQL(DatabaseContract):
    placeholder = "%s"

    @pytest.fixture
    def database(self, postgres: PostgresDatabase) -> Any:
        return SqlAlchemyConnector(connection_info=postgres.url.replace("postgresql:", "postgresql+psycopg:"))


def test_a_script_runs_with_its_import_lines_changed(tmp_path: Path) -> None:
    on_sqlite(tmp_path).save("block-name")

    @task
    def setup_table(block_name: str) -> None:
        with SqlAlchemyConnector.load(block_name) as connector:
            connector.execute(CREATE)
            connector.execute(INSERT, parameters={"name": "Marvin", "address": "Highway 42"})
            connector.execute_many(INSERT, seq_of_parameters=PEOPLE[:2])

    @task
    def fetch_data(block_name: str) -> list[Any]:
        all_rows = []
        with SqlAlchemyConnector.load(block_name) as connector:
            while True:
                new_rows = connector.fetch_many("SELECT * FROM customers", size=2)
                if len(new_rows) == 0:
                    break
                all_rows.append(new_rows)
        return all_rows

    @flow
    def sqlalchemy_flow(block_name: str) -> list[Any]:
        setup_table(block_name)
        return fetch_data(block_name)

    assert sqlalchemy_flow("block-name") == [
        [("Marvin", "Highway 42"), ("Ford", "Highway 42")],
        [("Unknown", "Highway 42")],
    ]


@pytest.mark.parametrize("kind", [AsyncSqlAlchemyConnector, SqlAlchemyConnector])
def test_a_script_that_awaits_runs_with_a_driver_to_await(tmp_path: Path, kind: Any) -> None:
    awaited(tmp_path, kind).save("block-name")

    @flow
    async def sqlalchemy_flow() -> list[Any]:
        async with await kind.load("block-name") as connector:
            await connector.execute(CREATE)
            await connector.execute_many(INSERT, seq_of_parameters=PEOPLE)
        async with kind.load("block-name") as connector:
            rows = [await connector.fetch_one("SELECT name FROM customers ORDER BY name")]
            while new := await connector.fetch_many("SELECT name FROM customers ORDER BY name", size=2):
                rows += new
            assert await connector.afetch_all("SELECT count(*) FROM customers") == [(3,)]
            await connector.reset_connections()
            assert await connector.fetch_all("SELECT count(*) FROM customers") == [(3,)]
            async with connector.get_connection() as connection:
                await connection.execute(sqlalchemy.text("DELETE FROM customers"))
            async with connector.get_client("engine").connect() as connection:
                assert (await connection.execute(sqlalchemy.text("SELECT count(*) FROM customers"))).scalar() == 0
        return rows

    assert asyncio.run(sqlalchemy_flow()) == [("Ford",), ("Me",), ("Unknown",)]


def test_a_script_that_awaits_runs_with_a_driver_that_waits(connector: SqlAlchemyConnector) -> None:
    async def script() -> Any:
        async with connector as database:
            assert await database.fetch_many("SELECT name FROM customers", size=2) == [("Ford",), ("Unknown",)]
            assert await database.fetch_one("SELECT name FROM customers") == ("Me",)
            await database.reset_connections()
            return await database.fetch_one("SELECT name FROM customers")

    assert asyncio.run(script()) == ("Ford",)


def test_coroutines_share_a_connector(tmp_path: Path) -> None:
    async def work() -> list[Any]:
        async with awaited(tmp_path) as database:
            queries = [f"select {number} as n" for number in range(5)]
            found = await asyncio.gather(*map(database.fetch_all, queries), *map(database.fetch_all, queries))
            return [rows for rows in found if rows]

    assert sorted(asyncio.run(asyncio.wait_for(work(), 60))) == [[(number,)] for number in range(5)]


def test_threads_make_one_engine(connector: SqlAlchemyConnector) -> None:
    connector.close()
    at_once = threading.Barrier(8)

    def get(_: int) -> Any:
        at_once.wait(30)
        return connector.get_engine()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(get, range(8)))) == 1


def test_a_result_that_broke_off_gives_its_connection_back(postgres: PostgresDatabase) -> None:
    info = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    with SqlAlchemyConnector(connection_info=info) as connector:
        connector.get_engine(pool_size=1, max_overflow=0, pool_timeout=5)
        broken = "select 1 / (3 - n) from generate_series(1, 5) n"
        for _ in range(3):
            with pytest.raises(sqlalchemy.exc.DataError):
                connector.fetch_all(broken, stream_results=True, max_row_buffer=1)
        assert connector.fetch_all("select 1") == [(1,)]


def test_a_connector_is_used_in_one_event_loop_after_another(tmp_path: Path) -> None:
    connector = awaited(tmp_path)
    for count in (1, 2):
        asyncio.run(connector.execute(CREATE))
        asyncio.run(connector.execute(INSERT, PEOPLE[0]))
        assert asyncio.run(connector.fetch_all("SELECT count(*) FROM customers")) == [(count,)]
    asyncio.run(connector.close())


class TestFetching:
    def test_the_same_call_goes_on_where_the_last_one_stopped(self, connector: SqlAlchemyConnector) -> None:
        sql = "SELECT name FROM customers WHERE address = :address ORDER BY name"
        given = {"address": "Highway 42"}
        assert connector.fetch_one(sql, parameters=given) == ("Ford",)
        assert connector.fetch_many(sql, given) == [("Me",)]  # fetch_size is 1
        assert connector.fetch_all(sql, given) == [("Unknown",)]
        assert connector.fetch_one(sql, given) is None
        assert connector.fetch_many(sql, given, size=5) == []
        assert connector.fetch_one(sql, {"address": "elsewhere"}) is None
        connector.reset_connections()
        assert len(connector.fetch_many(sql, given, size=5)) == 3

    def test_while_a_result_is_open_others_may_write(self, connector: SqlAlchemyConnector) -> None:
        assert connector.fetch_all("SELECT name FROM customers") == [("Ford",), ("Unknown",), ("Me",)]
        assert connector.fetch_one("SELECT address FROM customers") == ("Highway 42",)
        assert connector.execute("DELETE FROM customers WHERE name = 'Me'").rowcount == 1
        assert connector.fetch_all("SELECT name FROM customers") == []
        assert len(connector.fetch_all("SELECT address FROM customers")) == 2  # of those that were there before
        connector.reset_cursors()
        assert len(connector.fetch_all("SELECT name FROM customers")) == 2

    def test_what_gives_rows_and_changes_some_is_kept(self, connector: SqlAlchemyConnector) -> None:
        assert connector.fetch_all("INSERT INTO customers VALUES ('New', 'x') RETURNING name") == [("New",)]
        assert connector.execute("INSERT INTO customers VALUES ('Two', 'x') RETURNING name").all() == [("Two",)]
        connector.close()
        assert connector.fetch_all("SELECT count(*) FROM customers") == [(5,)]

    def test_constructs_and_options_of_sqlalchemy_are_taken(self, connector: SqlAlchemyConnector) -> None:
        customers = sqlalchemy.table("customers", sqlalchemy.column("name"), sqlalchemy.column("address"))
        assert connector.fetch_one(sqlalchemy.select(customers.c.name), stream_results=True) == ("Ford",)
        assert connector.execute(sqlalchemy.delete(customers)).rowcount == 3
        connector.execute_many(sqlalchemy.insert(customers), PEOPLE)
        with connector.get_connection(begin=False) as connection:
            assert connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(customers)).scalar() == 3

    def test_a_transaction_of_a_connection_is_undone_if_it_raises(self, connector: SqlAlchemyConnector) -> None:
        def failing() -> None:
            with connector.get_client("connection") as connection:
                connection.execute(sqlalchemy.text("DELETE FROM customers"))
                raise KeyError("on purpose")

        with pytest.raises(KeyError, match="on purpose"):
            failing()
        assert connector.fetch_all("SELECT count(*) FROM customers") == [(3,)]

    def test_the_engine_is_one_until_it_is_closed(self, connector: SqlAlchemyConnector) -> None:
        engine = connector.get_engine()
        assert connector.get_engine() is connector.get_client(client_type="engine") is engine
        with connector:
            pass
        assert connector.get_engine(echo=False) is not engine
        with pytest.raises(ValueError, match="client_type is 'engine' or 'connection'"):
            connector.get_client("cursor")  # type: ignore[arg-type]

    def test_a_database_in_memory_is_one_for_all_threads(self) -> None:
        connector = SqlAlchemyConnector(connection_info={"driver": "sqlite", "database": ":memory:"})
        connector.execute(CREATE)

        async def script() -> Any:
            await connector.aexecute_many(INSERT, PEOPLE)
            return await connector.afetch_all("SELECT name FROM customers")

        assert len(asyncio.run(script())) == 3

    def test_a_forked_process_and_a_copy_have_connections_of_their_own(self, connector: SqlAlchemyConnector) -> None:
        assert connector.fetch_one("SELECT name FROM customers") == ("Ford",)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if connector.fetch_one("SELECT name FROM customers") == ("Ford",) else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        twin = copy.deepcopy(connector)
        assert twin.fetch_one("SELECT name FROM customers") == ("Ford",)
        assert connector.fetch_one("SELECT name FROM customers") == ("Unknown",)

    def test_tasks_over_databases_take_a_connector(self, connector: SqlAlchemyConnector) -> None:
        assert queries.query(connector, "select name from customers where name < :s", {"s": "G"}) == [{"name": "Ford"}]
        assert queries.insert_rows(connector, "customers", [{"name": "New", "address": "x"}]) == 1


class TestLogins:
    def test_a_url_is_taken_apart_and_its_password_sealed(self, canary: Plant) -> None:
        word = canary("password")
        connector = SqlAlchemyConnector(connection_info=f"postgresql+psycopg2://me:{word}@db.example:5433/crm?a=b")
        info = connector.connection_info
        assert (info.driver, info.port, info.username) == (SyncDriver.POSTGRESQL_PSYCOPG2, 5433, "me")
        connector.save("crm")
        loaded = SqlAlchemyConnector.load("crm")
        assert loaded == connector
        url = loaded.connection_info.create_url()
        assert url.render_as_string(hide_password=False) == f"postgresql+psycopg2://me:{word}@db.example:5433/crm?a=b"
        assert word not in f"{loaded!r} {url!r} {loaded.model_dump_json()}"

    def test_parts_are_taken_as_scripts_give_them(self) -> None:
        info = ConnectionComponents(
            driver="mysql+pymysql", username="u", password="p", host="h", port="3306", database="d", query={"k": "v"}
        )  # type: ignore[arg-type]
        assert info.driver is SyncDriver.MYSQL_PYMYSQL
        assert str(info.create_url()) == "mysql+pymysql://u:***@h:3306/d?k=v"
        assert ConnectionComponents(driver="duckdb", database="x").create_url().drivername == "duckdb"

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda: AsyncSqlAlchemyConnector(connection_info="sqlite:///x.db"), "SqlAlchemyConnector takes it"),
            (lambda: SqlAlchemyConnector(connection_info="no url"), "connection_info"),
            (lambda: check_make_url("no url"), "no URL of a database"),
            (lambda: SqlAlchemyConnector(connection_info={"driver": "sqlite"}, fetch_size=0), "fetch_size"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, make: Callable[[], Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            make()
        assert check_make_url("sqlite:///x.db") == "sqlite:///x.db"

    def test_a_driver_that_is_not_installed_is_named(self) -> None:
        connector = SqlAlchemyConnector(connection_info={"driver": SyncDriver.MYSQL_PYMYSQL, "host": "127.0.0.1"})
        with pytest.raises(MissingExtra, match="pymysql"):
            connector.execute("select 1")

    def test_a_driver_to_await_is_not_left_without(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="async with"), awaited(tmp_path, SqlAlchemyConnector):
            pass


class TestRotation:
    """A server that does not take the login any more: the real one, asked through each colour of driver."""

    def info(self, postgres: PostgresDatabase, password: Any, driver: str = "postgresql+psycopg") -> dict[str, Any]:
        return {
            "driver": driver,
            "host": postgres.server.host,
            "port": postgres.server.port,
            "database": postgres.name,
            "username": postgres.user,
            "password": password,
        }

    def test_a_newer_version_of_the_block_is_loaded_once(self, postgres: PostgresDatabase) -> None:
        SqlAlchemyConnector(connection_info=self.info(postgres, "of-yesterday")).save("crm")
        connector = SqlAlchemyConnector.load("crm")
        with pytest.raises(sqlalchemy.exc.OperationalError, match="authentication failed"):
            connector.fetch_one("select 1")
        SqlAlchemyConnector(connection_info=self.info(postgres, postgres.password)).save("crm", overwrite=True)
        assert connector.fetch_one("select 1") == (1,)
        with connector.get_connection() as one, connector.get_connection() as other:
            assert one.exec_driver_sql("select 1").scalar() == other.exec_driver_sql("select 1").scalar()
        assert connector.check(10).startswith("logged in")
        connector.close()

    def test_a_secret_that_stays_elsewhere_is_fetched_anew(self, postgres: PostgresDatabase) -> None:
        shelf = Shelf(key="of-yesterday")
        with using_sources({"shelf": shelf}):
            connector = SqlAlchemyConnector(connection_info=self.info(postgres, secret_from("shelf:key")))
            with pytest.raises(sqlalchemy.exc.OperationalError):
                connector.fetch_one("select 1")
            shelf.secrets["key"] = postgres.password
            assert connector.fetch_one("select 1") == (1,)
            calls = len(shelf.calls)
            assert connector.fetch_one("select 2") == (2,)
            assert len(shelf.calls) == calls
            connector.close()

    def test_a_driver_to_await_does_so_too(self, postgres: PostgresDatabase) -> None:
        def with_password(password: str) -> AsyncSqlAlchemyConnector:
            return AsyncSqlAlchemyConnector(connection_info=self.info(postgres, password, "postgresql+psycopg_async"))

        async def rotated() -> Any:
            async with AsyncSqlAlchemyConnector.load("crm") as connector:
                with_password(postgres.password).save("crm", overwrite=True)
                return await connector.fetch_one("select 1")

        with_password("of-yesterday").save("crm")
        assert asyncio.run(rotated()) == (1,)

    def test_nothing_stays_set(self, postgres: PostgresDatabase) -> None:
        with SqlAlchemyConnector(connection_info=self.info(postgres, postgres.password)) as connector:
            connector.get_engine(pool_size=1, max_overflow=0)
            connector.execute(f"set role {postgres.user}")
            assert connector.fetch_all("select current_setting('role')") == [("none",)]
            with connector.connection() as connection:
                connection.cursor().execute(f"set role {postgres.user}")
            connector.reset_connections()
            assert connector.fetch_all("select current_setting('role')") == [("none",)]


class TestChecks:
    def test_what_works_says_so_in_both_colours(self, tmp_path: Path, postgres: PostgresDatabase) -> None:
        for connector in (on_sqlite(tmp_path), awaited(tmp_path)):
            [finding] = check(connector, 10)
            assert finding.told.startswith("opens and answers, sqlite 3")
        at_postgres = SqlAlchemyConnector(connection_info=postgres.url.replace("postgresql:", "postgresql+psycopg:"))
        assert check(at_postgres, 10)[0].told.startswith(f"logged in as {postgres.user}, postgresql 1")

    def test_what_does_not_says_why(self, postgres: PostgresDatabase) -> None:
        url = postgres.url_for(postgres.user, "wrong").replace("postgresql:", "postgresql+psycopg:")
        [finding] = check(SqlAlchemyConnector(connection_info=url), 10)
        assert (finding.state, bool(finding.remedy)) == ("denied", True)


def test_the_blocks_are_found_by_their_types(tmp_path: Path) -> None:
    on_sqlite(tmp_path).save("one")
    assert isinstance(Block.load("sqlalchemy-connector/one"), SqlAlchemyConnector)
