"""Statements that hold a secret: the connector logs every one at DEBUG, which is kept from it while they last."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_hushed: ContextVar[bool] = ContextVar("strongroom_snowflake_hushed", default=False)


class _Hush(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not _hushed.get()


_hush = _Hush()


@contextmanager
def unlogged() -> Iterator[None]:
    """While it lasts, what this context asks of the connector logs nothing below INFO; others log as ever."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "snowflake":
            logging.getLogger(name).addFilter(_hush)  # loggers hand filters to nobody below; twice is once
    before = _hushed.set(True)
    try:
        yield
    finally:
        _hushed.reset(before)
