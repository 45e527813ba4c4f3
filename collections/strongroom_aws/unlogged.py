"""Calls whose bodies or signatures are secrets: the SDK logs all of them at DEBUG, which is kept from it meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_SDK = {"boto3", "botocore", "urllib3"}
_hushed: ContextVar[bool] = ContextVar("strongroom_aws_hushed", default=False)


class _Hush(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not _hushed.get()


_hush = _Hush()


@contextmanager
def unlogged() -> Iterator[None]:
    """While it lasts, this thread's calls of the SDK log nothing below INFO; those of other threads are as ever."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _SDK:
            logging.getLogger(name).addFilter(_hush)  # loggers hand filters to nobody below; twice is once
    before = _hushed.set(True)
    try:
        yield
    finally:
        _hushed.reset(before)
