"""The schedules that the arguments of ``serve`` and ``deploy`` amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from strongroom.errors import InvalidSchedule
from strongroom.schedules import Cron, Interval, RRule, Schedule

GivenInterval = timedelta | float | str
GivenSchedule = Schedule | Mapping[str, Any]


def given_schedules(
    interval: Iterable[GivenInterval] | GivenInterval | None = None,
    cron: Iterable[str] | str | None = None,
    rrule: Iterable[str] | str | None = None,
    schedule: GivenSchedule | None = None,
    schedules: Sequence[GivenSchedule] | None = None,
) -> list[Schedule]:
    """One kind of argument alone says when runs are due, with one value or several.

    Raises :class:`~strongroom.errors.InvalidSchedule`.
    """
    named = {"interval": interval, "cron": cron, "rrule": rrule, "schedule": schedule, "schedules": schedules}
    used = [name for name, value in named.items() if value is not None]
    if len(used) > 1:
        raise InvalidSchedule(f"{' and '.join(used)} are given at once.", "Give one of them; each takes a list too.")
    found = [Interval(each) for each in _several(interval)]
    found += [Cron(each) for each in _several(cron)]
    found += [RRule(each) for each in _several(rrule)]
    found += [_schedule(each) for each in (*(() if schedule is None else (schedule,)), *(schedules or ()))]
    slugs = [each.slug for each in found if each.slug is not None]
    if len(set(slugs)) < len(slugs):
        raise InvalidSchedule("Two schedules have the same slug.", "Give each a slug of its own.")
    return found


def _several(given: Any) -> list[Any]:
    if given is None:
        return []
    return [given] if isinstance(given, str | timedelta | int | float) else list(given)


def _schedule(given: Any) -> Schedule:
    if isinstance(given, Schedule):
        return given
    if not isinstance(given, Mapping):
        raise InvalidSchedule(
            f"A {type(given).__name__} is no schedule.", "Use Cron(…), Interval(…) or RRule(…) of strongroom.schedules."
        )
    shape = dict(given)
    inner = shape.pop("schedule", None)
    known = Schedule.__dataclass_fields__
    if unknown := sorted(shape.keys() - known.keys()):
        raise InvalidSchedule(f"A schedule has no {unknown[0]!r}.", f"It has {', '.join(known)}.")
    return Schedule(**shape) if inner is None else replace(_schedule(inner), **shape)
