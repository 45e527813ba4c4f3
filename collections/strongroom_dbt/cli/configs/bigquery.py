"""A target in BigQuery."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block

from strongroom_dbt.cli.configs.base import BaseTargetConfigs

_KEY = {"type": "service_account", "client_email": "dbt@acme.iam.gserviceaccount.com", "private_key": "…"}
_EXAMPLE: dict[str, Any] = {
    "credentials": {"$type": "gcp-credentials", "$fields": {"service_account_info": _KEY, "project": "acme"}},
    "schema": "marts",
}


class BigQueryTargetConfigs(
    BaseTargetConfigs, slug="dbt-cli-bigquery-target-configs", title="dbt CLI BigQuery Target Configs"
):
    """A target in BigQuery, from the block of a login to Google Cloud; ``schema`` is the dataset."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    _block_of_fields: ClassVar[str | None] = "credentials"

    type: Literal["bigquery"] = Field("bigquery", description="The adapter.")
    credentials: Block = Field(description="The GcpCredentials.")
    project: str | None = Field(None, description="The project, if not that of the credentials.")
