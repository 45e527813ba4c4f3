"""Which journal this process writes to."""

from __future__ import annotations

from contextlib import AbstractContextManager

from strongroom.databases.in_use import InUse
from strongroom.journal.journal import Journal


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


def _configured() -> str:
    from strongroom.settings import get_settings

    return get_settings().journal_url


def _end(journal: Journal) -> None:
    """The process ends: of what it added to, the oldest goes if the settings say so."""
    if getattr(journal, "used", False):
        from strongroom.retention import remove_old_runs

        remove_old_runs(journal)
    journal.close()


_in_use: InUse[Journal] = InUse("journal", open_journal, _configured, _end)


def current_journal() -> Journal:
    """The journal in use: that of ``using_journal``, else the one that the settings name, opened once per process."""
    return _in_use.current()


def journal_at(url: str) -> Journal:
    """The journal at ``url``, opened once per process; raises what :func:`open_journal` raises."""
    return _in_use.at(url)


def using_journal(journal: Journal) -> AbstractContextManager[Journal]:
    """Use ``journal`` in this context and the tasks started from it; does not close it."""
    return _in_use.using(journal)


def set_current_journal(journal: Journal | None) -> Journal | None:
    """Use ``journal`` in the whole process; None goes back to the one that the settings name. Gives the one before."""
    return _in_use.choose(journal)


def let_go_of_journals() -> None:
    """Close the journals that this process opened by their URL. Whoever holds one may go on: it opens again."""
    _in_use.let_go()
