"""The flow's side of a call that a worker carries out: it takes up what the worker tells, and ends the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom_blocks.redaction import redactor

from strongroom import engine
from strongroom.errors import CannotTravel, CrashedRun
from strongroom.journal.records import FlowRun, LogEntry, StateEvent, TaskRun
from strongroom.observation import tell
from strongroom.rules import ended_by
from strongroom.states import Crashed, State, is_state_iterable
from strongroom.task_runners import travel
from strongroom.task_runners.messages import BlocksLoaded, Ending, Line, Message, Refused, RemoteOutcome, RunChanged
from strongroom.task_runners.remote import RemoteCall

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

_MIRRORED = tuple(
    field.name for field in fields(TaskRun) if field.name not in ("id", "created", "history", "run_count")
)


class RemoteRun:
    """One call on its way to a worker and back. A task runner calls, in the context that the call was submitted in:

    :meth:`begin`, then where that gives a :class:`~strongroom.task_runners.remote.RemoteCall` for a worker,
    :meth:`receive` for each message, and once :meth:`finish` or :meth:`lost`, which give the final state.
    """

    def __init__(self, call: TaskCall) -> None:
        self.call = call
        self._attempt: UUID | None = None
        self._shipped = 0
        self._before: list[StateEvent] = []
        self._count_before = 0

    def begin(self, there: Mapping[int, int] | None = None) -> RemoteCall | State[Any]:
        """What a worker is to carry out; or the final state, where the run ends before that.

        ``there`` gives numbers to inputs, by their ``id``, that the worker gets another way.
        """
        state = engine.begin(self.call)
        if state is not None:
            self.call.over()
            return state
        self._before = list(self.call.task_run.history)
        self._shipped = len(self._before)
        try:
            return RemoteCall.of(self.call, there)
        except Exception as error:
            return self._ended(ended_by(error, self.call.policy))

    def receive(self, message: Message) -> None:
        """Take up what the worker tells: states and lines are shown and kept as if they were of this process."""
        journal, own = self.call._journal, self.call.task_run
        if isinstance(message, Line):
            record = logging.makeLogRecord({**message.attributes, "msg": redactor.redact(message.attributes["msg"])})
            logging.getLogger(record.name).handle(record)
        elif isinstance(message, LogEntry):
            journal.log(message._replace(message=redactor.redact(message.message)))
        elif isinstance(message, BlocksLoaded):
            self._note(message)
        elif not isinstance(message, RunChanged):
            from strongroom.artifacts.progress import spread

            spread(message)
        elif isinstance(message.run, FlowRun):
            journal.save_flow_run(message.run)
            tell(message.run)
        elif message.run.id != own.id:
            journal.save_task_run(message.run)
            tell(message.run)
        elif not own.state.is_final():
            self._mirror(message.run, message.attempt)
            journal.save_task_run(own)
            tell(own)

    def finish(self, ending: Ending) -> State[Any]:
        """The final state of the run, as the worker reached it."""
        if isinstance(ending, Refused):
            return self.lost(f"Worker {ending.worker} could not begin the run: {ending.why}")
        try:
            data = None if ending.body is None else travel.loads(ending.body)
        except Exception as error:
            return self._unreadable(ending, error)
        if isinstance(data, KeyboardInterrupt) and (meant := self.call.meaning(data)) is not data:
            ending.run.history.pop()  # the worker cannot know why it was interrupted
            self._mirror(ending.run, ending.attempt)
            return self._ended(ended_by(meant, self.call.policy))
        self._mirror(ending.run, ending.attempt)
        state = ending.run.state
        state.data = data
        state = self._kept(state, held=ending.body is not None)
        self.call.task_run.state = state
        self.call._journal.save_task_run(self.call.task_run)
        tell(self.call.task_run)
        if self.call.policy.durable and state.is_completed():
            self.call.settle()
        self.call.over()
        return state

    def lost(self, why: str) -> State[Any]:
        """The worker is gone, or could not begin: the run crashed, and its hooks are called here."""
        error = CrashedRun(why)
        error.__strongroom_logged__ = True  # type: ignore[attr-defined]
        return self._ended(Crashed(message=why, data=error))

    def interrupted(self) -> State[Any]:
        """The flow's process was interrupted, and did not wait for the worker."""
        return self._ended(ended_by(self.call.meaning(KeyboardInterrupt()), self.call.policy))

    def _ended(self, state: State[Any]) -> State[Any]:
        state = engine.enter(self.call, state)
        self.call.over()
        return state

    def _unreadable(self, ending: RemoteOutcome, error: Exception) -> State[Any]:
        ending.run.history.pop()
        self._mirror(ending.run, ending.attempt)
        what = f"The result of task run {ending.run.name!r}"
        problem = CannotTravel(
            f"{what} came back from worker {ending.run.worker}, and cannot be read here ({type(error).__name__}).",
            "Define its classes where the flow can import them too.",
        )
        return self._ended(ended_by(problem, self.call.policy))

    def _mirror(self, run: TaskRun, attempt: UUID) -> None:
        """Make the record here say what the worker's says; one that was begun anew continues the story of the first."""
        own = self.call.task_run
        if attempt != self._attempt:
            if self._attempt is not None:
                message = "Worker %s was lost: the run begins again on worker %s."
                self.call.logger.warning(message, own.worker, run.worker)
                self._before, self._count_before = list(own.history), own.run_count
            self._attempt = attempt
        for name in _MIRRORED:
            setattr(own, name, getattr(run, name))
        own.name = redactor.redact(run.name)
        own.history = [*self._before, *run.history[self._shipped :]]
        own.run_count = self._count_before + run.run_count

    def _kept(self, state: State[Any], *, held: bool) -> State[Any]:
        """The state as it is to be held; the result is captured for a resumption where it does not persist."""
        call, value = self.call, state.data
        if not state.is_completed() or is_state_iterable(value) or isinstance(value, State):
            return state
        flow = call.flow_run_context
        if held and not call.persist_result and flow is not None and flow.captures is not None:
            call.task_run.result = flow.captures.capture(value, call.task_run.id, flow.root_id)
        if not call.task.cache_result_in_memory:
            state.data = call._elsewhere()
        return state

    def _note(self, loaded: BlocksLoaded) -> None:
        flow = self.call.flow_run_context
        if flow is None:
            return
        run = flow.flow_run
        new = [reference for reference in loaded.references if reference not in run.blocks]
        if new or loaded.pins.keys() - run.pins.keys():
            run.blocks.extend(new)
            run.pins = {**loaded.pins, **run.pins}
            flow.journal.save_flow_run(run)
