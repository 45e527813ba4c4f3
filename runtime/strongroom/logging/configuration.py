"""How the loggers of runs are set up: by a ``logging.yml``, by variables, or as they come.

``STRONGROOM_LOGGING_LOGGERS_STRONGROOM_FLOW_RUNS_LEVEL=ERROR`` sets one value of :data:`DEFAULTS`, or of the file, by
its path there; dots in names become underscores.
"""

from __future__ import annotations

import logging
import logging.config
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.errors import InvalidSettings

if TYPE_CHECKING:
    from strongroom.settings import Settings

PREFIX = "STRONGROOM_LOGGING_"
DEFAULTS: dict[str, Any] = {
    "formatters": {"standard": {"format": None, "flow_run_fmt": None, "task_run_fmt": None, "datefmt": None}},
    "loggers": {
        "strongroom": {"level": None},
        "strongroom.flow_runs": {"level": None},
        "strongroom.task_runs": {"level": None},
        "strongroom.extra": {"level": None},
    },
    "root": {"level": None},
}
"""What variables can set where there is no file. None is what stands there otherwise: the level of the settings, and
one format for all lines."""
_LINE = "%(asctime)s.%(msecs)03d | %(levelname)-7s | "
_FORMATS = {
    "format": _LINE + "%(name)s - %(message)s",
    "flow_run_fmt": _LINE + "Flow run %(flow_run_name)r - %(message)s",
    "task_run_fmt": _LINE + "Task run %(task_run_name)r - %(message)s",
    "datefmt": "%H:%M:%S",
}


def load_logging_config(path: Path) -> dict[str, Any]:
    """A configuration file with the values that variables set instead; raises InvalidSettings for what is none."""
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidSettings(f"{path} cannot be read: {type(error).__name__}.", "Mend it, or remove it.") from None
    if not isinstance(config, dict):
        raise InvalidSettings(f"{path} configures no logging.", "See logging.config.dictConfig for what it needs.")
    return _overridden(config)


def setup_logging() -> None:
    """Set the loggers of runs up. What does not fit is told, and passed over: no run ends because of its log."""
    from strongroom.settings import get_settings

    settings = get_settings()
    try:
        _set_up(settings)
    except InvalidSettings as error:
        _as_they_come(settings.logging_level, {})
        logging.getLogger("strongroom").warning("The loggers are as they come: %s", error)


def _set_up(settings: Settings) -> None:
    path = settings.logging_settings_path or settings.home / "logging.yml"
    if settings.logging_settings_path or path.is_file():  # one that was named and is not there is told
        config = load_logging_config(path)
        config.setdefault("disable_existing_loggers", False)
        try:
            logging.config.dictConfig(config)
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            raise InvalidSettings(f"{path} does not configure logging: {error}.", "Mend it, or remove it.") from None
    else:
        _as_they_come(settings.logging_level, os.environ)
    _keep_the_lines_of(settings.logging_extra_loggers, settings.logging_level)


def _as_they_come(level: str, environment: Mapping[str, str]) -> None:
    from strongroom.logging import loggers

    said = _overridden(DEFAULTS) if any(name.startswith(PREFIX) for name in environment) else DEFAULTS
    root, levels = logging.getLogger("strongroom"), said["loggers"]
    for name in ("strongroom.flow_runs", "strongroom.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, loggers.JournalHandler) for handler in logger.handlers):
            logger.addHandler(loggers.JournalHandler())
    if not root.handlers:
        root.addHandler(_console(said["formatters"]["standard"]))
    if root.level == logging.NOTSET:
        root.setLevel(level)
    for name, wanted in (*((name, levels[name]["level"]) for name in levels), (None, said["root"]["level"])):
        if wanted is not None and name != "strongroom.extra":
            _level(name, wanted)


def _console(formats: dict[str, Any]) -> logging.Handler:
    from strongroom.logging import loggers

    handler = loggers.ConsoleHandler()
    if any(formats.values()):
        from strongroom.logging.formatters import RunFormatter

        chosen: dict[str, Any] = {name: formats[name] or usual for name, usual in _FORMATS.items()}
        handler.setFormatter(RunFormatter(**chosen))
    return handler


def _keep_the_lines_of(names: tuple[str, ...], level: str) -> None:
    from strongroom.logging import loggers

    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, loggers.JournalHandler) for handler in logger.handlers):
            logger.addHandler(loggers.JournalHandler())
        if logger.level == logging.NOTSET:
            _level(name, os.environ.get(f"{PREFIX}LOGGERS_STRONGROOM_EXTRA_LEVEL") or level)


def _level(name: str | None, level: str) -> None:
    try:
        logging.getLogger(name).setLevel(level.upper() if isinstance(level, str) else level)
    except ValueError:
        raise InvalidSettings(
            f"{level!r} is no level of the logger {name or 'root'!r}.", "Use INFO, for one."
        ) from None


def _overridden(config: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for path, value in _leaves(config, ()):
        variable = PREFIX + "_".join(part.replace(".", "_") for part in path).upper()
        place = changed
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = os.environ.get(variable, value)
    return changed


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*path, str(key)))
    else:
        yield path, value
