"""The journals pass their contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.postgres import PostgresDatabase
from strongroom.journal import Journal
from strongroom.journal.current import open_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.journal.sqlite import SqliteJournal
from strongroom.testing import JournalContract


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[SqliteJournal]:
        journal = SqliteJournal(tmp_path / "home" / "runs.db")
        yield journal
        journal.close()


class TestPostgresJournal(JournalContract):
    @pytest.fixture
    def journal(self, postgres: PostgresDatabase) -> Iterator[Journal]:
        journal = open_journal(postgres.url)
        yield journal
        journal.close()
