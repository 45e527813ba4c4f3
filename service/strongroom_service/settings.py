"""What can be set of the server from outside: environment variables that start with ``STRONGROOM_SERVER_``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServerSettings(BaseSettings):
    """The server's settings, read from ``STRONGROOM_SERVER_<FIELD>``; the registry that it serves has its own."""

    model_config = SettingsConfigDict(
        env_prefix="STRONGROOM_SERVER_", frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    records: str | None = Field(
        None,
        repr=False,
        description='Where tokens, leases and the like are kept: "sqlite:///path/service.db" or "postgresql://…"; '
        "beside the registry if not set.",
    )
    threads: PositiveInt = Field(8, description="How many requests are worked on at a time, by each process.")
    max_body_bytes: PositiveInt = Field(96 * 1024 * 1024, description="The largest body of a request.")
    max_json_bytes: PositiveInt = Field(
        16 * 1024 * 1024, description="The largest body that is read as JSON, but for documents."
    )
    max_depth: PositiveInt = Field(32, description="How deep the JSON of a request may be nested.")
    token_ttl_seconds: PositiveInt = Field(8 * 3600, description="How long a token lives that says nothing of it.")
    token_max_ttl_seconds: PositiveInt = Field(32 * 24 * 3600, description="How long any token but a root one lives.")
    request_seconds: PositiveFloat = Field(120.0, description="How long a body may take to arrive.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description='The proxies whose X-Forwarded-For is believed: ["10.0.0.0/8"].'
    )

    def records_url(self, registry_url: str) -> str:
        """Where the records of the service lie, with the default filled in."""
        if self.records is not None:
            return self.records
        if registry_url.startswith("sqlite:///"):
            return f"sqlite:///{Path(registry_url.removeprefix('sqlite:///')).with_name('service.db')}"
        return registry_url
