"""What to ask for when a role is assumed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AssumeRoleParameters(BaseModel):
    """What to ask for when a role is assumed.

    The names are those of STS' `AssumeRole <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_.
    """

    model_config = ConfigDict(extra="forbid")

    RoleSessionName: str | None = Field(None, description="A name for the session in AWS' logs.")
    DurationSeconds: int | None = Field(None, ge=900, le=43_200, description="Seconds until it is renewed.")
    Policy: str | None = Field(None, description="A policy in JSON that narrows the role's rights.")
    PolicyArns: list[dict[str, str]] | None = Field(None, description='Managed policies that do, as {"arn": …}.')
    Tags: list[dict[str, str]] | None = Field(None, description='Tags of the session, as {"Key": …, "Value": …}.')
    TransitiveTagKeys: list[str] | None = Field(None, description="Tags that go along to further roles.")
    ExternalId: SecretStr | None = Field(None, description="What a third party shows to be let in.")
    SerialNumber: str | None = Field(None, description="The MFA device of the user who assumes the role.")
    TokenCode: SecretStr | None = Field(None, description="What that device shows; good for one session.")
    SourceIdentity: str | None = Field(None, description="Who it is in truth, for AWS' logs.")
    ProvidedContexts: list[dict[str, str]] | None = Field(None, description="Trusted context assertions.")

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``AssumeRole``, in clear."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }
