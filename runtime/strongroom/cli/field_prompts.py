"""Asking a person for a field: what is secret is hidden while it is typed."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.field_types import block_class, is_secret, is_secret_mapping, what_to_type
from strongroom.cli.given_text import read_text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def prompt_for(name: str, field: FieldInfo, *, kept: bool = False) -> str | dict[str, str] | None:
    """Ask for one field: the text as typed, the entries of a secret mapping, or None for the field's own default; with
    ``kept``, for the value that it has.
    """
    needed = field.is_required() and not kept
    if field.description:
        click.secho(field.description, dim=True, err=True)
    if is_secret_mapping(field.annotation):
        return _entries(name, kept) or ({} if needed else None)
    secret = is_secret(field.annotation)
    answer: str = click.prompt(
        f"{name}{_hint(field, secret, kept)}",
        default=None if needed else "",
        hide_input=secret,
        show_default=False,
        prompt_suffix=": ",
        err=True,
    )
    if not answer and not needed:
        return None
    return _from_file(answer) if secret and answer.startswith("@") else answer


def _hint(field: FieldInfo, secret: bool, kept: bool) -> str:
    block = block_class(field.annotation)
    if block is not None:
        slug = getattr(block, "__block__", None)
        words = [f"the name of a saved {slug.slug}" if slug else "the name of a saved block"]
    elif secret:
        words = ["hidden", "@FILE reads a file"]
    else:
        words = [what_to_type(field.annotation)]
    if kept:
        words.append("Enter keeps it")
    elif not field.is_required():
        words.append("Enter for none" if secret else f"Enter for {default_text(field)}")
    shown = ", ".join(filter(None, words))
    return f" ({shown})" if shown else ""


def default_text(field: FieldInfo) -> str:
    """The default of a field, in words."""
    factory = field.default_factory
    if factory in (list, dict, set, tuple):
        return "none"
    if factory is not None:
        return f"{factory.__name__}()" if isinstance(factory, type) else "the default"
    default = field.default
    if default is None or str(default) in ("", "[]", "{}", "set()"):
        return "none"
    if isinstance(default, Enum):
        return str(default.value)
    return json.dumps(default, default=str) if isinstance(default, bool | list | dict) else str(default)


def _from_file(answer: str) -> str:
    return answer[1:] if answer.startswith("@@") else read_text(Path(answer[1:])).removesuffix("\n")


def _entries(name: str, kept: bool) -> dict[str, str]:
    click.echo(
        f"{name}: entry by entry; an empty name ends it{', at once keeps what it has' if kept else ''}", err=True
    )
    entries: dict[str, str] = {}
    while key := click.prompt("  name", default="", show_default=False, err=True):
        entries[key] = click.prompt(f"  {key} (hidden)", hide_input=True, err=True)
    return entries
