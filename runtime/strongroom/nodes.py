"""Runs of what another program works on inside a task: the models of dbt, the jobs of a service."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from strongroom.calls.call import child_id, record_state
from strongroom.context import current_run
from strongroom.errors import MissingContextError
from strongroom.journal.current import current_journal
from strongroom.journal.records import TaskRun
from strongroom.states import Running, State


def report(
    name: str,
    *,
    key: str,
    state: State[Any],
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    upstream: Iterable[UUID] = (),
    message: str = "",
    attempt: int = 1,
) -> UUID:
    """Record how a node stands, as a run of kind ``"node"`` below the run that the calling code is part of.

    A node may be reported often, as it goes on: the same key below the same run is the same node.

    :param name: for people.
    :param key: tells the node from the others of this run; another attempt reports it under the same key.
    :param state: how it stands; a final one where it is over.
    :param start_time: when it began, aware UTC; None for a node that never began.
    :param end_time: when it ended; the state's own time unless given.
    :param upstream: what :func:`report` returned for the nodes before it.
    :param message: why, in a sentence; secrets are masked.
    :param attempt: which one it is of this node.
    :returns: the id of the node's run.
    :raises MissingContextError: no run is going on here.
    """
    parent = current_run()
    if parent is None:
        raise MissingContextError(f"The node {name!r} belongs to no run.", "Report nodes from within a task or a flow.")
    flow: Any = parent.flow_run_context  # in a flow, its call, which has its journal
    run = TaskRun(
        child_id(parent.id, key),
        name,
        name,
        key,
        key,
        state,
        None if flow is None else flow.flow_run.id,
        parent.id,
        upstream=tuple(upstream),
        kind="node",
    )
    if start_time is not None:
        record_state(run, Running(timestamp=start_time))
    if not state.is_running() or start_time is None:
        when = end_time if end_time is not None else state.timestamp
        record_state(run, State(state.type, state.name, message or state.message, timestamp=when))
    run.run_count = attempt
    journal = current_journal() if flow is None else flow.journal
    journal.save_task_run(run)
    return run.id


def next_group(name: str) -> str:
    """Tells one call of a program from the next in the same run, for the keys of its nodes: ``dbt-0``, ``dbt-1``.

    Another attempt of the run counts from 0 again, so that it knows the nodes of this one.

    :raises MissingContextError: no run is going on here.
    """
    run = current_run()
    if run is None:
        raise MissingContextError(f"The nodes of {name} belong to no run.", "Ask from within a task or a flow.")
    return run.next_key(f"nodes of {name}")


def reported() -> list[TaskRun]:
    """The nodes of the run that the calling code is part of, as an earlier attempt left them; none outside of flows.

    :raises MissingContextError: no run is going on here.
    """
    run = current_run()
    if run is None:
        raise MissingContextError("There are no nodes outside of runs.", "Ask from within a task or a flow.")
    flow: Any = run.flow_run_context
    found = [] if flow is None else flow.journal.task_runs(flow.flow_run.id)
    return [node for node in found if node.kind == "node" and node.parent_id == run.id]
