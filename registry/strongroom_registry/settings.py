"""Where the registry lies and who asks, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RegistrySettings(BaseSettings):
    """``STRONGROOM_HOME``, ``_REGISTRY``, ``_KEY``, ``_WORKSPACE``, ``_ACTOR`` and ``_ANCHOR``; an empty variable is an
    absent one.

    ``registry`` is the URL of the store, ``key`` the URI of the place where its key lies. ``actor`` is who the audit
    says did it, by default the user and the host. ``anchor`` is the URI of the place where anchors are kept.
    """

    model_config = SettingsConfigDict(env_prefix="STRONGROOM_", env_ignore_empty=True, hide_input_in_errors=True)

    home: Path = Field(default_factory=lambda: Path.home() / ".strongroom")
    registry: str | None = Field(default=None, repr=False)  # it may hold the password of a database
    key: str | None = None
    workspace: str = "default"
    actor: str | None = None
    anchor: str | None = None

    @property
    def url(self) -> str:
        """The URL of the store: ``registry``, or ``registry.db`` in the home."""
        return self.registry or f"sqlite:///{self.home.expanduser().absolute() / 'registry.db'}"
