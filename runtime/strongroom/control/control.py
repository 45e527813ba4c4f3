"""The control of one outermost flow run: where its code runs, and how that is ended from outside."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom import planting
from strongroom.control import signals, watch
from strongroom.control.interrupting import where
from strongroom.errors import Cancellation, CancelledRun, ExternalSignal, Pause, TerminationSignal
from strongroom.states import Cancelling, Crashed, State, Suspended

if TYPE_CHECKING:
    from strongroom.calls.flow_call import FlowCall


YOUTH_SECONDS = 0.3
"""Nobody from outside can have asked for the end of a run that is younger."""


COMPLAIN_SECONDS = 5.0
"""How long a run may take to end before it is said what it waits for."""


class Control:
    """Shared by an outermost flow run and all that it calls.

    ``reason`` is why its code is to end, None while nobody wants that; ``ending`` tells that its tasks are being ended
    already; ``halting`` is what its next task call raises, where somebody wants the run suspended.
    """

    __slots__ = (
        "_answered", "_complained", "_is_over", "_struck_at", "_task", "_thread", "began", "call", "cancelling",
        "context", "ending", "halting", "lock", "reason", "requests", "struck",
    )  # fmt: skip

    def __init__(self, call: FlowCall) -> None:
        self.call = call
        self.lock = threading.RLock()
        self.began: float | None = None
        self.reason: ExternalSignal | None = None
        self.halting: Pause | None = None
        self.cancelling: State[Any] | None = None
        self.requests = 0
        self.ending = self.struck = self._answered = self._complained = self._is_over = False
        self._struck_at = 0.0
        self.context: Context | None = None
        self._thread = 0
        self._task: asyncio.Task[Any] | None = None

    @property
    def run_id(self) -> UUID:
        """The id of the outermost run."""
        return self.call.flow_run.id

    def is_due(self) -> bool:
        """Whether the run has lived longer than a moment."""
        return self.began is not None and time.monotonic() - self.began > YOUTH_SECONDS

    def begin(self) -> None:
        """The flow's code starts, in the calling thread and asynchronous task."""
        self.began = time.monotonic()
        self.context = copy_context()
        self._thread = threading.get_ident()
        if self.call.is_async and asyncio._get_running_loop() is not None:
            self._task = asyncio.current_task()
        watch.add(self)
        if self._on_main_thread:
            signals.listen(self)

    def leaving(self, state: State[Any]) -> State[Any]:
        """A state of the outermost run as its caller is to see it: what ended its code does not go on there.

        A request to end was for the run; what the caller gets is a :class:`~strongroom.errors.CancelledRun`.
        """
        error = state.data
        if isinstance(error, Cancellation):
            return state.model_copy(update={"data": CancelledRun(str(error))})
        if isinstance(error, TerminationSignal):
            error.original = None
        elif isinstance(error, Pause):
            error.outermost = True
        return state

    def end(self) -> None:
        """The run is over. One that something ended between two of its steps has no final state yet."""
        if self.began is None:
            return
        with self.lock:
            self._is_over = True
            if self.reason is not None:
                planting.let_be(self._thread, type(self.reason))
        state = self.call.flow_run.state
        if not state.is_final() and not state.is_paused():
            state = self.call.enter(Crashed(message="Execution was aborted."))
        if state.is_crashed() or state.is_cancelled():
            from strongroom.control.last_words import record_end

            record_end(self, "It ended with the run that called it.")
        watch.remove(self)
        if self._on_main_thread:
            signals.forget(self)
        task, self._task = self._task, None
        if self.reason is not None and task is not None and task.cancelling():
            task.uncancel()  # what it was cancelled for is done
        self.context = None

    @property
    def _on_main_thread(self) -> bool:
        return self._thread == threading.main_thread().ident

    def cancel(self, message: str) -> None:
        """Have the run end as cancelled. Called in any thread."""
        with self.lock:
            if self.began is None or self.call.flow_run.state.is_final():
                return
            self.reason = Cancellation(message)
            self.cancelling = self.call.enter(Cancelling(message=message))
        self.strike()

    def terminate(self) -> None:
        """Have the run end because its process does. Called by the handler of the signal, on the main thread."""
        if self.reason is None:
            self.reason = TerminationSignal()
        self._ask_task()

    def strike(self) -> None:
        """Interrupt the flow's own code as well as can be. Called in any thread, again if the first time was no use."""
        with self.lock:
            if self.reason is None or self._is_over:
                return
            self._struck_at = time.monotonic()
            if self._task is not None:
                if not self._answered:
                    self._ask_task()
            elif not (self._on_main_thread and self._signal()):
                planting.interrupt(self._thread, type(self.reason))

    def halt(self, until: datetime | None) -> None:
        """Have the run suspend itself before its next task. Called in any thread."""
        state = Suspended(message="Somebody suspended the run.", pause_expiration_time=until)
        self.halting = Pause(state)

    def halt_before(self, caller: Any) -> None:
        """Raise what suspends the run, where a flow calls, and no task."""
        from strongroom.context import FlowRunContext

        while isinstance(caller, FlowRunContext):
            caller = caller.parent
        if caller is None and self.halting is not None:
            raise Pause(self.halting.state)

    def complain_of_flow(self) -> None:
        """Say, once, that the flow's own code does not end though it was told to."""
        if self.ending or self._complained or time.monotonic() - self._struck_at < COMPLAIN_SECONDS:
            return
        self._complained = True
        self.call.logger.warning(
            "The flow's own code does not end yet: it is in %s. A second request ends the process.",
            where(self._thread),
        )

    @contextmanager
    def complaining(self, flow: FlowCall) -> Iterator[None]:
        """While its tasks are ended in the block, say after some seconds which cannot be interrupted."""
        timer = threading.Timer(COMPLAIN_SECONDS, _complain_of_tasks, args=(flow,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def strike_blocked_loop(self) -> None:
        """The same, where the event loop has not even heard of it: its code blocks it."""
        if self._task is not None and not self._answered and self._on_main_thread:
            self._signal()

    def _ask_task(self) -> None:
        if (task := self._task) is not None:
            with suppress(RuntimeError):  # the loop is closed: there is nothing to cancel any more
                task.get_loop().call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        """Called by the event loop. What its caller does after the run is not the run's."""
        self._answered = True
        if self._task is not None:
            self._task.cancel()

    def _signal(self) -> bool:
        if not signals.is_listening():
            return False
        self.struck = True
        signal.pthread_kill(self._thread, signals.STRIKE)
        return True

    @property
    def is_async(self) -> bool:
        """Whether the flow's own code runs in an event loop."""
        return self._task is not None

    def blow(self) -> ExternalSignal:
        """What to raise in the code that is to end."""
        reason = self.reason
        return type(reason)(str(reason)) if reason is not None else Cancellation("The run was cancelled.")

    def meaning(self, error: BaseException, *, of_flow: bool) -> BaseException:
        """What ended a run, where it may have been this control: a KeyboardInterrupt in a thread, for instance.

        Flows that are to end raise anything in consequence; tasks may have failed by themselves just before.
        """
        reason = self.reason
        if reason is None or isinstance(error, ExternalSignal | GeneratorExit):
            return error
        if isinstance(error, Exception) and not (of_flow and isinstance(reason, Cancellation)):
            return error
        return type(reason)(str(reason), error)


def _complain_of_tasks(flow: FlowCall) -> None:
    tasks = [run.name for run in flow.journal.task_runs(flow.flow_run.id) if run.state.is_running()]
    if tasks:
        more = f" and {len(tasks) - 5} more" if len(tasks) > 5 else ""
        flow.logger.warning(
            "These task runs cannot be interrupted where they wait, so the flow run waits for them: %s%s.",
            ", ".join(tasks[:5]),
            more,
        )
