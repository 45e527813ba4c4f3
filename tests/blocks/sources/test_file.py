"""``file:/run/secrets/x``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from strongroom_blocks.errors import SecretAbsent, SecretDenied, SourceUnreachable
from strongroom_blocks.sources.file import LARGEST, Files
from strongroom_blocks.sources.testing import SecretSourceContract


def fetch(path: object) -> object:
    return Files().fetch([str(path)], timeout=1)[str(path)]


class TestFiles(SecretSourceContract):
    absent = "/run/secrets/no-such-file-of-strongroom"
    malformed = ("", "relative", "../x", "/run/../etc/shadow", "~user/x")

    @pytest.fixture
    def source(self):
        return Files()

    @pytest.fixture
    def secrets(self, tmp_path_factory: pytest.TempPathFactory):
        folder = tmp_path_factory.mktemp("mount")
        contents = {"token": b"made-up-token", "with space": "schlüssel".encode(), "raw": b"\xff\x00\xfe"}
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        raw = str(folder / "raw")
        found = {str(folder / name): content.decode("latin-1" if name == "raw" else "utf-8") for name, content in
                 contents.items()}  # fmt: skip
        return {**found, raw: contents["raw"]}


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"x\n", "x"), (b"x\n\n", "x\n"), (b"x\r\n", "x\r"), (b"x", "x"), (b"\n", ""), (b"", ""), (b" x ", " x ")],
)
def test_one_trailing_newline_does_not_count(tmp_path: Path, content: bytes, secret: str) -> None:
    (tmp_path / "x").write_bytes(content)
    assert fetch(tmp_path / "x") == secret


def test_a_mount_of_kubernetes_is_followed_and_followed_again(tmp_path: Path) -> None:
    """``token → ..data/token``, ``..data → ..2026_01``: an update swaps the middle link."""
    for version in ("..2026_01", "..2026_02"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(f"of {version}")
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "token").symlink_to("..data/token")
    assert fetch(tmp_path / "token") == "of ..2026_01"
    (tmp_path / "..tmp").symlink_to("..2026_02")
    os.replace(tmp_path / "..tmp", tmp_path / "..data")
    assert fetch(tmp_path / "token") == "of ..2026_02"


def test_the_home_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("at home")
    assert fetch("~/token") == "at home"


def test_what_is_no_file_is_absent_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "none", tmp_path / "pipe" / "x", "/dev/zero"):
        found = fetch(place)
        assert isinstance(found, SecretAbsent)
        assert str(place) in found.problem


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert isinstance(fetch(tmp_path / "a"), SourceUnreachable)


def test_a_file_that_nobody_may_read_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_text("x")
    (tmp_path / "x").chmod(0)
    if os.access(tmp_path / "x", os.R_OK):  # root reads everything

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    assert isinstance(fetch(tmp_path / "x"), SecretDenied)


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "most").write_bytes(b"x" * LARGEST)
    assert fetch(tmp_path / "most") == "x" * LARGEST
    (tmp_path / "more").write_bytes(b"x" * (LARGEST + 1))
    assert isinstance(fetch(tmp_path / "more"), SecretDenied)
