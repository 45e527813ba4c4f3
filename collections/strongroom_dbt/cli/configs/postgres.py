"""A target in PostgreSQL."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs


class PostgresTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-postgres-target-configs", title="dbt CLI Postgres Target Configs"
):
    """A target in PostgreSQL, from the block of the database."""

    _block_of_fields: ClassVar[str | None] = "credentials"

    type: Literal["postgres"] = Field("postgres", description="The adapter.")
    credentials: Block = Field(description="The PostgreSQL block.")
