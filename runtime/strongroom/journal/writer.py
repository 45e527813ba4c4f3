"""One thread that writes what many enqueue: in batches, in bounded memory, and without ever failing them."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from strongroom.journal.records import LogEntry
from strongroom.journal.rows import Snapshot

_log = logging.getLogger("strongroom.journal")

GATHER_SECONDS = 0.05
BEAT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
BACKPRESSURE_SECONDS = 5.0
PATIENCE = 4
MOST_ROWS = 10_000
MOST_BYTES = 32 * 1024 * 1024


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@dataclass(slots=True)
class Batch:
    """What waits to be written. A run is here once, as it was saved last."""

    flows: dict[UUID, Snapshot] = field(default_factory=dict)
    tasks: dict[UUID, Snapshot] = field(default_factory=dict)
    lines: list[LogEntry] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.flows) + len(self.tasks) + len(self.lines)

    def before(self, later: Batch) -> Batch:
        """This batch with a later one on top."""
        return Batch(
            {**self.flows, **later.flows},
            {**self.tasks, **later.tasks},
            self.lines + later.lines,
            self.size + later.size,
        )

    def halve(self) -> int:
        """Leave out lines, then task runs, then flow runs, the oldest first, to a half; returns how many went."""
        before = len(self)
        del self.lines[: before - before // 2]
        for key in list(self.tasks)[: max(0, len(self) - before // 2)]:
            del self.tasks[key]
        for id_ in list(self.flows)[: max(0, len(self) - before // 2)]:
            del self.flows[id_]
        self.size //= 2
        return before - len(self)


class Writer:
    """Gathers what is put for a moment, then hands it to ``write`` as one batch, in a thread of its own.

    :param write: writes a batch whole or not at all, and raises ``expected`` errors where it cannot.
    :param beat: called about every ten seconds, for signs of life.
    :param expected: the errors after which the same batch is tried again later.
    :param apart: whether ``write`` may hang, so that only that thread calls it while it lives.
    """

    def __init__(
        self,
        write: Callable[[Batch], None],
        beat: Callable[[], None],
        expected: tuple[type[Exception], ...],
        *,
        apart: bool = False,
        most_rows: int = MOST_ROWS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._write = write
        self._beat = beat
        self._expected = expected
        self._apart = apart
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        # Reentrant: a finalizer that logs may run while its own thread holds the lock.
        self._lock = threading.RLock()
        self._awake = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._writing = threading.RLock()
        self._writer: int | None = None
        self._thread: threading.Thread | None = None
        self._asleep = False
        self._batch = Batch()
        self._out: Batch | None = None
        self._hangs = self._hurries = False
        self._failing = False
        self._said = False
        self.used = False
        self._lost = 0
        self._pause = 0.0

    def put_flow(self, id_: UUID, snapshot: Snapshot) -> None:
        """Enqueue a flow run."""
        with self._lock:
            self._batch.flows[id_] = snapshot
            self._wake()
        self._relieve()

    def put_task(self, id_: UUID, snapshot: Snapshot, size: int) -> None:
        """Enqueue a task run with ``size`` bytes of result."""
        with self._lock:
            self._batch.tasks[id_] = snapshot
            self._batch.size += size
            self._wake()
        self._relieve()

    def put_line(self, entry: LogEntry) -> None:
        """Enqueue a line."""
        with self._lock:
            self._batch.lines.append(entry)
            self._batch.size += len(entry.message)
            self._wake()
        self._relieve()

    def drain(self, timeout: float = -1) -> bool:
        """Write all that waits, in the calling thread; False where it cannot be written now."""
        if self._writer == threading.get_ident() or not self._writing.acquire(timeout=timeout):
            return False
        self._writer = threading.get_ident()
        try:
            with self._lock:
                self._out, self._batch, self._hurries = self._batch, Batch(), False
            return self._written(self._out) if len(self._out) else not self._failing
        finally:
            self._writer = None
            self._writing.release()
            with self._lock:
                self._out, self._hangs = None, False
                self._settled.notify_all()

    def settle(self) -> bool:
        """Like :meth:`drain` for those who must go on: it waits a few seconds at most, and not while writing fails."""
        if self._failing or self._hangs or self._writer == threading.get_ident():
            return False
        if not self._apart or self._thread is None:
            return self.drain(BACKPRESSURE_SECONDS)
        with self._lock:
            waiting, out, self._hurries = self._batch, self._out, True
            self._awake.notify_all()

            def is_over() -> bool:
                is_taken = self._batch is not waiting or not len(waiting)
                is_out = self._out is not None and (self._out is waiting or self._out is out)
                return self._failing or (is_taken and not is_out)

            self._hangs = not self._settled.wait_for(is_over, BACKPRESSURE_SECONDS)
            return not (self._hangs or self._failing)

    def _wake(self) -> None:
        self.used = True
        if self._asleep:
            self._asleep = False
            self._awake.notify()
        elif self._thread is None:
            self._start()

    def _full(self, times: int = 1) -> bool:
        return len(self._batch) >= times * self._most_rows or self._batch.size >= times * self._most_bytes

    def _relieve(self) -> None:
        """Where too much waits, write it here and now, or give half of it up if writing fails.

        Where it is only slow, or others wait for it too, several times as much may wait before anything is given up.
        """
        if not self._full() or self.settle():
            return
        with self._lock:
            broken = self._failing or self._hangs
            if self._full(1 if broken else PATIENCE):
                self._lost += self._batch.halve()

    def _written(self, batch: Batch) -> bool:
        try:
            self._write(batch)
        except self._expected as error:
            self._failed(batch, error)
            return False
        except Exception:
            _log.exception("%d runs and lines of the history are lost by a fault of Strongroom.", len(batch))
            return False
        self._succeeded()
        return True

    def _failed(self, batch: Batch, error: Exception) -> None:
        with self._lock:
            self._batch = batch.before(self._batch)
            self._failing = True
            self._pause = min(max(1.0, self._pause * 2), LONGEST_PAUSE_SECONDS)
            say, self._said = not self._said, True
        if say:
            _log.warning("Runs go on, but their history is not written: %s", error)

    def _succeeded(self) -> None:
        if not self._failing and not self._lost:
            return
        with self._lock:
            lost = self._lost
            self._failing, self._lost, self._pause = False, 0, 0.0
        _log.warning("The history of runs is written again; %d runs and lines of it are lost.", lost)

    def close(self) -> bool:
        """Write what waits and end the thread; False where some of it is lost. Whatever is put later starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._awake.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(LONGEST_PAUSE_SECONDS if self._apart else None)
        if self.drain(0 if self._hangs else -1):
            return True
        with self._lock:
            left, self._batch, self._lost = len(self._batch) + self._lost, Batch(), 0
        if left:
            _log.warning("%d runs and lines of the history could not be written.", left)
        return not left

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="strongroom-journal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None  # the interpreter is ending: close() writes what is left

    def _run(self) -> None:
        beaten = time.monotonic()
        while self._thread is threading.current_thread():
            self._sleep()
            self.drain()
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                self._try_beat()

    def _sleep(self) -> None:
        with self._lock:
            if self._thread is not threading.current_thread():
                return
            if self._failing:
                self._awake.wait(self._pause)
                return
            if not len(self._batch):
                self._asleep = True
                self._awake.wait(BEAT_SECONDS)
                self._asleep = False
            if len(self._batch) and not self._hurries and self._thread is threading.current_thread():
                self._awake.wait(GATHER_SECONDS)

    def _try_beat(self) -> None:
        with self._writing:
            try:
                self._beat()
            except self._expected as error:
                _log.debug("No sign of life was written: %s", error)


def _forget_parent() -> None:
    """In a forked child: what the parent enqueued is the parent's to write, and its thread is not here."""
    for writer in _writers:
        writer._reset()


def _close_all() -> None:
    for writer in list(_writers):
        writer.close()


os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_close_all)
