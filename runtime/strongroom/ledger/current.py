"""Which ledger this process uses."""

from __future__ import annotations

from contextlib import AbstractContextManager

from strongroom.databases.in_use import InUse
from strongroom.ledger.ledger import Ledger


def open_ledger(url: str) -> Ledger:
    """The ledger at ``url``: ``sqlite:///path/ledger.db``, ``postgresql://…``, or ``memory:``.

    Raises :class:`~strongroom.errors.InvalidLedgerUrl` for anything else. Nothing is created before its first use.
    """
    from strongroom.errors import InvalidLedgerUrl

    if url == "memory:":
        from strongroom.ledger.sqlite import MemoryLedger

        return MemoryLedger()
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and path:
        from strongroom.ledger.sqlite import SqliteLedger

        return SqliteLedger(path)
    if url.startswith(("postgresql://", "postgres://")):
        from strongroom_blocks import require_extra

        require_extra("psycopg", extra="postgres")
        from strongroom.ledger.postgres import PostgresLedger

        return PostgresLedger(url)
    raise InvalidLedgerUrl(
        "STRONGROOM_LEDGER names no ledger.", 'Use "sqlite:///path/to/ledger.db", "postgresql://…" or "memory:".'
    )


def _configured() -> str:
    from strongroom.settings import get_settings

    return get_settings().ledger_url


_in_use: InUse[Ledger] = InUse("ledger", open_ledger, _configured, lambda ledger: ledger.close())


def chosen_ledger() -> Ledger | None:
    """The ledger that code chose, at next to no cost; None where it is the one that the settings name."""
    return _in_use.chosen()


def ledger_is_there() -> bool:
    """Whether there is anything to read: reading a ledger that is not there makes it."""
    path = getattr(current_ledger(), "path", None)
    return path is None or path.exists()


def current_ledger() -> Ledger:
    """The ledger in use: that of ``using_ledger``, else the one that the settings name, opened once per process."""
    return _in_use.current()


def using_ledger(ledger: Ledger) -> AbstractContextManager[Ledger]:
    """Use ``ledger`` in this context and the tasks started from it; does not close it."""
    return _in_use.using(ledger)


def set_current_ledger(ledger: Ledger | None) -> Ledger | None:
    """Use ``ledger`` in the whole process; None goes back to the one that the settings name. Gives the one before."""
    return _in_use.choose(ledger)


def let_go_of_ledgers() -> None:
    """Close the ledgers that this process opened by their URL. Whoever holds one may go on: it opens again."""
    _in_use.let_go()
