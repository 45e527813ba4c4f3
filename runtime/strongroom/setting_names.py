"""Settings by the names that scripts written for Prefect import: ``from strongroom.settings import PREFECT_HOME``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from strongroom.errors import InvalidSettings
from strongroom.settings import PREFIX, Settings, get_settings

_OTHER_NAMES = {
    "local_storage_path": "storage_path",
    "default_result_storage_block": "results_default_storage_block",
    "task_default_retries": "tasks_default_retries",
    "task_default_retry_delay_seconds": "tasks_default_retry_delay_seconds",
    "flow_default_retries": "flows_default_retries",
    "flow_default_retry_delay_seconds": "flows_default_retry_delay_seconds",
}
_OF_A_SERVER = frozenset({"api_url", "api_key", "ui_url", "api_auth_string"})


@dataclass(frozen=True)
class Setting:
    """One setting: ``PREFECT_LOGGING_LEVEL.value()``. ``name`` is the variable that sets it."""

    field: str

    @property
    def name(self) -> str:
        """The environment variable."""
        return f"{PREFIX}{self.field}".upper()

    def value(self) -> Any:
        """What it is now; None for the address and the keys of a server, since there is none."""
        return None if self.field in _OF_A_SERVER else getattr(get_settings(), self.field)

    def __bool__(self) -> bool:
        return bool(self.value())

    def __str__(self) -> str:
        return self.name


def setting(name: str) -> Setting | None:
    """The setting that ``PREFECT_…`` or ``STRONGROOM_…`` names; None where there is none of this name."""
    field = name.partition("_")[2].lower()
    field = _OTHER_NAMES.get(field, field)
    known = field in Settings.model_fields or field in _OF_A_SERVER or field == "storage_path"
    return Setting(field) if known and name.startswith(("PREFECT_", PREFIX)) else None


def _variable(key: Setting | str) -> str:
    found = key if isinstance(key, Setting) else setting(key)
    if found is None or found.field not in Settings.model_fields:
        raise InvalidSettings(f"{key} cannot be set: there is no such setting.", "See the page of settings.")
    return found.name


@contextmanager
def temporary_settings(
    updates: Mapping[Setting | str, Any] | None = None,
    set_defaults: Mapping[Setting | str, Any] | None = None,
    restore_defaults: Iterable[Setting | str] | None = None,
) -> Iterator[Settings]:
    """Other settings inside the block, for the whole process: they are set as environment variables.

    :param updates: settings, or their names, and their values; None unsets one.
    :param set_defaults: values of those that nobody set.
    :param restore_defaults: those that are unset.
    """
    changes: dict[str, Any] = {_variable(key): None for key in restore_defaults or ()}
    changes |= {_variable(key): value for key, value in (updates or {}).items()}
    for key, value in (set_defaults or {}).items():
        if _variable(key) not in os.environ:
            changes.setdefault(_variable(key), value)
    before = {variable: os.environ.get(variable) for variable in changes}
    _set(changes)
    try:
        yield get_settings()
    finally:
        _set(before)


def _set(values: Mapping[str, Any]) -> None:
    for variable, value in values.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
