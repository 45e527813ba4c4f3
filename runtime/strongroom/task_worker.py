"""Processes that carry out background tasks: ``task.serve()``, ``serve(*tasks)``, ``strongroom task serve``.

A worker that dies gives what it was at back to the others: a background task runs at least once, and may run again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from strongroom_registry.errors import StrongroomError

from strongroom import clock, engine
from strongroom.background import queue
from strongroom.background.queue import Delivery
from strongroom.background.sending import SentCall
from strongroom.calls.task_call import TaskCall
from strongroom.errors import CorruptResult, InvalidDeployment
from strongroom.journal.current import current_journal, using_journal
from strongroom.ledger import Session, current_ledger, using_ledger
from strongroom.processes import this_process
from strongroom.results.sealed_states import seal_state
from strongroom.results.sealed_values import unseal_value
from strongroom.runner.signals import heeding
from strongroom.states import Crashed, State
from strongroom.tasks import Task

_log = logging.getLogger("strongroom.task_worker")

LOOK_SECONDS = 0.5
UPKEEP_SECONDS = 5.0
KEPT = timedelta(days=7)
_PLENTY = 1000
_loading = False


class TaskWorker:
    """Carries out background calls of some tasks, each in a thread.

    :param tasks: the tasks.
    :param limit: how many calls go on at once; None for a thousand.
    """

    def __init__(self, *tasks: Task[..., Any], limit: int | None = 10) -> None:
        if not tasks or not all(isinstance(task, Task) for task in tasks):
            raise InvalidDeployment("There is no task to serve.", "Give functions that @task decorates.")
        if limit is not None and limit < 1:
            raise InvalidDeployment(f"With a limit of {limit} nothing runs.", "Give 1 or more, or None.")
        self.tasks = {task.task_key: task for task in tasks}
        self.limit = limit
        self.client_id = f"{os.uname().nodename}-{os.getpid()}-{uuid4().hex[:8]}"
        self.started_at: datetime | None = None
        self._holder = this_process()
        self._busy: dict[UUID, Delivery] = {}
        self._lock = threading.Lock()
        self._stops = 0
        self._kept_up: float | None = None
        self._is_failing = False

    @property
    def started(self) -> bool:
        """Whether it works."""
        return self.started_at is not None

    @property
    def current_tasks(self) -> int:
        """How many calls go on."""
        return len(self._busy)

    @property
    def available_tasks(self) -> int | None:
        """How many more it would take; None where there is no limit."""
        return None if self.limit is None else self.limit - len(self._busy)

    def start(self, timeout: float | None = None, run_once: bool = False) -> None:
        """Work until :meth:`stop`, Ctrl-C or SIGTERM, or for ``timeout`` seconds; then end what goes on, and return.

        A second signal gives back what goes on, for others to carry out, and ends the process. With ``run_once`` it
        carries out what waits now.
        """
        until = None if timeout is None else time.monotonic() + timeout
        ledger, journal = current_ledger(), current_journal()

        def carry_out(delivery: Delivery) -> None:
            with using_ledger(ledger), using_journal(journal):
                self._carry_out(delivery)

        self.started_at = clock.now()
        with heeding(self.stop), ThreadPoolExecutor(self.limit or _PLENTY, "strongroom-task") as threads:
            try:
                while not self._stops and (until is None or time.monotonic() < until):
                    seen = ledger.changes.count
                    taken = self._turn()
                    for delivery in taken:
                        threads.submit(carry_out, delivery)
                    if not taken and run_once and not self._busy:
                        break
                    if not taken:
                        ledger.changes.wait(seen, LOOK_SECONDS)
                self._await_busy()
            finally:
                self.started_at = None
        journal.flush()

    def stop(self) -> None:
        """Take nothing more, and come to an end; called again, give back what goes on and end the process."""
        self._stops += 1

    def _await_busy(self) -> None:
        while self._busy:
            if self._stops > 1:
                with current_ledger().changing() as session:
                    for run_id in list(self._busy):
                        queue.give_back(session, run_id, self._holder)
                current_journal().flush()
                os._exit(130)
            self._turn(takes=False)
            current_ledger().changes.wait(current_ledger().changes.count, LOOK_SECONDS)

    def _turn(self, *, takes: bool = True) -> list[Delivery]:
        try:
            now = time.monotonic()
            if self._kept_up is None or now - self._kept_up >= UPKEEP_SECONDS:
                self._keep_up()
                self._kept_up = now
            found = self._take() if takes else []
        except StrongroomError as error:
            if not self._is_failing:
                _log.warning("Background tasks are not taken now: %s", error)
            self._is_failing = True
            return []
        self._is_failing = False
        return found

    def _take(self) -> list[Delivery]:
        room = _PLENTY if self.limit is None else self.limit
        room -= len(self._busy)
        if room <= 0:
            return []
        with current_ledger().changing() as session:
            found = queue.take(session, list(self.tasks), room, self._holder)
        with self._lock:
            self._busy.update({delivery.id: delivery for delivery in found})
        return found

    def _keep_up(self) -> None:
        with current_ledger().changing() as session:
            queue.beat(session, self._holder)
            for delivery in queue.abandoned(session):
                _recover(session, delivery)
            queue.forget(session, session.now() - KEPT // timedelta(microseconds=1))

    def _carry_out(self, delivery: Delivery) -> None:
        try:
            state = self._state(delivery)
            with current_ledger().changing() as session:
                queue.end(session, delivery.id, seal_state(state, queue.state_place(delivery.id)), self._holder)
        except Exception:
            _log.exception("How the task run %r ended cannot be told; it is given back.", delivery.name)
            with current_ledger().changing() as session:
                queue.give_back(session, delivery.id, self._holder)
        finally:
            with self._lock:
                self._busy.pop(delivery.id, None)

    def _state(self, delivery: Delivery) -> State[Any]:
        try:
            sent: SentCall = unseal_value(delivery.call, queue.call_place(delivery.id))
            if sent.run.task_key != delivery.task_key:
                raise CorruptResult("The ledger names another task than the call was sent to.", "Send it again.")
            call = TaskCall(self.tasks[delivery.task_key], sent.parameters, sent.wait_for, sent.run)
        except Exception as error:
            _log.error("The task run %r cannot begin: %s", delivery.name, error)
            return Crashed(message=f"The run could not begin: {error}")
        return engine.carry_out(call)


def _recover(session: Session, delivery: Delivery) -> None:
    """Give the task run of a worker that died to another one, unless too many died of it."""
    if delivery.deliveries < queue.MOST_DELIVERIES:
        queue.give_back(session, delivery.id, delivery.holder or "")
        return
    message = f"{delivery.deliveries} workers died while they carried it out."
    _log.error("The task run %r is given up: %s", delivery.name, message)
    queue.end(session, delivery.id, seal_state(Crashed(message=message), queue.state_place(delivery.id)))


def serve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
) -> None:
    """Carry out background calls of these tasks in this process, until Ctrl-C or SIGTERM.

    :param limit: how many go on at once; None for a thousand.
    :param status_server_port: there is no status server; raises where one is given.
    :param timeout: end after so many seconds.

    In a process that only loads the file that calls it, nothing happens.
    """
    from strongroom.runner.execution import is_executing

    if status_server_port is not None:
        raise InvalidDeployment("There is no status server in a process that serves tasks.", "Leave out its port.")
    worker = TaskWorker(*tasks, limit=limit)
    if _loading or is_executing():
        return
    _log.info("Serving %s. Ctrl-C ends it.", ", ".join(sorted(worker.tasks)))
    worker.start(timeout)


async def aserve(*tasks: Task[..., Any], limit: int | None = 10, timeout: float | None = None) -> None:
    """Like :func:`serve`, beside other asynchronous code; ends when it is cancelled."""
    worker = TaskWorker(*tasks, limit=limit)
    try:
        await asyncio.to_thread(worker.start, timeout)
    finally:
        worker.stop()


@contextmanager
def loading() -> Iterator[None]:
    """Files that are loaded inside the block may call ``serve`` at their top level: nothing happens then."""
    global _loading
    before, _loading = _loading, True
    try:
        yield
    finally:
        _loading = before
