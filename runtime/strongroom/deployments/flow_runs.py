"""``run_deployment``: have a deployment run, and wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

from strongroom.calls.call import child_id
from strongroom.clock import now
from strongroom.colours import in_asynchronous_code
from strongroom.context import current_run, current_tags
from strongroom.deployments import due_runs, history, store
from strongroom.deployments.records import Deployment, DueRun
from strongroom.deployments.runner import check_parameters, check_variables
from strongroom.errors import InvalidDeployment, ResultProblem
from strongroom.journal.records import FlowRun
from strongroom.ledger import Session, await_until, current_ledger, wait_until
from strongroom.results.sealed_states import seal_state, unseal_state
from strongroom.run_names import random_name
from strongroom.shown import shown
from strongroom.states import Crashed, Fetch, State


class _Wish(NamedTuple):
    """What a run is to be."""

    parameters: dict[str, Any]
    job_variables: dict[str, Any]
    due: datetime
    name: str
    tags: tuple[str, ...]
    key: str | None
    caller: Any
    """The run that it is to belong to, None for none."""
    place: str
    """What tells it from other runs that the caller asks for."""


def run_deployment(
    name: str | UUID,
    client: None = None,
    parameters: dict[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = 5,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool | None = True,
    job_variables: dict[str, Any] | None = None,
) -> Any:
    """Have a deployment run, wait for the end of the run, and give it: ``run.state``, ``run.state.result()``.

    Whoever serves the deployment, or works for its pool, carries it out. Awaited in asynchronous code.

    :param name: ``"flow/deployment"``, or the deployment's id.
    :param client: for scripts that name one; there is none to give.
    :param parameters: go over those of the deployment.
    :param scheduled_time: when it is to begin; now where none is given. A time without a zone is local.
    :param flow_run_name: what people read.
    :param timeout: how many seconds to wait for the end; then the run is given as it is. 0 does not wait.
    :param poll_interval: how many seconds its end may go unnoticed at most; here it is never more than half a second.
    :param tags: given to the run beside those of the deployment and of :func:`strongroom.tags`.
    :param idempotency_key: a second call with the same key makes no second run, but waits for the first.
    :param work_queue_name: not for single runs; raises where it is another than the deployment's.
    :param as_subflow: whether the run belongs to the flow run around the call.
    :param job_variables: go over those of the deployment: ``{"env": {"NAME": "value"}}``.
    :raises UnknownDeployment: there is none of this name.
    :raises InvalidDeployment: parameters do not fit, where the deployment enforces its schema.
    """
    ask = partial(
        _ask, name, client, parameters, scheduled_time, flow_run_name, tags, idempotency_key, work_queue_name,
        as_subflow, job_variables,
    )  # fmt: skip
    return _awaited(ask, timeout, poll_interval) if in_asynchronous_code() else _waited(ask, timeout, poll_interval)


async def arun_deployment(
    name: str | UUID,
    client: None = None,
    parameters: dict[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = 5,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool | None = True,
    job_variables: dict[str, Any] | None = None,
) -> FlowRun:
    """The asynchronous twin of :func:`run_deployment`: the event loop goes on meanwhile."""
    ask = partial(
        _ask, name, client, parameters, scheduled_time, flow_run_name, tags, idempotency_key, work_queue_name,
        as_subflow, job_variables,
    )  # fmt: skip
    return await _awaited(ask, timeout, poll_interval)


def ask_for_run(
    name: str | UUID,
    *,
    parameters: dict[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    job_variables: dict[str, Any] | None = None,
) -> FlowRun:
    """Like :func:`run_deployment` with a timeout of 0, in any code; the run belongs to no other."""
    return _read(
        _ask(
            name, None, parameters, scheduled_time, flow_run_name, tags, idempotency_key, work_queue_name,
            False, job_variables,
        )
    )  # fmt: skip


def _waited(ask: Callable[[], DueRun], timeout: float | None, poll_interval: float | None) -> FlowRun:
    run = ask()
    limit = None if timeout is None else time.monotonic() + timeout
    over = partial(_over, run_id=run.id)
    while timeout != 0 and wait_until(over, _step(limit, poll_interval)) is None:
        if limit is not None and time.monotonic() >= limit:
            break
    return _read(run)


async def _awaited(ask: Callable[[], DueRun], timeout: float | None, poll_interval: float | None) -> FlowRun:
    run = await asyncio.to_thread(ask)
    limit = None if timeout is None else time.monotonic() + timeout
    over = partial(_over, run_id=run.id)
    while timeout != 0 and await await_until(over, _step(limit, poll_interval)) is None:
        if limit is not None and time.monotonic() >= limit:
            break
    return await asyncio.to_thread(_read, run)


def _step(limit: float | None, poll_interval: float | None) -> float | None:
    left = None if limit is None else max(limit - time.monotonic(), 0.0)
    return left if poll_interval is None else poll_interval if left is None else min(left, poll_interval)


def _over(session: Session, run_id: UUID) -> bool | None:
    """Whether the run ended; notices one whose process is gone, since there may be nobody else who does."""
    run = due_runs.find(session, run_id)
    if run is None or run.stage == "ended":
        return True
    for gone in due_runs.abandoned(session, run_id=run_id):
        if gone.stage == "running":
            state: State[Any] = Crashed(message="Its process is gone.")
            return due_runs.end(session, run_id, seal_state(state, due_runs.state_place(run_id))) or None
    return None


def _ask(
    name: str | UUID,
    client: Any,
    parameters: dict[str, Any] | None,
    scheduled_time: datetime | None,
    flow_run_name: str | None,
    tags: Iterable[str] | None,
    idempotency_key: str | None,
    work_queue_name: str | None,
    as_subflow: bool | None,
    job_variables: dict[str, Any] | None,
) -> DueRun:
    """Have a run wait for whoever carries it out, or find the one that does already."""
    if client is not None:
        raise InvalidDeployment("Runs are asked for without a client.", "Leave it out.")
    check_variables(job_variables or {})
    with current_ledger().reading() as session:
        deployment = store.find(session, name)
    if work_queue_name not in (None, deployment.queue):
        raise InvalidDeployment(
            f"{deployment.full_name} is in the queue {deployment.queue!r}.", "Deploy it again with work_queue_name."
        )
    due = scheduled_time if scheduled_time is not None else now()
    own = (tags,) if isinstance(tags, str) else tuple(tags or ())
    caller = current_run() if as_subflow else None
    wish = _Wish(
        dict(parameters or {}),
        dict(job_variables or {}),
        due.astimezone(UTC),
        flow_run_name or random_name(),
        tuple(dict.fromkeys((*deployment.definition.tags, *own, *current_tags()))),
        idempotency_key,
        caller,
        "" if caller is None else caller.next_key(f"deployment:{deployment.full_name}"),
    )
    return _found(deployment, wish) or _asked(deployment, wish)


def _found(deployment: Deployment, wish: _Wish) -> DueRun | None:
    """A run that this very call made before: with the same key, or before the flow around it was resumed."""
    with current_ledger().reading() as session:
        if wish.key is not None and (run := due_runs.find_by_key(session, deployment.id, wish.key)):
            return run
        flow = None if wish.caller is None else wish.caller.flow_run_context
        if flow is None or not flow.resumed:
            return None
        for attempt in range(_attempt(wish.caller) - 1, 0, -1):
            run = due_runs.find(session, child_id(wish.caller.id, f"{wish.place}:{attempt}"))
            if run is not None and (run.stage != "ended" or _ended_well(run)):
                return run
        return None


def _ended_well(run: DueRun) -> bool:
    record = history.read(run.id)
    return record is not None and record.state.is_completed()


def _attempt(caller: Any) -> int:
    run = getattr(caller, "task_run", None) or caller.flow_run
    return int(run.run_count)


def _asked(deployment: Deployment, wish: _Wish) -> DueRun:
    definition = deployment.definition
    if definition.enforces_schema:
        given = {**definition.parameters_shown, **wish.parameters}
        check_parameters(deployment.full_name, definition.schema, given)
    caller = wish.caller
    flow = None if caller is None else caller.flow_run_context
    run = DueRun(
        uuid4() if caller is None else child_id(caller.id, f"{wish.place}:{_attempt(caller)}"),
        deployment.id,
        None,
        wish.due,
        "scheduled",
        wish.name,
        wish.tags,
        {**definition.parameters_shown, **shown(wish.parameters)},
        None if flow is None else flow.flow_run.id,
        None if caller is None or caller is flow else caller.id,
        wish.place,
        wish.key,
    )
    sealed = due_runs.seal_inputs(run.id, wish.parameters, wish.job_variables)
    history.note_planned([(deployment, run)])
    with current_ledger().changing() as session:
        added = due_runs.add(session, run, sealed)
        known = None if wish.key is None else due_runs.find_by_key(session, deployment.id, wish.key)
    if not added and known is not None:  # another process was faster with the same key
        history.note_removed([run.id])
        return known
    return run


def _read(run: DueRun) -> FlowRun:
    """The run as the history has it, with the state that the ledger has where it is over."""
    with current_ledger().reading() as session:
        known = due_runs.find(session, run.id) or run
    record = history.read(run.id)
    if record is None:
        with current_ledger().reading() as session:
            record = history.planned(store.find(session, run.deployment_id), known)
    if known.state is not None:
        state = _state(known)
        if not record.state.is_final():
            history.note_state(run.id, state)
        record.state = state
    return record


def _state(run: DueRun) -> State[Any]:
    record = cast("bytes", run.state)
    try:
        return unseal_state(record, due_runs.state_place(run.id))
    except ResultProblem as error:
        problem = error
    known = history.read(run.id)
    state: State[Any] = Crashed(message="Its end cannot be read.") if known is None else known.state

    def missing() -> Any:
        raise problem

    state.data = Fetch(missing)
    return state
