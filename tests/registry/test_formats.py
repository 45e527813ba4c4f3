"""A file of an older format becomes one of ours, wholly or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from strongroom_registry import open_registry
from strongroom_registry.errors import StoreForeign, StoreUnavailable
from strongroom_registry.stores import sqlite_format
from strongroom_registry.stores.sqlite import SqliteStore

FORMAT_1 = Path(sqlite_format.__file__).parent / "sql" / "sqlite" / "format_1.sql"


@pytest.fixture
def older(url: str, path: Path) -> Path:
    """A registry as the first format wrote it: its tables, and the rows of a registry that uses nothing newer."""
    with open_registry(url) as registry:
        for name in ("lake", "river", "sea"):
            registry.put(name, type="json", schema="s", payload=name.encode(), public=b"{}")
        registry.put("lake", type="json", schema="s", payload=b"newer", overwrite=True)
        registry.destroy("sea")
    with sqlite3.connect(path) as connection:
        connection.execute("ATTACH ? AS older", (str(path) + ".older",))
        connection.execute("PRAGMA older.journal_mode = WAL")
        for statement in FORMAT_1.read_text().split(";\n"):
            connection.execute(statement.replace("CREATE TABLE ", "CREATE TABLE older."))
        for table in ("store", "workspaces", "workspace_keys", "versions", "trie", "audit"):
            connection.execute(f"INSERT INTO older.{table} SELECT * FROM main.{table}")
        connection.execute("INSERT INTO older.heads SELECT workspace, name, document, record, mac FROM main.heads")
        connection.execute(f"PRAGMA older.application_id = {sqlite_format.APPLICATION_ID}")
        connection.execute("PRAGMA older.user_version = 1")
    connection.close()
    for former in path.parent.glob(path.name + "*"):
        if not former.name.endswith(".older"):
            former.unlink()
    return Path(str(path) + ".older").rename(path)


def _tables(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: sqlite_format._bare(sql) for name, sql in rows}


def test_an_older_registry_is_upgraded_when_it_is_opened_and_nothing_is_lost(older: Path, url: str) -> None:
    with open_registry(url, create=False) as registry:
        assert registry.get("lake").payload == b"newer"
        assert registry.get("lake@1").payload == b"lake"
        assert registry.get("river").payload == b"river"
        assert registry.verify().ok
        assert registry.verify_audit().ok
        registry.put("river", type="json", schema="s", payload=b"again", overwrite=True)
    with open_registry(url, create=False) as registry:
        assert registry.get("river").payload == b"again"
        assert registry.verify().ok


def test_an_upgraded_file_has_the_tables_of_a_new_one(older: Path, url: str, tmp_path: Path) -> None:
    open_registry(url, create=False).close()
    open_registry(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert _tables(older) == _tables(tmp_path / "new.db")


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(
    older: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> str:
        raise ValueError(name)

    before = _tables(older)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_format, "path_of", broken)
        with pytest.raises(StoreForeign):
            SqliteStore(older)
    assert _tables(older) == before
    with open_registry(url, create=False) as registry:
        assert registry.verify().ok


def test_an_older_file_with_other_tables_is_not_upgraded(older: Path) -> None:
    with sqlite3.connect(older) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END")
    connection.close()
    before = _tables(older)
    with pytest.raises(StoreForeign, match="'t'"):
        SqliteStore(older)
    assert _tables(older) == before


def test_an_older_file_that_cannot_be_written_says_what_to_do(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StoreUnavailable, match="Open it once where it may be written"):
        SqliteStore(older)
