"""Which journal this process writes to."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from strongroom.journal.journal import Journal

_used: ContextVar[Journal | None] = ContextVar("strongroom_journal", default=None)
_chosen: Journal | None = None
_opened: dict[str, Journal] = {}
_lock = threading.Lock()


def open_journal(url: str) -> Journal:
    """The journal at ``url``: ``sqlite:///path/runs.db``, ``postgresql://user@host/database``, or ``memory:`` for one
    that ends with the process.

    Raises :class:`~strongroom.errors.InvalidJournalUrl` for anything else, and MissingExtra where PostgreSQL's driver
    is not installed. Nothing is created, and nobody called, before the journal is first used.
    """
    from strongroom.errors import InvalidJournalUrl

    if url == "memory:":
        from strongroom.journal.memory import MemoryJournal

        return MemoryJournal()
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and path:
        from strongroom.journal.sqlite import SqliteJournal

        return SqliteJournal(path)
    if url.startswith(("postgresql://", "postgres://")):
        from strongroom_blocks import require_extra

        require_extra("psycopg", extra="postgres")
        from strongroom.journal.postgres import PostgresJournal

        return PostgresJournal(url)
    raise InvalidJournalUrl(
        f"A URL that begins with {url.partition(':')[0]!r:.40} names no journal.",
        'Use "sqlite:///path/to/runs.db", "postgresql://user@host/database" or "memory:".',
    )


def current_journal() -> Journal:
    """The journal in use: that of ``using_journal``, else the one that the settings name, opened once per process."""
    used = _used.get() or _chosen
    if used is not None:
        return used
    from strongroom.settings import get_settings

    url = get_settings().journal_url
    journal = _opened.get(url)
    return journal if journal is not None else _open(url)


def _open(url: str) -> Journal:
    with _lock:
        journal = _opened.get(url)
        if journal is None:
            journal = _opened[url] = open_journal(url)
            atexit.register(_end, journal)
        return journal


def _end(journal: Journal) -> None:
    """The process ends: of what it added to, the oldest goes if the settings say so."""
    if getattr(journal, "used", False):
        from strongroom.retention import remove_old_runs

        remove_old_runs(journal)
    journal.close()


@contextmanager
def using_journal(journal: Journal) -> Iterator[Journal]:
    """Use ``journal`` in this context and the tasks started from it; does not close it."""
    token = _used.set(journal)
    try:
        yield journal
    finally:
        _used.reset(token)


def set_current_journal(journal: Journal | None) -> None:
    """Use ``journal`` in the whole process; None goes back to the one that the settings name."""
    global _chosen
    _chosen = journal
