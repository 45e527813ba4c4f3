"""Which ledger this process uses."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from strongroom.ledger.ledger import Ledger

_used: ContextVar[Ledger | None] = ContextVar("strongroom_ledger", default=None)
_chosen: Ledger | None = None
_opened: dict[str, Ledger] = {}
_lock = threading.Lock()


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


def chosen_ledger() -> Ledger | None:
    """The ledger that code chose, at next to no cost; None where it is the one that the settings name."""
    return _used.get() or _chosen


def ledger_is_there() -> bool:
    """Whether there is anything to read: reading a ledger that is not there makes it."""
    path = getattr(current_ledger(), "path", None)
    return path is None or path.exists()


def current_ledger() -> Ledger:
    """The ledger in use: that of ``using_ledger``, else the one that the settings name, opened once per process."""
    chosen = chosen_ledger()
    if chosen is not None:
        return chosen
    from strongroom.settings import get_settings

    url = get_settings().ledger_url
    ledger = _opened.get(url)
    return ledger if ledger is not None else _open(url)


def _open(url: str) -> Ledger:
    with _lock:
        ledger = _opened.get(url)
        if ledger is None:
            ledger = _opened[url] = open_ledger(url)
            atexit.register(ledger.close)
        return ledger


@contextmanager
def using_ledger(ledger: Ledger) -> Iterator[Ledger]:
    """Use ``ledger`` in this context and the tasks started from it; does not close it."""
    token = _used.set(ledger)
    try:
        yield ledger
    finally:
        _used.reset(token)


def set_current_ledger(ledger: Ledger | None) -> None:
    """Use ``ledger`` in the whole process; None goes back to the one that the settings name."""
    global _chosen
    _chosen = ledger
