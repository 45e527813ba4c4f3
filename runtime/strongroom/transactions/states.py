"""How far a transaction is, and when it commits."""

from __future__ import annotations

from enum import StrEnum


class CommitMode(StrEnum):
    """When a transaction commits: ``EAGER``, as soon as it ends; ``LAZY``, when the outermost one around it does;
    ``OFF``, only by a call of ``commit``, else it rolls back."""

    EAGER = "EAGER"
    LAZY = "LAZY"
    OFF = "OFF"


class TransactionState(StrEnum):
    """How far a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


SETTLED = (TransactionState.COMMITTED, TransactionState.ROLLED_BACK)
