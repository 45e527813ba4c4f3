"""The version of a ledger: another one after each change, whoever made it, and where the file is another one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.postgres import PostgresDatabase
from strongroom.errors import LedgerUnavailable, StrongroomError
from strongroom.ledger import Ledger, open_ledger

SET = "INSERT INTO variables (name, value, tags, created, updated) VALUES (?, 'x', '[]', 0, 0)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{path}")
    add(opened, "first")
    yield opened
    opened.close()


def add(ledger: Ledger, name: str) -> None:
    with ledger.changing() as session:
        session.execute(SET, name)


def add_elsewhere(path: Path, name: str) -> None:
    """By another process."""
    code = (
        "import sys; from strongroom.ledger import open_ledger\n"
        "with open_ledger(f'sqlite:///{sys.argv[1]}').changing() as session: session.execute(*sys.argv[2:])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), SET, name], check=True)


def put_in_its_place(new: Path, path: Path) -> None:
    """As who restores a copy does: what belongs to the former file goes with it."""
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    os.replace(new, path)


def test_it_stays_while_nobody_changes_anything(ledger: Ledger) -> None:
    version = ledger.version()
    assert version is not None
    with ledger.reading() as session:
        session.execute("SELECT * FROM variables")
    ledger.glance("SELECT * FROM variables")
    assert ledger.version() == version


def test_each_change_makes_it_another_one(ledger: Ledger, path: Path) -> None:
    seen = [ledger.version()]
    add(ledger, "a")
    seen.append(ledger.version())
    other = open_ledger(f"sqlite:///{path}")
    add(other, "b")
    seen.append(ledger.version())
    with other.changing() as session:
        session.execute("UPDATE variables SET value = 'y' WHERE name = 'b'")
    seen.append(ledger.version())
    with other.changing() as session:
        session.execute("DELETE FROM variables")
    other.close()
    seen.append(ledger.version())
    add_elsewhere(path, "c")
    seen.append(ledger.version())
    assert len(set(seen)) == len(seen)


def test_it_is_another_one_when_a_change_can_be_read_and_not_before(ledger: Ledger, path: Path) -> None:
    before = ledger.version()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute(SET, ("a",))
    assert ledger.version() == before
    other.execute("COMMIT")
    assert ledger.version() != before
    other.close()


def test_of_a_file_that_was_replaced_it_is_another_one(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    """Whatever the other file counts itself."""
    with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "copy.db") as copy:
        source.backup(copy)
        copy.execute("DELETE FROM variables")
    source.close()
    copy.close()
    seen = {ledger.version()}
    for number in range(3):
        shutil.copy(tmp_path / "copy.db", tmp_path / f"{number}.db")
        put_in_its_place(tmp_path / f"{number}.db", path)
        assert ledger.glance("SELECT * FROM variables") == []
        seen.add(ledger.version())
    path.unlink()
    assert ledger.version() is None
    assert not path.exists()
    shutil.copy(tmp_path / "copy.db", path)
    seen.add(ledger.version())
    ledger.close()
    seen.add(ledger.version())
    assert len(seen) == 6


def test_where_there_is_no_file_there_is_none_and_none_is_made(path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    assert ledger.version() is None
    assert not path.exists()


def test_a_forked_process_has_versions_of_its_own(ledger: Ledger, path: Path) -> None:
    before = ledger.version()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            mine = ledger.version()
            add(ledger, "child")
            os.write(write, b"%d%d" % (mine != before, ledger.version() != mine))
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as told:
        assert told.read() == b"11"
    os.waitpid(child, 0)
    assert ledger.version() != before
    assert len(ledger.glance("SELECT * FROM variables")) == 2


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_none_is_told(ledger: Ledger, path: Path, content: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    put_in_its_place(other, path)
    for ask in (ledger.version, lambda: ledger.glance("SELECT * FROM variables")):
        with pytest.raises(StrongroomError, match=r"ledger\.db"):
            ask()


def test_in_memory_each_change_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger("memory:")
    seen = [ledger.version()]
    for statement in (SET, "UPDATE variables SET value = ? ", "DELETE FROM variables WHERE name <> ?"):
        with ledger.changing() as session:
            session.execute(statement, "a" if statement is SET else "y")
        seen.append(ledger.version())
    assert len(set(seen)) == 4
    ledger.glance("SELECT * FROM variables")
    assert ledger.version() == seen[-1]


def test_where_it_costs_as_much_as_a_look_there_is_none(postgres: PostgresDatabase) -> None:
    ledger = open_ledger(postgres.url)
    with ledger.reading() as session:
        session.execute("SELECT * FROM variables")
    assert ledger.version() is None
    ledger.close()


def test_a_file_that_is_locked_away_is_told(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    ledger.close()
    monkeypatch.setattr(sqlite3, "connect", fails)
    with pytest.raises(LedgerUnavailable, match="disk I/O error"):
        ledger.version()
