"""What a terminal shows in colours: levels, addresses, names of runs, and states."""

from __future__ import annotations

from typing import ClassVar

from rich.highlighter import RegexHighlighter

from strongroom.states import StateType

_LEVELS = [rf"(?P<{level.lower()}_level>{level})" for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")]
_ADDRESSES = [r"(?P<web_url>\b(?:https?|wss?)://[^\s'\"]+)", r"(?P<local_url>\bfile://[^\s'\"]+)"]
_RUNS = [
    rf"(?i)(?P<{what.replace(' ', '_')}_name>(?<={what}) '[^']*')" for what in ("flow run", "flow", "task run", "task")
]
_STATES = [rf"(?P<{kind.value.lower()}_state>{kind.value.title()})" for kind in StateType]


class LevelHighlighter(RegexHighlighter):
    """Levels of lines."""

    base_style = "level."
    highlights: ClassVar = _LEVELS


class UrlHighlighter(RegexHighlighter):
    """Addresses."""

    base_style = "url."
    highlights: ClassVar = _ADDRESSES


class NameHighlighter(RegexHighlighter):
    """Names of flows, tasks and their runs."""

    base_style = "name."
    highlights: ClassVar = _RUNS


class StateHighlighter(RegexHighlighter):
    """States."""

    base_style = "state."
    highlights: ClassVar = _STATES


class PrefectConsoleHighlighter(RegexHighlighter):
    """All of them; styles are named ``log.error_level``, ``log.flow_run_name``, ``log.failed_state``."""

    base_style = "log."
    highlights: ClassVar = [*_LEVELS, *_ADDRESSES, *_RUNS, *_STATES]
