"""Variables: named JSON values that flows, tasks and people share, such as a threshold, a list of regions, a switch.

Names and behaviour are those that Prefect 3 documents under "Variables"::

    Variable.set("regions", ["eu", "us"])
    Variable.get("regions")                      # ["eu", "us"]
    Variable.get("threshold", default=0.5)       # 0.5 where there is none

They lie in clear in the ledger, so that a value which holds a secret is refused: secrets belong into blocks.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from strongroom_blocks.awaited import awaitable_too
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import SECRET_KINDS

from strongroom.errors import InvalidVariable, VariableExists
from strongroom.ledger import current_ledger

NAME_MAX = 255
VALUE_MAX = 5000
"""The longest value, in characters: of a text as it is, of everything else as JSON."""

_NAME = re.compile(r"[a-z0-9_-]+")
_SET = """
    INSERT INTO variables (name, value, tags, created, updated) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated = excluded.updated,
        tags = CASE WHEN ? = 1 THEN excluded.tags ELSE variables.tags END
    RETURNING name, value, tags, created, updated
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """A named value. ``created`` and ``updated`` are in UTC.

    ``await Variable.set(…)`` is understood too, since scripts that were written for Prefect have it.
    """

    name: str
    value: Any
    tags: list[str] = field(default_factory=list)
    created: datetime | None = None
    updated: datetime | None = None

    @classmethod
    def set(cls, name: str, value: Any, tags: Iterable[str] | None = None, overwrite: bool = False) -> Variable:
        """Set a new variable, or with ``overwrite`` one that exists; without ``tags`` that one keeps its own.

        :raises VariableExists: there is one of this name, and ``overwrite`` is not set.
        :raises InvalidVariable: the name or the value cannot be, or the value holds a secret.
        """
        _check_name(name)
        text = _text(name, value)
        labels = None if tags is None else json.dumps(_checked_tags(name, tags))
        with current_ledger().changing() as session:
            now = session.now()
            if not overwrite and session.execute("SELECT name FROM variables WHERE name = ?", name):
                raise VariableExists(f"There is a variable {name!r} already.", "Say overwrite to replace its value.")
            [row] = session.execute(_SET, name, text, labels or "[]", now, now, int(labels is not None))
        return _variable(row)

    @classmethod
    @awaitable_too
    def get(cls, name: str, default: Any = None) -> Any:
        """The value of a variable; ``default`` where there is none of this name."""
        found = find_variable(name)
        return default if found is None else found.value

    @classmethod
    @awaitable_too
    def unset(cls, name: str) -> bool:
        """Remove a variable. Gives whether there was one."""
        if not _is_name(name):
            return False
        with current_ledger().changing() as session:
            return bool(session.execute("DELETE FROM variables WHERE name = ? RETURNING name", name))

    @classmethod
    async def aset(cls, name: str, value: Any, tags: Iterable[str] | None = None, overwrite: bool = False) -> Variable:
        """:meth:`set` for asynchronous code."""
        return await asyncio.to_thread(cls.set, name, value, tags, overwrite)

    @classmethod
    async def aget(cls, name: str, default: Any = None) -> Any:
        """:meth:`get` for asynchronous code."""
        return await asyncio.to_thread(cls.get, name, default)

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """:meth:`unset` for asynchronous code."""
        return await asyncio.to_thread(cls.unset, name)

    def __await__(self) -> Generator[Any, Any, Variable]:
        return self
        yield  # what makes it a generator, which awaits nothing


def find_variable(name: str) -> Variable | None:
    """The variable of this name with all that is known of it, or None."""
    if not _is_name(name):
        return None
    with current_ledger().reading() as session:
        rows = session.execute("SELECT name, value, tags, created, updated FROM variables WHERE name = ?", name)
    return _variable(rows[0]) if rows else None


def list_variables() -> list[Variable]:
    """Every variable, sorted by name."""
    with current_ledger().reading() as session:
        rows = session.execute("SELECT name, value, tags, created, updated FROM variables")
    return sorted(map(_variable, rows), key=lambda variable: variable.name)


def _variable(row: tuple[Any, ...]) -> Variable:
    name, value, tags, created, updated = row
    times = (datetime.fromtimestamp(micros / 1_000_000, UTC) for micros in (created, updated))
    return Variable(name, json.loads(value), json.loads(tags), *times)


def _is_name(name: str) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise InvalidVariable(
            f"{name!r:.80} is no name of a variable.", "Use lower-case letters, digits, underscores and dashes."
        )
    if len(name) > NAME_MAX:
        raise InvalidVariable(
            f"The name {name[:40]!r}… has more than {NAME_MAX} characters.", "Give the variable a shorter one."
        )
    _check_secrets(name, name)


def _text(name: str, value: Any) -> str:
    """The value as JSON; escaped, so that every database keeps each character."""
    _check_json(name, value, 0)
    length = len(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    if length > VALUE_MAX:
        raise InvalidVariable(
            f"The value of the variable {name!r} has {length:,} characters, and {VALUE_MAX:,} is the most.",
            "Keep what is large in a file or an object store, and its place in the variable.",
        )
    _check_secrets(name, value)
    return json.dumps(value)


def _check_json(name: str, value: Any, depth: int) -> None:
    if isinstance(value, SECRET_KINDS):
        _refuse_secret(name)
    if depth > 100:
        raise InvalidVariable(f"The value of the variable {name!r} is nested too deeply.", "Make it flatter.")
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for item in value.values():
            _check_json(name, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(name, item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidVariable(f"The value of the variable {name!r} is {value}, which JSON has not.", "Use None for it.")
    elif value is not None and not isinstance(value, str | bool | int | float):
        what = "a mapping with keys that are no text" if isinstance(value, dict) else f"a {type(value).__name__}"
        raise InvalidVariable(
            f"The value of the variable {name!r} is, or holds, {what}, which JSON has not.",
            "Use texts, numbers, True, False, None, and lists and dictionaries of them.",
        )


def _checked_tags(name: str, tags: Iterable[str]) -> list[str]:
    found = [tags] if isinstance(tags, str) else list(tags)
    if not all(isinstance(tag, str) for tag in found):
        raise InvalidVariable(f"A tag of the variable {name!r} is no text.", "Give a list of texts.")
    _check_secrets(name, found)
    return found


def _check_secrets(name: str, value: Any) -> None:
    if redactor.redact_value(value) != value:
        _refuse_secret(name)


def _refuse_secret(name: str) -> None:
    raise InvalidVariable(
        f"The variable {redactor.redact(name)!r} would hold a secret, and variables are kept in clear.",
        'Keep it in a block, which is encrypted: Secret(value=…).save("name"); Secret.load("name") has it again.',
    )
