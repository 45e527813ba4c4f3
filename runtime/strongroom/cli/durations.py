"""Lengths of time as people type them, and as they are shown what they typed."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_PARTS = re.compile(
    r"(?:(?P<weeks>\d{1,6})w)?(?:(?P<days>\d{1,6})d)?(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,6})m)?"
)


class Duration(click.ParamType[timedelta]):
    """``90d``, ``2w``, ``36h``, ``1d12h``, ``15m``: weeks, days, hours and minutes, in this order."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        parts = _PARTS.fullmatch(value.strip().lower())
        if parts is None or not any(parts.groups()):
            self.fail(f"{value!r} is no length of time; write 90d, 36h or 1d12h.", param, ctx)
        return timedelta(**{unit: int(number) for unit, number in parts.groupdict().items() if number})


DURATION = Duration()


def written(duration: timedelta) -> str:
    """A length of time in the form that people type it in: ``90d``, ``1d12h``, ``15m``; with seconds where some are
    left, which nobody types."""
    seconds = duration // timedelta(seconds=1)
    found = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            found.append(f"{count}{unit}")
    return "".join(found) or "0m"


def seconds_of(duration: timedelta | None) -> int | None:
    """The duration in whole seconds; None where none was given."""
    return None if duration is None else duration // timedelta(seconds=1)
