"""``strongroom scan``: what it finds, what it says of it, how it ends; and that it never tells a value."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import socket
import subprocess
from pathlib import Path

import pytest
from strongroom import Block, Secret
from strongroom.scanning import places
from strongroom_registry.errors import StoreUnavailable


@pytest.fixture
def token(strongroom):
    """A stored secret. No canary, since the tests put it into files themselves; each looks for it in the output."""
    strongroom("block", "new", "secret", "api", "--set", "value=-", input=(secret := secrets.token_urlsafe(24)))
    return secret


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def scan(strongroom, token):
    """The command, whose output is searched for the secret."""

    def run(*args, code=0, **options):
        done = strongroom("scan", *map(str, args), code=code, **options)
        assert token not in done.stdout + done.stderr
        return done

    return run


def test_a_clean_place_is_said_to_be(scan, place):
    (place / "readme").write_text("nothing")
    done = scan(place)
    assert (done.stdout, done.stderr) == ("", "Nothing was found in 1 file.\n")


def test_a_finding_names_block_field_file_line_and_form(scan, token, place):
    (place / "app.log").write_text(f"start\nlogin with {token}\n")
    (place / ".hidden").write_bytes(b"\0\1" + token.encode().hex().encode())
    done = scan(place, code=1)
    assert done.stdout.splitlines() == [
        f"BLOCK  FIELD  WHERE{' ' * (len(str(place)) + 7)}FORM",
        f"api@1  value  {place}/.hidden:1  hex",
        f"api@1  value  {place}/app.log:2  raw",
    ]
    shape = json.loads(scan(place, "--json", code=1).stdout)
    assert shape["found"][1] == {
        "block": "api@1", "field": "value", "path": f"{place}/app.log", "line": 2, "form": "raw", "commit": None,
    }  # fmt: skip
    assert shape["searched"] == {"files": 2, "objects": 0, "bytes": sum(p.stat().st_size for p in place.iterdir())}


def test_ignored_files_are_searched_and_links_are_not_followed(scan, token, place, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.txt").write_text(token)
    (place / ".gitignore").write_text("*.env\n")
    (place / "prod.env").write_text(token)
    (place / "link").symlink_to(elsewhere)
    (place / "file").symlink_to(elsewhere / "secret.txt")
    (place / "loop").symlink_to(place)
    found = json.loads(scan(place, "--json", code=1).stdout)["found"]
    assert [each["path"] for each in found] == [f"{place}/prod.env"]
    named = json.loads(scan(place / "file", place / "link", "--json", code=1).stdout)["found"]
    assert [each["path"] for each in named] == [f"{place}/file", f"{place}/link/secret.txt"]


def test_pipes_and_sockets_do_not_hold_it_up(scan, place):
    os.mkfifo(place / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))
        assert scan(place).stderr == "Nothing was found in 0 files.\n"
    assert "It is no ordinary file" in scan(place / "pipe", code=2).stderr


def test_standard_input(scan, token):
    assert "-:2" in scan("-", input=f"a\n{token}\n", code=1).stdout
    scan("-", input="nothing")


def test_what_cannot_be_read_ends_with_2_unless_something_is_found(scan, token, place, monkeypatch):
    assert f"Not searched: {place}/missing: No such file" in scan(place / "missing", code=2).stderr
    (place / "app.log").write_text(token)
    scan(place, place / "missing", code=1)


def test_a_path_that_holds_the_secret_is_not_shown(scan, token, place):
    (place / token).write_text(token)
    assert "*****" in scan(place, code=1).stdout
    scan(place, "--json", code=1)


def test_short_and_common_values_are_left_out_and_told(scan, strongroom, place):
    strongroom("block", "new", "secret", "pin", "--set", "value=-", input="a1b2c3")
    strongroom("block", "new", "secret", "poor", "--set", "value=-", input="postgresql")
    (place / "app.log").write_text("postgresql a1b2c3\n")
    done = scan(place)
    assert "Not looked for: pin@1#value: The value is shorter than 8 characters." in done.stderr
    assert "Not looked for: poor@1#value: The value is a word or a pattern" in done.stderr
    assert "app.log:1" in scan(place, "--min-length", "5", code=1).stdout


def test_many_that_are_left_out_for_one_reason_are_one_line(scan, strongroom, place):
    for number in range(22):
        Secret(value=f"a1b2{number:02}").save(f"pin-{number:02}")
    [line] = scan(place).stderr.splitlines()[1:]
    assert line.startswith("Not looked for: pin-00@1#value, pin-01@1#value, ")
    assert line.endswith("pin-19@1#value and 2 more: The value is shorter than 8 characters.")


def test_a_registry_that_records_no_load_ends_the_scan(scan, strongroom, place, monkeypatch):
    strongroom("block", "new", "secret", "pin", "--set", "value=-", input="a-long-enough-one")

    def full(_: str) -> Block:
        raise StoreUnavailable("The disk is full.", "Make room.")

    monkeypatch.setattr(Block, "load", full)
    assert "The disk is full." in scan(place, code=7).stderr


def test_older_versions_are_sought_where_that_is_said(scan, strongroom, token, place):
    strongroom("block", "new", "secret", "api", "--overwrite", "--set", "value=-", input=secrets.token_urlsafe(24))
    (place / "app.log").write_text(token)
    scan(place)
    assert "api@1" in scan(place, "--all-versions", code=1).stdout


def test_a_glob_chooses_blocks(scan, token, place):
    (place / "app.log").write_text(token)
    scan(place, "--block", "prod-*")
    scan(place, "--block", "a*", code=1)


def test_a_block_that_cannot_be_opened_is_told(scan, place):
    from strongroom_registry import open_registry

    with open_registry() as registry:
        registry.put("strange", type="nobody-knows", schema="1:x", payload=b"{}")
    assert "Not looked for: strange@1: No class is known" in scan(place, code=2).stderr


def test_every_load_is_in_the_audit(scan, strongroom, place):
    scan(place)
    entries = json.loads(strongroom("audit", "ls", "--json").stdout)
    assert ("load", "api") in {(entry["action"], entry["name"]) for entry in entries}


def test_compressed_logs_are_unpacked(scan, token, place, monkeypatch):
    packed = gzip.compress(b"start\n" * 1000 + token.encode())
    (place / "app.log.1.gz").write_bytes(packed + packed)
    found = json.loads(scan(place, "--json", code=1).stdout)["found"]
    assert [each["line"] for each in found] == [1001, 2001]
    (place / "app.log.1.gz").write_bytes(packed[:-6])
    cut = scan(place, code=1)
    assert "app.log.1.gz:1001" in cut.stdout
    assert "damaged or cut short" in cut.stderr
    monkeypatch.setattr(places, "UNPACKED_MAX", 5000)
    (place / "app.log.1.gz").write_bytes(packed)
    assert "was searched so far" in scan(place, code=2).stderr


def commit(place: Path, message: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", message]):
        subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)


def test_history_is_searched_with_git(scan, token, place):
    (place / "app.env").write_text(f"TOKEN={token}\n")
    commit(place, "oops")
    (place / "app.env").unlink()
    commit(place, "removed")
    scan(place)
    (found,) = json.loads(scan(place, "--git", "--json", code=1).stdout)["found"]
    oldest = subprocess.run(["git", "rev-list", "HEAD"], cwd=place, capture_output=True, text=True, check=True).stdout
    assert (found["path"], found["line"], found["commit"]) == ("app.env", 1, oldest.split()[-1])
    assert oldest.split()[-1][:12] in scan(place, "--git", code=1).stdout


def test_without_a_repository_there_is_no_history(scan, place):
    assert "belongs to no git repository" in scan(place, "--git", code=2).stderr


def test_fingerprints_find_the_same_without_the_registry(scan, token, place, tmp_path, monkeypatch):
    index = tmp_path / "out.idx"
    assert "fingerprints of 1 secret." in scan("--index", index).stdout
    assert index.stat().st_mode & 0o777 == 0o600
    (place / "app.log").write_text(f"start\n{token.encode().hex()}\n")
    commit(place, "oops")
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "another-machine"))
    done = json.loads(scan(place, "--git", "--with", index, "--json", code=1).stdout)
    assert [(each["path"], each["line"], each["form"]) for each in done["found"]] == [
        (f"{place}/app.log", 2, "hex"), ("app.log", 2, "hex"),
    ]  # fmt: skip
    assert not (tmp_path / "another-machine").exists()


def test_guessable_secrets_are_in_a_sealed_index_alone(scan, strongroom, place, tmp_path, monkeypatch):
    strongroom("block", "new", "secret", "poor", "--set", "value=-", input="Summer-2026!")
    (place / "app.log").write_text("Summer-2026!")
    index = tmp_path / "out.idx"
    assert "Not looked for: poor@1#value: It could be guessed" in scan("--index", index).stderr
    scan(place, "--with", index)
    monkeypatch.setenv("SCAN_KEY", f"strongroom-key-v1:{secrets.token_hex(32)}")
    scan("--index", index, "--seal", "env:SCAN_KEY")
    assert "is sealed" in scan(place, "--with", index, code=2).stderr
    scan(place, "--with", index, "--key", "env:SCAN_KEY", code=1)
    scan("--index", index, "--weak")
    scan(place, "--with", index, code=1)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "No place to search"),
        (["--index", "x", "."], "searches nothing"),
        (["--seal", "env:K", "."], "for an --index"),
        (["--weak", "."], "for an --index"),
        (["--key", "env:K", "."], "--with"),
        (["--with", "x", "--block", "a*", "."], "Choose when you write it"),
        (["--with", "missing.idx", "."], "missing.idx"),
        (["--with", "/dev/null", "."], "is no index"),
        (["--index", "missing/out.idx"], "No such file"),
    ],
)
def test_what_makes_no_sense_ends_with_2(scan, args, told):
    assert told in scan(*args, code=2).stderr
