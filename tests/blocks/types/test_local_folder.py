"""A folder as an object store, which nothing leaves."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from strongroom_blocks import Block
from strongroom_blocks.capabilities import StoredObject
from strongroom_blocks.errors import CheckAbsent, CheckDenied, InvalidKey, ObjectChanged
from strongroom_blocks.testing import ObjectStoreContract
from strongroom_blocks.types import LocalFileSystem, LocalFolder
from strongroom_registry import Registry


class TestLocalFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalFolder:
        return LocalFolder(basepath=tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    (tmp_path / "inside").mkdir()
    return LocalFolder(basepath=tmp_path / "inside")


def test_a_link_that_leads_outside_is_not_followed(folder: LocalFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("x")
    (folder.root / "link").symlink_to(outside)
    (folder.root / "file-link").symlink_to(outside / "secret.txt")
    for attempt in (
        lambda: folder.read_path("link/secret.txt"),
        lambda: folder.read_path("file-link"),
        lambda: folder.write_path("link/new.txt", b"x"),
        lambda: folder.list_objects("link"),
        lambda: folder.delete_objects(["link/secret.txt"]),
        lambda: folder.move_object("link/secret.txt", "mine"),
    ):
        with pytest.raises(InvalidKey, match="leaves the folder"):
            attempt()
    assert folder.list_objects() == []
    assert sorted(os.listdir(outside)) == ["secret.txt"]


def test_a_link_that_stays_inside_is_followed(folder: LocalFolder) -> None:
    folder.write_path("real/file", b"1")
    (folder.root / "link").symlink_to(folder.root / "real")
    assert folder.read_path("link/file") == b"1"


def test_a_base_path_that_is_a_link_is_a_folder_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folder = LocalFolder(basepath=tmp_path / "link")
    folder.write_path("a/b", b"1")
    assert [entry.key for entry in folder.list_objects()] == ["a/b"]


def test_an_absolute_path_is_taken_as_one_inside(folder: LocalFolder) -> None:
    assert folder.write_path("/etc/passwd", b"x") == "etc/passwd"
    assert (folder.root / "etc" / "passwd").read_bytes() == b"x"


def test_a_folder_is_no_object(folder: LocalFolder) -> None:
    folder.write_path("a/b", b"1")
    assert not folder.path_exists("a")
    for path in ("", "a/", "/"):
        with pytest.raises(InvalidKey, match="names a folder"):
            folder.write_path(path, b"x")
    assert [entry.key for entry in folder.list_objects()] == ["a/b"]


def test_empty_folders_go_with_their_last_object_and_the_base_stays(folder: LocalFolder) -> None:
    folder.write_path("a/b/c", b"1")
    folder.delete_objects(["a/b/c"])
    assert list(folder.root.iterdir()) == []


def test_it_is_a_block(registry: Registry, folder: LocalFolder) -> None:
    assert LocalFileSystem is LocalFolder
    folder.save("data")
    assert Block.load("data") == folder
    assert Block.load("data").write_path("x", b"1") == "x"  # type: ignore[attr-defined]


def test_uploading_what_is_no_folder_is_refused(folder: LocalFolder, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        folder.upload_from_folder(tmp_path / "missing")


def test_a_directory_is_copied_out_of_the_folder_and_into_it(folder: LocalFolder, tmp_path: Path) -> None:
    folder.write_path("a/b/1", b"1")
    folder.write_path("a/2", b"2")
    folder.write_path("3", b"3")
    folder.get_directory("a", tmp_path / "out")
    assert files_of(tmp_path / "out") == {"2": b"2", "b/1": b"1"}
    folder.put_directory(tmp_path / "out", "copy")
    assert files_of(folder.root / "copy") == {"2": b"2", "b/1": b"1"}
    folder.put_directory(str(folder.root / "a"), "a/b")  # into itself
    assert files_of(folder.root / "a") == {"2": b"2", "b/1": b"1", "b/2": b"2"}
    folder.put_directory(folder.root / "a" / "b")  # out of itself
    assert files_of(folder.root).items() >= {"1": b"1", "2": b"2", "3": b"3"}.items()


def test_a_directory_without_paths_is_the_current_one(
    folder: LocalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_bytes(b"o")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        folder.put_directory()
    assert files_of(folder.root) == {"other": b"o"}
    folder.write_path("new", b"n")
    folder.get_directory()
    assert files_of(tmp_path) == {"other": b"o", "new": b"n", "inside/other": b"o", "inside/new": b"n"}


def test_only_directories_inside_the_folder_are_copied(folder: LocalFolder, tmp_path: Path) -> None:
    with pytest.raises(InvalidKey):
        folder.get_directory("../", tmp_path / "out")
    with pytest.raises(InvalidKey):
        folder.put_directory(tmp_path, "../out")
    with pytest.raises(NotADirectoryError):
        folder.get_directory("missing", tmp_path / "out")
    with pytest.raises(NotADirectoryError):
        folder.put_directory(tmp_path / "missing")


async def copy_beside(folder: LocalFolder, target: Path) -> None:
    await folder.aget_directory(local_path=target)
    await folder.aput_directory(target, "again")


def test_directories_are_copied_from_asynchronous_code(folder: LocalFolder, tmp_path: Path) -> None:
    folder.write_path("x", b"x")
    asyncio.run(copy_beside(folder, tmp_path / "out"))
    assert files_of(folder.root) == {"x": b"x", "again/x": b"x"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestCheck:
    def test_it_says_what_may_be_done(self, folder: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        assert folder.check(1) == "readable and writable"
        assert asyncio.run(folder.acheck(1)) == "readable and writable"
        monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
        assert folder.check(1) == "readable, not writable"
        monkeypatch.setattr(os, "access", lambda _path, _mode: False)
        with pytest.raises(CheckDenied, match=str(folder.root)):
            folder.check(1)

    def test_what_is_not_there_is_absent_and_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(CheckAbsent, match="is not there"):
            LocalFolder(basepath=tmp_path / "none").check(1)
        assert not (tmp_path / "none").exists()
        (tmp_path / "file").touch()
        with pytest.raises(CheckAbsent, match="is no folder"):
            LocalFolder(basepath=tmp_path / "file").check(1)


def test_a_folder_is_neither_read_nor_moved_nor_deleted(tmp_path: Path) -> None:
    store = LocalFolder(basepath=tmp_path / "store")
    store.write_path("folder/file", b"1")
    for missing in ("folder", "folder/file/below", ""):
        for ask in (
            store.read_path,
            store.stat_object,
            store.open,
            lambda path: store.read_range(path, 0, 1),
            lambda path: store.move_object(path, "moved"),
            lambda path: store.copy_object(path, "copied"),
            lambda path: store.download_object_to_path(path, tmp_path / "down"),
        ):
            with pytest.raises(FileNotFoundError):
                ask(missing)
        assert store.delete_objects([missing]) == [missing]
    assert [entry.key for entry in store.list_objects()] == ["folder/file"]
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_an_object_that_ends_early_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    class Untagged(LocalFolder, slug="untagged-folder"):
        def stat_object(self, path: str) -> StoredObject:
            return replace(super().stat_object(path), etag=None)

    store = Untagged(basepath=tmp_path)
    store.write_path("a", bytes(1 << 20))
    with store.open("a") as file:
        file.read(1)
        store.write_path("a", b"short")
        with pytest.raises(ObjectChanged, match="became shorter"):
            file.read()
