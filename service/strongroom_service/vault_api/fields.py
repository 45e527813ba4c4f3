"""Fields of a body, checked. What is wrong with one is said by its name; its value never stands in an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from strongroom_service.durations import parse_duration
from strongroom_service.vault_api.envelope import invalid

TEXT_MAX = 64 * 1024
"""The longest text of a field, in characters, where nothing else is said."""


def text(body: Mapping[str, Any], name: str, default: str | None = None, *, longest: int = TEXT_MAX) -> str:
    """A text.

    :raises InvalidRequest: it is missing and there is no default, is no text or too long.
    """
    value = body.get(name)
    if value is None:
        if default is None:
            raise invalid(f"missing {name}")
        return default
    if not isinstance(value, str):
        raise invalid(f"{name} is a text")
    if len(value) > longest:
        raise invalid(f"{name} has at most {longest} characters")
    return value


def boolean(body: Mapping[str, Any], name: str, default: bool | None = None) -> bool | None:
    """True or false, also as texts; the default where it is missing."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise invalid(f"{name} is true or false")


def integer(
    body: Mapping[str, Any], name: str, default: int | None = None, *, least: int = 0, most: int = 2**53
) -> int | None:
    """A whole number, also as a text of digits; the default where it is missing."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{name} is a whole number")
    if not least <= value <= most:
        raise invalid(f"{name} is between {least} and {most}")
    return value


def duration(body: Mapping[str, Any], name: str) -> timedelta | None:
    """A duration: seconds, or Go's text such as ``1h30m``; None where it is missing."""
    value = body.get(name)
    if value is None:
        return None
    found = parse_duration(value)
    if found is None:
        raise invalid(f"{name} is a duration such as 30s or 1h30m")
    return found


def texts(body: Mapping[str, Any], name: str, *, most: int = 1000, longest: int = 512) -> tuple[str, ...] | None:
    """A list of texts, or one text with commas; None where it is missing."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.count(",") <= 2 * most:
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"{name} is a list of texts")
    if len(value) > most or any(len(item) > longest for item in value):
        raise invalid(f"{name} has at most {most} texts of {longest} characters")
    return tuple(value)


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """An object; None where it is missing."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(f"{name} is an object")
    return value
