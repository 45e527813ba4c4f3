"""Where text leaves the process by itself: log records, uncaught exceptions, warnings. Each passes the redactor."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from strongroom_blocks.redaction import Redactor

_RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__)
_installed: set[int] = set()


def install(redactor: Redactor) -> None:
    """Wrap what is installed now, once for each redactor."""
    if id(redactor) in _installed:
        return
    _installed.add(id(redactor))
    _wrap_records(redactor)
    _wrap_hooks(redactor)
    _wrap_warnings(redactor)


def _wrap_records(redactor: Redactor) -> None:
    factory = logging.getLogRecordFactory()
    make = logging.Logger.makeRecord

    def record_factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        mask_record(redactor, record)
        return record

    def make_record(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(self, *args, **kwargs)
        if logging.getLogRecordFactory() is not record_factory:  # somebody set another one since
            mask_record(redactor, record)
        for name in record.__dict__.keys() - _RECORD_FIELDS:  # what the caller gave as ``extra``
            record.__dict__[name] = _masked_extra(redactor, record.__dict__[name])
        return record

    logging.setLogRecordFactory(record_factory)
    logging.Logger.makeRecord = make_record  # type: ignore[method-assign]


def _masked_extra(redactor: Redactor, value: Any) -> Any:
    """The value, or what is left of it where it holds a secret; of an object without one, the object itself."""
    if isinstance(value, str | bytes | dict | list | tuple | set | frozenset):
        return redactor.redact_value(value)
    try:
        text = f"{value} {value!r}"
    except Exception:
        return value  # who shows it will fail alike
    return value if (masked := redactor.redact(text)) == text else masked


def mask_record(redactor: Redactor, record: logging.LogRecord) -> None:
    """Mask a record's message, traceback and stack. A record without a secret keeps its arguments and its exception."""
    try:
        message: str | None = record.getMessage()
    except Exception:
        message = None  # logging would print the arguments to say what is wrong with them
    masked = redactor.redact(message if message is not None else str(record.msg))
    if masked != message:
        record.msg, record.args = masked, ()
    if record.exc_info and record.exc_info[0] is not None:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        masked = redactor.redact(text)
        if masked != text:
            record.exc_info, record.exc_text = None, masked
    if record.stack_info:
        record.stack_info = redactor.redact(record.stack_info)


def _wrap_hooks(redactor: Redactor) -> None:
    show, show_thread, show_unraisable = sys.excepthook, threading.excepthook, sys.unraisablehook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not _written(redactor, "", kind, error, trace):
            show(kind, error, trace)

    def thread_hook(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread is not None else "unknown"
        title = f"Exception in thread {name}:\n"
        if args.exc_type is SystemExit or not _written(
            redactor, title, args.exc_type, args.exc_value, args.exc_traceback
        ):
            show_thread(args)

    def unraisable_hook(args: sys.UnraisableHookArgs) -> None:
        title = f"Exception ignored in: {args.object!r}\n"
        if not _written(redactor, title, args.exc_type, args.exc_value, args.exc_traceback):
            show_unraisable(args)

    sys.excepthook, threading.excepthook, sys.unraisablehook = excepthook, thread_hook, unraisable_hook


def _written(
    redactor: Redactor,
    title: str,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> bool:
    """Write the masked traceback if there was anything to mask in it."""
    text = title + "".join(traceback.format_exception(kind, error, trace))
    masked = redactor.redact(text)
    if masked == text:
        return False
    if sys.stderr is not None:
        sys.stderr.write(masked)
    return True


def _wrap_warnings(redactor: Redactor) -> None:
    show = warnings.showwarning

    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        masked = redactor.redact(text)
        shown = message if masked == text else category(masked)
        show(shown, category, filename, lineno, file, redactor.redact(line) if line else line)

    warnings.showwarning = showwarning
