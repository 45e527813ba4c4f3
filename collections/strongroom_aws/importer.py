"""Secrets of AWS Secrets Manager, as the import wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from strongroom.interchange import Found, FoundDocument, Skipped
from strongroom.sources import SourceProblem

from strongroom_aws.secret_listing import secrets_below


def secrets(places: Sequence[str]) -> Iterator[Found]:
    """Every secret whose name begins with one of the places (``crm/``), or every one at all where none is given.

    A secret becomes a :class:`~strongroom.Secret` of its current value: a mapping where that is a JSON object, else the
    text or the bytes. Who asks, and where, is what boto3 finds in the environment. Nothing is written to AWS.

    :raises AwsError: the secrets cannot be listed.
    """
    seen: set[str] = set()
    for prefix in places or [""]:
        for listed, value in secrets_below(prefix):
            if listed.name in seen:
                continue
            seen.add(listed.name)
            if isinstance(value, SourceProblem):
                yield Skipped(listed.name, value.problem)
            else:
                yield FoundDocument(listed.name, listed.name, "secret", {"value": _content(value)})


def _content(value: str | bytes) -> Any:
    """A JSON object as what it means, unless that would lose something."""
    try:
        content = json.loads(value, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return value
    return content if isinstance(content, dict) else value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("A name stands there twice.")
    return fields
