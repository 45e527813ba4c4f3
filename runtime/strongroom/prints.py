"""``log_prints``: what a run prints becomes lines of its log.

``print`` is wrapped when the first run that wants it begins, and stays so: outside of such runs it does what it did.
"""

from __future__ import annotations

import builtins
import io
import sys
import threading
from typing import Any

from strongroom.context import current_run

_print = builtins.print
_busy = threading.local()


def install() -> None:
    """Make ``print`` look at the run that it is called in. Cheap to call again."""
    global _print
    if builtins.print is not _logging_print:
        _print = builtins.print
        builtins.print = _logging_print


def _logging_print(
    *values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    run = current_run()
    if run is None or not run.log_prints or not _is_terminal(file) or getattr(_busy, "now", False):
        _print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    from strongroom.logging import get_run_logger

    buffer = io.StringIO()
    _print(*values, sep=sep, end=end, file=buffer)
    _busy.now = True  # a handler that prints must not come back here
    try:
        get_run_logger(run).info("%s", buffer.getvalue().removesuffix("\n"))
    finally:
        _busy.now = False


def _is_terminal(file: Any) -> bool:
    return file is None or file is sys.stdout or file is sys.stderr
