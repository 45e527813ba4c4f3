"""Lines of runs as text or as JSON, for a ``logging.yml`` of one's own."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any, Literal

from strongroom_blocks.redaction import redactor


class RunFormatter(logging.Formatter):
    """A formatter with one format for the lines of flow runs, one for those of task runs, and one for all others.

    Formats may name ``flow_run_name``, ``flow_run_id``, ``flow_name`` and ``deployment_name``, those of task runs also
    ``task_run_name``, ``task_run_id`` and ``task_name``. What comes out is redacted.
    """

    def __init__(
        self,
        format: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        defaults: dict[str, Any] | None = None,
        task_run_fmt: str | None = None,
        flow_run_fmt: str | None = None,
    ) -> None:
        super().__init__(format, datefmt, style, validate, defaults=defaults)
        kind = type(self._style)
        self._plain = self._style
        self._flow_run = kind(flow_run_fmt, defaults=defaults) if flow_run_fmt else self._style
        self._task_run = kind(task_run_fmt, defaults=defaults) if task_run_fmt else self._style

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the name is logging's
        if record.name.endswith("flow_runs"):
            return self._flow_run.format(record)
        if record.name.endswith("task_runs"):
            return self._task_run.format(record)
        return self._plain.format(record)

    def format(self, record: logging.LogRecord) -> str:
        return redactor.redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; with ``fmt="pretty"`` as several. What comes out is redacted."""

    def __init__(self, fmt: str = "default", dmft: str | None = None, style: str = "%") -> None:
        super().__init__()
        if fmt not in ("default", "pretty"):
            raise ValueError("The format is neither 'default' nor 'pretty'.")
        self._indent = 2 if fmt == "pretty" else None

    def format(self, record: logging.LogRecord) -> str:
        known = {**vars(record), "message": record.getMessage(), "severity": record.levelname}
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            lines = "".join(traceback.format_exception(kind, error, trace))
            known["exc_info"] = {"type": kind.__name__, "message": str(error), "traceback": lines}
        return redactor.redact(json.dumps(known, default=str, indent=self._indent))


PrefectFormatter = RunFormatter
