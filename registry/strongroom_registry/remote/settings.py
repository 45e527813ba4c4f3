"""How a server of a registry is asked, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RemoteSettings(BaseSettings):
    """``STRONGROOM_TOKEN``, ``_CA``, ``_INSECURE`` and ``_OFFLINE_MAX_AGE``; an empty variable is an absent one."""

    model_config = SettingsConfigDict(
        env_prefix="STRONGROOM_", env_ignore_empty=True, hide_input_in_errors=True, extra="ignore"
    )

    token: SecretStr | None = Field(
        default=None, description="What the server knows you by; by default what `strongroom login` kept."
    )
    ca: Path | None = Field(
        default=None, description="A file of certificates (PEM) that the server's is signed by; else the system's."
    )
    insecure: bool = Field(
        default=False, description="Whether http:// to another machine is taken, where others can read along."
    )
    offline_max_age: float = Field(
        default=0,
        ge=0,
        le=30 * 86400,
        description="For how many seconds a block that was loaded is served while the server is away; never if 0.",
    )
