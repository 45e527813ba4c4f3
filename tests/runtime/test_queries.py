"""Tasks over databases, the same on each: DuckDB, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas
import pyarrow
import pytest
from servers.postgres import PostgresDatabase
from strongroom import Block, Database, DuckDB, PostgreSQL, SqlDatabase, flow, queries
from strongroom.artifacts import Progress, watch_progress
from strongroom.sql import InvalidName

Make = Callable[[], Database]


@pytest.fixture
def postgresql(postgres: PostgresDatabase) -> PostgreSQL:
    place = postgres.server
    return PostgreSQL(
        host=place.host, port=place.port, database=postgres.name, user=postgres.user, password=postgres.password
    )


@pytest.fixture(params=["postgresql", "duckdb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return DuckDB(path=str(tmp_path / "target.duckdb"))
    if request.param == "sqlite":
        return SqlDatabase(driver="sqlite", database=str(tmp_path / "target.sqlite"))
    found: Database = request.getfixturevalue("postgresql")
    return found


@pytest.fixture
def people(database: Database) -> Database:
    database.execute("create table people (id integer not null, name varchar(40))")
    return database


@pytest.fixture
def source() -> DuckDB:
    source = DuckDB()
    source.execute("create table numbers as select range::integer as id, 'n' || range as name from range(25000)")
    return source


def ids(database: Database) -> list[int]:
    return [row[0] for row in database.fetch_all("select id from people order by id")]


def test_a_flow_asks_whatever_database_it_is_given(people: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    @flow
    def busy(database: Database) -> list[dict[str, Any]]:
        queries.execute(database, "insert into people values (:id, :name)", {"id": 1, "name": "Ada"})
        queries.execute_many(database, "insert into people values (:id, :name)", [{"id": 2, "name": "O'Brien"}])
        assert queries.insert_rows(database, "people", [{"id": 3, "name": None}, {"id": 4}]) == 2
        return queries.query(database, "select id, name from people where id > :least order by id", {"least": 1})

    assert busy(people) == [{"id": 2, "name": "O'Brien"}, {"id": 3, "name": None}, {"id": 4, "name": None}]
    assert "A query gave 3 rows" in caplog.text
    assert "O'Brien" not in caplog.text


def test_rows_are_copied_from_one_database_to_another(people: Database, source: DuckDB) -> None:
    sql = "select id, name from numbers where id < :end order by id"
    assert queries.copy_rows(source, people, sql, "people", {"end": 25}, batch_size=10) == 25
    assert ids(people) == list(range(25))
    assert queries.copy_rows(source, people, sql, "people", {"end": 3}, replace=True) == 3
    assert ids(people) == [0, 1, 2]
    assert (
        queries.copy_rows(source, people, "select name, id from numbers limit 1", "people", columns=["name", "id"]) == 1
    )
    assert queries.copy_rows(source, people, sql, "people", {"end": 0}) == 0


def test_a_copy_that_fails_in_the_middle_leaves_what_was_there(people: Database, source: DuckDB) -> None:
    people.execute("insert into people values (7, 'old')")
    broken = "select case when id < 20000 then id end as id, name from numbers order by numbers.id"
    with pytest.raises(Exception, match=r"(?i)null"):
        queries.copy_rows(source, people, broken, "people", replace=True, batch_size=1000)
    assert ids(people) == [7]


def test_only_a_batch_of_a_copy_is_in_memory(people: Database, source: DuckDB) -> None:
    asked: list[int] = []

    class Watched(DuckDB, slug="watched"):
        def iter_batches(self, sql: str, parameters: Any = None, *, size: int = 1000) -> Iterator[Any]:
            for batch in source.iter_batches(sql, parameters, size=size):
                asked.append(len(batch))
                yield batch

    assert queries.copy_rows(Watched(), people, "select id, name from numbers", "people", batch_size=5000) == 25_000
    assert asked == [5000] * 5


def test_progress_is_shown(people: Database, source: DuckDB) -> None:
    seen: list[Progress] = []
    stop = watch_progress(seen.append)
    try:

        @flow
        def copying() -> None:
            queries.copy_rows(source, people, "select id, name from numbers", "people", total=25_000)

        copying()
    finally:
        stop()
    assert seen[-1].progress == 100
    assert seen[-1].description == "Copying to people: 25,000 rows of 25,000 rows"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".json", ".jsonl", ".parquet"])
def test_files_are_loaded(people: Database, tmp_path: Path, suffix: str) -> None:
    frame = pandas.DataFrame({"id": [1, 2, 3], "name": ["Ada", None, 'a "quoted", ünïcode\nname']})
    file = tmp_path / f"people{suffix}"
    match suffix:
        case ".parquet":
            frame.to_parquet(file)
        case ".csv" | ".csv.gz":
            frame.to_csv(file, index=False)
        case _:
            frame.to_json(file, orient="records", lines=suffix == ".jsonl")
    assert queries.load_file(people, "people", file) == 3
    assert queries.load_file(people, "people", str(file), columns=["id", "name"], replace=True) == 3
    assert people.fetch_all("select id, name from people order by id") == [
        (1, "Ada"), (2, None), (3, 'a "quoted", ünïcode\nname'),
    ]  # fmt: skip


def test_a_file_that_is_not_there_or_of_no_known_kind_is_named(people: Database, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        queries.load_file(people, "people", tmp_path / "none.csv")
    (tmp_path / "people.xlsx").touch()
    with pytest.raises(InvalidName, match=r"people\.xlsx is no kind of file that is known"):
        queries.load_file(people, "people", tmp_path / "people.xlsx")


@pytest.mark.parametrize("kind", [pandas.DataFrame, pyarrow.table])
def test_frames_are_loaded(people: Database, kind: Callable[[Any], Any]) -> None:
    frame = kind({"id": [1, 2], "name": ["Ada", None]})
    assert queries.load_dataframe(people, "people", frame) == 2
    assert people.fetch_all("select id, name from people order by id") == [(1, "Ada"), (2, None)]


def test_every_task_has_a_twin(people: Database, source: DuckDB) -> None:
    @flow
    async def busy() -> list[dict[str, Any]]:
        await queries.aexecute(people, "insert into people values (1, 'Ada')")
        await queries.aexecute_many(people, "insert into people (id) values (:id)", [{"id": 2}])
        await queries.ainsert_rows(people, "people", [{"id": 3}])
        await queries.acopy_rows(source, people, "select id from numbers where id = 4", "people")
        await queries.aload_dataframe(people, "people", pandas.DataFrame({"id": [5]}))
        return await queries.aquery(people, "select count(*) as number from people")

    assert asyncio.run(busy()) == [{"number": 5}]


@pytest.mark.parametrize("table", ["", "a b", "t; drop table t", "a.b.c.d", "t(x)", '"', '"a', "t--"])
def test_what_names_no_table_is_refused(table: str) -> None:
    with pytest.raises(InvalidName, match="names no table"):
        queries.insert_rows(DuckDB(), table, [{"n": 1}])


def test_odd_names_are_quoted_and_columns_that_do_not_fit_are_told(database: Database) -> None:
    database.execute('create table "Odd ""Table" (plain integer, "order" integer, "Wide ""Name" integer)')
    rows = [{"plain": 1, "order": 2, 'Wide "Name': 3}]
    assert queries.insert_rows(database, '"Odd ""Table"', rows) == 1
    assert database.fetch_all('select * from "Odd ""Table"') == [(1, 2, 3)]
    with pytest.raises(InvalidName, match="2 columns are named for rows of 1"):
        queries.copy_rows(DuckDB(), database, "select 1 as n", '"Odd ""Table"', columns=["a", "b"])
    with pytest.raises(InvalidName, match="'m' that the first has not"):
        queries.insert_rows(database, "t", [{"n": 1}, {"m": 1}])


def test_values_of_every_kind_go_to_postgresql_and_back(postgresql: PostgreSQL) -> None:
    columns = (
        "i bigint, d numeric, t timestamptz, day date, u uuid, j jsonb, b bytea, a integer[], f double precision, "
        "o boolean"
    )
    row = {
        "i": 2**60,
        "d": Decimal("1.50"),
        "t": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC),
        "day": datetime.date(2026, 1, 2),
        "u": UUID(int=7),
        "j": {"a": [1, "x\t\n"]},
        "b": b"\x00\xff",
        "a": [1, 2],
        "f": 0.1,
        "o": True,
    }
    nothing = dict.fromkeys(row)
    postgresql.execute(f"create table everything ({columns}); create table again ({columns})")
    assert queries.insert_rows(postgresql, "everything", [row, nothing]) == 2
    assert queries.copy_rows(postgresql, postgresql, "select * from everything", "again") == 2
    assert queries.query(postgresql, "select * from again order by i nulls last") == [row, nothing]
    duckdb = DuckDB()
    types = columns.replace("jsonb", "json").replace("bytea", "blob").replace("numeric", "decimal(9,2)")
    duckdb.execute(f"create table everything ({types})")
    everything = "select i, d, t, day, u, j::text as j, b, a, f, o from again"
    assert queries.copy_rows(postgresql, duckdb, everything, "everything") == 2
    [back, empty] = queries.query(duckdb, "select * from everything order by i nulls last")
    assert {**back, "j": json.loads(back["j"])} == row
    assert empty == nothing


def test_tasks_take_a_block_by_its_name(people: Database) -> None:
    assert isinstance(people, Block)
    people.save("warehouse")
    queries.insert_rows(Block.load("warehouse"), "people", [{"id": 1, "name": "Ada"}])
    assert queries.query(Block.load("warehouse"), "select id, name from people") == [{"id": 1, "name": "Ada"}]
