"""How runs with one key that happen at once see each other."""

from __future__ import annotations

from enum import StrEnum


class IsolationLevel(StrEnum):
    """``READ_COMMITTED``: each sees what others committed before, and several may do the same work at once.

    ``SERIALIZABLE``: one after the other, by a lock; who waited finds what the first one committed.
    """

    READ_COMMITTED = "READ_COMMITTED"
    SERIALIZABLE = "SERIALIZABLE"
