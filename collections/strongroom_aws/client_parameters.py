"""What every client of a credentials block is made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from strongroom import SecretDict, require_extra

if TYPE_CHECKING:
    from botocore.config import Config

CONNECTIONS = 64
"""How many connections a client keeps open at most; they are opened as they are needed."""


class AwsClientParameters(BaseModel):
    """What every client of a credentials block is made with.

    The names are those of `boto3.session.Session.client
    <https://boto3.amazonaws.com/v1/documentation/api/latest/reference/core/session.html>`_.
    """

    model_config = ConfigDict(extra="forbid")

    api_version: str | None = Field(None, description="A previous version of the service's API.")
    use_ssl: bool = Field(True, description="Whether to use TLS where endpoint_url does not say it.")
    verify: bool | None = Field(None, description="Whether to verify certificates; they are unless this says no.")
    verify_cert_path: Path | None = Field(None, description="A file with the certificates of the authorities to trust.")
    endpoint_url: str | None = Field(None, description="Where the service answers, for stores other than AWS.")
    config: SecretDict | None = Field(
        None, description="Arguments of botocore.config.Config. Its values are kept secret, as proxies hold passwords."
    )

    @field_validator("endpoint_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password:
            raise ValueError("must not hold a user or a password; they belong in the fields for them")
        return value.rstrip("/")

    @field_validator("config", mode="before")
    @classmethod
    def _options_of_a_config(cls, value: Any) -> Any:
        """Scripts may hand over botocore's own object."""
        return getattr(value, "_user_provided_options", value)

    @model_validator(mode="after")
    def _trusts_or_does_not(self) -> AwsClientParameters:
        if self.verify is False and self.verify_cert_path:
            raise ValueError("verify_cert_path has no use when verify is false; leave one of them out")
        return self

    def within(self, seconds: float, attempts: int) -> AwsClientParameters:
        """The same for clients that give up: after so many attempts, each of which waits so long for a connection, and
        again so long for an answer."""
        patience = {
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "retries": {"mode": "standard", "total_max_attempts": attempts},
        }
        return self.changed(patience)

    def changed(self, config: dict[str, Any]) -> AwsClientParameters:
        """The same with other options of botocore's ``Config``."""
        options = self.config.get_secret_value() if self.config else {}
        return self.model_copy(update={"config": SecretDict(options | config)})

    def arguments(self, service: str) -> dict[str, Any]:
        """Keyword arguments for making a client of ``service``."""
        chosen: dict[str, Any] = {"use_ssl": self.use_ssl, "config": self._config(service)}
        verify = str(self.verify_cert_path) if self.verify_cert_path else self.verify
        optional = {"api_version": self.api_version, "verify": verify, "endpoint_url": self.endpoint_url}
        return chosen | {name: value for name, value in optional.items() if value is not None}

    def _config(self, service: str) -> Config:
        require_extra("boto3", extra="aws")
        import botocore
        from botocore.config import Config

        options: dict[str, Any] = {"max_pool_connections": CONNECTIONS}
        if service == "s3":
            options["signature_version"] = (
                "s3v4"  # what S3 would choose by itself presigns in a way that few stores know
            )
        options |= self.config.get_secret_value() if self.config else {}
        if options.get("signature_version") == "unsigned":
            options["signature_version"] = botocore.UNSIGNED
        return Config(**options)
