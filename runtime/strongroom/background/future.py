"""What a background task will be: a future whose run is another process's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from strongroom.background import queue
from strongroom.errors import MissingResult
from strongroom.futures import PrefectFuture
from strongroom.journal.records import TaskRun
from strongroom.ledger import Session, await_until, current_ledger, wait_until
from strongroom.ledger.ledger import Ledger
from strongroom.results.sealed_states import unseal_state
from strongroom.states import Running, Scheduled, State

R = TypeVar("R")


class PrefectDistributedFuture(PrefectFuture[R]):
    """A task run that was sent to the processes that serve its task. Made again from the run's id in any process.

    Asking it looks into the ledger; it can be pickled, and given to another background task, which waits for it.
    """

    __slots__ = ("_ledger",)

    def __init__(self, task_run_id: UUID, name: str = "") -> None:
        super().__init__(TaskRun(task_run_id, name or str(task_run_id), "", "", "", Scheduled()))
        self._ledger: Ledger = current_ledger()

    @property
    def state(self) -> State[R]:
        """The state that the run is in now: Scheduled while it waits for a worker, then Running, then its last one."""
        with self._ledger.reading() as session:
            stage = self._look(session)
        if self._final is not None:
            return self._final
        return Running() if stage == "taken" else Scheduled()

    def done(self) -> bool:
        """Whether the run is over."""
        if self._final is None:
            with self._ledger.reading() as session:
                self._look(session)
        return self._final is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run is over, or ``timeout`` seconds have passed.

        Without a process that serves the task, nothing happens until there is one.
        """
        if self._final is None:
            wait_until(self._over, timeout)

    async def wait_async(self, timeout: float | None = None) -> None:
        """Like :meth:`wait`, for asynchronous code: the event loop goes on meanwhile."""
        if self._final is None:
            await await_until(self._over, timeout)

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], object]) -> None:
        """Call ``fn`` with this future when the run is over, in a thread that looks for it; at once if it is."""
        super().add_done_callback(fn)
        if self._final is None:
            _watcher.watch(self)

    def _over(self, session: Session) -> bool | None:
        return True if self._look(session) == "ended" else None

    def _look(self, session: Session) -> str:
        """The stage that the run is in; settles the future where it is over."""
        if self._final is not None:
            return "ended"
        delivery = queue.find(session, self.task_run_id)
        if delivery is None:
            raise MissingResult(
                f"The ledger knows no background task {self.task_run_id}.",
                "It was withdrawn, or ended long ago, or went to another ledger.",
            )
        if delivery.stage == "ended":
            self.settle(unseal_state(delivery.state or b"", queue.state_place(delivery.id)))
        return delivery.stage

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_run_id, self.task_run_name)


class _Watcher:
    """One thread that looks for the ends of those futures that have callbacks; it ends when none is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[UUID, list[PrefectDistributedFuture[Any]]] = {}
        self._thread: threading.Thread | None = None

    def watch(self, future: PrefectDistributedFuture[Any]) -> None:
        with self._lock:
            self._futures.setdefault(future.task_run_id, []).append(future)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(future._ledger,), name="strongroom-background", daemon=True
                )
                self._thread.start()

    def _run(self, ledger: Ledger) -> None:
        from strongroom.ledger import using_ledger

        with using_ledger(ledger):
            while True:
                with self._lock:
                    ids = list(self._futures)
                    if not ids:
                        self._thread = None
                        return
                for delivery in wait_until(lambda session, ids=ids: queue.ended_of(session, ids), 1.0) or ():  # type: ignore[misc]
                    with self._lock:
                        futures = self._futures.pop(delivery.id, [])
                    for future in futures:
                        future.settle(unseal_state(delivery.state or b"", queue.state_place(delivery.id)))


_watcher = _Watcher()
