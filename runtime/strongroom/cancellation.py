"""Ending a flow run from outside, from any process: its code is interrupted, its clean-up runs, it ends Cancelled.

A first request has the process of the run enter ``Cancelling``, interrupt the flow's own code and its running tasks as
well as can be, run ``finally`` blocks, context managers and ``on_cancellation`` hooks, and record ``Cancelled``. A
second request ends that process at once. A run that no process works on, being scheduled, suspended, or lost, is
recorded as ``Cancelled`` directly.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from strongroom.control import requests, watch
from strongroom.errors import NotCancellable
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import current_ledger
from strongroom.liveness import is_alive
from strongroom.states import Cancelled, Cancelling, State

MESSAGE = "Somebody cancelled the run."


def cancel_flow_run(flow_run_id: UUID | str) -> State[Any]:
    """Ask a flow run to end; returns at once, with the state that it is in now: ``Cancelling`` or ``Cancelled``.

    :param flow_run_id: the id of the run, or the start of it.

    Raises :class:`~strongroom.errors.NotCancellable` for a run that is over, or is a part of another one;
    UnknownRun or AmbiguousRun for the id; LedgerUnavailable where its process cannot be told.
    """
    journal = current_journal()
    run = journal.flow_run(str(flow_run_id))
    _check(run)
    if is_alive(run):
        with current_ledger().changing() as session:
            requests.ask_to_end(session, run.id)
        watch.look()
        return Cancelling(message=MESSAGE)
    state: State[Any] = Cancelled(message=f"{MESSAGE} No process worked on it.")
    if not journal.claim(run, state):
        return cancel_flow_run(run.id)  # it began, or ended, just now
    return state


async def acancel_flow_run(flow_run_id: UUID | str) -> State[Any]:
    """The asynchronous twin of :func:`cancel_flow_run`."""
    import asyncio

    return await asyncio.to_thread(cancel_flow_run, flow_run_id)


def _check(run: FlowRun) -> None:
    if run.state.is_final():
        raise NotCancellable(f"The run {run.name!r} is over: it is {run.state.name}.", "There is nothing to cancel.")
    if run.parent_flow_run_id is not None and not run.deployment:
        raise NotCancellable(
            f"The run {run.name!r} is a part of another one, and ends with it.",
            f"Cancel that one: {run.parent_flow_run_id}.",
        )
