"""PostgreSQL as a block, against a real server."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from canaries import Plant
from psycopg_pool import PoolTimeout
from servers.postgres import PostgresDatabase
from strongroom.planting import plant
from strongroom_blocks import secret_from
from strongroom_blocks.checking import check
from strongroom_blocks.errors import BlockValidationError, MissingExtra
from strongroom_blocks.testing import DatabaseContract
from strongroom_blocks.types import PostgreSQL
from strongroom_blocks.types.postgresql_login import connections_of
from strongroom_registry import Registry
from strongroom_registry.stores.postgres import connections


def block(postgres: PostgresDatabase, **changes: Any) -> PostgreSQL:
    values = {
        "host": postgres.server.host,
        "port": postgres.server.port,
        "database": postgres.name,
        "user": postgres.user,
        "password": postgres.password,
    }
    return PostgreSQL(**{**values, **changes})


@pytest.fixture
def database(postgres: PostgresDatabase) -> PostgreSQL:
    return block(postgres)


class TestContract(DatabaseContract):
    placeholder = "%s"

    @pytest.fixture
    def database(self, postgres: PostgresDatabase) -> PostgreSQL:
        return block(postgres)


class TestConnections:
    def test_several_calls_are_one_transaction_and_are_undone_together(self, database: PostgreSQL) -> None:
        database.execute("create table t (n integer)")
        with pytest.raises(psycopg.errors.DivisionByZero), database.connection() as connection:
            connection.execute("insert into t values (1)") and connection.execute("select 1/0")
        assert database.fetch_all("select n from t") == []
        with database.connection() as connection:
            connection.execute("insert into t values (1)")
            connection.execute("insert into t values (2)")
        assert database.fetch_all("select n from t order by n") == [(1,), (2,)]

    def test_named_parameters_are_bound_and_percent_signs_may_stand_without_any(self, database: PostgreSQL) -> None:
        assert database.fetch_one("select %(n)s::int + 1", {"n": 1}) == (2,)
        assert database.fetch_one("select 'a%' like '%a%'") == (True,)

    def test_blocks_with_the_same_values_share_their_connections(
        self, postgres: PostgresDatabase, registry: Registry
    ) -> None:
        block(postgres).save("warehouse")
        one, other = PostgreSQL.load("warehouse"), PostgreSQL.load("warehouse")
        assert one.fetch_one("select pg_backend_pid()") == other.fetch_one("select pg_backend_pid()")
        other.options = {"statement_timeout": "9s"}
        assert one.fetch_one("select pg_backend_pid()") != other.fetch_one("select pg_backend_pid()")

    def test_a_connection_comes_back_as_it_was_lent(self, database: PostgreSQL) -> None:
        with database.connection() as connection:
            connection.autocommit = True
            connection.execute("vacuum")
        with database.connection() as again:
            assert again is connection
            assert not again.autocommit
            again.close()
        assert database.fetch_one("select 1") == (1,)

    def test_one_that_the_server_ended_is_replaced(self, database: PostgreSQL, postgres: PostgresDatabase) -> None:
        database.fetch_one("select 1")
        postgres.break_off()
        assert database.fetch_one("select 1") == (1,)

    def test_no_more_are_opened_than_allowed(self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0.2)
        database = block(postgres, pool_size=2)
        with (
            database.connection(),
            database.connection(),
            pytest.raises(PoolTimeout, match="pool_size"),
            database.connection(),
        ):
            pass
        assert database.fetch_one("select 1") == (1,)

    def test_threads_do_not_share_one(self, database: PostgreSQL) -> None:
        barrier, found = threading.Barrier(3), set()

        def look() -> None:
            with database.connection() as connection:
                found.add(connection.info.backend_pid)
                barrier.wait()

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3

    def test_a_forked_process_has_its_own(self, database: PostgreSQL) -> None:
        before = database.fetch_one("select pg_backend_pid()")
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if database.fetch_one("select pg_backend_pid()") != before else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert database.fetch_one("select pg_backend_pid()") == before

    def test_the_connections_of_many_logins_are_not_all_kept(self, postgres: PostgresDatabase) -> None:
        first = block(postgres)
        first.fetch_one("select 1")
        kept = connections_of(first._login(), 5)
        for number in range(16):
            connections_of(block(postgres, connect_timeout=20 + number)._login(), 5)
        with pytest.raises(RuntimeError, match="closed"):
            kept.take()
        assert first.fetch_one("select 1") == (1,)

    def test_settings_reach_the_server_as_they_are(self, postgres: PostgresDatabase) -> None:
        options = {"search_path": 'pg_catalog, "a b\\c"', "jit": False, "statement_timeout": 7000, "my.word": "é x"}
        database = block(postgres, options=options, sslmode="disable")
        assert database.fetch_one("show search_path") == ('pg_catalog, "a b\\c"',)
        assert database.fetch_one("show jit") == ("off",)
        assert database.fetch_one("show statement_timeout") == ("7s",)
        assert database.fetch_one("select current_setting('my.word')") == ("é x",)

    @pytest.mark.parametrize("name", ["", "a b", "-c", "x=1 -c y"])
    def test_what_names_no_setting_is_refused(self, postgres: PostgresDatabase, name: str) -> None:
        with pytest.raises(BlockValidationError, match="options"):
            block(postgres, options={name: 1})


class TestSecrets:
    def test_a_refused_password_shows_nowhere(self, postgres: PostgresDatabase, canary: Plant) -> None:
        wrong = canary("password")
        database = block(postgres, password=wrong)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed") as refused:
            database.fetch_one("select 1")
        assert refused.value.__context__ is None
        frames = []
        trace = refused.value.__traceback__
        while trace is not None:
            frames.append(repr({k: v for k, v in trace.tb_frame.f_locals.items() if k != "wrong"}))
            trace = trace.tb_next
        assert wrong not in "".join(frames)
        assert wrong not in repr(database._login())

    def test_a_password_that_its_source_replaced_is_fetched_anew(
        self, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_text(postgres.password)
        database = block(postgres, password=secret_from(f"file:{file}"))
        assert database.fetch_one("select 1") == (1,)
        newer = secrets.token_urlsafe(12)
        postgres.administer(f"alter role {postgres.user} password '{newer}'")
        file.write_text(newer)
        postgres.break_off()
        assert database.fetch_one("select 1") == (1,)

    def test_it_is_stored_sealed_and_comes_back(self, postgres: PostgresDatabase, registry: Registry) -> None:
        saved = block(postgres, sslmode="prefer", options={"jit": False})
        saved.save("warehouse")
        assert PostgreSQL.load("warehouse") == saved
        assert postgres.password not in repr(saved)

    def test_other_clients_find_the_variables_that_they_read(self, postgres: PostgresDatabase) -> None:
        database = block(postgres, options={"search_path": "pg_catalog", "statement_timeout": "8s"})
        code = "import psycopg; c = psycopg.connect(); print(c.execute('show statement_timeout').fetchone()[0])"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**inherited, **database.environment()},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "8s\n"
        assert "PGUSER" not in PostgreSQL(database="db").environment()


class TestChecks:
    def test_what_works_says_as_whom(self, database: PostgreSQL, postgres: PostgresDatabase) -> None:
        [finding] = check(database, 10)
        assert finding.state == "works"
        assert finding.told.startswith(f"logged in as {postgres.user}, PostgreSQL 1")

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"password": "wrong"}, "denied"),
            ({"user": "nobody_at_all"}, "denied"),
            ({"password": None}, "denied"),
            ({"database": "elsewhere"}, "absent"),
            ({"host": "/nowhere"}, "unreachable"),
            ({"host": "name.invalid"}, "unreachable"),
            ({"options": {"no_such_setting": 1}}, "failed"),
        ],
    )
    def test_what_does_not_says_why(self, postgres: PostgresDatabase, changes: dict[str, Any], state: str) -> None:
        [finding] = check(block(postgres, **changes), 10)
        assert finding.state == state, finding
        assert finding.remedy

    def test_a_server_that_cannot_prove_who_it_is_is_not_trusted(
        self, postgres: PostgresDatabase, tmp_path: Path
    ) -> None:
        if postgres.server.tls is None:
            pytest.skip("this server was built without TLS")
        trusted = block(postgres, sslmode="verify-full", sslrootcert=postgres.server.tls)
        assert check(trusted, 10)[0].state == "works"
        other = block(postgres, sslmode="verify-full", sslrootcert=str(tmp_path / "none.crt"))
        assert check(other, 10)[0].state == "unreachable"


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"strongroom\[postgres\]"):
        PostgreSQL(database="db").execute("select 1")


class TestHandOver:
    def test_other_libraries_take_the_url_and_the_engine(self, postgres: PostgresDatabase) -> None:
        import pandas

        database = block(postgres, options={"statement_timeout": "8s"})
        with psycopg.connect(database.url()) as connection:
            assert connection.execute("show statement_timeout").fetchone() == ("8s",)
        pandas.DataFrame({"n": [1, 2]}).to_sql("t", database.engine(), index=False)
        assert pandas.read_sql("select n from t order by n", database.engine())["n"].tolist() == [1, 2]
        assert database.engine() is block(postgres, options={"statement_timeout": "8s"}).engine()
        assert postgres.password not in f"{database.engine()!r} {database.engine().url!r}"

    def test_parts_that_a_url_cannot_hold_as_they_are_come_back(self) -> None:
        word = secrets.token_urlsafe(4) + "@:/%"
        url = PostgreSQL(host="::1", database="a/b", user="u@x", password=word, sslrootcert="/c a").url()
        found = psycopg.conninfo.conninfo_to_dict(url)
        assert (found["host"], found["dbname"], found["user"]) == ("::1", "a/b", "u@x")
        assert (found["password"], found["sslrootcert"]) == (word, "/c a")


def test_rows_are_streamed_by_the_server_and_not_all_sent_at_once(database: PostgreSQL) -> None:
    rows = database.iter_batches("select n, repeat('x', 1000) from generate_series(1, 100000000) n", size=10)
    assert [len(next(rows)) for _ in range(3)] == [10, 10, 10]
    rows.close()  # type: ignore[attr-defined]
    assert database.fetch_one("select 1") == (1,)


class FromOutside(BaseException):
    """What ends a run is none of Python's own interrupts: a timeout, a cancellation."""


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, FromOutside])
def test_an_interrupt_of_the_thread_ends_the_statement_on_the_server_too(
    postgres: PostgresDatabase, interrupt: type[BaseException]
) -> None:
    database = block(postgres, pool_size=1)
    ended: list[BaseException] = []
    started = threading.Event()

    def wait() -> None:
        try:
            with database.transaction() as work:
                assert work.fetch_one("select 1") == (1,)
                started.set()
                work.execute("select pg_sleep(120)")
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(20)
    running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
    while postgres.administer(running) == [(0,)]:
        pass
    plant(thread.ident or 0, interrupt)
    thread.join(60)
    assert [type(error) for error in ended] == [interrupt]
    assert postgres.administer(running) == [(0,)]
    assert database.fetch_one("select 1") == (1,)


def test_a_connection_that_ended_while_it_was_lent_leaves_room_for_the_next(postgres: PostgresDatabase) -> None:
    database = block(postgres, pool_size=1)

    def broken_off() -> None:
        with database.connection() as connection:
            connection.execute("select 1")
            postgres.break_off()
            raise ValueError("mine")

    for _ in range(3):
        with pytest.raises(ValueError, match="mine"):
            broken_off()
    assert database.fetch_one("select 1") == (1,)


def test_the_engine_of_a_password_that_was_rotated_is_let_go(postgres: PostgresDatabase) -> None:
    former = block(postgres, password=secrets.token_hex(8))
    engine = former.engine()
    assert former.engine() is engine
    assert block(postgres).engine() is not engine
    assert former.engine() is not engine


def test_a_statement_ends_with_the_coroutine_that_awaits_it(postgres: PostgresDatabase) -> None:
    database = block(postgres, pool_size=1)
    running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"

    async def work() -> None:
        asking = asyncio.create_task(database.aexecute("select pg_sleep(120)"))
        while await asyncio.to_thread(postgres.administer, running) == [(0,)]:
            pass
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(work())  # which waits for its threads
    assert postgres.administer(running) == [(0,)]
    assert database.fetch_one("select 1") == (1,)


class TestSessions:
    """What is set by one stays with it."""

    SHOWN = "select current_setting('role'), current_setting('search_path'), current_setting('work_mem')"

    @pytest.fixture
    def alone(self, postgres: PostgresDatabase) -> PostgreSQL:
        return block(postgres, pool_size=1, options={"work_mem": "5MB"})

    @pytest.mark.parametrize(
        "statement",
        [
            "set role {user}",
            "set search_path to elsewhere",
            "-- as reader\nSET SESSION work_mem = '9MB'",
            "select 1; /* and */ set role {user}",
            "select set_config('work_mem', '9MB', false)",
        ],
    )
    def test_what_a_statement_sets_is_not_there_for_the_next(self, alone: PostgreSQL, statement: str) -> None:
        statement = statement.format(user=alone.user)
        before = alone.fetch_one(self.SHOWN)
        assert before == ("none", '"$user", public', "5MB")
        alone.execute(statement)
        assert alone.fetch_one(self.SHOWN) == before
        with alone.transaction() as work:
            work.execute(statement)
            assert work.fetch_one(self.SHOWN) != before
        assert alone.fetch_one(self.SHOWN) == before
        with alone.connection() as connection:
            connection.execute(statement.encode())
        assert alone.fetch_one(self.SHOWN) == before
        with suppress(psycopg.errors.DivisionByZero), alone.transaction() as work:
            work.execute(statement)
            work.execute("commit")
            work.execute("select 1/0")
        assert alone.fetch_one(self.SHOWN) == before

    def test_statements_that_set_nothing_keep_their_connection(self, alone: PostgreSQL) -> None:
        number = alone.fetch_one("select pg_backend_pid()")
        alone.execute("create table t (n integer)")
        alone.execute("insert into t values (1)")
        alone.execute(f"update t set n = 2; set local role {alone.user}")
        alone.execute(f"set role {alone.user}")
        assert alone.fetch_one("select pg_backend_pid()") == number
