"""The dates of something that recurs after a fixed time, counted from an anchor in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from strongroom.recurrence.walls import moments, wall_of

_DAY = timedelta(days=1)


def dates(interval: timedelta, anchor: datetime, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The moments after ``after`` that are whole intervals away from ``anchor``.

    Intervals of a day or more keep to the clock on the wall when it jumps; shorter ones pass in elapsed time.
    """
    if interval < _DAY:
        yield from _steps(interval, anchor.astimezone(UTC), after.astimezone(UTC))
    else:
        yield from moments(lambda start: _steps(interval, wall_of(anchor, zone), start), zone, after)


def _steps(interval: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    number = (after - anchor) // interval + 1
    try:
        while True:
            yield anchor + number * interval
            number += 1
    except OverflowError:
        return
