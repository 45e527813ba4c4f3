"""The process that runs deployments: it plans their runs, and starts each in a process of its own when it is due.

``flow.serve`` and ``strongroom.serve`` run it for some deployments, ``strongroom worker start`` for those of a pool.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from strongroom_registry.errors import StrongroomError

from strongroom import clock
from strongroom.deployments import due_runs, history, planning, servers, store
from strongroom.deployments.due_runs import Scope, Taken
from strongroom.deployments.records import DueRun
from strongroom.deployments.runner import DeploymentOptions, RunnerDeployment
from strongroom.errors import InvalidDeployment, LedgerProblem
from strongroom.journal.current import current_journal
from strongroom.ledger import Session, current_ledger
from strongroom.processes import this_process
from strongroom.results.sealed_states import seal_state
from strongroom.runner.children import Children
from strongroom.runner.signals import heeding
from strongroom.states import Cancelled, Crashed, State

if TYPE_CHECKING:
    from strongroom.flows import Flow

_log = logging.getLogger("strongroom.runner")

LOOK_SECONDS = 0.5
UPKEEP_SECONDS = 5.0
GRACE_SECONDS = 30.0
KEPT = timedelta(days=30)
"""How long the ledger knows of runs that ended; the run history keeps them as its own settings say."""


class Runner:
    """Serves deployments, or works for a pool.

    :param name: what people read.
    :param pause_on_shutdown: whether the schedules of what it serves are paused when it ends, and no other serves it.
    :param limit: how many runs go on at once here; any number where it is None.
    :param query_seconds: how often it looks for runs that others made.
    :param pool: the work pool whose runs it takes, in place of deployments that are added to it.
    :param queues: the queues of that pool; all where none is named.
    """

    def __init__(
        self,
        name: str | None = None,
        pause_on_shutdown: bool = True,
        limit: int | None = None,
        query_seconds: float = LOOK_SECONDS,
        *,
        pool: str | None = None,
        queues: Sequence[str] = (),
    ) -> None:
        if limit is not None and limit < 1:
            raise InvalidDeployment(f"With a limit of {limit} nothing runs.", "Give 1 or more, or None.")
        self.name = name or "runner"
        self.pause_on_shutdown = pause_on_shutdown
        self.limit = limit
        self.query_seconds = query_seconds
        self.scope = Scope((), pool, tuple(queues))
        self._wake = threading.Event()
        self._stops = 0
        self._kept_up = 0.0
        self._is_failing = False
        self._told = False
        self._children = Children(self._wake.set)

    def add_deployment(self, deployment: RunnerDeployment) -> UUID:
        """Keep a deployment, and serve it."""
        id_ = deployment.apply()
        self.scope = Scope((*self.scope.deployment_ids, id_), self.scope.pool, self.scope.queues)
        return id_

    def add_flow(self, flow: Flow[..., Any], name: str | None = None, **options: Unpack[DeploymentOptions]) -> UUID:
        """Make a deployment of a flow, and serve it; see :meth:`RunnerDeployment.from_flow`."""
        return self.add_deployment(RunnerDeployment.from_flow(flow, name or flow.name, **options))

    def start(self, run_once: bool = False) -> None:
        """Serve, until :meth:`stop` is called, or Ctrl-C or SIGTERM comes to the main thread.

        Then it takes no more runs, pauses schedules, and waits for the runs that it started; a second signal asks them
        to end, and a third, or half a minute, ends them. With ``run_once`` it carries out what is due now.

        Raises :class:`~strongroom.errors.InvalidDeployment` where ledger and run history are in memory, which other
        processes do not see.
        """
        _check_shared()
        with heeding(self.stop):
            self._enrol()
            try:
                until = clock.now() if run_once else None
                while not self._stops:
                    began = self._turn(until)
                    if run_once and not began and not self._children:
                        break
                    self._rest()
            finally:
                self._shut_down()

    async def astart(self, run_once: bool = False) -> None:
        """Like :meth:`start`, beside other asynchronous code; ends when it is cancelled too."""
        import asyncio

        try:
            await asyncio.to_thread(self.start, run_once)
        finally:
            self.stop()

    def stop(self) -> None:
        """Take no more runs, and come to an end; called again, end the runs that go on."""
        self._stops += 1
        self._wake.set()

    @property
    def running(self) -> int:
        """How many runs go on here."""
        return len(self._children)

    def _rest(self) -> None:
        pause = self.query_seconds
        due = None
        with suppress(LedgerProblem), current_ledger().reading() as session:  # it was said that it is away
            due = due_runs.next_due(session, self.scope)
        if due is not None:
            pause = min(pause, max((due - clock.now()).total_seconds(), 0.01))
        if self._wake.wait(self.query_seconds if self._is_full() else pause):
            self._wake.clear()

    def _turn(self, until: datetime | None = None) -> int:
        """Do what is to be done now: how many runs began, of those that were due ``until`` then, if that is given.

        What goes wrong outside of a run, such as a database that is away, is tried again in a while, and said once.
        """
        try:
            self._reap()
            if time.monotonic() - self._kept_up >= UPKEEP_SECONDS or not self._kept_up:
                self._keep_up()
                self._kept_up = time.monotonic()
            began = self._take(until)
        except StrongroomError as error:
            if not self._is_failing:
                _log.warning("Runs are not started now: %s", error)
            self._is_failing = True
            time.sleep(LOOK_SECONDS)
            return 0
        self._is_failing = False
        return began

    def _keep_up(self) -> None:
        """Plan what comes, and see to what others left behind."""
        now = clock.now()
        with current_ledger().changing() as session:
            servers.beat(session, this_process())
            served = self._served(session)
            planned = planning.plan(session, served, now)
            crashed = [run for run in due_runs.abandoned(session) if self._bury(session, run)]
            due_runs.forget(session, now - KEPT)
        history.note_planned(planned)
        for run in crashed:
            history.note_state(run.id, _gone(run))

    def _served(self, session: Session) -> list[Any]:
        if self.scope.pool is None:
            return store.listed(session, ids=self.scope.deployment_ids)
        return [each for each in store.listed(session) if each.pool == self.scope.pool]

    def _bury(self, session: Session, run: DueRun) -> bool:
        """A run whose process is gone crashed; one that had not begun waits again."""
        if run.stage == "taken":
            due_runs.wait_again(session, run.id)
            return False
        return due_runs.end(session, run.id, _sealed(run.id, _gone(run)))

    def _is_full(self) -> bool:
        return self.limit is not None and len(self._children) >= self.limit

    def _take(self, until: datetime | None = None) -> int:
        """Take and start what is due; how many runs that is."""
        now = clock.now() if until is None else until
        with current_ledger().reading() as session:
            waiting = due_runs.waiting(session, self.scope, now)
        if not waiting:
            return 0
        taken, late = Taken(), [run for run in waiting if history.is_late(run, now)]
        with current_ledger().changing() as session:
            due_runs.mark(session, late, "late")
            if not self._is_full():
                room = None if self.limit is None else self.limit - len(self._children)
                taken = due_runs.take(session, self.scope, now, room, this_process())
                due_runs.mark(session, taken.queued, "queued")
                for run in taken.refused:
                    due_runs.end(session, run.id, _sealed(run.id, _refused()))
        started = {run.id for run in taken.runs}
        for run in late:
            if run.id not in started:
                history.note_stage(run, "late", "It should have begun before.")
        for run in taken.queued:
            history.note_stage(run, "queued", "As many runs of its deployment go on as may.")
        for run in taken.refused:
            history.note_state(run.id, _refused())
        for run in taken.runs:
            self._start(run)
        return len(taken.runs)

    def _start(self, run: DueRun) -> None:
        known = history.read(run.id)
        if known is not None and known.state.is_final():  # somebody cancelled it while it waited
            self._end(run, known.state)
            return
        try:
            with current_ledger().reading() as session:
                deployment = store.find(session, run.deployment_id)
            variables = {**store.opened(deployment).job_variables}
            own = due_runs.inputs_of(run).job_variables
            variables |= {**own, "env": {**variables.get("env", {}), **own.get("env", {})}}
            shows = bool(variables.get("stream_output", True))
            environment = {**_where(), **variables["env"]}
            self._children.start(run.id, deployment.definition.folder, environment, shows_output=shows)
        except Exception as error:
            self._crash(run, f"Its process could not be started: {error}")

    def _reap(self) -> None:
        for run_id, code in self._children.reap().items():
            with current_ledger().changing() as session:
                run = due_runs.find(session, run_id)
                gone = bool(due_runs.abandoned(session, run_id=run_id))
            if run is not None and (gone or (run.stage == "taken" and run.holder == this_process())):
                how = f"by signal {-code}" if code < 0 else f"with code {code}"
                self._crash(run, f"Its process ended {how} before the run was over.")

    def _crash(self, run: DueRun, message: str) -> None:
        _log.error("The run %r crashed: %s", run.name, message)
        self._end(run, Crashed(message=message))

    def _end(self, run: DueRun, state: State[Any]) -> None:
        with current_ledger().changing() as session:
            due_runs.end(session, run.id, _sealed(run.id, state))
        history.note_state(run.id, state)

    def _enrol(self) -> None:
        with current_ledger().changing() as session:
            ids = [str(id_) for id_ in self.scope.deployment_ids] if self.scope.pool is None else [""]
            servers.enrol(session, this_process(), ids, pool=self.scope.pool, name=self.name, slots=self.limit)

    def _shut_down(self) -> None:
        """Pause, then wait for the runs that go on; each further signal is answered harder."""
        removed: list[UUID] = []
        with current_ledger().changing() as session:
            servers.leave(session, this_process())
            for id_ in self.scope.deployment_ids if self.pause_on_shutdown else ():
                if not servers.is_served(session, id_) and store.schedules_of(session, [id_]):
                    removed += store.pause(session, id_)
        history.note_removed(removed)
        if self._stops and self._children:
            count = len(self._children)
            _log.warning("Waiting for %s to end; Ctrl-C again asks for it.", "a run" if count == 1 else f"{count} runs")
        asked = 0.0
        while self._children:
            if self._stops > 1 and not asked:
                asked = time.monotonic()
                self._children.terminate()
            if self._stops > 2 or (asked and time.monotonic() - asked > GRACE_SECONDS):
                self._children.kill()
            if self._wake.wait(LOOK_SECONDS):
                self._wake.clear()
            self._reap()


def _check_shared() -> None:
    from strongroom.journal.memory import MemoryJournal

    if current_ledger().url == "memory:" or isinstance(current_journal(), MemoryJournal):
        raise InvalidDeployment(
            "The ledger or the run history is in memory, where the processes of runs do not find it.",
            "Unset STRONGROOM_JOURNAL and STRONGROOM_LEDGER, or name files or a PostgreSQL database.",
        )


def _where() -> dict[str, str]:
    """The variable that leads the process of a run to the ledger, where the settings alone do not."""
    from strongroom.settings import get_settings

    url = current_ledger().url
    return {} if url == get_settings().ledger_url else {"STRONGROOM_LEDGER": url}


def _gone(run: DueRun) -> State[Any]:
    return Crashed(message="Its process is gone.")


def _refused() -> State[Any]:
    return Cancelled(message="As many runs of its deployment went on as may.")


def _sealed(run_id: UUID, state: State[Any]) -> bytes:
    return seal_state(state, due_runs.state_place(run_id))
