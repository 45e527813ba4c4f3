"""When the runs of a deployment are due: :func:`Cron`, :func:`Interval`, :func:`RRule`.

Parameters and their meaning are those that Prefect 3 documents under "Schedules"::

    Cron("0 9 * * mon-fri", timezone="Europe/Berlin")
    Interval(timedelta(minutes=10), anchor_date=datetime(2026, 1, 1))
    RRule("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from strongroom.errors import InvalidSchedule


@dataclass(frozen=True)
class Schedule:
    """One schedule: exactly one of ``interval``, ``cron`` and ``rrule``, and what goes with it.

    ``anchor_date`` is None where an interval is to be counted from when its deployment is made. ``parameters`` go over
    those of the deployment. ``slug`` names the schedule in its deployment. Raises
    :class:`~strongroom.errors.InvalidSchedule`, which says what does not fit.
    """

    interval: timedelta | None = None
    cron: str | None = None
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: datetime | None = None
    day_or: bool = True
    active: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)
    slug: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("interval", "cron", "rrule") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidSchedule(
                f"A schedule has {' and '.join(given) or 'neither interval, cron nor rrule'}.", "Give exactly one."
            )
        if self.interval is not None:
            object.__setattr__(self, "interval", _duration(self.interval))
        elif self.anchor_date is not None:
            raise InvalidSchedule(f"A schedule by {given[0]} has an anchor_date.", "Only intervals have one.")
        zone = self.zone
        if self.anchor_date is not None and self.anchor_date.tzinfo is None:
            object.__setattr__(self, "anchor_date", self.anchor_date.replace(tzinfo=zone))
        if self.cron is not None:
            from strongroom.recurrence import cron

            cron.check(self.cron)
        if self.rrule is not None:
            from strongroom.recurrence import rule

            rule.check(self.rrule)

    @property
    def schedule(self) -> Schedule:
        """Itself: ``deployment.schedules[0].schedule.cron`` is how scripts for Prefect read it."""
        return self

    @property
    def zone(self) -> tzinfo:
        """The time zone whose clock counts: the one named, else that of the anchor or of the rule, else UTC."""
        name = self.timezone
        if name is None and self.anchor_date is not None and self.anchor_date.tzinfo is not None:
            return self.anchor_date.tzinfo
        if self.rrule is not None:
            from strongroom.recurrence import rule

            own = rule.zone_name(self.rrule)
            if name is not None and own not in (None, name):
                raise InvalidSchedule(f"The rule is in {own}, and the schedule in {name}.", "Name one time zone.")
            name = name or own
        return UTC if name is None else _zone(name)

    def dates(self, after: datetime) -> Iterator[datetime]:
        """The moments after ``after``, an aware time, at which a run is due, in order and in UTC.

        A time that the clock on the wall shows twice, when it is set back, counts once; one that it leaves out counts
        as the first moment that it shows again. Intervals below a day pass in elapsed time.
        """
        zone = self.zone
        if self.cron is not None:
            from strongroom.recurrence import cron

            return cron.dates(self.cron, zone, after, day_or=self.day_or)
        if self.rrule is not None:
            from strongroom.recurrence import rule

            return rule.dates(self.rrule, zone, after)
        from strongroom.recurrence import interval

        assert self.interval is not None  # noqa: S101  one of the three is there
        return interval.dates(self.interval, self.anchor_date or after, zone, after)

    def get_dates(self, n: int, start: datetime | None = None) -> list[datetime]:
        """The next ``n`` dates after ``start``, or after now; fewer where the schedule ends."""
        return list(islice(self.dates(datetime.now(UTC) if start is None else start), n))

    def __str__(self) -> str:
        zone = f" ({self.timezone})" if self.timezone else ""
        if self.interval is not None:
            return f"every {self.interval}{zone}"
        return f"{'cron' if self.cron else 'rrule'} {self.cron or self.rrule}{zone}"

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads back, as JSON can carry it; without parameters, activity and slug."""
        shape: dict[str, Any] = {"timezone": self.timezone}
        if self.cron is not None:
            return {"cron": self.cron, **shape, "day_or": self.day_or}
        if self.rrule is not None:
            return {"rrule": self.rrule, **shape}
        assert self.interval is not None  # noqa: S101
        anchor = None if self.anchor_date is None else self.anchor_date.isoformat()
        return {"interval": self.interval.total_seconds(), **shape, "anchor_date": anchor}

    @classmethod
    def from_json(cls, shape: Mapping[str, Any], **more: Any) -> Schedule:
        """A schedule of such a shape; ``more`` are the attributes that it leaves out."""
        given = dict(shape)
        if isinstance(given.get("anchor_date"), str):
            given["anchor_date"] = datetime.fromisoformat(given["anchor_date"])
        return cls(**given, **more)


def Cron(  # noqa: N802  documented names
    cron: str,
    /,
    timezone: str | None = None,
    day_or: bool = True,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """A schedule by a cron expression, ``"0 9 * * mon-fri"``; a sixth field is seconds, ``@daily`` and its like work.

    :param timezone: an IANA name, ``"Europe/Berlin"``; UTC where none is given.
    :param day_or: whether a day of the month and a day of the week, both given, are due on either (as cron has it), or
        only where both fit.
    :param active: whether it plans runs.
    :param parameters: go over those of the deployment.
    :param slug: its name in the deployment.
    """
    return Schedule(cron=cron, timezone=timezone, day_or=day_or, active=active, parameters=parameters or {}, slug=slug)


def Interval(  # noqa: N802
    interval: timedelta | float | str,
    /,
    anchor_date: datetime | None = None,
    timezone: str | None = None,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """A schedule by a fixed time between runs: seconds, a ``timedelta``, ``"PT10M"`` or ``"1:30:00"``.

    :param anchor_date: a moment that the dates are counted from, backwards too; when the deployment is made, where
        none is given. Without a time zone of its own it is in that of the schedule.
    """
    return Schedule(
        interval=_duration(interval),
        anchor_date=anchor_date,
        timezone=timezone,
        active=active,
        parameters=parameters or {},
        slug=slug,
    )


def RRule(  # noqa: N802
    rrule: str,
    /,
    timezone: str | None = None,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """A schedule by a recurrence rule of iCalendar, ``"FREQ=WEEKLY;BYDAY=MO"``; rules with a COUNT are refused.

    A rule without a DTSTART begins with 2020 in its time zone.
    """
    return Schedule(rrule=rrule, timezone=timezone, active=active, parameters=parameters or {}, slug=slug)


def _duration(given: timedelta | float | str) -> timedelta:
    if isinstance(given, str):
        from pydantic import TypeAdapter, ValidationError

        try:
            given = TypeAdapter(timedelta).validate_python(given)
        except ValidationError:
            raise InvalidSchedule(
                f"{given!r:.80} is no interval.", 'Give seconds, a timedelta, "PT10M" or "1:30:00".'
            ) from None
    if not isinstance(given, timedelta):
        try:
            given = timedelta(seconds=given)
        except (TypeError, ValueError, OverflowError):
            raise InvalidSchedule(f"{given!r:.80} is no interval.", "Give seconds, or a timedelta.") from None
    if given <= timedelta(0):
        raise InvalidSchedule(f"An interval of {given} never passes.", "Give a positive one.")
    return given


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise InvalidSchedule(f"There is no time zone {name!r:.80}.", 'Use an IANA name: "Europe/Berlin".') from None
