"""Going on with a flow run that was killed or failed: what completed is not run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom.control import requests
from strongroom.engine import resume_flow_run
from strongroom.entrypoints import load_flow
from strongroom.errors import FlowUnloadable, NotPausedError, NotResumable, ResultProblem, UnknownFlow
from strongroom.flows import Flow
from strongroom.input.answering import let_go_on
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import current_ledger
from strongroom.liveness import is_alive
from strongroom.logging import flow_run_logger
from strongroom.results.captures import captures
from strongroom.states import Scheduled, State


def resume(run_id: str, run_input: Mapping[str, Any] | None = None) -> State[Any]:
    """Go on with the flow run of this id, or of the one id that starts like this, in this process; returns its end.

    A run that is paused goes on in its own process, if that is alive; then its state is returned as it was. One of a
    deployment that suspended itself is left to whoever serves the deployment, and said to be Resuming.
    ``run_input`` answers what a paused or suspended run asks for, by field.

    The flow is loaded from where it stood, and called with the parameters that it had. Calls of tasks and of subflows
    that completed before, at the same place and with the same inputs, give what they gave.

    Raises :class:`~strongroom.errors.NotResumable`, with the remedy, for a run that completed, that still runs, or
    whose flow or parameters cannot be had any more; NotPausedError for an input that nobody waits for;
    :class:`~strongroom.errors.InvalidRunInput` for one that does not fit; UnknownRun or AmbiguousRun for the id.
    """
    journal = current_journal()
    run = journal.flow_run(run_id)
    if run.state.is_paused() and is_alive(run):
        let_go_on(run, run_input)
        return run.state
    if run_input and not run.state.is_paused():
        raise NotPausedError(
            f"The run {run.name!r} waits for no input: it is {run.state.name}.", "Leave the input out."
        )
    _check(run)
    if run.deployment and run.state.is_paused() and _hands_back(run, run_input):
        return Scheduled(name="Resuming")
    flow, parameters = flow_and_parameters(run)
    if run.state.is_paused():
        let_go_on(run, run_input)
    with current_ledger().changing() as session:
        requests.forget(session, run.id)
    if not journal.claim(run, Scheduled(name="Resuming")):
        raise NotResumable(f"The run {run.name!r} changed meanwhile.", "Somebody else may have resumed it: look again.")
    if flow.file_hash != run.source_hash:
        flow_run_logger(run).warning("The file of the flow changed since the run began; it goes on with the new one.")
    return resume_flow_run(flow, parameters, run)


async def aresume(run_id: str, run_input: Mapping[str, Any] | None = None) -> State[Any]:
    """The asynchronous twin of :func:`resume`."""
    import asyncio

    return await asyncio.to_thread(resume, run_id, run_input)


def _check(run: FlowRun) -> None:
    if run.parent_flow_run_id is not None and not run.deployment:
        raise NotResumable(
            f"The run {run.name!r} is a part of another one.", f"Resume that one: {run.parent_flow_run_id}."
        )
    if run.state.is_completed():
        raise NotResumable(f"The run {run.name!r} completed; there is nothing left of it to do.", "Run the flow anew.")
    if is_alive(run):
        raise NotResumable(
            f"The run {run.name!r} still runs, in the process {run.pid} on {run.host}.",
            "Wait for it, or end that process first.",
        )


def _hands_back(run: FlowRun, run_input: Mapping[str, Any] | None) -> bool:
    """Leave a suspended run to whoever serves its deployment; False where that does not know the run."""
    from strongroom.deployments import due_runs

    with current_ledger().reading() as session:
        known = due_runs.find(session, run.id)
    if known is None or known.stage != "suspended":
        return False
    let_go_on(run, run_input)
    with current_ledger().changing() as session:
        requests.forget(session, run.id)
        due_runs.wait_again(session, run.id)
    return True


def flow_and_parameters(run: FlowRun) -> tuple[Flow[Any, Any], dict[str, Any]]:
    """The flow that ran, loaded from where it stood, and what it was called with; raises NotResumable.

    The seal of the parameters, which holds for the flow's place too, is checked before any code is loaded from there.
    """
    if run.entrypoint is None:
        raise NotResumable(
            f"The flow of the run {run.name!r} stood in no file, or inside of a function, so it cannot be found again.",
            "Define flows in a file, at its top level.",
        )
    file = Path(run.entrypoint.rpartition(":")[0])
    if file.suffix == ".py" and not file.exists():
        raise NotResumable(
            f"The flow of the run {run.name!r} is not to be had: There is no file {str(file)!r}.", "Put it back there."
        )
    if run.sealed_parameters is None:
        raise NotResumable(
            f"The parameters of the run {run.name!r} could not be kept: they did not fit, or cannot be written down.",
            "Run the flow anew, with data and saved blocks rather than connections or locks.",
        )
    keeping = captures()
    if keeping is None:
        raise NotResumable(
            f"The registry that sealed the parameters of the run {run.name!r} cannot be opened.",
            "See what `strongroom verify` says.",
        )
    try:
        opened = keeping.unseal_parameters(run.sealed_parameters, run.id, run.entrypoint)
        flow = load_flow(run.entrypoint)
        return flow, keeping.load_parameters(opened, run.id)
    except (UnknownFlow, FlowUnloadable) as error:
        raise NotResumable(
            f"The flow of the run {run.name!r} is not to be had: {error.problem}", error.remedy
        ) from None
    except ResultProblem as error:
        raise NotResumable(
            f"The parameters of the run {run.name!r} do not open: {error.problem}", error.remedy
        ) from None
