"""The dates of iCalendar's recurrence rules (RFC 5545), as dateutil reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from strongroom.errors import InvalidSchedule
from strongroom.recurrence.walls import moments, wall_of

LONGEST = 6500
FIRST = datetime(2020, 1, 1)
"""The start of a rule that names none: midnight on the wall."""

_ZONE = re.compile(r";TZID=([^:;]+)", re.IGNORECASE)
_IN_UTC = re.compile(r"(\d{8}T\d{6})Z")
_UNITS = ("WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
_LENGTHS = dict(
    zip(_UNITS, (timedelta(weeks=1), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)),
        strict=True)
)  # fmt: skip
_REMEDY = 'Write a rule of RFC 5545 without COUNT: "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20271231T000000Z".'


def zone_name(text: str) -> str | None:
    """The time zone that the rule's own text names, if it does."""
    found = set(_ZONE.findall(text))
    if len(found) > 1:
        raise InvalidSchedule(f"The rule names several time zones: {', '.join(sorted(found))}.", "Use one.")
    return found.pop() if found else None


def check(text: str) -> None:
    """Raises :class:`~strongroom.errors.InvalidSchedule` for what is no rule, or has a COUNT."""
    if len(text) > LONGEST:
        raise InvalidSchedule(f"The rule has {len(text)} characters; {LONGEST} are the most.", _REMEDY)
    if re.search(r"\bCOUNT\s*=", text, re.IGNORECASE):
        raise InvalidSchedule("The rule has a COUNT, whose runs nobody counts.", "Use UNTIL instead.")
    _parsed(text, ZoneInfo("UTC"))


def dates(text: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The moments after ``after`` at which the rule is due; ends with the rule."""
    return moments(lambda start: iter(_nearer(_parsed(text, zone), start).xafter(start)), zone, after)


def _parsed(text: str, zone: tzinfo) -> Any:
    """The rule in times on the wall."""
    from dateutil.rrule import rrulestr

    def on_the_wall(found: re.Match[str]) -> str:
        moment = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return wall_of(moment, zone).strftime("%Y%m%dT%H%M%S")

    try:
        return rrulestr(_IN_UTC.sub(on_the_wall, _ZONE.sub("", text)), dtstart=FIRST)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidSchedule(f"{text!r:.80} is no recurrence rule: {error}.", _REMEDY) from None


def _nearer(rule: Any, start: datetime) -> Any:
    """The same rule counted from whole periods later, so that it does not walk through years of minutes first."""
    from dateutil import rrule as rules

    unit = getattr(rule, "_freq", None)
    names = {getattr(rules, name): name for name in _UNITS}
    if unit not in names:
        return rule
    period = _LENGTHS[names[unit]] * rule._interval
    periods = (start - rule._dtstart) // period - 1
    return rule.replace(dtstart=rule._dtstart + periods * period) if periods > 0 else rule
