"""The tables of the ledger, a file a feature, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from strongroom.databases.kind import Kind
from strongroom.errors import LedgerForeign, LedgerNewer, LedgerUnavailable


@functools.cache
def ledger_kind(*, blob: str = "BLOB") -> Kind:
    """The ledger; ``blob`` is what the database calls a column of bytes."""
    scripts = sorted((Path(__file__).parent / "tables").glob("*.sql"))
    first = "\n".join(re.sub(r"\bBLOB\b", blob, script.read_text("utf-8")) for script in scripts)
    return Kind(
        "ledger",
        "STRONGROOM_LEDGER",
        0x5352_4C47,  # "SRLG"
        [first],
        LedgerUnavailable,
        LedgerForeign,
        LedgerNewer,
    )
