"""Entries of the audit that several threads wait for at a time, written in one transaction."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from threading import Lock

from strongroom_registry.audit import Subject


class _Entry:
    __slots__ = ("error", "is_over", "subject")

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.is_over = False
        self.error: Exception | None = None


class Recorder:
    """Writes entries in groups: while one thread waits for the disk, those of others gather for the next transaction.

    :param write: writes entries, all or none.
    """

    def __init__(self, write: Callable[[Sequence[Subject]], None]) -> None:
        self._write = write
        self._lock = Lock()
        self._turn = Lock()
        self._waiting: list[_Entry] = []

    def record(self, subject: Subject) -> None:
        """Write an entry; it is on the disk when this returns. Raises what writing raises."""
        entry = _Entry(subject)
        with self._lock:
            self._waiting.append(entry)
        with self._turn:
            if not entry.is_over:
                self._write_all()
        if entry.error is not None:
            raise copy.copy(entry.error) from None

    def _write_all(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            self._write([entry.subject for entry in group])
        except Exception as error:
            for entry in group:
                entry.error = error
        except BaseException:  # this thread is being ended, not the others
            with self._lock:
                self._waiting = group + self._waiting
            raise
        for entry in group:
            entry.is_over = True
