"""DuckDB, in memory and in a file."""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from strongroom.planting import plant
from strongroom_blocks.errors import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable, MissingExtra
from strongroom_blocks.testing import DatabaseContract
from strongroom_blocks.types import DuckDB
from strongroom_registry import Registry


class TestInMemory(DatabaseContract):
    @pytest.fixture
    def database(self) -> DuckDB:
        return DuckDB()


class TestInAFile(DatabaseContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> DuckDB:
        return DuckDB(path=str(tmp_path / "warehouse.duckdb"))


def test_two_databases_in_memory_are_two(registry: Registry) -> None:
    one, other = DuckDB(), DuckDB()
    one.execute("create table t (n integer)")
    assert one.fetch_all("select * from t") == []
    assert other.fetch_one("select count(*) from information_schema.tables") == (0,)
    one.save("memory")
    assert DuckDB.load("memory") == DuckDB()


def test_a_copy_has_a_database_of_its_own() -> None:
    database = DuckDB()
    database.execute("create table t (n integer)")
    twin = copy.deepcopy(database)
    assert twin == database
    assert twin.fetch_one("select count(*) from information_schema.tables") == (0,)


def test_a_read_only_database_is_not_written(tmp_path: Path) -> None:
    path = str(tmp_path / "w.duckdb")
    DuckDB(path=path).execute("create table t as select 1 as n")
    reader = DuckDB(path=path, read_only=True)
    assert reader.fetch_all("select n from t") == [(1,)]
    with pytest.raises(Exception, match="read-only"):
        reader.execute("drop table t")


def test_settings_and_named_parameters_reach_duckdb() -> None:
    database = DuckDB(settings={"threads": 1, "default_null_order": "nulls_first"})
    assert database.fetch_one("select current_setting('threads')") == (1,)
    assert database.fetch_one("select $n + 1", {"n": 1}) == (2,)


def test_one_connection_serves_several_calls_and_is_closed(tmp_path: Path) -> None:
    database = DuckDB(path=str(tmp_path / "w.duckdb"))
    with database.connection() as connection:
        connection.begin()
        connection.execute("create table t (n integer)")
        connection.rollback()
    with pytest.raises(Exception, match="closed"):
        connection.execute("select 1")
    assert database.fetch_one("select count(*) from information_schema.tables") == (0,)


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtra, match=r"strongroom\[duckdb\]"):
        DuckDB().execute("select 1")


class TestCheck:
    def test_a_database_that_opens_works(self, tmp_path: Path) -> None:
        assert DuckDB().check(5) == "opens and answers"
        file = DuckDB(path=str(tmp_path / "x.duckdb"))
        file.execute("create table t (n integer)")
        assert file.check(5) == "opens and answers"
        assert DuckDB(path=file.path, read_only=True).check(5) == "opens and answers"

    def test_a_file_that_is_not_there_is_absent_and_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(CheckAbsent, match=r"x\.duckdb"):
            DuckDB(path=str(tmp_path / "x.duckdb")).check(5)
        assert not list(tmp_path.glob("*.duckdb"))

    def test_a_file_that_may_not_be_opened_is_denied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "x.duckdb").touch()
        monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
        with pytest.raises(CheckDenied, match=r"x\.duckdb"):
            DuckDB(path=str(tmp_path / "x.duckdb")).check(5)

    def test_a_file_that_is_open_elsewhere_is_unreachable(self, tmp_path: Path) -> None:
        place = str(tmp_path / "x.duckdb")
        DuckDB(path=place).execute("create table t (n integer)")
        held = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", held, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            with pytest.raises(CheckUnreachable, match="open in another process"):
                DuckDB(path=place).check(5)
            other.communicate("")

    def test_what_is_no_database_or_no_setting_fails(self, tmp_path: Path) -> None:
        (tmp_path / "x.duckdb").write_bytes(b"no database " * 1000)
        for block in (DuckDB(path=str(tmp_path / "x.duckdb")), DuckDB(settings={"no_such_setting": 1})):
            with pytest.raises(CheckFailed, match="DuckDB does not open") as caught:
                block.check(5)
            assert caught.value.word == "failed"


def test_an_interrupt_of_the_thread_ends_the_query() -> None:
    database, ended, started = DuckDB(), [], threading.Event()

    def endless() -> None:
        try:
            with database.transaction() as work:
                assert work.fetch_one("select 1") == (1,)
                started.set()
                work.fetch_one("select sum(a.range * b.range) from range(1000000) a, range(10000000) b")
        except KeyboardInterrupt as error:
            ended.append(error)

    thread = threading.Thread(target=endless, daemon=True)
    thread.start()
    assert started.wait(20)
    plant(thread.ident or 0, KeyboardInterrupt)
    thread.join(60)
    assert len(ended) == 1
    assert database.fetch_one("select 1") == (1,)


def test_a_query_ends_with_the_coroutine_that_awaits_it() -> None:
    database = DuckDB()
    endless = "select sum(a.range * b.range) from range(1000000) a, range(10000000) b"

    async def work() -> None:
        asking = asyncio.create_task(database.afetch_one(endless))
        while not any(thread.name == "strongroom-sql" for thread in threading.enumerate()):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(work())  # which waits for its threads
    assert database.fetch_one("select 1") == (1,)
