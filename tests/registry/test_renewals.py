"""States that are renewed with entries of the audit, in the two stores that outlast a process: who else writes, files
that cannot be written, disks that are full, processes that are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import PostgresDatabase
from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.stores import Store, open_store
from strongroom_registry.stores.postgres import PostgresStore
from strongroom_registry.stores.sqlite import SqliteStore
from strongroom_registry.stores.store import AuditRow, StoreBusy
from strongroom_registry.testing import RENEWED, WORKSPACE, fill

BEFORE = WORKSPACE.record, WORKSPACE.mac
ENTRY = AuditRow(2, b"second", b"mac2")


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    store.initialise(fill)
    yield store
    store.close()


@pytest.fixture
def far_store(postgres: PostgresDatabase) -> Iterator[PostgresStore]:
    store = PostgresStore(f"{postgres.url}?options=-c%20lock_timeout%3D300ms")
    store.initialise(fill)
    yield store
    store.close()


def written(store: Store) -> tuple[object, list[int]]:
    """The state that is there, and the numbers of the entries."""
    with store.reading() as view:
        return view.workspace("default"), [row.seq for row in view.audit(WORKSPACE.id)]


UNTOUCHED = (WORKSPACE, [1])
DONE = (RENEWED, [1, 2])


def pragma(store: SqliteStore, name: str) -> Any:
    return store._connection().execute(f"PRAGMA {name}").fetchone()[0]


class TestFile:
    def test_another_process_that_writes_is_not_waited_for(self, store: SqliteStore) -> None:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(StoreBusy):
                store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        other.execute("ROLLBACK")
        assert written(store) == UNTOUCHED
        assert store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        other.close()

    def test_who_waits_has_his_patience_again_afterwards(self, store: SqliteStore) -> None:
        before = pragma(store, "busy_timeout")
        assert before >= 1000
        assert store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        other.close()
        assert pragma(store, "busy_timeout") == before
        assert not store._connection().in_transaction

    def test_a_reader_is_in_nobodys_way(self, store: SqliteStore) -> None:
        reader = sqlite3.connect(store.path, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM audit").fetchone() == (1,)
        assert store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        store.write_back()
        assert reader.execute("SELECT count(*) FROM audit").fetchone() == (1,)
        reader.close()
        assert written(store) == DONE

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_file_that_may_not_be_written_is_told(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, wait: bool
    ) -> None:
        monkeypatch.setattr(os, "access", lambda *_: False)
        reading = SqliteStore(store.path)
        with pytest.raises(StoreUnavailable, match="writable"):
            reading.renew(BEFORE, RENEWED, [ENTRY], wait=wait)
        assert written(reading) == UNTOUCHED
        reading.close()

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_full_disk_is_told_and_nothing_is_written(self, store: SqliteStore, wait: bool) -> None:
        pages = pragma(store, "page_count")
        store._connection().execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreUnavailable, match="full"):
            store.renew(BEFORE, RENEWED, [ENTRY, AuditRow(3, bytes(100_000), b"mac")], wait=wait)
        assert written(store) == UNTOUCHED
        store._connection().execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert store.renew(BEFORE, RENEWED, [ENTRY], wait=wait)

    def test_what_was_renewed_at_once_outlasts_a_process_that_is_killed(self, store: SqliteStore) -> None:
        store.close()
        renew = (
            "import os, signal, sys\n"
            "from strongroom_registry.stores import open_store\n"
            "from strongroom_registry.stores.store import AuditRow\n"
            "from strongroom_registry.testing import RENEWED, WORKSPACE\n"
            "store = open_store(sys.argv[1], create=False)\n"
            "assert store.renew((WORKSPACE.record, WORKSPACE.mac), RENEWED, [AuditRow(2, b'second', b'mac2')],"
            " wait=False)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        url = f"sqlite:///{store.path}"
        assert subprocess.run([sys.executable, "-c", renew, url], check=False).returncode == -signal.SIGKILL
        again = open_store(url, create=False)
        assert written(again) == DONE
        again.close()

    def test_nothing_is_tidied_up_behind_what_is_written_at_once_until_somebody_does(self, store: SqliteStore) -> None:
        """What is far more than the log is to hold stays in it; it is written back when that is asked for, and by an
        ordinary change of the same thread."""
        large = 5_000 * 4096
        store.write_back()
        before = store.path.stat().st_size
        assert store.renew(BEFORE, RENEWED, [AuditRow(2, bytes(large), b"mac")], wait=False)
        assert store.path.stat().st_size == before
        store.write_back()
        assert store.path.stat().st_size > before + large
        former = store.path.stat().st_size
        assert store.renew(RENEWED[2:], WORKSPACE, [AuditRow(3, bytes(large), b"mac")], wait=False)
        assert store.path.stat().st_size == former
        with store.writing() as transaction:
            transaction.put_nodes(WORKSPACE.id, {"a1": b"node"})
        assert store.path.stat().st_size > former + large

    def test_a_log_that_cannot_be_written_back_stays_where_it_is(self, store: SqliteStore) -> None:
        assert store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store.write_back()
        other.close()
        assert written(store) == DONE


class TestServer:
    def test_another_process_that_writes_is_not_waited_for(self, far_store: PostgresStore) -> None:
        with far_store._place.connect() as other, other.transaction():
            other.execute("LOCK TABLE strongroom.store IN EXCLUSIVE MODE")
            for _ in range(2):
                with pytest.raises(StoreBusy):
                    far_store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
            with pytest.raises(StoreUnavailable, match="lock"):
                far_store.renew(BEFORE, RENEWED, [ENTRY])
        assert written(far_store) == UNTOUCHED
        assert far_store.renew(BEFORE, RENEWED, [ENTRY], wait=False)
        assert written(far_store) == DONE

    def test_a_connection_that_broke_is_another_one_next_time(
        self, far_store: PostgresStore, postgres: PostgresDatabase
    ) -> None:
        for number, wait in enumerate((True, False), 1):
            assert postgres.break_off()
            before = (b"%d" % (number - 1), b"mac") if number > 1 else BEFORE
            row = WORKSPACE._replace(record=b"%d" % number, mac=b"mac")
            assert far_store.renew(before, row, [AuditRow(number + 1, b"entry", b"mac")], wait=wait)

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_server_that_takes_no_writes_is_told(
        self, far_store: PostgresStore, postgres: PostgresDatabase, wait: bool
    ) -> None:
        postgres.administer(f"alter role {postgres.user} set default_transaction_read_only = on")
        reading = PostgresStore(postgres.url)
        with pytest.raises(StoreUnavailable):
            reading.renew(BEFORE, RENEWED, [ENTRY], wait=wait)
        assert written(reading) == UNTOUCHED
        reading.close()

    def test_who_watches_documents_is_not_woken(self, far_store: PostgresStore) -> None:
        told: list[bytes] = []
        end = far_store.watch(told.append)
        assert far_store.renew(BEFORE, RENEWED, [ENTRY])
        with far_store.writing() as transaction:  # is told of, and comes after what was told of before
            transaction.put_workspace(WORKSPACE._replace(id=b"o" * 16, name="other"))
        while b"o" * 16 not in told:
            pass
        end()
        assert told == [b"o" * 16]
