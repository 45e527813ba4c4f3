"""A folder as an object store, which nothing leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from strongroom_blocks import Block
from strongroom_blocks.errors import InvalidKey
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
