"""Where lines of runs go, for a ``logging.yml`` of one's own: the run history, a plain terminal, a coloured one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.highlighter import Highlighter, NullHighlighter
from rich.theme import Theme

from strongroom.logging.highlighters import PrefectConsoleHighlighter
from strongroom.logging.loggers import ConsoleHandler as ConsoleHandler
from strongroom.logging.loggers import JournalHandler as JournalHandler

APILogHandler = JournalHandler


class PrefectConsoleHandler(logging.StreamHandler[TextIO]):
    """Lines on a terminal, in colours.

    :param stream: where they go; the error output where none is given.
    :param highlighter: what finds the words that have a style.
    :param styles: colours by name of style: ``{"log.error_level": "red"}``.
    :param level: from which level on.

    ``STRONGROOM_LOGGING_COLORS=false`` switches colours off; ``STRONGROOM_LOGGING_MARKUP=true`` takes ``[red]…[/]`` in
    a message for a style, and so does not show square brackets any more.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        highlighter: type[Highlighter] = PrefectConsoleHighlighter,
        styles: Mapping[str, str] | None = None,
        level: int | str = logging.NOTSET,
    ) -> None:
        super().__init__(stream)
        self.setLevel(level)
        from strongroom.settings import get_settings

        settings = get_settings()
        coloured = settings.logging_colors
        self.console = Console(
            file=self.stream,
            highlighter=highlighter() if coloured else NullHighlighter(),
            theme=Theme(dict(styles or {}) if coloured else {}, inherit=False),
            markup=settings.logging_markup,
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.console.print(self.format(record), soft_wrap=True)
        except Exception:
            self.handleError(record)
