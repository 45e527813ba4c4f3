"""What time it is. Everything that Strongroom's runs write down asks here, so that a test can say what time it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """The current time, aware and in UTC; that of the clock in use, where a test set one."""
    return datetime.now(UTC) if _source is None else _source()


class FixedClock:
    """A clock that stands still, until it is told to go on.

    :param start: the time it shows, aware.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("The time has no zone. Give one: datetime(2026, 1, 1, tzinfo=UTC).")
        self._time = start.astimezone(UTC)

    def __call__(self) -> datetime:
        return self._time

    def advance(self, by: timedelta | None = None, **parts: float) -> datetime:
        """Go on by a duration, or by the parts of one, ``hours=1, minutes=30``; gives the time then."""
        self._time += (timedelta() if by is None else by) + timedelta(**parts)
        return self._time


@contextmanager
def using_clock(clock: Callable[[], datetime]) -> Iterator[None]:
    """Every thread of this process reads this clock inside the block: any function that gives an aware UTC time."""
    global _source
    before, _source = _source, clock
    try:
        yield
    finally:
        _source = before
