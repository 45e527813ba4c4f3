"""The suite for databases; :mod:`strongroom_blocks.testing` says how to use it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import traceback
from typing import Any

import pytest

from strongroom_blocks.capabilities import Database
from strongroom_blocks.databases.capability import DatabaseVerbs
from strongroom_blocks.errors import InvalidName

ROWS: list[tuple[Any, ...]] = [(1, "one"), (2, "it's; -- two"), (3, None)]


class DatabaseContract:
    """What tasks rely on in a :class:`~strongroom_blocks.capabilities.Database`. Speaks SQL that every database knows.

    ``placeholder`` is what the driver binds a value of a sequence with. No statement is fetched from twice, so that
    blocks whose ``fetch_`` verbs go on where the last one with the same statement stopped pass too. ``rows_to_stream``
    says how long the answer is that is read in batches.
    """

    placeholder = "?"
    rows_to_stream = 2500
    survives_forks = True

    @pytest.fixture
    def database(self) -> Database:
        """Override: an empty database for each test."""
        raise NotImplementedError("give the suite a fixture named database")

    @pytest.fixture
    def table(self, database: Database) -> Database:
        """The database with a table ``t(n integer, s varchar)`` of three rows."""
        database.execute("create table t (n integer not null, s varchar(20))")
        mark = self.placeholder
        database.execute_many(f"insert into t values ({mark}, {mark})", [list(row) for row in ROWS])  # noqa: S608
        return database

    def count(self, verbs: DatabaseVerbs) -> int:
        """How many rows the table has, asked by a verb that never goes on with an old answer."""
        [row] = verbs.iter_batches("select count(*) from t").__next__().rows
        return int(row[0])

    def test_it_is_a_database(self, database: Database) -> None:
        assert isinstance(database, Database)
        with database.transaction() as work:
            assert isinstance(work, DatabaseVerbs)

    def test_rows_come_back_as_they_went(self, table: Database) -> None:
        assert table.fetch_all("select n, s from t order by n") == ROWS
        assert table.fetch_many("select n, s from t order by n, s", size=2) == ROWS[:2]
        assert table.fetch_one("select n, s from t order by n, s, n") == ROWS[0]
        assert table.fetch_one("select n from t where n > 3") is None

    def test_parameters_are_bound_in_the_drivers_own_way(self, table: Database) -> None:
        query = f"select n from t where s = {self.placeholder}"  # noqa: S608
        assert table.fetch_one(query, ["it's; -- two"]) == (2,)
        assert table.fetch_all(query, ["' or 1=1 --"]) == []
        assert table.fetch_one(query, ["missing"]) is None

    def test_named_parameters_are_bound_alike_in_every_database(self, table: Database) -> None:
        query = "select n from t where s = :s and n < :most and 'a:s %s' like 'a:s%' -- :s"
        assert table.fetch_all(query, {"s": "it's; -- two", "most": 10}) == [(2,)]
        assert table.fetch_all(query, {"s": "' or 1=1 --", "most": 10}) == []
        table.execute("insert into t (n, s) values (:n, :s)", {"n": 7, "s": "50 % :s"})
        table.execute_many("insert into t (n, s) values (:n, :s)", ({"n": n, "s": ":n"} for n in (8, 9)))
        found = table.fetch_all("select n, s from t where n > :n order by n", {"n": 6})
        assert found == [(7, "50 % :s"), (8, ":n"), (9, ":n")]

    def test_a_statement_without_parameters_is_the_drivers_as_it_stands(self, table: Database) -> None:
        assert table.fetch_one("select n from t where '10:30 100%' = '10:30 100%' and n = 1") == (1,)

    def test_what_is_executed_stays(self, table: Database) -> None:
        table.execute(f"delete from t where n = {self.placeholder}", [1])  # noqa: S608
        assert self.count(table) == 2

    def test_many_rows_go_in_together_or_not_at_all(self, table: Database) -> None:
        mark = self.placeholder
        with pytest.raises(Exception, match=r"."):
            table.execute_many(f"insert into t values ({mark}, {mark})", [[4, "four"], [None, "x"]])  # noqa: S608
        assert self.count(table) == 3
        table.execute_many(f"insert into t values ({mark}, {mark})", [])  # noqa: S608
        assert self.count(table) == 3

    def test_a_connection_is_the_drivers_own(self, table: Database) -> None:
        with table.connection() as connection:
            cursor = connection.cursor()
            cursor.execute("select count(*) from t")
            assert tuple(cursor.fetchone()) == (3,)

    def test_a_transaction_is_kept_as_a_whole(self, table: Database) -> None:
        with table.transaction() as work:
            work.execute("insert into t (n, s) values (:n, :s)", {"n": 4, "s": "four"})
            work.execute_many("insert into t (n) values (:n)", [{"n": 5}, {"n": 6}])
            assert work.fetch_one("select count(*) from t where n > 3") == (3,)
            assert [row["n"] if "n" in row else row["N"] for row in work.iter_rows("select n from t where n > 4")]
        assert self.count(table) == 6

    def test_a_transaction_is_undone_as_a_whole(self, table: Database) -> None:
        def work_that_fails(work: DatabaseVerbs) -> None:
            work.execute("insert into t (n) values (4)")
            work.execute("delete from t where n = 1")
            raise KeyError("on purpose")

        with pytest.raises(KeyError, match="on purpose"), table.transaction() as work:
            work_that_fails(work)
        assert sorted(row[0] for row in table.fetch_all("select n from t")) == [1, 2, 3]

    def test_rows_are_streamed_in_batches_and_by_name(self, table: Database) -> None:
        number = self.rows_to_stream
        table.execute_many("insert into t (n, s) values (:n, :s)", ({"n": n, "s": "x"} for n in range(4, number + 1)))
        batches = list(table.iter_batches("select n, s from t order by n", size=1000))
        assert [len(batch) for batch in batches] == [1000] * (number // 1000) + [number % 1000] * bool(number % 1000)
        assert [row[0] for batch in batches for row in batch] == list(range(1, number + 1))
        assert {tuple(name.lower() for name in batch.columns) for batch in batches} == {("n", "s")}
        rows = table.iter_rows("select n, s from t where n < :n order by n", {"n": 3})
        assert [{name.lower(): value for name, value in row.items()} for row in rows] == [
            {"n": 1, "s": "one"},
            {"n": 2, "s": "it's; -- two"},
        ]

    def test_an_answer_without_rows_knows_its_columns(self, table: Database) -> None:
        [batch] = table.iter_batches("select n, s from t where n > 100")
        assert ([name.lower() for name in batch.columns], batch.rows) == (["n", "s"], [])
        assert list(table.iter_rows("select n, s from t where n > 100")) == []

    def test_columns_of_one_name_are_not_lost_silently(self, table: Database) -> None:
        with pytest.raises(InvalidName, match=r"(?i)two columns are named 'n'"):
            list(table.iter_rows("select n, s as n from t"))

    def test_who_stops_early_leaves_a_database_that_works(self, table: Database) -> None:
        for _ in range(12):  # more often than there are connections
            rows = table.iter_batches("select n from t order by n", size=1)
            assert next(rows).rows == [(1,)]
            rows.close()  # type: ignore[attr-defined]
        assert self.count(table) == 3

    def test_the_error_of_a_statement_does_not_show_the_values(self, table: Database) -> None:
        hidden = "-".join(["value", "to", "hide"])
        with pytest.raises(Exception, match=r".") as caught:
            table.execute("insert into nowhere_at_all (n, s) values (:n, :s)", {"n": 1, "s": hidden})
        assert hidden not in "".join(traceback.format_exception(caught.value))

    def test_threads_share_a_database(self, table: Database) -> None:
        found: list[object] = []

        def work(number: int) -> None:
            table.execute("insert into t (n, s) values (:n, 'thread')", {"n": 100 + number})
            found.append(table.fetch_one(f"select n from t where n = {100 + number}"))  # noqa: S608

        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found, key=str) == [(100 + number,) for number in range(4)]

    def test_a_forked_process_has_connections_of_its_own(self, table: Database) -> None:
        if not self.survives_forks:
            pytest.skip("this database lives in one process")
        assert table.fetch_one("select max(n) from t") == (3,)
        gc.collect()  # what other tests left: in the child its end would wait for threads that are not there
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if table.fetch_all("select n from t where n = 2") == [(2,)] else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert table.fetch_one("select min(n) from t") == (1,)

    def test_every_verb_has_a_twin(self, table: Database) -> None:
        async def work_that_fails() -> None:
            async with table.atransaction() as work:
                await work.aexecute("delete from t where n = 4")
                raise KeyError("on purpose")

        async def twins() -> None:
            await table.aexecute("insert into t (n, s) values (4, 'four')")
            await table.aexecute_many("insert into t (n) values (:n)", [{"n": 5}])
            assert await table.afetch_one("select max(n) from t") == (5,)
            assert len(await table.afetch_many("select n from t", size=2)) == 2
            assert len(await table.afetch_all("select n from t where n > 0")) == 5
            assert [len(batch) async for batch in table.aiter_batches("select n from t", size=2)] == [2, 2, 1]
            assert len([row async for row in table.aiter_rows("select n from t")]) == 5
            async with table.atransaction() as work:
                await work.aexecute("delete from t where n = 5")
                assert len(await work.afetch_all("select n from t where n > 1")) == 3
            with pytest.raises(KeyError, match="on purpose"):
                await work_that_fails()
            assert self.count(table) == 4

        asyncio.run(twins())
