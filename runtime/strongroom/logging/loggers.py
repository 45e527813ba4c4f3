"""What runs say: loggers that know their run, lines on the terminal, and the same lines in the run history.

Records of runs come from the loggers ``strongroom.flow_runs`` and ``strongroom.task_runs`` and carry ``flow_run_id``,
``flow_run_name``, ``flow_name``, ``task_run_id``, ``task_run_name`` and ``task_name``. They reach the run history
through a handler of these two; the terminal through one of ``strongroom``, which is silent where the program has
handlers of its own. The level is ``STRONGROOM_LOGGING_LEVEL``, unless the program set one.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

from strongroom_blocks.redaction import redactor

from strongroom.errors import MissingContextError
from strongroom.journal.current import current_journal
from strongroom.journal.records import LogEntry

if TYPE_CHECKING:
    from strongroom.context import FlowRunContext, TaskRunContext
    from strongroom.flows import Flow
    from strongroom.journal.records import FlowRun, TaskRun
    from strongroom.tasks import Task

_root = logging.getLogger("strongroom")
_flow_runs = logging.getLogger("strongroom.flow_runs")
_task_runs = logging.getLogger("strongroom.task_runs")
_formatter = logging.Formatter()
_disabled: ContextVar[bool] = ContextVar("strongroom_run_logger_disabled", default=False)


def get_logger(name: str | None = None) -> logging.Logger:
    """A logger of this package, ``strongroom.<name>``, that speaks for no run: for code outside of flows and tasks."""
    return _root if name is None or name == _root.name else _root.getChild(name.removeprefix("strongroom."))


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that tells with each record which run it speaks for."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  the name is logging's
        return not _disabled.get() and self.logger.isEnabledFor(level)

    def getChild(self, suffix: str, extra: dict[str, Any] | None = None) -> RunLogger:  # noqa: N802  like logging's
        """A logger below this one, for the same run."""
        return RunLogger(self.logger.getChild(suffix), {**(self.extra or {}), **(extra or {})})


def get_run_logger(context: FlowRunContext | TaskRunContext | None = None, **extra: Any) -> RunLogger:
    """The logger of the run that the calling code is part of: the task's inside a task, else the flow's.

    ``extra`` goes into each record. Raises :class:`~strongroom.errors.MissingContextError` outside of runs, except
    inside :func:`disable_run_logger`.
    """
    from strongroom.context import TaskRunContext, current_run

    run = context if context is not None else current_run()
    if run is None:
        if _disabled.get():
            return RunLogger(_flow_runs, extra)
        raise MissingContextError(
            "No flow or task runs here, so there is no run logger.",
            "Ask inside a flow or task, or wrap the call in disable_run_logger() to test it alone.",
        )
    if isinstance(run, TaskRunContext):
        flow = run.flow_run_context
        return task_run_logger(run.task_run, flow_run=None if flow is None else flow.flow_run, **extra)
    return flow_run_logger(run.flow_run, **extra)


def flow_run_logger(run: FlowRun, flow: Flow[Any, Any] | None = None, **extra: Any) -> RunLogger:
    """The logger of a flow run, for hooks: they run beside it. The run knows its ``flow``."""
    configure()
    known = {
        "flow_run_id": str(run.id),
        "flow_run_name": run.name,
        "flow_name": run.flow_name,
        "deployment_name": run.deployment.partition("/")[2] or None,
    }
    return RunLogger(_flow_runs, {**known, **extra})


def task_run_logger(
    run: TaskRun,
    task: Task[Any, Any] | None = None,
    flow_run: FlowRun | None = None,
    flow: Flow[Any, Any] | None = None,
    **extra: Any,
) -> RunLogger:
    """The logger of a task run, in a flow run or on its own. The runs know their ``task`` and ``flow``."""
    configure()
    known = {
        "task_run_id": str(run.id),
        "task_run_name": run.name,
        "task_name": run.task_name,
        "flow_run_id": None if run.flow_run_id is None else str(run.flow_run_id),
        "flow_run_name": None if flow_run is None else flow_run.name,
        "flow_name": None if flow_run is None else flow_run.flow_name,
    }
    return RunLogger(_task_runs, {**known, **extra})


@contextmanager
def disable_logger(name: str) -> Iterator[None]:
    """The logger of this name says nothing inside the block."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Runs say nothing inside the block, and ``get_run_logger`` works outside of runs: for testing ``my_task.fn()``."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


class JournalHandler(logging.Handler):
    """Keeps the records of runs in the run history, redacted, with their tracebacks."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            # Where secrets are masked, the traceback is text already.
            trace = record.exc_text or (record.exc_info and _formatter.formatException(record.exc_info))
            if trace:
                message = f"{message}\n{trace}"
            flow_run, task_run = _runs(record)
            if flow_run is None and task_run is None:
                return
            when = datetime.fromtimestamp(record.created, UTC)
            current_journal().log(
                LogEntry(_id(flow_run), _id(task_run), when, record.levelno, record.name, redactor.redact(message))
            )
        except Exception:
            self.handleError(record)


def _runs(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """The ids of the flow run and task run that a record belongs to; where it says none, of those it comes from."""
    flow_run, task_run = getattr(record, "flow_run_id", None), getattr(record, "task_run_id", None)
    if flow_run is not None or task_run is not None:
        return flow_run, task_run
    from strongroom.context import TaskRunContext, current_run

    run = current_run()
    if run is None:
        return None, None
    if isinstance(run, TaskRunContext):
        return None if run.flow_run_id is None else str(run.flow_run_id), str(run.id)
    return str(run.id), None


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Plain lines on the error output, wherever that is now; silent where the program logs by handlers of its own."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(ConsoleFormatter())

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.root.handlers:
            super().emit(record)


class ConsoleFormatter(logging.Formatter):
    """``10:12:01.123 | INFO    | Task run 'extract-0' - message``, redacted."""

    def __init__(self) -> None:
        super().__init__("%(clock)s | %(levelname)-7s | %(who)s - %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        record.clock = f"{clock}.{int(record.created * 1000) % 1000:03d}"
        record.who = _who(record)
        return redactor.redact(super().format(record))


def _who(record: logging.LogRecord) -> str:
    task_run, flow_run = getattr(record, "task_run_name", None), getattr(record, "flow_run_name", None)
    if task_run is not None:
        return f"Task run {task_run!r}"
    return f"Flow run {flow_run!r}" if flow_run is not None else record.name


PrefectLogAdapter = RunLogger
_configured = False


def configure() -> None:
    """Bring the loggers of runs up, once. Every run logger asks for it."""
    global _configured
    if _configured:
        return
    _configured = True
    from strongroom.logging.configuration import setup_logging

    setup_logging()


@lru_cache(maxsize=4096)
def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
