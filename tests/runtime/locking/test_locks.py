"""Locks of one process, of one machine, and of a ledger: all pass the suite that others' managers pass too."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.postgres import PostgresDatabase
from strongroom.errors import LedgerUnavailable
from strongroom.ledger import Ledger, Session, open_ledger, using_ledger, wait_until
from strongroom.locking import ledger as ledger_locks
from strongroom.locking.filesystem import FileSystemLockManager
from strongroom.locking.ledger import LedgerLockManager
from strongroom.locking.memory import MemoryLockManager
from strongroom.locking.protocol import LockManager
from strongroom.testing import LockManagerContract


class TestMemory(LockManagerContract):
    @pytest.fixture
    def locks(self) -> MemoryLockManager:
        return MemoryLockManager()

    def test_all_managers_of_a_process_share_their_locks(self, locks: MemoryLockManager) -> None:
        locks.acquire_lock("shared", "one")
        assert not MemoryLockManager().acquire_lock("shared", "two", 0)
        locks.release_lock("shared", "one")


class TestFileSystem(LockManagerContract):
    @pytest.fixture
    def locks(self, tmp_path: Path) -> FileSystemLockManager:
        return FileSystemLockManager(lock_files_directory=tmp_path / "locks")

    def test_a_lock_is_a_file_while_it_is_held(self, locks: FileSystemLockManager, tmp_path: Path) -> None:
        locks.acquire_lock("a", "one")
        assert [file.name for file in (tmp_path / "locks").iterdir()] == ["a.lock"]
        locks.release_lock("a", "one")
        assert not list((tmp_path / "locks").iterdir())

    @pytest.mark.parametrize("left", [b"", b"{", b"[]", b"{}"])
    def test_what_a_writer_left_half_done_is_no_lock(
        self, locks: FileSystemLockManager, tmp_path: Path, left: bytes
    ) -> None:
        (tmp_path / "locks").mkdir()
        (tmp_path / "locks" / "a.lock").write_bytes(left)
        assert not locks.is_locked("a")
        assert locks.acquire_lock("a", "one", 0)


class LedgerLocks(LockManagerContract):
    def test_another_manager_of_the_ledger_sees_the_lock(self, locks: LedgerLockManager) -> None:
        other = LedgerLockManager(locks.ledger)
        locks.acquire_lock("a", "one")
        assert other.is_lock_holder("a", "one")
        assert not other.acquire_lock("a", "two", 0)

    def test_a_lease_that_nobody_renews_ends_where_the_holder_cannot_be_seen(self, locks: LedgerLockManager) -> None:
        locks.acquire_lock("a", "one")
        with locks.ledger.changing() as session:
            session.execute("UPDATE locks SET process = ?, expires = ?", "1@elsewhere@boot/1", session.now() + 10**9)
        assert locks.is_locked("a")
        with locks.ledger.changing() as session:
            session.execute("UPDATE locks SET expires = ?", session.now() - 1)
        assert locks.acquire_lock("a", "two", 0)


def test_a_lease_is_renewed_while_the_lock_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_locks, "LEASE_SECONDS", 0.05)
    with using_ledger(open_ledger("memory:")) as ledger:
        locks = LedgerLockManager()
        locks.acquire_lock("a", "one")
        [[first]] = _expiries(ledger)

        def later(session: Session) -> bool | None:
            return session.execute("SELECT expires FROM locks WHERE key = 'a'")[0][0] > first + 100_000 or None

        assert wait_until(later, 20)
        locks.release_lock("a", "one")
        assert _expiries(ledger) == []


def _expiries(ledger: Ledger) -> list[tuple[int]]:
    with ledger.reading() as session:
        return session.execute("SELECT expires FROM locks")  # type: ignore[return-value]


class TestLedgerInMemory(LedgerLocks):
    @pytest.fixture
    def locks(self) -> Iterator[LedgerLockManager]:
        ledger = open_ledger("memory:")
        yield LedgerLockManager(ledger)
        ledger.close()


class TestLedgerInSqlite(LedgerLocks):
    @pytest.fixture
    def locks(self, tmp_path: Path) -> Iterator[LedgerLockManager]:
        ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
        yield LedgerLockManager(ledger)
        ledger.close()

    def test_it_takes_the_ledger_in_use(self, tmp_path: Path) -> None:
        with using_ledger(open_ledger(f"sqlite:///{tmp_path}/other.db")) as ledger:
            found = pickle.loads(pickle.dumps(LedgerLockManager()))
            assert found.ledger is ledger
            found.acquire_lock("a", "one")
            found.release_lock("a", "one")
            ledger.close()


class TestLedgerInPostgres(LedgerLocks):
    @pytest.fixture
    def locks(self, postgres: PostgresDatabase) -> Iterator[LedgerLockManager]:
        ledger = open_ledger(postgres.url)
        yield LedgerLockManager(ledger)
        ledger.close()


DYING = """
import os, sys
from strongroom.ledger import open_ledger
from strongroom.locking.filesystem import FileSystemLockManager
from strongroom.locking.ledger import LedgerLockManager
locks = FileSystemLockManager(sys.argv[2]) if sys.argv[1] == "file" else LedgerLockManager(open_ledger(sys.argv[2]))
assert locks.acquire_lock("a", "the one that dies", 0)
os.kill(os.getpid(), 9)
"""


def test_a_lock_is_given_back_when_the_ledger_is_there_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    freed, away = ledger_locks._freed, 2

    def sometimes(ledger: Ledger, name: str, holder: str) -> bool:
        nonlocal away
        if away:
            away -= 1
            raise LedgerUnavailable("The ledger is away.", "Wait.")
        return freed(ledger, name, holder)

    monkeypatch.setattr(ledger_locks, "_freed", sometimes)
    monkeypatch.setattr(ledger_locks, "AGAIN_SECONDS", 0.001)
    locks = LedgerLockManager(open_ledger("memory:"))
    locks.acquire_lock("a", "one")
    locks.release_lock("a", "one")
    assert locks.acquire_lock("a", "two")
    assert "could not be given back, which is tried again" in caplog.text
    locks.release_lock("a", "two")


@pytest.mark.parametrize("kind", ["file", "ledger"])
def test_the_lock_of_a_process_that_was_killed_is_free(kind: str, tmp_path: Path) -> None:
    where = str(tmp_path / "locks") if kind == "file" else f"sqlite:///{tmp_path}/ledger.db"
    ended = subprocess.run([sys.executable, "-c", DYING, kind, where], env=os.environ, check=False)
    assert ended.returncode == -9
    locks: LockManager
    if kind == "file":
        locks = FileSystemLockManager(where)
        assert (tmp_path / "locks" / "a.lock").exists()
    else:
        locks = LedgerLockManager(open_ledger(where))
    assert not locks.is_locked("a")
    assert locks.acquire_lock("a", "the next one", 0)
    locks.release_lock("a", "the next one")
