"""What the modules of :mod:`strongroom.runtime` share: attributes that are looked up, unless a variable says them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from strongroom.errors import InvalidSettings

Attributes = Mapping[str, Callable[[], Any]]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_READERS: dict[type, Callable[[str], Any]] = {
    bool: lambda text: text.lower() == "true",
    int: int,
    float: float,
    str: str,
    datetime: _moment,
    type(None): str,
}


def attribute(subject: str, attributes: Attributes, name: str) -> Any:
    """The attribute ``name`` of ``subject`` ("flow_run"), or what ``STRONGROOM__RUNTIME__FLOW_RUN__NAME`` says it is.

    What a variable says has the type of the real value. Raises AttributeError for a name that neither knows, and
    :class:`~strongroom.errors.InvalidSettings` for a list or mapping, which no variable can say.
    """
    variable = f"STRONGROOM__RUNTIME__{subject.upper()}__{name.upper()}"
    said, look_up = os.environ.get(variable), attributes.get(name)
    if look_up is None:
        if said is None or name.startswith("__"):
            raise AttributeError(f"strongroom.runtime.{subject} has no attribute {name!r}")
        return said
    real = look_up()
    if said is None:
        return real
    reader = _READERS.get(type(real))
    try:
        if reader is not None:
            return reader(said)
    except ValueError:
        pass
    raise InvalidSettings(
        f"{variable} cannot say what strongroom.runtime.{subject}.{name} is, which is a {type(real).__name__}.",
        "Use the monkeypatch fixture of pytest instead." if reader is None else "Set it anew, or unset it.",
    )
