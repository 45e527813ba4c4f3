"""Settings as scripts read and change them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from strongroom import settings
from strongroom.exceptions import ConfigurationError
from strongroom.settings import Setting, get_current_settings, temporary_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_LOGGING_LEVEL", "INFO"),
        ("STRONGROOM_LOGGING_LEVEL", "INFO"),
        ("PREFECT_RESULTS_PERSIST_BY_DEFAULT", False),
        ("PREFECT_TASK_DEFAULT_RETRIES", 0),
        ("PREFECT_TASKS_DEFAULT_RETRIES", 0),
        ("PREFECT_LOGGING_EXTRA_LOGGERS", ()),
        ("PREFECT_API_URL", None),
        ("PREFECT_UI_URL", None),
    ],
)
def test_settings_have_the_names_of_prefects(name: str, value: Any) -> None:
    assert getattr(settings, name).value() == value


def test_paths_are_those_in_use() -> None:
    home = Path(os.environ["STRONGROOM_HOME"])
    assert settings.PREFECT_HOME.value() == home
    assert settings.PREFECT_LOCAL_STORAGE_PATH.value() == home / "storage"
    assert str(settings.PREFECT_HOME) == "STRONGROOM_HOME"


@pytest.mark.parametrize("name", ["PREFECT_NONSENSE", "NONSENSE", "prefect_home"])
def test_a_setting_that_there_is_not(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(settings, name)


def test_settings_by_group() -> None:
    current = get_current_settings()
    assert (current.logging.level, current.tasks.default_retries, current.results.persist_by_default) == (
        "INFO",
        0,
        False,
    )
    assert (current.api.url, current.server.api.auth_string) == (None, None)
    with pytest.raises(AttributeError):
        _ = current.logging.nonsense
    with pytest.raises(AttributeError):
        _ = current.nonsense


def test_settings_for_the_length_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_LOGGING_LOG_PRINTS", "true")
    level = Setting("logging_level")
    with temporary_settings(
        {level: "DEBUG", "PREFECT_LOGGING_EXTRA_LOGGERS": ["a", "b"]},
        set_defaults={"STRONGROOM_LOGGING_LOG_PRINTS": False, "STRONGROOM_TASKS_DEFAULT_RETRIES": 3},
    ) as inside:
        assert (inside.logging_level, inside.logging_extra_loggers) == ("DEBUG", ("a", "b"))
        assert (inside.logging_log_prints, inside.tasks_default_retries) == (True, 3)
        with temporary_settings(restore_defaults=[level]):
            assert level.value() == "INFO"
        assert level.value() == "DEBUG"
    assert (level.value(), get_current_settings().tasks_default_retries) == ("INFO", 0)


def test_what_cannot_be_set() -> None:
    for name in ("PREFECT_API_URL", "PREFECT_NONSENSE", "PREFECT_LOCAL_STORAGE_PATH"):
        with pytest.raises(ConfigurationError, match="no such setting"), temporary_settings({name: "x"}):
            pass


def test_delays_and_lists_are_read_with_and_without_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, delays in (("5", (5.0,)), ("1,10, 100", (1.0, 10.0, 100.0)), ("[1, 2]", (1.0, 2.0))):
        monkeypatch.setenv("STRONGROOM_TASKS_DEFAULT_RETRY_DELAY_SECONDS", text)
        assert get_current_settings().tasks_default_retry_delay_seconds == delays
