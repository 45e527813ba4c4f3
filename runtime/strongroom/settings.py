"""What can be set from outside: environment variables that start with ``STRONGROOM_``.

This module loads pydantic-settings, some 200 modules: import it inside the function that asks.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from strongroom.errors import InvalidSettings

PREFIX = "STRONGROOM_"


class Settings(BaseSettings):
    """The runtime's settings; the registry has its own. Each field is read from ``STRONGROOM_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path("~/.strongroom"), description="Where data lie: runs.db, storage/, registry.db.")
    journal: str | None = Field(
        None,
        description='Where runs are kept: "sqlite:///path/runs.db", "postgresql://user@host/database" or "memory:"; '
        "runs.db in the home if not set.",
    )
    ledger: str | None = Field(
        None,
        description='Where variables, limits, requests and deployments are kept: "sqlite:///path/ledger.db", '
        '"postgresql://…" or "memory:"; beside the journal if not set.',
    )
    journal_keep_days: PositiveInt | None = Field(
        None, description="Runs that ended longer ago are removed when a process that wrote runs ends; kept if not set."
    )
    logging_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="From which level on the lines of runs are shown and kept."
    )
    logging_extra_loggers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Loggers of other libraries whose lines are kept with the runs: dask,scipy."
    )
    logging_settings_path: Path | None = Field(
        None, description="A YAML file that configures logging, for logging.config.dictConfig; logging.yml in the home."
    )
    logging_colors: bool = Field(True, description="Whether a PrefectConsoleHandler in logging.yml shows colours.")
    logging_markup: bool = Field(False, description="Whether it takes [red]…[/] in a message for a colour.")
    logging_live: bool = Field(
        False,
        description="Whether a flow that a script calls shows its tasks live on a terminal, as strongroom run does.",
    )
    logging_log_prints: bool = Field(False, description="Whether flows and tasks that do not say so log their prints.")
    results_sealed: bool = Field(
        True, description="Whether results and parameters are encrypted at rest; switch off only what holds no secrets."
    )
    results_persist_by_default: bool = Field(False, description="Whether results of tasks that do not say so persist.")
    results_default_serializer: str = Field("pickle", description="pickle, json, compressed/pickle or compressed/json.")
    results_default_storage_block: str | None = Field(
        None, description="The block that keeps results; storage/ in the home if not set."
    )
    results_auto_max_bytes: NonNegativeInt = Field(
        64 * 1024 * 1024, description="The largest result that is kept by itself, so that a killed flow can be resumed."
    )
    results_auto_keep_days: NonNegativeInt = Field(
        30,
        description="How long such results stay when their run ended, to retry or replay it; with 0, of runs that "
        "completed not at all, and a day of others.",
    )
    results_auto_keep_bytes: NonNegativeInt = Field(
        1024 * 1024 * 1024, description="How much of them stays; beyond that the oldest go, of completed runs first."
    )
    tasks_default_persist_result: bool | None = Field(
        None, description="Whether results of tasks that do not say so persist, whatever their flow says."
    )
    tasks_refresh_cache: bool = Field(False, description="Run tasks even where the cache has a result, and renew that.")
    tasks_disable_caching: bool = Field(False, description="Neither use nor fill the cache, whatever tasks say.")
    tasks_default_no_cache: bool = Field(False, description="Cache no task that does not give a policy.")
    tasks_default_retries: NonNegativeInt = Field(0, description="Retries of tasks that do not say how many.")
    tasks_default_retry_delay_seconds: Annotated[tuple[NonNegativeFloat, ...], NoDecode] = Field(
        (), description="Seconds before each retry of tasks that do not say it: 5, or 1,10,100."
    )
    flows_default_retries: NonNegativeInt = Field(0, description="Retries of flows that do not say how many.")
    flows_default_retry_delay_seconds: Annotated[tuple[NonNegativeFloat, ...], NoDecode] = Field(
        (), description="Seconds before each retry of flows that do not say it: 5, or 1,10,100."
    )
    telemetry: bool = Field(True, description="Whether runs are told to OpenTelemetry where the program has set it up.")
    task_runner_max_workers: PositiveInt | None = Field(
        None, description="How many submitted tasks run at once; a number that fits the machine if not set."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator(
        "logging_extra_loggers",
        "tasks_default_retry_delay_seconds",
        "flows_default_retry_delay_seconds",
        mode="before",
    )
    @classmethod
    def _split(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        return tuple(part.strip() for part in text.strip(" []()").split(",") if part.strip())

    @field_validator("logging_level", mode="before")
    @classmethod
    def _upper(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @property
    def journal_url(self) -> str:
        """The journal's URL, with its default filled in."""
        return self.journal or f"sqlite:///{self.home / 'runs.db'}"

    @property
    def ledger_url(self) -> str:
        """The ledger's URL: beside the journal where none is given."""
        journal = self.journal_url
        if self.ledger is not None:
            return self.ledger
        if journal.startswith("sqlite:///"):
            return f"sqlite:///{Path(journal.removeprefix('sqlite:///')).with_name('ledger.db')}"
        return journal

    @property
    def storage_path(self) -> Path:
        """The folder of results that no block keeps."""
        return self.home / "storage"

    def __getattr__(self, name: str) -> Any:
        if name in _GROUPS:
            return _Group(self, name)
        return super().__getattr__(name)  # type: ignore[misc]


_GROUPS = frozenset({"api", "flows", "logging", "results", "server", "tasks"})


class _Group:
    """The settings whose names begin alike: ``settings.logging.level`` is ``settings.logging_level``."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._name = settings, name

    def __getattr__(self, name: str) -> Any:
        if self._name in ("api", "server"):
            return None if name in ("url", "key", "auth_string", "ui_url") else _Group(self._settings, self._name)
        return getattr(self._settings, f"{self._name}_{name}")


def get_settings() -> Settings:
    """The settings as the environment has them now: read anew only when a variable changed, some 20 µs otherwise.

    Raises :class:`~strongroom.errors.InvalidSettings`, which names the variable.
    """
    return _read(tuple(item for item in os.environ.items() if item[0].startswith(PREFIX)))


@lru_cache(maxsize=16)
def _read(environment: tuple[tuple[str, str], ...]) -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = f"{PREFIX}{'_'.join(str(part) for part in first['loc'])}".upper()
        raise InvalidSettings(
            f"The variable {name} does not fit: {first['msg']}.", "Set it anew, or unset it."
        ) from None


get_current_settings = get_settings


def __getattr__(name: str) -> Any:
    from strongroom import setting_names

    if name in ("Setting", "temporary_settings"):
        return getattr(setting_names, name)
    found = setting_names.setting(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
