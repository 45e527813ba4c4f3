"""The kinds of artifacts that have a shape of their own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom_blocks.redaction import redactor

from strongroom.artifacts.artifact import Artifact
from strongroom.errors import InvalidArtifact

Table = dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkArtifact(Artifact):
    """A link, kept as Markdown."""

    link: str
    link_text: str | None = None
    type: str | None = "markdown"

    def format(self) -> str:
        """The link in Markdown."""
        return f"[{self.link_text or self.link}]({self.link})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownArtifact(Artifact):
    """A text in Markdown."""

    markdown: str
    type: str | None = "markdown"

    def format(self) -> str:
        """The text."""
        return self.markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class TableArtifact(Artifact):
    """A table: a list of rows, each a mapping or a list, or a mapping of columns."""

    table: Table
    type: str | None = "table"

    def format(self) -> str:
        """The table as JSON; numbers that are none become null, and what JSON has not becomes text."""
        if not isinstance(self.table, list | tuple | Mapping):
            raise InvalidArtifact(
                f"A table cannot be a {type(self.table).__name__}.",
                "Give a list of dictionaries, a list of lists, or a dictionary of lists.",
            )
        return json.dumps(redactor.redact_value(_plain(self.table)), default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressArtifact(Artifact):
    """How much of something is done, in percent."""

    progress: float
    type: str | None = "progress"

    def format(self) -> float:
        """The percentage. Raises :class:`~strongroom.errors.InvalidArtifact` outside of 0 to 100."""
        return percentage(self.progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArtifact(Artifact):
    """A picture that everybody can fetch from its URL."""

    image_url: str
    type: str | None = "image"

    def format(self) -> str:
        """The URL."""
        return self.image_url


def percentage(progress: float) -> float:
    """A progress, checked."""
    try:
        number = float(progress)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 100:
        raise InvalidArtifact(f"{progress!r:.40} is no progress.", "Give a percentage, from 0 to 100.")
    return number


def _plain(value: Any) -> Any:
    """What JSON can say of a cell or of many: NaN and infinity are absent, other kinds of values are their text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    item = getattr(value, "item", None)  # a number of NumPy's or pandas'
    if callable(item) and getattr(value, "shape", None) == ():
        return _plain(item())
    return redactor.redact_value(value)
