"""Whether calls of tasks and flows are to be sketched, not run: what ``flow.visualize()`` switches on around its flow.

This module is all that a call looks at, so it is next to nothing; :mod:`strongroom.graphs.sketch` does the work.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.graphs.sketch import Sketch

going_on: list[Sketch] = []
"""The sketches that are being made in this process; empty nearly always, so that a call has nothing to look up."""

current: ContextVar[Sketch | None] = ContextVar("strongroom_sketch", default=None)
"""The sketch that the calling code is part of."""
