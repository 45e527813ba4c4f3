"""``strongroom render``: files that are whole, private and replaced at once; terminals that show nothing by chance."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "app.conf.j2"
    path.write_text('token = {{ block("api").value }}\n')
    return path


@pytest.fixture
def token(strongroom, canary, tmp_path):
    """A secret that is not searched for in files, since a file is where it goes."""
    from secrets import token_hex

    strongroom("block", "new", "secret", "api", "--set", "value=-", input=(secret := token_hex(16)))
    return secret


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_for_its_owner_alone(strongroom, token, template, tmp_path):
    output = tmp_path / "app.conf"
    shown = strongroom("render", str(template), "-o", str(output))
    assert output.read_text() == f"token = {token}\n"
    assert mode(output) == 0o600
    assert shown.stdout == shown.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["app.conf", "app.conf.j2"]


def test_a_file_of_another_mode_is_replaced_with_its_link_left_alone(strongroom, token, template, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    output = tmp_path / "app.conf"
    output.symlink_to(elsewhere)
    strongroom("render", str(template), "-o", str(output), "--mode", "640")
    assert not output.is_symlink()
    assert mode(output) == 0o640
    assert elsewhere.read_text() == "not ours"


def test_what_fails_leaves_the_former_file_and_prints_nothing(strongroom, token, template, tmp_path):
    output = tmp_path / "app.conf"
    output.write_text("former")
    template.write_text('{{ block("api").value }}\n' * 100 + '{{ block("api").nothing }}\n')
    for args in (["-o", str(output)], []):
        failed = strongroom("render", str(template), *args, code=1)
        assert 'app.conf.j2, line 101: api has no field "nothing". There is value.' in failed.stderr
        assert failed.stdout == ""
        assert token not in failed.stderr
    assert output.read_text() == "former"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["app.conf", "app.conf.j2"]


def test_it_goes_through_pipes(strongroom, token):
    made = strongroom("render", "-", input='{{ block("api").value }} é', reveals=True)
    assert made.stdout == f"{token} é"


def test_a_terminal_is_shown_nothing_unless_that_is_said(token, template, tmp_path):
    for options, expected in (([], False), (["--show"], True)):
        reader, terminal = pty.openpty()
        command = [sys.executable, "-m", "strongroom", "render", str(template), *options]
        done = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
        os.close(terminal)
        try:
            shown = os.read(reader, 65536).decode()
        except OSError:  # nothing was written before the other end went away
            shown = ""
        os.close(reader)
        assert (token in shown) is expected
        assert done.returncode == (0 if expected else 4)
        assert token not in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["-o", "."], 2, "is a folder"),
        (["-o", "missing/app.conf"], 1, "No such file"),
        (["-o", "app.conf", "--mode", "644"], 2, "let everybody in"),
        (["-o", "app.conf", "--mode", "444"], 2, "lock you out"),
        (["-o", "app.conf", "--mode", "rw"], 2, "no mode in octal"),
    ],
)
def test_what_cannot_be_written_is_told(strongroom, token, template, tmp_path, monkeypatch, args, code, told):
    monkeypatch.chdir(tmp_path)
    failed = strongroom("render", str(template), *args, code=code)
    assert told in failed.stderr
    assert failed.stdout == ""
    assert not (tmp_path / "app.conf").exists()


def test_a_missing_block_or_template_is_told(strongroom, token, template, tmp_path):
    template.write_text('{{ block("apl").value }}')
    assert "Did you mean api?" in strongroom("render", str(template), code=3).stderr
    assert "No such file" in strongroom("render", str(tmp_path / "missing"), code=1).stderr
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in strongroom("render", str(tmp_path / "binary"), code=2).stderr
