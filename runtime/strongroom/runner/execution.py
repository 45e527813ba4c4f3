"""One run of a deployment, carried out in the process that was started for it."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom import engine
from strongroom.calls.call import record_state
from strongroom.calls.flow_call import FlowCall
from strongroom.deployments import due_runs, history, store
from strongroom.deployments.records import Deployment, DueRun, Sealed
from strongroom.entrypoints import load_flow
from strongroom.errors import SourceUnavailable, UnknownRun
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import current_ledger
from strongroom.logging import flow_run_logger
from strongroom.processes import this_process
from strongroom.results.sealed_states import seal_state
from strongroom.states import Crashed, Pending, State

if TYPE_CHECKING:
    from strongroom.flows import Flow

BEAT_SECONDS = 10.0
_deployment: Deployment | None = None
_variables: dict[str, Any] = {}


def is_executing() -> bool:
    """Whether this process carries out a run, so that ``serve`` in the flow's file is not meant now."""
    return _deployment is not None


def current_deployment() -> Deployment | None:
    """The deployment whose run this process carries out; None where it carries out none."""
    return _deployment


def current_variables() -> dict[str, Any]:
    """The job variables of the run that this process carries out: the deployment's, and over them its own."""
    return dict(_variables)


def execute(run_id: UUID) -> State[Any]:
    """Carry out a run of a deployment here; gives the state that it ended in, or suspended itself in.

    Raises :class:`~strongroom.errors.UnknownRun` where nobody may carry it out: it is over, or another process has it.
    """
    global _deployment
    with current_ledger().changing() as session:
        run = due_runs.begin(session, run_id, this_process())
        deployment = None if run is None else store.find(session, run.deployment_id)
    if run is None or deployment is None:
        raise UnknownRun(f"No run {run_id} waits to be carried out.", "See what there is: strongroom runs ls")
    _deployment = deployment
    try:
        place = tempfile.TemporaryDirectory(prefix="strongroom-run-", ignore_cleanup_errors=True)
        with _beating(run.id), place as folder:
            return _carry_out(deployment, run, Path(folder))
    finally:
        _deployment = None
        _variables.clear()


def _carry_out(deployment: Deployment, run: DueRun, place: Path) -> State[Any]:
    known = history.read(run.id)
    if known is not None and known.state.is_final():  # somebody cancelled it before it began
        return _told(run, known.state)
    record = known if known is not None and known.run_count else history.planned(deployment, run)
    try:
        sealed = store.opened(deployment)
        given = due_runs.inputs_of(run)
        _variables.update({**sealed.job_variables, **given.job_variables})
        flow = _flow(deployment, sealed, given.job_variables, place)
        parameters = flow.signature.bind((), {**sealed.parameters, **given.parameters})
    except Exception as error:
        return _told(run, _failed_to_load(record, error))
    call = FlowCall(flow, parameters, resumed=_owned(record, flow))
    try:
        state = engine.carry_out(call)
    except BaseException:
        _told(run, call.flow_run.state)
        raise
    return _told(run, state)


def _flow(deployment: Deployment, sealed: Sealed, variables: Mapping[str, Any], place: Path) -> Flow[..., Any]:
    entrypoint = deployment.definition.entrypoint
    if sealed.source is not None:
        folder = sealed.source.pull_code(place)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
    elif working_dir := {**sealed.job_variables, **variables}.get("working_dir"):
        if not Path(working_dir).is_dir():
            raise SourceUnavailable(f"There is no folder {working_dir}.", "Change the job variable working_dir.")
        os.chdir(working_dir)
    return load_flow(entrypoint)


def _owned(record: FlowRun, flow: Flow[..., Any]) -> FlowRun:
    record.flow_version = record.flow_version or flow.version
    record.source_hash = flow.file_hash
    record.pid, record.host, record.process = os.getpid(), os.uname().nodename, this_process()
    record_state(record, Pending())
    return record


def _failed_to_load(record: FlowRun, error: Exception) -> State[Any]:
    state: State[Any] = Crashed(message=f"The run could not begin: {error}")
    state = record_state(record, state)
    current_journal().save_flow_run(record)
    flow_run_logger(record).error("%s", state.message)
    return state


def _told(run: DueRun, state: State[Any]) -> State[Any]:
    """Tell the ledger how the run ended, once the history has it."""
    current_journal().flush()
    with current_ledger().changing() as session:
        if state.is_final():
            due_runs.end(session, run.id, seal_state(state, due_runs.state_place(run.id)))
        elif state.is_paused():
            due_runs.suspend(session, run.id)
    return state


@contextmanager
def _beating(run_id: UUID) -> Iterator[None]:
    """Give a sign of life now and then."""
    over = threading.Event()
    ledger = current_ledger()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                with ledger.changing() as session:
                    due_runs.beat(session, run_id, this_process())
            except Exception:  # noqa: S112  the next beat may succeed; nobody is served by the end of the run
                continue

    thread = threading.Thread(target=beat, name="strongroom-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
