"""What the command line and the documentation tell of a block type: one dictionary for a person and for JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_blocks.catalog import BlockType

    from strongroom.collections import Collection


def prose(docstring: str) -> str:
    """A docstring without the marks that are for its typesetting."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", docstring.strip())
    return re.sub(r"::$", ":", text.replace("``", ""), flags=re.MULTILINE)


def first_sentence(docstring: str) -> str:
    """What a docstring begins with, up to the end of a sentence or paragraph, in one line."""
    paragraph = " ".join(prose(docstring).partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def type_row(card: BlockType, collections: list[Collection]) -> dict[str, Any]:
    """A type in a listing, as ``strongroom block types --json`` documents it. ``problem`` says why its class cannot be
    loaded, where it cannot."""
    from strongroom_blocks.catalog import description

    from strongroom.collections.powers import capabilities_of

    home = _home(card, collections)
    row: dict[str, Any] = {
        "slug": card.slug,
        "title": card.title,
        "class": f"{card.module}.{card.class_name}",
        "package": card.package,
        "collection": home.name if home else None,
        "summary": "",
        "capabilities": [],
        **_installation(card.slug, home),
        "problem": None,
    }
    try:
        cls = card.load()
    except Exception as error:
        return row | {"problem": f"{type(error).__name__}: {error}"}
    told = {"summary": first_sentence(description(cls)), "capabilities": capabilities_of(cls)}
    return row | {"title": cls.__block__.title} | told


def type_sheet(card: BlockType, collections: list[Collection]) -> dict[str, Any]:
    """All there is to know of a type, as ``strongroom block types SLUG --json`` documents it."""
    from strongroom_blocks.catalog import description

    from strongroom.collections.example import example_code, example_values, home_of
    from strongroom.collections.powers import capabilities_of

    cls = card.load()
    home = _home(card, collections)
    return {
        "slug": cls.__block__.slug,
        "title": cls.__block__.title,
        "description": description(cls),
        "class": f"{home_of(cls)}.{cls.__name__}",
        "package": card.package,
        "collection": home.name if home else None,
        **_installation(card.slug, home),
        "capabilities": capabilities_of(cls),
        "fields": field_rows(cls),
        "example": example_values(cls),
        "code": example_code(cls),
    }


def field_rows(cls: type[Block]) -> list[dict[str, Any]]:
    """The fields of a type: name, type in words, whether it is required or secret, default, meaning."""
    from strongroom.cli.field_prompts import default_text
    from strongroom.cli.field_types import is_secret, type_text

    return [
        {
            "field": name,
            "type": type_text(field.annotation),
            "required": field.is_required(),
            "secret": is_secret(field.annotation),
            "default": None if field.is_required() else default_text(field),
            "description": field.description or "",
        }
        for name, field in cls.model_fields.items()
    ]


def with_required(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of fields or parameters for a person, to whom the column of defaults says what has none."""
    return [row | ({"default": "required"} if row["required"] else {}) for row in rows]


def _home(card: BlockType, collections: list[Collection]) -> Collection | None:
    package = card.module.partition(".")[0]
    return next((found for found in collections if package in found.packages), None)


def _installation(slug: str, home: Collection | None) -> dict[str, Any]:
    """Which extra the type needs, whether what it installs is there, and what is missing of it."""
    extra = home.extra_of(slug) if home else None
    missing = home.missing(extra) if home else ()
    how = home.installation(extra) if home and missing else None
    return {"extra": extra, "installed": not missing, "missing": list(missing), "install": how}
