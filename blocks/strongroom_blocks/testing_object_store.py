"""The suite of every object store; :mod:`strongroom_blocks.testing` has it too, and says how it is used."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom_blocks.capabilities import ObjectStore
from strongroom_blocks.errors import InvalidKey, ObjectChanged, ObjectNotYet

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

    def test_the_twin_of_a_verb_is_its_own(self, store: ObjectStore) -> None:
        """A store that overrides a verb and not its twin would do one thing in each colour."""
        kind = type(store)
        for name in vars(ObjectStore):
            verb = getattr(kind, name[1:], None) if name.startswith("a") else None
            if verb is not None and f"a{name[1:]}" == name and callable(verb):
                assert getattr(kind, name).__wrapped__ is verb, name

    def test_a_listing_takes_patterns_and_pages(self, store: ObjectStore) -> None:
        for key in ("a/1.csv", "a/2.csv", "a/deep/3.csv", "a/deep/4.txt", "a-b/5.csv", "b.csv"):
            store.write_path(key, b"x")

        def keys(folder: str = "", **wanted: Any) -> list[str]:
            return [entry.key for entry in store.iter_objects(folder, **wanted)]

        assert keys() == sorted(keys()) == ["a-b/5.csv", "a/1.csv", "a/2.csv", "a/deep/3.csv", "a/deep/4.txt", "b.csv"]
        assert keys(pattern="*.csv") == ["b.csv"]
        assert keys(pattern="a/*.csv") == keys("a", pattern="*.csv") == ["a/1.csv", "a/2.csv"]
        assert keys("a", pattern="**/*.csv") == ["a/1.csv", "a/2.csv", "a/deep/3.csv"]
        assert keys(pattern="**/[1-3].?s*") == ["a/1.csv", "a/2.csv", "a/deep/3.csv"]
        assert keys("a", limit=2) == ["a/1.csv", "a/2.csv"]
        assert keys("a", limit=2, after="a/2.csv") == ["a/deep/3.csv", "a/deep/4.txt"]
        assert keys("a", after="a/deep/4.txt") == []
        assert keys("nothing", pattern="*") == []

    def test_a_level_is_a_folder_without_what_lies_deeper(self, store: ObjectStore) -> None:
        for key in ("a/1", "a/deep/2", "a/deep/er/3", "b"):
            store.write_path(key, b"x")
        level = store.list_level()
        assert (level.folders, [entry.key for entry in level.objects]) == (["a"], ["b"])
        level = store.list_level("/a/")
        assert (level.folders, [entry.key for entry in level.objects]) == (["a/deep"], ["a/1"])
        assert store.list_level("none").objects == []

    def test_an_object_is_described_as_in_a_listing(self, store: ObjectStore) -> None:
        store.write_path("folder/ü x", b"four")
        [listed] = store.list_objects()
        found = store.stat_object("/folder/ü x")
        assert (found.key, found.size, found.etag) == (listed.key, listed.size, listed.etag)
        for path in ("missing", "folder"):
            with pytest.raises(FileNotFoundError):
                store.stat_object(path)

    def test_a_range_is_read_alone(self, store: ObjectStore) -> None:
        store.write_path("key", bytes(range(100)))
        assert store.read_range("key", 10, 5) == bytes(range(10, 15))
        assert store.read_range("key", 95, 50) == bytes(range(95, 100))
        etag = store.stat_object("key").etag
        assert store.read_range("key", 0, 1, etag=etag) == b"\0"
        with pytest.raises(FileNotFoundError):
            store.read_range("missing", 0, 1)

    def test_an_object_is_a_file_to_read(self, store: ObjectStore) -> None:
        content = os.urandom(700_000)
        store.write_path("key", content)
        with store.open("key") as file:
            assert file.read(10) == content[:10]
            assert file.seek(-10, io.SEEK_END) == len(content) - 10
            assert file.read() == content[-10:]
            file.seek(300_000)
            assert file.read(100) == content[300_000:300_100]
            file.seek(0)
            assert file.read() == content
        store.write_path("text", b"one\ntwo\n")
        with store.open("text") as lines:
            assert list(lines) == [b"one\n", b"two\n"]
        with pytest.raises(FileNotFoundError):
            store.open("missing")
        with pytest.raises(ValueError, match="mode"):
            store.open("key", "r")  # type: ignore[arg-type]

    def test_an_object_that_changes_while_it_is_read_is_no_mixture(self, store: ObjectStore) -> None:
        store.write_path("key", b"a" * 1_000_000)
        with store.open("key") as file:
            assert file.read(10) == b"a" * 10
            store.write_path("key", b"b" * 1_000_000)
            with pytest.raises(ObjectChanged):
                file.read()

    def test_an_object_is_a_file_to_write(self, store: ObjectStore) -> None:
        with store.open("folder/key", "wb") as file:
            for number in range(100):
                file.write(bytes([number]) * 10_000)
            assert not store.path_exists("folder/key")
        assert store.read_path("folder/key") == b"".join(bytes([number]) * 10_000 for number in range(100))
        with store.open("empty", "wb"):
            pass
        assert store.read_path("empty") == b""

    def test_a_file_that_is_left_by_an_exception_writes_nothing(self, store: ObjectStore) -> None:
        store.write_path("key", b"old")

        def broken() -> None:
            with store.open("key", "wb") as file:
                file.write(b"new")
                raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError, match="in the middle"):
            broken()
        assert store.read_path("key") == b"old"
        forgotten = store.open("other", "wb")
        forgotten.write(b"x")
        del forgotten
        assert [entry.key for entry in store.list_objects()] == ["key"]

    def test_directories_are_put_and_got(self, store: ObjectStore, tmp_path: Path) -> None:
        tree(tmp_path / "source", "1", "sub/2", ".hidden")
        assert store.put_directory(tmp_path / "source", "all") == 3
        assert store.get_directory("all", tmp_path / "back") == 3
        assert contents(tmp_path / "back") == contents(tmp_path / "source")

    def test_only_what_changed_goes_up(self, store: ObjectStore, tmp_path: Path) -> None:
        root = tree(tmp_path / "source", "a", "b/c", "with space ü")
        planned = store.sync_from_folder(root, "to", dry_run=True)
        assert (planned.copied, planned.dry_run, store.list_objects()) == (("a", "b/c", "with space ü"), True, [])
        done = store.sync_from_folder(root, "to")
        assert (done.copied, done.deleted, done.same) == (planned.copied, (), 0)
        assert done.bytes == planned.bytes == sum(len(content) for content in contents(root).values())
        assert store.sync_from_folder(root, "to").copied == ()
        (root / "a").write_bytes(b"longer than it was before")
        later = datetime.now().timestamp() + 100
        os.utime(root / "b/c", (later, later))
        store.write_path("to/extra", b"x")
        store.write_path("tower", b"x")
        again = store.sync_from_folder(root, "to", delete=True)
        assert (again.copied, again.deleted, again.same) == (("a", "b/c"), ("extra",), 1)
        assert "2 copied" in str(again)
        assert [entry.key for entry in store.list_objects()] == ["to/a", "to/b/c", "to/with space ü", "tower"]

    def test_only_what_changed_comes_down(self, store: ObjectStore, tmp_path: Path) -> None:
        for key in ("from/a", "from/b/c", "fromage"):
            store.write_path(key, key.encode())
        root = tmp_path / "target"
        assert store.sync_to_folder("from", root, dry_run=True).copied == ("a", "b/c")
        assert not root.exists()
        assert store.sync_to_folder("from", root).copied == ("a", "b/c")
        assert contents(root) == {"a": b"from/a", "b/c": b"from/b/c"}
        listed = next(iter(store.iter_objects("from")))
        assert (root / "a").stat().st_mtime == pytest.approx(listed.modified.timestamp(), abs=0.01)
        assert store.sync_to_folder("from", root).same == 2
        (root / "a").write_bytes(b"other")
        (root / "extra").write_bytes(b"x")
        os.utime(root / "b/c", (0, 0))
        kept = store.sync_to_folder("from", root)
        assert (kept.copied, kept.deleted, (root / "extra").exists()) == (("a", "b/c"), (), True)
        assert store.sync_to_folder("from", root, delete=True).deleted == ("extra",)
        assert contents(root) == {"a": b"from/a", "b/c": b"from/b/c"}

    def test_a_sync_may_compare_sizes_or_contents(self, store: ObjectStore, tmp_path: Path) -> None:
        root = tree(tmp_path / "source", "a", "b")
        store.sync_from_folder(root)
        (root / "a").write_bytes(b"A")
        for name in ("a", "b"):
            os.utime(root / name, (2**31, 2**31))  # far from now
        assert store.sync_from_folder(root, compare="size", dry_run=True).copied == ()
        assert store.sync_from_folder(root, compare="checksum", dry_run=True).copied == ("a",)
        assert store.sync_from_folder(root, compare="time", dry_run=True).copied == ("a", "b")
        assert store.sync_to_folder("", root, compare="checksum").copied == ("a",)
        assert contents(root) == {"a": b"a", "b": b"b"}
        with pytest.raises(ValueError, match="checksum"):
            store.sync_from_folder(root, compare="date")  # type: ignore[arg-type]

    def test_a_sync_keeps_to_its_pattern(self, store: ObjectStore, tmp_path: Path) -> None:
        root = tree(tmp_path / "source", "a.csv", "sub/b.csv", "sub/c.txt")
        store.write_path("old.csv", b"x")
        store.write_path("old.txt", b"x")
        report = store.sync_from_folder(root, pattern="**/*.csv", delete=True)
        assert (report.copied, report.deleted) == (("a.csv", "sub/b.csv"), ("old.csv",))
        assert [entry.key for entry in store.list_objects()] == ["a.csv", "old.txt", "sub/b.csv"]
        with pytest.raises(NotADirectoryError):
            store.sync_from_folder(tmp_path / "missing")

    def test_many_are_copied_moved_and_deleted(self, store: ObjectStore) -> None:
        for key in ("a/1", "a/2", "b"):
            store.write_path(key, key.encode())
        assert store.copy_objects({"a/1": "c/1", "a/2": "c/2"}) == ["c/1", "c/2"]
        assert store.move_objects([("c/1", "d"), ("b", "e")]) == ["d", "e"]
        assert store.delete_folder("a", pattern="*1") == 1
        assert [entry.key for entry in store.list_objects()] == ["a/2", "c/2", "d", "e"]
        with pytest.raises(ValueError, match="everything"):
            store.delete_folder("/")
        assert store.delete_folder("", pattern="**") == 4
        assert store.list_objects() == []

    def test_an_object_is_waited_for(self, store: ObjectStore) -> None:
        with pytest.raises(ObjectNotYet, match="late"):
            store.wait_for_object("late", 0.0)
        late = threading.Timer(0.05, store.write_path, ["late", b"1"])
        late.start()
        assert store.wait_for_object("late", 60, poll_seconds=0.01).size == 1
        late.join()

    def test_an_object_streams_from_another_store(self, store: ObjectStore, tmp_path: Path) -> None:
        from strongroom_blocks.types import LocalFolder

        other = LocalFolder(basepath=tmp_path / "other")
        other.write_path("in/report", b"1" * 300_000)
        assert store.stream_from(other, "in/report") == "report"
        assert other.stream_from(store, "report", "back") == "back"
        assert other.read_path("back") == b"1" * 300_000
        with pytest.raises(FileNotFoundError):
            store.stream_from(other, "missing")
        assert [entry.key for entry in store.list_objects()] == ["report"]

    def test_it_is_a_filesystem_for_other_libraries(self, store: ObjectStore) -> None:
        pytest.importorskip("fsspec")
        files = store.filesystem()
        with files.open("folder/a.txt", "w") as file:
            file.write("one\ntwo")
        files.pipe_file("folder/deep/b", b"2")
        assert store.read_path("folder/a.txt") == b"one\ntwo"
        assert files.cat_file("folder/a.txt", 1, 3) == b"ne"
        assert sorted(files.ls("folder", detail=False)) == ["folder/a.txt", "folder/deep"]
        assert files.find("folder") == files.glob("folder/**/[ab]*") == ["folder/a.txt", "folder/deep/b"]
        assert (files.isdir("folder"), files.isfile("folder/a.txt"), files.exists("none")) == (True, True, False)
        files.mv("folder/a.txt", "moved")
        files.rm("folder", recursive=True)
        assert [entry.key for entry in store.list_objects()] == ["moved"]
        with pytest.raises(FileNotFoundError):
            files.open("folder/a.txt")

    def test_columns_of_parquet_files_are_selected(self, store: ObjectStore) -> None:
        pytest.importorskip("duckdb")
        parquet, pyarrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
        for number in range(2):
            table = pyarrow.table({"day": [number, number + 10], "amount": [1.5, 2.5], 's p"': ["x", "y"]})
            with store.open(f"sales/{number}.parquet", "wb") as file:
                parquet.write_table(table, file)
        found = store.select("sales/*.parquet", ["day"], where="amount > ? and day < ?", parameters=[2, 11])
        assert found == [{"day": 10}]
        assert store.select("sales/1.parquet", limit=1) == [{"day": 1, "amount": 1.5, 's p"': "x"}]
        assert store.select("sales/0.parquet", ['s p"']) == [{'s p"': "x"}, {'s p"': "y"}]
        for missing in ("none.parquet", "none/*.parquet"):
            with pytest.raises(FileNotFoundError):
                store.select(missing)

    def test_an_address_and_options_are_for_other_libraries(self, store: ObjectStore) -> None:
        assert store.url("folder/key").endswith("folder/key")
        for library in ("pandas", "polars", "duckdb"):
            assert isinstance(store.storage_options(library), dict)


def tree(root: Path, *names: str) -> Path:
    """A folder with files whose content is their name, and which are older than any object."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (1_600_000_000, 1_600_000_000))
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}
