"""A target in PostgreSQL."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs

_DATABASE = {"host": "db.example.com", "database": "shop", "user": "dbt", "password": "…"}
_EXAMPLE: dict[str, Any] = {"credentials": {"$type": "postgresql", "$fields": _DATABASE}, "schema": "marts"}


class PostgresTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-postgres-target-configs", title="dbt CLI Postgres Target Configs"
):
    """A target in PostgreSQL, from the block of the database."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    _block_of_fields: ClassVar[str | None] = "credentials"

    type: Literal["postgres"] = Field("postgres", description="The adapter.")
    credentials: Block = Field(description="The PostgreSQL block.")
