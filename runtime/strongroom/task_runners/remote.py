"""A task call that another process carries out: by the same engine, with the same run, its course told as it goes.

:class:`RemoteCall` is what a worker needs, and nothing else: the task, its inputs, the record of the run, and what the
run is part of. Saved blocks are in it as references, which the worker loads from the registry that its own environment
names; no key and no secret of a block travels. The worker writes no run history: each state and line goes to the
``outlet``, and :class:`~strongroom.task_runners.remote_run.RemoteRun` takes it up in the flow's process.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import strongroom_registry
from strongroom_blocks.redaction import redactor
from strongroom_registry.errors import StrongroomError

from strongroom import engine
from strongroom.calls.call import frames_of
from strongroom.calls.task_call import TaskCall
from strongroom.context import current_tags, tags
from strongroom.control.stint import Stint
from strongroom.errors import CannotTravel, FailedRun
from strongroom.fingerprints import fingerprint
from strongroom.journal.current import using_journal
from strongroom.journal.records import TaskRun
from strongroom.states import Fetch, NotKept, State, is_state_iterable
from strongroom.task_runners import shared, travel
from strongroom.task_runners.messages import Ending, Message, Refused, RemoteOutcome, told_of_task
from strongroom.task_runners.relay import Relay
from strongroom.task_runners.remote_flow import FlowAsTold, WorkerFlow
from strongroom.task_runners.worker_logs import levels, lines_go_to
from strongroom.telemetry import attached, carrier

if TYPE_CHECKING:
    from strongroom.journal.journal import Journal
    from strongroom.tasks import Task

Outlet = Callable[[Message], None]


def _registry() -> str:
    """Which registry this process reads, without a word of where it lies; raises what opening it raises."""
    registry = strongroom_registry.current(create=False)
    return f"{registry.store_id}/{registry.workspace}"


def place() -> str:
    """This process, as a run's ``worker`` names it: ``pid@host``."""
    return f"{os.getpid()}@{platform.node()}"


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """One call of a task whose inputs are there, for another process. Made by :meth:`of`, in the flow's process."""

    run: TaskRun
    task: bytes
    parameters: bytes
    flow: bytes | None
    registry: str | None
    tags: frozenset[str]
    levels: dict[str, int]
    origin: str
    trace: dict[str, str]
    locks: dict[str, str]

    @staticmethod
    def of(call: TaskCall, there: Mapping[int, int] | None = None) -> RemoteCall:
        """What a worker needs of ``call``; raises :class:`~strongroom.errors.CannotTravel`, which names what cannot.

        ``there`` gives numbers to inputs, by their ``id``, that the worker gets another way.
        """
        task, run, flow = call.task, call.task_run, call.flow_run_context
        if call.policy.caches:
            _ = task.source_hash  # where the source cannot be read on a worker, it is hashed here all the same
        if flow is not None and run.inputs_fingerprint is None:
            run.inputs_fingerprint = fingerprint(tuple(call.parameters.values()))
        inputs = travel.dump_inputs(call.parameters, task.name, there)
        return RemoteCall(
            replace(run, history=list(run.history)),
            travel.dump_named(task, f"The task {task.name!r}"),
            inputs,
            None if flow is None else FlowAsTold.of(flow),
            _registry() if travel.has_blocks(inputs) else None,
            current_tags(),
            levels(),
            place(),
            carrier(run),
            _locks(call),
        )

    def carry_out(
        self,
        outlet: Outlet,
        worker: str | None = None,
        here: Callable[[int], Any] | None = None,
        stint: Stint | None = None,
    ) -> Ending:
        """Run the task here; tells ``outlet`` what happens and returns how it ended. Never raises an ``Exception``.

        ``worker`` is what the run's record says of where it ran, ``pid@host`` if nothing is given; ``here`` gives the
        inputs that came another way; ``stint`` is what another thread may interrupt.
        """
        where, attempt = worker or place(), uuid4()
        relay = Relay(outlet, self.run.id, attempt)
        with ExitStack() as stack:
            stack.enter_context(using_journal(cast("Journal", relay)))
            stack.enter_context(tags(*self.tags))
            stack.enter_context(attached(self.trace))
            if self.locks:
                from strongroom.transactions.elsewhere import held_elsewhere

                stack.enter_context(held_elsewhere(self.locks))
            if self.origin != place():
                stack.enter_context(lines_go_to(outlet, self.levels))
            try:
                flow = None if self.flow is None else stack.enter_context(WorkerFlow.told(self.flow, relay))
                call = self._call(where, here)
            except Exception as error:
                return Refused(_why(error), where)
            state = self._ended(call, flow, stint or Stint())
            return call.outcome(state, attempt)

    def _ended(self, call: _WorkerCall, flow: WorkerFlow | None, stint: Stint) -> State[Any]:
        """The task's final state, when what it submitted here is over too."""

        def run() -> State[Any]:
            state = engine.carry_out(call)
            if flow is not None:
                flow.end(interrupt=state.is_crashed())
            elif self.origin != place():
                shared.drain()
            return state

        stint.begin()
        try:
            state, error = stint.run(run)
            if error is not None and flow is not None:
                flow.end(interrupt=True)
            if state is None:
                state = call.task_run.state
            return state if state.is_final() or error is None else call.crashed(error)
        finally:
            stint.end()

    def _call(self, worker: str, here: Callable[[int], Any] | None) -> _WorkerCall:
        if self.registry is not None and _registry() != self.registry:
            raise CannotTravel(
                "This worker's registry is another one than the flow's, whose blocks are among the inputs.",
                "Set STRONGROOM_REGISTRY, STRONGROOM_KEY and STRONGROOM_WORKSPACE here as the flow has them.",
            )
        task, parameters = _task(self.task), travel.loads(self.parameters, here)
        return _WorkerCall(task, parameters, None, run=replace(self.run, worker=worker, history=list(self.run.history)))


@functools.lru_cache(maxsize=256)
def _task(body: bytes) -> Task[Any, Any]:
    """A task that came by value is one task here however often it is called, as it is where it came from."""
    task: Task[Any, Any] = travel.loads(body)
    return task


def _locks(call: TaskCall) -> dict[str, str]:
    if "strongroom.transactions.transaction" not in sys.modules:
        return {}
    from strongroom.transactions.elsewhere import locks_around

    return locks_around(call)


def _why(error: Exception) -> str:
    """What is wrong on this worker. What unpickling classes say may carry their values, so only some is repeated."""
    if isinstance(error, ImportError | AttributeError):
        told = f"{type(error).__name__}: {error}. Install the flow's modules on the worker, in the same versions."
    else:
        told = (
            str(error) if isinstance(error, StrongroomError) else f"{type(error).__name__}, as it took up its inputs."
        )
    return redactor.redact(told)


class _WorkerCall(TaskCall):
    """A call whose result goes back to the process that the call came from."""

    __slots__ = ("_body",)

    _body: bytes

    def keep(self, state: State[Any]) -> State[Any]:
        """Make sure that the result can go back before the run counts as completed; then store it as ever."""
        value = state.data
        if not (is_state_iterable(value) or isinstance(value, State)):
            self._body = self._dumped(value)
        return super().keep(state)

    def _dumped(self, value: Any) -> bytes:
        return travel.dump_named(value, f"The result of task run {self.task_run.name!r}")

    def outcome(self, state: State[Any], attempt: UUID) -> RemoteOutcome:
        """What goes back."""
        return RemoteOutcome(told_of_task(self.task_run), self._ending(state), attempt)

    def _ending(self, state: State[Any]) -> bytes | None:
        if isinstance(state.data, Fetch | NotKept):
            return None if self.persist_result else getattr(self, "_body", None)
        if state.is_completed() and hasattr(self, "_body"):
            return self._body
        data = state.data
        try:
            if isinstance(data, BaseException):
                return self._exception(data)
            return self._dumped(data)
        except CannotTravel as error:
            return travel.dumps(FailedRun(f"{state.message or state.name}. {error}"))

    def _exception(self, error: BaseException) -> bytes:
        """An exception as it may travel: masked, readable where it goes, and with a note of where it was raised."""
        told = type(error).__name__
        with suppress(Exception):  # what a class of the user's does when it is shown, changed, or made again
            told = f"{told}: {redactor.redact(str(error))}"
            frames = "".join(traceback.format_tb(frames_of(error)))
            error.add_note(f"On worker {self.task_run.worker}:\n{redactor.redact(frames)}")
            _mask(error)
            body = travel.dumps(error)
            if redactor.redact(str(travel.loads(body))) == str(error):
                return body
        return travel.dumps(FailedRun(told))


def _mask(error: BaseException) -> None:
    """Put stars in the place of secrets in what an exception holds."""
    error.args = tuple(_masked(item) for item in error.args)
    for name, value in list(vars(error).items()):
        setattr(error, name, _masked(value))


def _masked(value: Any) -> Any:
    try:
        shown = repr(value)
    except Exception:
        return value
    return value if redactor.redact(shown) == shown else redactor.redact_value(value)
