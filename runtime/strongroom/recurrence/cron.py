"""The dates of cron expressions, as croniter reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

from strongroom.errors import InvalidSchedule
from strongroom.recurrence.walls import moments

_RANDOM = re.compile(r"(?<![A-Z])[HR](?![A-Z])", re.IGNORECASE)


def check(expression: str) -> None:
    """Raises :class:`~strongroom.errors.InvalidSchedule` for what is no cron expression."""
    from croniter import croniter

    remedy = 'Write minute, hour, day of the month, month and day of the week: "30 4 * * mon-fri".'
    if _RANDOM.search(expression):
        raise InvalidSchedule(f"The cron expression {expression!r:.80} asks for hashed or random times.", remedy)
    try:
        croniter(expression, datetime(2020, 1, 1))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidSchedule(f"{expression!r:.80} is no cron expression: {str(error).rstrip('.')}.", remedy) from None


def dates(expression: str, zone: tzinfo, after: datetime, *, day_or: bool) -> Iterator[datetime]:
    """The moments after ``after`` at which the expression is due; ends where it has no more for fifty years."""
    from croniter import CroniterBadDateError, croniter

    def walls(start: datetime) -> Iterator[datetime]:
        times = croniter(expression, start, ret_type=datetime, day_or=day_or)
        while True:
            try:
                wall = times.get_next(datetime)
            except (CroniterBadDateError, OverflowError):
                return
            yield wall

    return moments(walls, zone, after)
