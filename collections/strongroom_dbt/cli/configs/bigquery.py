"""A target in BigQuery."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs


class BigQueryTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-bigquery-target-configs", title="dbt CLI BigQuery Target Configs"
):
    """A target in BigQuery, from the block of a login to Google Cloud; ``schema`` is the dataset."""

    _block_of_fields: ClassVar[str | None] = "credentials"

    type: Literal["bigquery"] = Field("bigquery", description="The adapter.")
    credentials: Block = Field(description="The GcpCredentials.")
    project: str | None = Field(None, description="The project, if not that of the credentials.")
