"""A Strongroom for tests: nothing of the user's is read or written, and nothing stays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import strongroom_registry
from strongroom_registry import Registry
from strongroom_registry.current import using_in_process

from strongroom.clock import FixedClock, using_clock
from strongroom.journal.current import set_current_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger.current import open_ledger, set_current_ledger

if TYPE_CHECKING:
    from strongroom.ledger.ledger import Ledger

START = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def strongroom_test_harness(*, at: datetime | None = None) -> Iterator[MemoryJournal]:
    """Give the process an empty registry, run history and ledger, all in memory, and a home that is removed after.

    For a fixture of the whole test session, or around one test, or one inside the other: afterwards, what was there
    before is there again. Yields the journal, to look at what ran.

    :param at: the time that it stays meanwhile, as far as runs, results and their expiry are concerned.
    """
    with strongroom_for_tests(at) as strongroom:
        yield strongroom.journal


@dataclass(frozen=True)
class StrongroomForTests:
    """What a test has to itself. ``clock`` stands still until the test has it go on: ``clock.advance(hours=1)``."""

    registry: Registry
    journal: MemoryJournal
    ledger: Ledger
    clock: FixedClock


@contextmanager
def strongroom_for_tests(at: datetime | None = START) -> Iterator[StrongroomForTests]:
    """Like :func:`strongroom_test_harness`, with a clock that stands still; yields all that the test has to itself.

    As a fixture of pytest::

        @pytest.fixture
        def strongroom() -> Iterator[StrongroomForTests]:
            with strongroom_for_tests() as strongroom:
                yield strongroom
    """
    journal, ledger = MemoryJournal(), open_ledger("memory:")
    clock = FixedClock(START if at is None else at)
    with ExitStack() as stack:
        stack.enter_context(_home())
        registry = strongroom_registry.open_registry("memory:")
        stack.callback(registry.close)
        stack.enter_context(using_in_process(registry))
        stack.callback(set_current_journal, set_current_journal(journal))
        stack.callback(set_current_ledger, set_current_ledger(ledger))
        if at is not None:
            stack.enter_context(using_clock(clock))
        yield StrongroomForTests(registry, journal, ledger, clock)


@contextmanager
def _home() -> Iterator[None]:
    before = os.environ.get("STRONGROOM_HOME")
    with tempfile.TemporaryDirectory(prefix="strongroom-test-") as folder:
        os.environ["STRONGROOM_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["STRONGROOM_HOME"]
            else:
                os.environ["STRONGROOM_HOME"] = before
