"""Times as a clock on the wall shows them, and the moments that they are: where a zone's clocks jump, they differ.

A time that the clock shows twice is meant once, when it is shown first. A time that the clock never shows is meant as
the first moment after the gap. So a later wall time is never an earlier moment, and a daily run is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo


def wall_of(moment: datetime, zone: tzinfo) -> datetime:
    """What the clock shows at an aware ``moment``, as a naive time."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def moment_of(wall: datetime, zone: tzinfo) -> datetime:
    """The moment, in UTC, that a naive time of the clock on the wall means."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if wall_of(moment, zone) == wall else _after_gap(wall, zone)


def _after_gap(wall: datetime, zone: tzinfo) -> datetime:
    # Read with the offset that holds after the gap, the time lies before the gap; and the other way round.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(microseconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def moments(walls_after: Callable[[datetime], Iterator[datetime]], zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The moments after ``after`` that wall times mean, each once, in UTC.

    ``walls_after`` gives the wall times after one, in order.
    """
    last = after.astimezone(UTC)
    for wall in walls_after(wall_of(after, zone)):
        moment = moment_of(wall, zone)
        if moment > last:
            last = moment
            yield moment
