"""``prefect.client.schemas.schedules`` under its name: the schedules of :mod:`strongroom.schedules`, as scripts of
before write them."""

from __future__ import annotations

from datetime import datetime, timedelta

from strongroom.schedules import Schedule


def CronSchedule(cron: str, timezone: str | None = None, day_or: bool = True) -> Schedule:  # noqa: N802
    """See :func:`strongroom.schedules.Cron`."""
    return Schedule(cron=cron, timezone=timezone, day_or=day_or)


def IntervalSchedule(  # noqa: N802
    interval: timedelta | float, anchor_date: datetime | None = None, timezone: str | None = None
) -> Schedule:
    """See :func:`strongroom.schedules.Interval`."""
    seconds = interval if isinstance(interval, timedelta) else timedelta(seconds=interval)
    return Schedule(interval=seconds, anchor_date=anchor_date, timezone=timezone)


def RRuleSchedule(rrule: str, timezone: str | None = None) -> Schedule:  # noqa: N802
    """See :func:`strongroom.schedules.RRule`."""
    return Schedule(rrule=rrule, timezone=timezone)
