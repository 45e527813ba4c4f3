"""Both stores pass the suite that is shipped; what a file has to do beyond that."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from strongroom_registry.errors import StoreForeign, StoreNewer, StoreUnavailable
from strongroom_registry.stores import Store, open_store
from strongroom_registry.stores.memory import MemoryStore
from strongroom_registry.stores.sqlite import SqliteStore
from strongroom_registry.stores.sqlite_format import APPLICATION_ID
from strongroom_registry.testing import WORKSPACE, StoreContract, fill


class TestMemoryStore(StoreContract):
    def make_store(self) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, path: Path) -> None:
        self.path = path

    def make_store(self) -> Store:
        return SqliteStore(self.path)


@pytest.fixture
def store(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    store.initialise(fill)
    return store


def test_the_files_are_for_their_owner_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(path)
        store.initialise(fill)
        files = list(path.parent.iterdir())
        assert {file.name for file in files} == {"registry.db", "registry.db-wal", "registry.db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_every_connection_is_durable_and_erases_what_it_frees(store: SqliteStore) -> None:
    def pragmas() -> tuple[object, ...]:
        connection = store._connection()
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    names = ("journal_mode", "synchronous", "secure_delete", "application_id", "trusted_schema")
    seen: list[tuple[object, ...]] = [pragmas()]
    thread = threading.Thread(target=lambda: seen.append(pragmas()))
    thread.start()
    thread.join()
    assert seen == [("wal", 2, 1, APPLICATION_ID, 0)] * 2


def test_a_file_that_is_no_database_is_refused_by_name_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 500)
    with pytest.raises(StoreForeign, match=str(path)):
        SqliteStore(path)
    assert path.read_bytes() == b"Dear diary, " * 500


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match=str(path)):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["registry.db"]


def test_a_store_of_a_newer_version_asks_for_an_upgrade(store: SqliteStore) -> None:
    store._connection().execute("PRAGMA user_version = 3")
    store.close()
    with pytest.raises(StoreNewer, match="Upgrade"):
        SqliteStore(store.path)


def test_a_truncated_file_is_called_corrupt(store: SqliteStore) -> None:
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreForeign, match=str(store.path)):
        _read_everything(store.path)


def _read_everything(path: Path) -> None:
    with SqliteStore(path).reading() as view:
        list(view.heads(WORKSPACE.id))
        list(view.audit(WORKSPACE.id))


def test_missing_tables_are_called_foreign(store: SqliteStore) -> None:
    store._connection().execute("DROP TABLE trie")
    with pytest.raises(StoreForeign, match="trie"), store.reading() as view:
        next(view.nodes(WORKSPACE.id, [""]))


def test_a_store_that_is_not_to_be_made_is_not_made(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="strongroom init"):
        SqliteStore(path, create=False)
    assert not path.parent.exists()


@pytest.mark.parametrize("url", ["", "sqlite:///", "postgresql:host/db", "/var/registry.db", "sqlite://registry.db"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="sqlite:///"):
        open_store(url)


def test_a_place_that_cannot_be_made_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="file"):
        SqliteStore(tmp_path / "file" / "registry.db")


def test_a_store_locked_by_another_process_says_so(store: SqliteStore) -> None:
    other = sqlite3.connect(store.path)
    other.execute("BEGIN IMMEDIATE")
    store._connection().execute("PRAGMA busy_timeout = 0")
    with pytest.raises(StoreUnavailable, match="try again"), store.writing():
        pass
    other.close()
    with store.writing():
        pass


def test_a_full_disk_says_so_and_loses_nothing(store: SqliteStore) -> None:
    connection = store._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="full"), store.writing() as transaction:
        transaction.put_nodes(WORKSPACE.id, {"big": bytes(100_000)})
    with store.reading() as view:
        assert next(view.nodes(WORKSPACE.id, ["big"])) is None
        assert next(view.nodes(WORKSPACE.id, ["a0"])) == b"node"
