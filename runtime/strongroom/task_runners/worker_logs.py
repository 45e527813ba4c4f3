"""On a worker: the lines of runs go to the flow's process, which shows and keeps them as its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from strongroom_blocks.redaction import redactor

from strongroom.logging import loggers
from strongroom.task_runners.messages import Line

_RUN_LOGGERS = ("strongroom", "strongroom.flow_runs", "strongroom.task_runs")
_KEPT = (
    "name", "levelno", "levelname", "created", "msecs", "pathname", "filename", "module", "lineno", "funcName",
    "thread", "threadName", "process", "processName",
)  # fmt: skip
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

_outlet: ContextVar[Callable[[Line], None] | None] = ContextVar("strongroom_outlet", default=None)


def levels() -> dict[str, int]:
    """From which level on the flow's process wants the lines of its runs."""
    loggers.configure()
    return {name: logging.getLogger(name).getEffectiveLevel() for name in _RUN_LOGGERS}


def outlet_of_worker() -> Callable[[Any], None] | None:
    """Where a run here tells the flow's process what it has to say; None where that is this process."""
    return _outlet.get()


@contextmanager
def lines_go_to(outlet: Callable[[Line], None], wanted: Mapping[str, int]) -> Iterator[None]:
    """Send what runs say inside the block, and in the threads begun from it, to ``outlet``."""
    root = logging.getLogger("strongroom")
    if not any(isinstance(handler, _OutletHandler) for handler in root.handlers):
        _take_over(root)
    for name, level in wanted.items():
        logging.getLogger(name).setLevel(level)
    token = _outlet.set(outlet)
    try:
        yield
    finally:
        _outlet.reset(token)


def _take_over(root: logging.Logger) -> None:
    loggers.configure()
    for name in _RUN_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [h for h in logger.handlers if not isinstance(h, loggers.JournalHandler)]
    root.handlers = [_OutletHandler()]
    root.propagate = False


class _OutletHandler(logging.Handler):
    """Sends the records of runs to the flow's process, redacted; others go to the error output."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            outlet = _outlet.get()
            if outlet is None:
                loggers.ConsoleHandler().emit(record)
            else:
                outlet(Line(_attributes(record)))
        except Exception:
            self.handleError(record)


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    """What makes the same record in another process: text, and data that any process reads."""
    message = record.getMessage()
    trace = record.exc_text or (record.exc_info and logging.Formatter().formatException(record.exc_info))
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD and _is_plain(value)}
    kept = {name: getattr(record, name) for name in _KEPT}
    return {
        **redactor.redact_value(extra),
        **kept,
        "msg": redactor.redact(f"{message}\n{trace}" if trace else message),
        "args": (),
    }


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
