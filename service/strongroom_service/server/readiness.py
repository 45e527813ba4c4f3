"""Whether a process can serve: what it needs is tried for real, and the reason is told where it fails."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from pydantic import BaseModel
from strongroom_registry.errors import StrongroomError

from strongroom_service.service import Service

_FRESH = 1.0
"""Seconds for which an answer counts, so that asking often costs nothing."""


class _Probe(BaseModel):
    at: float


class Readiness:
    """Tries the registry, its audit and the records.

    :param number: of the worker, each of which has a record of its own to write.
    """

    def __init__(self, service: Service, number: int = 0) -> None:
        self._service = service
        self._number = number
        self._lock = Lock()
        self._answer: tuple[float, dict[str, str]] | None = None
        self.is_stopping = False

    def check(self) -> dict[str, str]:
        """What is ready, by its name: ``"ok"``, or the reason why it is not."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[0] > _FRESH:
                self._answer = time.monotonic(), self._tried()
            found = dict(self._answer[1])
        if self.is_stopping:
            found["server"] = "It is stopping."
        return found

    def _tried(self) -> dict[str, str]:
        tries: dict[str, Any] = {
            "registry": self._read_registry,
            "audit": self._service.workspaces.check_writable,
            "records": self._write_record,
        }
        return {name: _outcome(attempt) for name, attempt in tries.items()}

    def _read_registry(self) -> None:
        self._service.workspaces.own.exists("readiness")

    def _write_record(self) -> None:
        with self._service.records.changing() as session:
            session.put("server", f"readiness-{self._number}", _Probe(at=time.time()))


def _outcome(attempt: Any) -> str:
    try:
        attempt()
    except StrongroomError as error:
        return error.problem
    return "ok"
