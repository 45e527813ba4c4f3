"""DuckDB, in memory and in a file."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
from strongroom_blocks.errors import MissingExtra
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
