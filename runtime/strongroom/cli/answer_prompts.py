"""The answer to a run that waits: fields from the command line, and on a terminal those that are asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.fields import at_terminal
from strongroom.cli.outcome import CommandError, Exit

if TYPE_CHECKING:
    from strongroom.input.answering import Question


def answer(question: Question, given: tuple[str, ...]) -> dict[str, Any]:
    """The answer's fields: those given as ``NAME=VALUE``, and for the others, on a terminal, what is typed."""
    fields = question.fields
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError("An --input is no NAME=VALUE.", "Write --input name=value.", Exit.USAGE)
        if name not in fields:
            known = f"It asks for {', '.join(fields)}." if fields else "It asks for nothing."
            raise CommandError(f"The run asks for no {name!r:.60}.", known, Exit.USAGE)
        found[name] = _value(value, fields[name], question)
    if at_terminal():
        if question.description and fields.keys() - found.keys():
            click.secho(question.description, err=True)
        for name, schema in fields.items():
            if name not in found and (typed := _typed(name, schema, question)) is not None:
                found[name] = typed
    return found


def _typed(name: str, schema: Mapping[str, Any], question: Question) -> Any:
    """What a person types for a field; None where it is to have its default."""
    needed = name in question.required
    secret = bool(_kinds(schema, question) & {"password"})
    if schema.get("description"):
        click.secho(schema["description"], dim=True, err=True)
    default = "hidden" if secret else json.dumps(schema.get("default"), ensure_ascii=False)
    words = ", ".join(filter(None, [_words(schema, question), "" if needed else f"Enter for {default}"]))
    typed = click.prompt(
        f"{name} ({words})" if words else name,
        default=None if needed else "",
        hide_input=secret,
        show_default=False,
        prompt_suffix=": ",
        err=True,
    )
    return None if not typed and not needed else _value(typed, schema, question)


def _value(text: str, schema: Mapping[str, Any], question: Question) -> Any:
    """A text as the field's type wants it: JSON, unless the field takes a text."""
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if "string" in _kinds(schema, question) and not isinstance(value, str) else value


def _kinds(schema: Mapping[str, Any], question: Question) -> set[str]:
    """The JSON types that a field may have, and "password" for a secret one."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        return _kinds((question.schema or {}).get("$defs", {}).get(name, {}), question)
    kinds = schema.get("type", [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    if schema.get("format") == "password":
        found.add("password")
    return found.union(*(_kinds(part, question) for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()))))


_WORDS = {
    "integer": "a number", "number": "a number", "boolean": "true or false", "array": "a JSON list",
    "object": "a JSON object", "password": "hidden",
}  # fmt: skip


def _words(schema: Mapping[str, Any], question: Question) -> str:
    """What to type, in words."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    schema = (question.schema or {}).get("$defs", {}).get(name, {}) if name else schema
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return " or ".join(dict.fromkeys(_WORDS[kind] for kind in sorted(_kinds(schema, question)) if kind in _WORDS))
