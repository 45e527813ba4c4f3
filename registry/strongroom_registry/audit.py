"""The audit: who did what to which document, and whether it was allowed, chained so that nothing can be taken out.

An entry consists of fields that are allowed to stand there (ids, names, the actor, the action, its outcome, the message
that the actor gave), and is never made by taking secrets out of something larger. Each entry's MAC covers the MAC of
the entry before, and the newest one is named by the MACed state of the workspace.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from strongroom_registry.canonical import Cursor, instant, text, u32, u64
from strongroom_registry.errors import AuditChainBroken

AUDIT_PURPOSE = b"strongroom/v1/audit"
CHAIN_START = bytes(32)
DONE = "done"
REPEATS_SECONDS = 60.0

_NO_DOCUMENT = bytes(16)


class Subject(NamedTuple):
    """What an entry speaks of. ``outcome`` is :data:`DONE` or the name of the error that refused."""

    action: str
    outcome: str
    name: str
    document: bytes | None = None
    version: int | None = None
    label: str = ""
    message: str = ""
    actor: str = ""
    """Who, where it is not the registry's own actor."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit.

    ``action`` is ``create``, ``put``, ``load``, ``label``, ``unlabel``, ``delete``, ``undelete``, ``destroy``, or
    what a service says that it did;
    ``outcome`` is ``done`` or the name of the error that refused. ``count`` says how often: repeated loads of one
    version by one process within a minute are one entry.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    outcome: str
    name: str
    document: UUID | None
    version: int | None
    label: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What checking the chain found: ``entries`` that fit, and the first that does not."""

    entries: int
    first_bad: int | None = None
    problem: AuditChainBroken | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None


def encode_entry(epoch: int, entry: AuditEntry) -> bytes:
    """The canonical bytes of an entry, behind the epoch of the key that its MAC is made with."""
    document = entry.document.bytes if entry.document else None
    subject = Subject(
        entry.action, entry.outcome, entry.name, document, entry.version, entry.label, entry.message, entry.actor
    )
    return encode_subject(epoch, entry.seq, entry.at, subject, entry.count)


def encode_subject(epoch: int, seq: int, at: datetime, subject: Subject, count: int = 1) -> bytes:
    """What :func:`encode_entry` gives, without making an entry first."""
    return b"".join(
        (
            u32(epoch),
            u64(seq),
            instant(at),
            text(subject.actor),
            text(subject.action),
            text(subject.outcome),
            text(subject.name),
            subject.document or _NO_DOCUMENT,
            u64(subject.version or 0),
            text(subject.label),
            text(subject.message),
            u64(count),
        )
    )


def decode_entry(data: bytes) -> AuditEntry:
    """The entry in canonical bytes; raises :class:`~strongroom_registry.canonical.Malformed`."""
    c = Cursor(data)
    c.u32()
    entry = AuditEntry(
        seq=c.u64(),
        at=c.instant(),
        actor=c.text(),
        action=c.text(),
        outcome=c.text(),
        name=c.text(),
        document=_document(c.take(16)),
        version=c.u64() or None,
        label=c.text(),
        message=c.text(),
        count=c.u64(),
    )
    c.end()
    return entry


def _document(data: bytes) -> UUID | None:
    return None if data == _NO_DOCUMENT else UUID(bytes=data)


class _Window:
    __slots__ = ("count", "until")

    def __init__(self, until: float) -> None:
        self.count = 0
        self.until = until


class Repeats:
    """What happened again within a minute of having been written, to be written later as one entry with a count.

    Safe to use from several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[Subject, _Window] = OrderedDict()
        self._uncounted: set[Subject] = set()
        self._lock = Lock()

    def counts(self, subject: Subject) -> bool:
        """Count one more; False where there is nothing to add it to, so that it has to be written now."""
        with self._lock:
            window = self._windows.get(subject)
            if window is None or self._clock() >= window.until:
                return False
            window.count += 1
            self._uncounted.add(subject)
            return True

    def opened(self, subject: Subject) -> None:
        """The subject was written just now: count what follows for a minute."""
        with self._lock:
            now = self._clock()
            self._windows.pop(subject, None)
            self._windows[subject] = _Window(now + REPEATS_SECONDS)
            self._forget_older(now)

    def are_waiting(self) -> bool:
        """Whether there are counts that wait to be written."""
        return bool(self._uncounted)

    def drain(self) -> dict[Subject, int]:
        """Hand over all counts that wait to be written."""
        with self._lock:
            counts = {subject: self._windows[subject].count for subject in self._uncounted}
            for subject in counts:
                self._windows[subject].count = 0
            self._uncounted.clear()
            return counts

    def give_back(self, counts: dict[Subject, int]) -> None:
        """What :meth:`drain` handed over could not be written."""
        with self._lock:
            for subject, count in counts.items():
                self._windows.setdefault(subject, _Window(self._clock())).count += count
                self._uncounted.add(subject)

    def _forget_older(self, now: float) -> None:
        for subject, window in list(_expired(self._windows, now)):
            if not window.count:
                del self._windows[subject]


def _expired(windows: OrderedDict[Subject, _Window], now: float) -> Iterator[tuple[Subject, _Window]]:
    for item in windows.items():
        if item[1].until > now:
            return
        yield item
