"""Files and folders that are nobody else's business."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from strongroom_registry.private_output import make_private_folder, new_private_file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, content: bytes = b"new", **options: int) -> None:
    with new_private_file(path, **options) as file:  # type: ignore[arg-type]
        file.write(content)
        assert not path.exists() or path.read_bytes() != content, "it stands there before it is whole"


def test_a_file_is_private_and_alone(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(former)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert mode_of(tmp_path / "file") == 0o600
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127], ids=["long", "of two bytes each"])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_what_stands_there_is_left_even_a_link_that_leads_nowhere(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / target)
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            write(tmp_path / name)
    assert (tmp_path / "there").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["link", "there"]


def test_a_file_or_link_is_replaced_where_that_is_said_and_nothing_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write(tmp_path / "link", replace=True, mode=0o640)
    assert (tmp_path / "there").read_bytes() == b"old"
    assert (tmp_path / "link").read_bytes() == b"new"
    assert not (tmp_path / "link").is_symlink()
    assert mode_of(tmp_path / "link") == 0o640


@pytest.mark.parametrize("replace", [False, True])
def test_nothing_is_left_of_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ZeroDivisionError), new_private_file(tmp_path / "file", replace=replace):
        raise ZeroDivisionError
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / "file", replace=replace)
    assert not os.listdir(tmp_path)


def test_without_hard_links_it_is_moved_and_still_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", unknown)
    write(tmp_path / "file")
    with pytest.raises(FileExistsError):
        write(tmp_path / "file", b"other")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_folders_that_are_made_are_private_and_others_are_left(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    before = mode_of(tmp_path / "open")
    make_private_folder(tmp_path / "open" / "one" / "two")
    make_private_folder(tmp_path / "open" / "one" / "two")
    assert mode_of(tmp_path / "open") == before
    assert mode_of(tmp_path / "open" / "one") == mode_of(tmp_path / "open" / "one" / "two") == 0o700
