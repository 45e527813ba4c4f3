"""Suites that a block with a capability has to pass: subclass one, give it a fixture, and pytest does the rest.

    class TestMyBucket(ObjectStoreContract):
        @pytest.fixture
        def store(self):
            return MyBucket(...)          # an empty store of its own for each test

Needs pytest.
"""

from __future__ import annotations

import asyncio
import io
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom_blocks.capabilities import Database, ObjectStore
from strongroom_blocks.errors import InvalidKey

AWKWARD = (
    "plain.txt",
    "with space.txt",
    "ключ/ünïcode.txt",
    "a+b&c=d%20e#f?.txt",
    "deep/er/than/that",
    "dot.d/.hidden",
    "'\"",
)
"""Keys that a store has to take: spaces, other alphabets, what URLs and shells trip over."""


class ObjectStoreContract:
    """What tasks rely on in an :class:`~strongroom_blocks.capabilities.ObjectStore`."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        """Override: an empty store for each test."""
        raise NotImplementedError("give the suite a fixture named store")

    def test_it_is_an_object_store(self, store: ObjectStore) -> None:
        assert isinstance(store, ObjectStore)

    @pytest.mark.parametrize("key", AWKWARD)
    def test_what_is_written_is_read_and_listed_under_its_key(self, store: ObjectStore, key: str) -> None:
        assert store.write_path(key, b"\x00content") == key
        assert store.read_path(key) == b"\x00content"
        assert store.path_exists(key)
        [entry] = store.list_objects()
        assert (entry.key, entry.size) == (entry["Key"], entry["Size"]) == (key, 8)
        assert abs(datetime.now(UTC) - entry.modified) < timedelta(hours=1)

    def test_a_leading_slash_does_not_count(self, store: ObjectStore) -> None:
        assert store.write_path("/folder/file", b"1") == "folder/file"
        assert store.read_path("folder/file") == store.read_path("/folder/file") == b"1"

    def test_an_object_is_replaced(self, store: ObjectStore) -> None:
        store.write_path("key", b"a long first content")
        store.write_path("key", b"second")
        assert store.read_path("key") == b"second"
        assert [entry.size for entry in store.list_objects()] == [6]

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        store.write_path("empty", b"")
        assert store.path_exists("empty")
        assert store.read_path("empty") == b""

    def test_what_is_missing_is_said_to_be(self, store: ObjectStore, tmp_path: Path) -> None:
        assert not store.path_exists("missing")
        assert store.list_objects("missing") == []
        for attempt in (
            lambda: store.read_path("missing"),
            lambda: store.download_object_to_path("missing", tmp_path / "file"),
            lambda: store.download_object_to_file_object("missing", io.BytesIO()),
            lambda: store.copy_object("missing", "copy"),
            lambda: store.move_object("missing", "moved"),
            lambda: store.upload_from_path(tmp_path / "no such file", "key"),
        ):
            with pytest.raises(FileNotFoundError):
                attempt()
        assert not (tmp_path / "file").exists()
        assert store.list_objects() == []

    @pytest.mark.parametrize("path", ["../outside", "a/../../outside", "a/./b", "..", "nul\0character"])
    def test_a_path_that_leaves_the_store_is_refused(self, store: ObjectStore, path: str) -> None:
        with pytest.raises(InvalidKey):
            store.write_path(path, b"x")
        with pytest.raises(InvalidKey):
            store.read_path(path)

    def test_a_listing_is_sorted_and_keeps_to_whole_folder_names(self, store: ObjectStore) -> None:
        for key in ("b", "a/2", "a/1", "ab/3", "a/deep/4"):
            store.write_path(key, b"x")
        assert [entry.key for entry in store.list_objects()] == ["a/1", "a/2", "a/deep/4", "ab/3", "b"]
        assert [entry.key for entry in store.list_objects("a")] == ["a/1", "a/2", "a/deep/4"]
        assert store.list_objects("/a/") == store.list_objects("a")

    def test_files_go_up_and_come_down(self, store: ObjectStore, tmp_path: Path) -> None:
        source = tmp_path / "source.bin"
        source.write_bytes(bytes(range(256)) * 1000)
        assert store.upload_from_path(source) == "source.bin"
        assert store.upload_from_path(str(source), "elsewhere/it") == "elsewhere/it"
        target = store.download_object_to_path("elsewhere/it", tmp_path / "new" / "folder" / "target.bin")
        assert target.read_bytes() == source.read_bytes()

    def test_a_download_takes_the_objects_own_name(
        self, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store.write_path("folder/report.csv", b"1")
        assert store.download_object_to_path("folder/report.csv") == Path("report.csv")
        assert (tmp_path / "report.csv").read_bytes() == b"1"

    def test_file_objects_are_read_from_where_they_stand(self, store: ObjectStore) -> None:
        source = io.BytesIO(b"skipped;kept")
        source.seek(8)
        assert store.upload_from_file_object(source, "key") == "key"
        target = io.BytesIO()
        assert store.download_object_to_file_object("key", target) is target
        assert target.getvalue() == b"kept"

    def test_folders_go_up_and_come_down_with_their_paths(self, store: ObjectStore, tmp_path: Path) -> None:
        for name in ("one.txt", "sub/two.txt", "sub/deep/with space.txt"):
            file = tmp_path / "source" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        assert store.upload_from_folder(tmp_path / "source", "backup") == "backup"
        store.write_path("backup-of-another", b"x")
        back = store.download_folder_to_path("backup", tmp_path / "back")
        found = {file.relative_to(back).as_posix(): file.read_text() for file in back.rglob("*") if file.is_file()}
        assert found == {name: name for name in ("one.txt", "sub/two.txt", "sub/deep/with space.txt")}

    def test_objects_are_deleted_and_missing_ones_are_no_error(self, store: ObjectStore) -> None:
        for key in ("a", "b/c", "b/d"):
            store.write_path(key, b"x")
        assert store.delete_objects(["a", "b/c", "missing"]) == ["a", "b/c", "missing"]
        assert [entry.key for entry in store.list_objects()] == ["b/d"]
        assert store.delete_objects([]) == []

    def test_objects_are_copied_and_moved(self, store: ObjectStore) -> None:
        store.write_path("a", b"x")
        assert store.copy_object("a", "b/c") == "b/c"
        assert store.move_object("a", "d") == "d"
        assert [(entry.key, store.read_path(entry.key)) for entry in store.list_objects()] == [
            ("b/c", b"x"),
            ("d", b"x"),
        ]

    def test_a_failed_upload_leaves_what_was_there(self, store: ObjectStore) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError("the source broke")

        store.write_path("key", b"old")
        with pytest.raises(OSError, match="the source broke"):
            store.upload_from_file_object(Broken(), "key")
        assert store.read_path("key") == b"old"
        assert len(store.list_objects()) == 1

    def test_many_threads_write_and_read_at_once(self, store: ObjectStore) -> None:
        contents = {number: bytes([number]) * 10_000 for number in range(8)}
        wrong: list[object] = []

        def work(number: int) -> None:
            for turn in range(5):
                store.write_path("shared/key", contents[number])
                store.write_path(f"own-{number}/{turn}", contents[number])
                if store.read_path("shared/key") not in contents.values():
                    wrong.append(number)
                store.delete_objects([f"own-{number}/{turn}"])

        threads = [threading.Thread(target=work, args=[number]) for number in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert [entry.key for entry in store.list_objects()] == ["shared/key"]

    def test_every_verb_has_a_twin(self, store: ObjectStore, tmp_path: Path) -> None:
        async def twins() -> None:
            await store.awrite_path("a", b"1")
            assert await store.aread_path("a") == b"1"
            assert await store.apath_exists("a")
            await store.adownload_object_to_path("a", tmp_path / "files" / "a")
            await store.aupload_from_path(tmp_path / "files" / "a", "b")
            await store.aupload_from_folder(tmp_path / "files", "folder")
            await store.adownload_folder_to_path("folder", tmp_path / "back")
            await store.aupload_from_file_object(io.BytesIO(b"1"), "c")
            assert (await store.adownload_object_to_file_object("c", io.BytesIO())).seekable()
            await store.acopy_object("a", "d")
            await store.amove_object("d", "e")
            await store.adelete_objects(["a"])
            assert [entry.key for entry in await store.alist_objects()] == ["b", "c", "e", "folder/a"]

        asyncio.run(twins())


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
