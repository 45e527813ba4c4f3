"""Any database of SQLAlchemy's as a block: SQLite, and a real PostgreSQL."""

from __future__ import annotations

import secrets
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from servers.postgres import PostgresDatabase
from sqlalchemy.exc import DBAPIError, OperationalError
from strongroom_blocks import secret_from
from strongroom_blocks.checking import check
from strongroom_blocks.errors import BlockValidationError, MissingExtra
from strongroom_blocks.testing import DatabaseContract
from strongroom_blocks.types import SqlDatabase
from strongroom_registry import Registry


def on_postgres(postgres: PostgresDatabase, **changes: Any) -> SqlDatabase:
    values: dict[str, Any] = {
        "driver": "postgresql",
        "host": postgres.server.host,
        "port": postgres.server.port,
        "database": postgres.name,
        "username": postgres.user,
        "password": postgres.password,
    }
    return SqlDatabase(**{**values, **changes})


@pytest.fixture
def database(postgres: PostgresDatabase) -> SqlDatabase:
    return on_postgres(postgres)


class TestOnPostgreSQL(DatabaseContract):
    placeholder = "%s"

    @pytest.fixture
    def database(self, postgres: PostgresDatabase) -> SqlDatabase:
        return on_postgres(postgres)


class TestOnSQLite(DatabaseContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> SqlDatabase:
        return SqlDatabase(driver="sqlite", database=str(tmp_path / "data.sqlite"))


class TestInMemory(DatabaseContract):
    survives_forks = False

    @pytest.fixture
    def database(self) -> SqlDatabase:
        return SqlDatabase(driver="sqlite")


class TestUrls:
    def test_a_url_is_split_and_its_password_sealed(self, canary: Plant, registry: Registry) -> None:
        word = canary("password")
        block = SqlDatabase.from_url(f"mysql+pymysql://me:{word}@db.example:3307/crm?charset=utf8mb4", pool_size=2)
        assert (block.driver, block.host, block.port, block.database) == ("mysql+pymysql", "db.example", 3307, "crm")
        assert (block.username, block.pool_size) == ("me", 2)
        assert block.password is not None
        assert block.password.get_secret_value() == word
        assert block.query.get_secret_value() == {"charset": "utf8mb4"}
        block.save("crm")
        assert SqlDatabase.load("crm") == block
        assert word not in f"{block!r} {block.url()!r} {block.url()}"
        assert (
            block.url().render_as_string(hide_password=False).endswith(f":{word}@db.example:3307/crm?charset=utf8mb4")
        )

    def test_parts_of_any_text_come_back(self, tmp_path: Path) -> None:
        block = SqlDatabase(
            driver="sqlite", username="a@b", password="p:/@%", host="h", database="ü/x", query={"k": ["1", "2"]}
        )
        text = block.url().render_as_string(hide_password=False)
        assert SqlDatabase.from_url(text) == block

    @pytest.mark.parametrize("url", ["no url with a {}", "postgresql://me:{}@host:port/db"])
    def test_what_is_no_url_is_refused_without_it(self, url: str, canary: Plant) -> None:
        word = canary("password")
        with pytest.raises(BlockValidationError, match="no URL of a database") as caught:
            SqlDatabase.from_url(url.format(word))
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert shown.count(word) == shown.count(f"word = '{word}'")

    @pytest.mark.parametrize(
        ("driver", "said"),
        [("SQLite", "names no driver"), ("postgresql+asyncpg", "asynchronous"), ("x://y", "no driver")],
    )
    def test_what_is_no_driver_of_ours_is_refused(self, driver: str, said: str) -> None:
        with pytest.raises(BlockValidationError, match=said):
            SqlDatabase(driver=driver)

    @pytest.mark.parametrize("driver", ["nonsense", "mysql+cymysql"])
    def test_a_driver_that_is_not_installed_is_named(self, driver: str) -> None:
        with pytest.raises(MissingExtra, match=driver.partition("+")[2] or driver):
            SqlDatabase(driver=driver, host="127.0.0.1").execute("select 1")

    def test_without_sqlalchemy_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sqlalchemy", None)
        with pytest.raises(MissingExtra, match=r"strongroom\[sql\]"):
            SqlDatabase(driver="sqlite").execute("select 1")


class TestConnections:
    def test_blocks_with_the_same_values_share_them(self, postgres: PostgresDatabase) -> None:
        one, other = on_postgres(postgres), on_postgres(postgres)
        assert one.engine() is other.engine()
        other.connect_args = {"connect_timeout": 9}  # type: ignore[assignment]
        assert one.engine() is not other.engine()
        assert SqlDatabase(driver="sqlite").engine() is not SqlDatabase(driver="sqlite").engine()

    def test_one_that_the_server_ended_is_replaced(self, database: SqlDatabase, postgres: PostgresDatabase) -> None:
        before = database.fetch_one("select pg_backend_pid()")
        postgres.break_off()
        assert database.fetch_one("select pg_backend_pid()") != before

    def test_threads_do_not_share_one(self, database: SqlDatabase) -> None:
        barrier, found = threading.Barrier(3), set()

        def look() -> None:
            with database.transaction() as work:
                found.add(work.fetch_one("select pg_backend_pid()"))
                barrier.wait()

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3

    def test_connect_args_and_query_reach_the_driver(self, postgres: PostgresDatabase) -> None:
        block = on_postgres(
            postgres, connect_args={"application_name": "etl"}, query={"options": "-c statement_timeout=7000"}
        )
        assert block.fetch_one("show application_name") == ("etl",)
        assert block.fetch_one("show statement_timeout") == ("7s",)

    def test_pandas_takes_the_engine(self, database: SqlDatabase) -> None:
        import pandas

        frame = pandas.DataFrame({"n": [1, 2], "s": ["a", "b"]})
        frame.to_sql("t", database.engine(), index=False)
        assert pandas.read_sql("select n from t order by n", database.engine())["n"].tolist() == [1, 2]


class TestSecrets:
    def test_a_refused_password_shows_nowhere(self, postgres: PostgresDatabase, canary: Plant) -> None:
        wrong = canary("password")
        database = on_postgres(postgres, password=wrong)
        with pytest.raises(OperationalError, match="password authentication failed") as refused:
            database.fetch_one("select 1")
        error: BaseException | None = refused.value
        while error is not None:
            frames, trace = [], error.__traceback__
            while trace is not None:
                frames.append(repr({k: v for k, v in trace.tb_frame.f_locals.items() if k != "wrong"}))
                trace = trace.tb_next
            assert wrong not in "".join(frames)
            error = error.__cause__ or error.__context__

    def test_a_password_that_its_source_replaced_is_fetched_anew_and_the_former_connections_let_go(
        self, postgres: PostgresDatabase, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_text(postgres.password)
        database = on_postgres(postgres, password=secret_from(f"file:{file}"))
        former = database.engine()
        assert database.fetch_one("select 1") == (1,)
        newer = secrets.token_urlsafe(12)
        postgres.administer(f"alter role {postgres.user} password '{newer}'")
        file.write_text(newer)
        postgres.break_off()
        assert database.fetch_one("select 1") == (1,)
        assert database.engine() is not former
        assert former.pool.checkedin() == 0

    def test_the_values_of_a_statement_do_not_show_in_its_error(self, database: SqlDatabase) -> None:
        with pytest.raises(DBAPIError) as caught:
            database.execute_many("insert into nowhere values (:n)", [{"n": "to-hide"}])
        assert "to-hide" not in str(caught.value)


class TestChecks:
    def test_what_works_says_as_whom(self, database: SqlDatabase, postgres: PostgresDatabase, tmp_path: Path) -> None:
        [finding] = check(database, 10)
        assert finding.state == "works"
        assert finding.told.startswith(f"logged in as {postgres.user}, postgresql 1")
        [finding] = check(SqlDatabase(driver="sqlite"), 10)
        assert finding.told.startswith("opens and answers, sqlite 3")

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"password": "wrong"}, "denied"),
            ({"username": "nobody_at_all"}, "denied"),
            ({"database": "elsewhere"}, "absent"),
            ({"host": "name.invalid"}, "unreachable"),
            ({"port": 1}, "unreachable"),
            ({"connect_args": {"options": "-c no_such_setting=1"}}, "failed"),
        ],
    )
    def test_what_does_not_says_why(self, postgres: PostgresDatabase, changes: dict[str, Any], state: str) -> None:
        [finding] = check(on_postgres(postgres, **changes), 10)
        assert finding.state == state, finding
        assert finding.remedy

    def test_a_file_that_is_not_there_is_absent_and_not_made(self, tmp_path: Path) -> None:
        [finding] = check(SqlDatabase(driver="sqlite", database=str(tmp_path / "x.db")), 10)
        assert finding.state == "absent"
        assert not list(tmp_path.iterdir())


class TestSessions:
    """What is set by one stays with it."""

    SHOWN = "select current_setting('role'), current_setting('work_mem')"

    @pytest.mark.parametrize(
        "statement", ["set role {user}", "/* as */ SET work_mem = '9MB'", "select set_config('work_mem', '9MB', false)"]
    )
    def test_what_a_statement_sets_is_not_there_for_the_next(self, postgres: PostgresDatabase, statement: str) -> None:
        database = on_postgres(postgres, pool_size=1)
        statement = statement.format(user=database.username)
        before = database.fetch_one(self.SHOWN)
        database.execute(statement)
        assert database.fetch_one(self.SHOWN) == before
        with database.transaction() as work:
            work.execute(statement)
            assert work.fetch_one(self.SHOWN) != before
        assert database.fetch_one(self.SHOWN) == before
        number = database.fetch_one("select pg_backend_pid()")
        with database.connection() as connection:
            connection.cursor().execute(statement)
        assert database.fetch_one(self.SHOWN) == before
        assert database.fetch_one("select pg_backend_pid()") == number
        with database.engine().begin() as engine_connection:
            engine_connection.exec_driver_sql(statement)
        assert database.fetch_one(self.SHOWN) == before

    def test_a_database_in_memory_stays(self) -> None:
        database = SqlDatabase(driver="sqlite")
        database.execute("create table t (n integer)")
        with database.connection() as connection:
            connection.execute("insert into t values (1)")
        assert database.fetch_all("select n from t") == [(1,)]
