"""Where the registry lies and who asks, from the environment and the configuration file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from strongroom_registry.configuration import settings_of_the_file


class RegistrySettings(BaseSettings):
    """``STRONGROOM_HOME``, ``_REGISTRY``, ``_KEY``, ``_WORKSPACE``, ``_ACTOR`` and ``_ANCHOR``; an empty variable is an
    absent one. What is absent comes from the :mod:`~strongroom_registry.configuration` file.

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        configured = InitSettingsSource(settings_cls, init_kwargs=dict(settings_of_the_file()))
        return init_settings, env_settings, configured

    @property
    def url(self) -> str:
        """The URL of the store: ``registry``, or ``registry.db`` in the home."""
        return self.registry or f"sqlite:///{self.home.expanduser().absolute() / 'registry.db'}"
