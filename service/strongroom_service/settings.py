"""What can be set of the server from outside: environment variables that start with ``STRONGROOM_SERVER_``."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from strongroom_service.telling import unfit


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise unfit("it has to be an address, or a network with no bits set behind its prefix: 10.0.0.0/8") from None
    return text


class ServerSettings(BaseSettings):
    """The server's settings, read from ``STRONGROOM_SERVER_<FIELD>``; the registry that it serves has its own."""

    model_config = SettingsConfigDict(
        env_prefix="STRONGROOM_SERVER_", frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8200, ge=0, le=65535, description="The port to listen on; 0 is any that is free.")
    tls_cert: Path | None = Field(None, description="The certificate chain, a PEM file.")
    tls_key: Path | None = Field(None, description="The certificate's key, a PEM file without a passphrase.")
    insecure: bool = Field(
        False, description="Serve others than this machine without TLS: whoever is on the way reads every secret."
    )
    workers: PositiveInt = Field(1, le=64, description="How many processes serve.")
    grace: PositiveFloat = Field(30.0, description="The seconds that requests have to end when the server is stopped.")
    token_file: Path | None = Field(
        None, description="Where the first administrator's token is written (mode 0600), rather than to standard error."
    )
    access_log: str = Field(
        "-", description='Where a line of JSON for each request goes: a file, "-" for standard output, "" for nowhere.'
    )
    seal: Literal["provider", "shamir"] = Field(
        "provider",
        description='What keeps the registry\'s key: its provider, or shares of it that people hand in ("shamir").',
    )
    metrics_open: bool = Field(False, description="Whether anybody may read /metrics, without a token.")
    max_connections: PositiveInt = Field(2048, description="How many connections a process takes at a time.")
    max_head_bytes: PositiveInt = Field(64 * 1024, ge=4096, description="The largest head of a request.")
    head_seconds: PositiveFloat = Field(15.0, description="How long the head of a request may take to arrive.")
    idle_seconds: PositiveInt = Field(75, description="How long a connection stays open without a request.")
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
    wrap_max_ttl_seconds: PositiveInt = Field(30 * 24 * 3600, description="How long a wrap can be opened, at most.")
    identity_rate: NonNegativeFloat = Field(
        500.0, description="How many requests a second an identity may send to a process in the long run; 0 for any."
    )
    identity_burst: PositiveInt = Field(2000, description="How many of them at once.")
    identity_kept: PositiveInt = Field(
        100_000, description="How many wraps and answers to requests with an idempotency key are kept for an identity."
    )
    identity_kept_bytes: PositiveInt = Field(256 * 1024 * 1024, description="How many bytes these may have together.")
    address_rate: NonNegativeFloat = Field(
        50.0, description="The same for an address that sends no token, or logs in; 0 for any."
    )
    address_burst: PositiveInt = Field(200, description="How many of these at once.")
    request_seconds: PositiveFloat = Field(120.0, description="How long a body may take to arrive.")
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description='The proxies whose X-Forwarded-For is believed: ["10.0.0.0/8"].'
    )

    def records_url(self, registry_url: str) -> str:
        """Where the records of the service lie, with the default filled in."""
        if self.records is not None:
            return self.records
        if registry_url.startswith("sqlite:///"):
            registry = Path(registry_url.removeprefix("sqlite:///"))
            name = "service.db" if registry.name == "registry.db" else f"{registry.stem}-service.db"
            return f"sqlite:///{registry.with_name(name)}"
        return registry_url
