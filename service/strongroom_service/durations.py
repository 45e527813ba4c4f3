"""Durations as requests have them: seconds, or a text such as ``1h30m``, in the form that Go and Vault write."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

LONGEST = timedelta(days=36500)
"""What no duration may exceed: a hundred years."""

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_TEXT_MAX = 64
"""The longest text of a duration: reading one takes its time for each part."""
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = re.compile(r"[0-9]{1,12}")


def parse_duration(value: object) -> timedelta | None:
    """Read a duration; None where it is none.

    :param value: a number of seconds, as number or text, or a text such as ``30m0s``; an empty text means zero.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _bounded(Fraction(value))
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        return None
    if value == "":
        return timedelta(0)
    if _SECONDS.fullmatch(value):
        return _bounded(Fraction(int(value)))
    parts = _PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return _bounded(sum((Fraction(number) * _UNITS[unit] for number, unit in parts), Fraction(0)))


def go_duration(value: timedelta) -> str:
    """A duration as Go writes it: ``0s``, ``30s``, ``30m0s``, ``1h0m0s``."""
    microseconds = value // timedelta(microseconds=1)
    seconds, fraction = divmod(microseconds, 10**6)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    last = f"{seconds}{_decimals(fraction)}s"
    if hours:
        return f"{hours}h{minutes}m{last}"
    return f"{minutes}m{last}" if minutes else last


def whole_seconds(value: timedelta) -> int:
    """A duration as answers have it: in seconds, without what is left of one."""
    return value // timedelta(seconds=1)


def span(seconds: int | None) -> timedelta | None:
    """The duration of so many seconds; None where none is said."""
    return None if seconds is None else timedelta(seconds=seconds)


def _decimals(microseconds: int) -> str:
    return f".{microseconds:06}".rstrip("0") if microseconds else ""


def _bounded(seconds: Fraction) -> timedelta | None:
    if not 0 <= seconds <= LONGEST.total_seconds():
        return None
    return timedelta(microseconds=int(seconds * 10**6))
