"""A target in Snowflake."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs


class SnowflakeTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-snowflake-target-configs", title="dbt CLI Snowflake Target Configs"
):
    """A target in Snowflake, from the block of its connector."""

    _block_of_fields: ClassVar[str | None] = "connector"

    type: Literal["snowflake"] = Field("snowflake", description="The adapter.")
    connector: Block = Field(description="The SnowflakeConnector: who asks, and in which database and warehouse.")
