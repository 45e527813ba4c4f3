"""Pausing, suspending and resuming flow runs, and waiting for them. Names and parameters are those of Prefect 3.

A run that is *paused* stays in its process and waits there. A run that is *suspended* ends its process; when it is
resumed the flow begins again from its top, in whatever process resumes it, and tasks that completed are not run again.
Both may ask for input of a type.

``pause_flow_run`` and its siblings work at once in synchronous flows, and are awaited in asynchronous ones, as the run
that calls them is (:mod:`strongroom.colours`); ``apause_flow_run`` and so on are always awaited.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.colours import asynchronous, dual, in_asynchronous_code
from strongroom.context import FlowRunContext, TaskRunContext
from strongroom.control import pauses, requests, watch
from strongroom.errors import FlowPauseTimeout, FlowRunWaitTimeout, LedgerUnavailable, NotPausable, Pause
from strongroom.ledger import Session, await_until, current_ledger, wait_until
from strongroom.states import Paused, Running, Suspended

if TYPE_CHECKING:
    from strongroom.calls.flow_call import FlowCall
    from strongroom.journal.records import FlowRun

WAIT_SECONDS = 0.2
_FROM_OUTSIDE = "from outside"


def pause_flow_run(
    wait_for_input: Any = None, timeout: float | None = 3600, poll_interval: float = 10, key: str | None = None
) -> Any:
    """Pause the flow run that the calling code is, until somebody resumes it; tasks that run go on meanwhile.

    :param wait_for_input: what to ask for: a :class:`~strongroom.input.RunInput`, a model, or a type; gives the answer.
    :param timeout: after how many seconds the run fails, where nobody resumed it; None for never.
    :param poll_interval: how many seconds may pass at most until a resumption is seen; mostly half a second.
    :param key: tells this pause from others of the run; their number where it is not given. A run that passed a pause
        passes it at once when it begins again.

    Works at once in a synchronous flow; in an asynchronous one it gives something to await. Raises
    :class:`~strongroom.errors.FlowPauseTimeout`; :class:`~strongroom.errors.NotPausable` outside of flows and in tasks;
    pydantic's ValidationError for an answer that the model itself refuses.
    """
    if in_asynchronous_code():
        return apause_flow_run(wait_for_input, timeout, poll_interval, key)
    waiting = _Waiting(_flow("paused"), wait_for_input, timeout, key)
    if waiting.begin():
        for seconds in waiting.turns(poll_interval):
            try:
                if wait_until(waiting.probe, seconds) is not None:
                    break
            except LedgerUnavailable as error:
                time.sleep(waiting.bear(error))
        waiting.end()
    return waiting.answer()


async def apause_flow_run(
    wait_for_input: Any = None, timeout: float | None = 3600, poll_interval: float = 10, key: str | None = None
) -> Any:
    """The asynchronous twin of :func:`pause_flow_run`."""
    waiting = _Waiting(_flow("paused"), wait_for_input, timeout, key)
    if await asyncio.to_thread(waiting.begin):
        for seconds in waiting.turns(poll_interval):
            try:
                if await await_until(waiting.probe, seconds) is not None:
                    break
            except LedgerUnavailable as error:
                await asyncio.sleep(waiting.bear(error))
        await asyncio.to_thread(waiting.end)
    return await asyncio.to_thread(waiting.answer)


def _suspend(
    wait_for_input: Any = None,
    flow_run_id: UUID | str | None = None,
    timeout: float | None = 3600,
    key: str | None = None,
) -> Any:
    here = FlowRunContext.get()
    if flow_run_id is not None and (here is None or str(here.id) != str(flow_run_id)):
        if wait_for_input is not None:
            raise NotPausable("Only a run itself can ask for input.", "Leave wait_for_input out.")
        return _suspend_another(str(flow_run_id), timeout)
    waiting = _Waiting(_flow("suspended"), wait_for_input, timeout, key, suspends=True)
    if waiting.begin():
        raise Pause(waiting.state)
    return waiting.answer()


def suspend_flow_run(
    wait_for_input: Any = None,
    flow_run_id: UUID | str | None = None,
    timeout: float | None = 3600,
    key: str | None = None,
) -> Any:
    """Suspend the flow run that the calling code is, or another one: its process ends, and another one resumes it.

    Tasks that run end first. The caller of the outermost run gets :class:`~strongroom.errors.Pause`, by which the
    process ends with the code 0; with ``return_state=True``, the state ``Suspended``. A subflow suspends the outermost
    run with it. When the run is resumed it passes the same call, which then gives the answer.

    :param wait_for_input: what to ask for; see :func:`pause_flow_run`.
    :param flow_run_id: another run, which suspends itself before its next task.
    :param timeout: after how many seconds it cannot be resumed any more; None for never.
    :param key: tells this from other suspensions of the run; their number where it is not given.

    Works at once in a synchronous flow; in an asynchronous one it gives something to await. Raises
    :class:`~strongroom.errors.NotPausable` outside of flows and in tasks, and for a run that does not run.
    """
    return dual(_suspend)(wait_for_input, flow_run_id, timeout, key)


async def asuspend_flow_run(
    wait_for_input: Any = None,
    flow_run_id: UUID | str | None = None,
    timeout: float | None = 3600,
    key: str | None = None,
) -> Any:
    """The asynchronous twin of :func:`suspend_flow_run`."""
    return await asynchronous(_suspend)(wait_for_input, flow_run_id, timeout, key)


def _resume(flow_run_id: UUID | str, run_input: dict[str, Any] | None = None) -> None:
    from strongroom.errors import NotPausedError
    from strongroom.journal.current import current_journal
    from strongroom.resume import resume

    run = current_journal().flow_run(str(flow_run_id))
    if not run.state.is_paused():
        raise NotPausedError(
            f"The run {run.name!r} waits for nobody: it is {run.state.name}.",
            "Paused and suspended runs can be resumed; `strongroom runs resume` goes on with those that failed, too.",
        )
    resume(str(run.id), run_input)


def resume_flow_run(flow_run_id: UUID | str, run_input: dict[str, Any] | None = None) -> Any:
    """Have a paused run go on in its process; carry on with a suspended one in this process, until it is over.

    :param run_input: the answer to what it asks for, by field; ``{"value": …}`` for a plain type.

    Raises :class:`~strongroom.errors.InvalidRunInput` for an answer that does not fit, whereupon the run goes on
    waiting; :class:`~strongroom.errors.NotPausedError` for a run that waits for nobody. Awaited in asynchronous code.
    """
    return dual(_resume)(flow_run_id, run_input)


async def aresume_flow_run(flow_run_id: UUID | str, run_input: dict[str, Any] | None = None) -> None:
    """The asynchronous twin of :func:`resume_flow_run`."""
    await asynchronous(_resume)(flow_run_id, run_input)


def _wait(
    flow_run_id: UUID | str,
    timeout: float | None = 10800,
    poll_interval: float | None = None,
    log_states: bool = False,
) -> FlowRun:
    from strongroom.journal.current import current_journal
    from strongroom.logging import get_logger

    journal, logger = current_journal(), get_logger("flow_runs")
    due = None if timeout is None else time.monotonic() + timeout
    seen = None
    while True:
        run = journal.flow_run(str(flow_run_id))
        if log_states and run.state.timestamp != seen:
            logger.info("Flow run %r is in state %r", run.name, run.state.name)
            seen = run.state.timestamp
        if run.state.is_final():
            return run
        left = None if due is None else due - time.monotonic()
        if left is not None and left <= 0:
            raise FlowRunWaitTimeout(f"The flow run {run.name!r} is not over after {timeout} seconds.")
        pause = WAIT_SECONDS if poll_interval is None else poll_interval
        time.sleep(pause if left is None else min(pause, left))


def wait_for_flow_run(
    flow_run_id: UUID | str,
    timeout: float | None = 10800,
    poll_interval: float | None = None,
    log_states: bool = False,
) -> Any:
    """The flow run of this id, once it is over; awaited in asynchronous code.

    :param timeout: how many seconds to wait; None for ever.
    :param poll_interval: seconds between two looks; a fifth of one where it is not given.
    :param log_states: whether each state is logged.

    Raises :class:`~strongroom.errors.FlowRunWaitTimeout`, and UnknownRun for the id.
    """
    return dual(_wait)(flow_run_id, timeout, poll_interval, log_states)


class _Waiting:
    """One pause on its way: opened in the ledger, waited for, closed."""

    def __init__(
        self, call: FlowCall, wanted: Any, timeout: float | None, key: str | None, *, suspends: bool = False
    ) -> None:
        from strongroom.input.keysets import keyset_of_pause
        from strongroom.input.run_input import run_input_subclass_from_type

        self._call = call
        self._timeout = timeout
        self._told = False
        self._suspends = suspends
        self._key = key if key is not None else call.next_key("pause").rpartition("-")[2]
        self._wanted = None if wanted is None else run_input_subclass_from_type(wanted)
        self._keys = keyset_of_pause("Suspended" if suspends else "Paused", self._key)
        make = Suspended if suspends else Paused
        message = "It is suspended until somebody resumes it." if suspends else "It waits until somebody resumes it."
        self.state = make(message=message, timeout_seconds=timeout, pause_key=self._key, reschedule=suspends)

    def begin(self) -> bool:
        """Whether there is something to wait for: the run may have passed this pause before it began again."""
        run_id, wanted = self._call.flow_run.id, self._wanted
        with current_ledger().reading() as session:
            before = pauses.find(session, run_id, self._key)
        if before is not None and before.resumed is not None:
            return False
        if wanted is not None:
            wanted._save(self._keys, run_id)
        with current_ledger().changing() as session:
            pauses.begin(
                *(session, run_id, self._key),
                suspends=self._suspends,
                asks=wanted is not None,
                timeout=self._timeout,
            )
        if not self._suspends:
            self._call.enter(self.state)
            self._call.journal.flush()
        return True

    def turns(self, poll_interval: float) -> Iterator[float]:
        """How long to wait, again and again until the time is over."""
        due = None if self._timeout is None else time.monotonic() + self._timeout
        while due is None or time.monotonic() < due:
            yield poll_interval if due is None else max(0.0, min(poll_interval, due - time.monotonic()))

    def probe(self, session: Session) -> bool | None:
        """Whether somebody resumed the run: True, or None."""
        found = pauses.find(session, self._call.flow_run.id, self._key)
        return True if found is not None and found.resumed is not None else None

    def bear(self, error: LedgerUnavailable) -> float:
        """The ledger is away, and who is paused has time: how long to leave it alone."""
        if not self._told:
            self._told = True
            self._call.logger.warning("It stays paused: %s", error)
        return WAIT_SECONDS

    def end(self) -> None:
        """The run goes on; raises FlowPauseTimeout where nobody resumed it."""
        with current_ledger().changing() as session:
            in_vain = pauses.give_up(session, self._call.flow_run.id, self._key)
        self._call.enter(Running())
        if in_vain:
            raise FlowPauseTimeout(
                f"The flow run was paused, and nobody resumed it in {self._timeout} seconds.",
                "Resume it in time, or give a longer timeout.",
            )

    def answer(self) -> Any:
        """What the run was resumed with, as the type that it asked for."""
        return None if self._wanted is None else self._wanted._load(self._keys, self._call.flow_run.id)


def _flow(what: str) -> FlowCall:
    """The flow run to be paused; raises NotPausable where there is none, or a task in the way."""
    flow: Any = FlowRunContext.get()
    if flow is None or flow.control is None:
        raise NotPausable(f"Only flow runs can be {what}, and none is here.", "Call this inside a flow.")
    if TaskRunContext.get() is not None:
        raise NotPausable(f"Task runs cannot be {what}.", "Call this in the flow, and not in a task.")
    if what == "suspended":
        outer = flow.parent
        while outer is not None:
            if isinstance(outer, TaskRunContext):
                raise NotPausable("A flow that a task called cannot be suspended.", "Call it from a flow.")
            outer = outer.parent
    return flow  # type: ignore[no-any-return]


def _suspend_another(run_id: str, timeout: float | None) -> None:
    from strongroom.journal.current import current_journal
    from strongroom.liveness import is_alive

    run = current_journal().flow_run(run_id)
    if run.parent_flow_run_id is not None:
        raise NotPausable(
            f"The run {run.name!r} is a part of another one.", f"Suspend that one: {run.parent_flow_run_id}."
        )
    if run.state.is_final() or not is_alive(run):
        raise NotPausable(f"The run {run.name!r} does not run: it is {run.state.name}.", "Suspend one that runs.")
    with current_ledger().changing() as session:
        asked = pauses.begin(session, run.id, _FROM_OUTSIDE, suspends=True, asks=False, timeout=timeout)
        requests.ask_to_suspend(session, run.id, asked.until)
    watch.look()
