"""A target in Snowflake."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs

_LOGIN = {"account": "acme-shop", "user": "dbt", "auth": {"method": "password", "password": "…"}}
_CONNECTOR = {"credentials": _LOGIN, "warehouse": "building", "database": "shop"}
_EXAMPLE: dict[str, Any] = {"connector": {"$type": "snowflake-connector", "$fields": _CONNECTOR}, "schema": "marts"}


class SnowflakeTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-snowflake-target-configs", title="dbt CLI Snowflake Target Configs"
):
    """A target in Snowflake, from the block of its connector."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    _block_of_fields: ClassVar[str | None] = "connector"

    type: Literal["snowflake"] = Field("snowflake", description="The adapter.")
    connector: Block = Field(description="The SnowflakeConnector: who asks, and in which database and warehouse.")
