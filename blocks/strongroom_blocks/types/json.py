"""Configuration that is no secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from strongroom_blocks.block import Block
from strongroom_blocks.secrets import PUBLIC


class JSON(Block, slug="json", title="JSON", icon="braces"):
    """A JSON value that is no secret: settings, lists of tables, thresholds. It is shown in listings."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": {"tables": ["orders"], "threshold": 0.5}}]})

    value: Annotated[JsonValue, PUBLIC] = Field(description="Anything that JSON can hold, but for secrets.")
