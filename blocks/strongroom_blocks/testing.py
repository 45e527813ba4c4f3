"""Suites that a block with a capability has to pass: subclass one, give it a fixture, and pytest does the rest.

    class TestMyBucket(ObjectStoreContract):
        @pytest.fixture
        def store(self):
            return MyBucket(...)          # an empty store of its own for each test

Needs pytest.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from strongroom_blocks.capabilities import Database
from strongroom_blocks.testing_object_store import AWKWARD as AWKWARD
from strongroom_blocks.testing_object_store import ObjectStoreContract as ObjectStoreContract


class DatabaseContract:
    """What tasks rely on in a :class:`~strongroom_blocks.capabilities.Database`. Speaks SQL that every database knows.

    ``placeholder`` is what the driver binds a parameter with.
    """

    placeholder = "?"

    @pytest.fixture
    def database(self) -> Database:
        """Override: an empty database for each test."""
        raise NotImplementedError("give the suite a fixture named database")

    @pytest.fixture
    def table(self, database: Database) -> Database:
        """The database with a table ``t(n integer, s varchar)`` of three rows."""
        database.execute("create table t (n integer, s varchar(20))")
        mark = self.placeholder
        rows: list[list[Any]] = [[1, "one"], [2, "it's; -- two"], [3, None]]
        database.execute_many(f"insert into t values ({mark}, {mark})", rows)  # noqa: S608
        return database

    def test_it_is_a_database(self, database: Database) -> None:
        assert isinstance(database, Database)

    def test_rows_come_back_as_they_went(self, table: Database) -> None:
        rows = [(1, "one"), (2, "it's; -- two"), (3, None)]
        assert table.fetch_all("select n, s from t order by n") == rows
        assert table.fetch_many("select n, s from t order by n", size=2) == rows[:2]
        assert table.fetch_one("select n, s from t order by n") == rows[0]

    def test_parameters_are_bound(self, table: Database) -> None:
        query = f"select n from t where s = {self.placeholder}"  # noqa: S608
        assert table.fetch_one(query, ["it's; -- two"]) == (2,)
        assert table.fetch_all(query, ["' or 1=1 --"]) == []
        assert table.fetch_one(query, ["missing"]) is None

    def test_what_is_executed_stays(self, table: Database) -> None:
        table.execute(f"delete from t where n = {self.placeholder}", [1])  # noqa: S608
        assert table.fetch_one("select count(*) from t") == (2,)

    def test_many_rows_go_in_together_or_not_at_all(self, table: Database) -> None:
        mark = self.placeholder
        with pytest.raises(Exception, match=r"."):
            table.execute_many(f"insert into t values ({mark}, {mark})", [[4, "four"], ["no number", "x"]])  # noqa: S608
        assert table.fetch_one("select count(*) from t") == (3,)
        table.execute_many(f"insert into t values ({mark}, {mark})", [])  # noqa: S608
        assert table.fetch_one("select count(*) from t") == (3,)

    def test_a_connection_is_the_drivers_own(self, table: Database) -> None:
        with table.connection() as connection:
            cursor = connection.cursor()
            cursor.execute("select count(*) from t")
            assert tuple(cursor.fetchone()) == (3,)

    def test_threads_share_a_database(self, table: Database) -> None:
        found: list[object] = []
        threads = [
            threading.Thread(target=lambda: found.append(table.fetch_one("select count(*) from t"))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(3,)] * 4

    def test_every_verb_has_a_twin(self, table: Database) -> None:
        async def twins() -> None:
            await table.aexecute("insert into t values (4, 'four')")
            await table.aexecute_many(f"insert into t values ({self.placeholder}, null)", [[5]])  # noqa: S608
            assert await table.afetch_one("select max(n) from t") == (5,)
            assert len(await table.afetch_many("select n from t", size=2)) == 2
            assert len(await table.afetch_all("select n from t")) == 5

        asyncio.run(twins())
