"""``#field`` behind a reference: one value of a secret that is a JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from strongroom_blocks.errors import SecretAbsent, SecretDenied
from strongroom_blocks.sources.source import Answer


def field_of(value: str | bytes, field: str | None, what: str) -> Answer:
    """The whole secret, or one field of it: text as it is, anything else as JSON.

    :param field: the name of a field, or a JSON pointer (RFC 6901), which begins with a slash.
    :param what: the secret's name in messages, such as ``the secret "aws-sm:crm"``.
    """
    if field is None:
        return value
    document = _parsed(value)
    if not isinstance(document, dict):
        return SecretDenied(
            f"The field {field!r} cannot be had of {what}, which is no JSON object.",
            "Leave the field out of the reference.",
        )
    return member_of(document, field, what)


def member_of(document: Mapping[str, Any], field: str, what: str) -> Answer:
    """One field of a secret that is an object: text as it is, anything else as JSON. Parameters as above."""
    found: Any = document
    for step in _steps(field):
        found = _step(found, step)
    if found is None:
        return SecretAbsent(f"There is no field {field!r} in {what}, or null.", "Correct the name behind the '#'.")
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _parsed(value: str | bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # which may quote what they could not read
        return None


def _steps(field: str) -> list[str]:
    if not field.startswith("/"):
        return [field]
    return [part.replace("~1", "/").replace("~0", "~") for part in field[1:].split("/")]


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and step.isascii() and len(step) < 10:
        return next(iter(value[int(step) :]), None)
    return None
