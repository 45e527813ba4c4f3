"""One call of a flow."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from strongroom import observation
from strongroom.calls import block_loads
from strongroom.calls.call import SMALL, child_id, record_state, traceback_of
from strongroom.calls.flow_past import FlowPast
from strongroom.calls.task_call import upstreams_of
from strongroom.context import FlowRunContext, RunContext, current_run, current_tags, transaction_around
from strongroom.control import signals
from strongroom.control.control import Control
from strongroom.futures import resolve_futures_to_states
from strongroom.inputs import has_upstreams, outcome, resolve
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun, TaskRun
from strongroom.rules import Keep, Prepare, Recall
from strongroom.states import Fetch, NotKept, Pending, State, StateType, is_state_iterable

if TYPE_CHECKING:
    from strongroom.calls.replayed import Replayed
    from strongroom.concurrency.tag_limits import TagSlots
    from strongroom.flows import Flow
    from strongroom.journal.journal import Journal
    from strongroom.logging import RunLogger
    from strongroom.results import ResultStore
    from strongroom.results.captures import Captures
    from strongroom.task_runners.runner import TaskRunner

_HOST = platform.node()


class FlowCall(FlowPast):
    """A flow run in the making, which is also the context that the flow's code finds itself in."""

    __slots__ = (
        "_lock",
        "_open_runner",
        "_stores",
        "_wait_for",
        "control",
        "durable",
        "function",
        "is_async",
        "is_generator",
        "persist_tasks",
        "policy",
        "scope",
        "warned_of_durability",
    )
    slots: TagSlots | None = None

    control: Control

    def __init__(
        self,
        flow: Flow[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        resumed: FlowRun | None = None,
        replayed: Replayed | None = None,
    ) -> None:
        parent = current_run()
        caller: Any = None if parent is None else parent.flow_run_context
        self.flow = flow
        self.function = flow.function
        self.is_async, self.is_generator = flow.isasync, flow.isgenerator
        self.parameters = parameters
        self.parent = parent
        self.scope = transaction_around(parent)
        self.restart_keys()
        self._lock = threading.Lock()
        self._open_runner: TaskRunner | None = None
        self._stores: dict[Any, ResultStore] = {}
        self._wait_for = tuple(wait_for) if wait_for is not None else ()
        self.journal: Journal = current_journal() if caller is None else caller.journal
        self.captures: Captures | None = _captures() if caller is None else caller.captures
        self.log_prints, self.persist_result = _inherited(flow, caller)
        self.persist_tasks = _persists_tasks() if caller is None else caller.persist_tasks
        if parent is None:
            observation.begin(flow_run=True)
        self.durable: bool = (caller is not None and caller.durable) if flow.durable is None else flow.durable
        self.warned_of_durability = False
        self.replayed: Replayed | None = replayed if caller is None else caller.replayed
        self.flow_run = resumed if resumed is not None else self._new_run(parent, caller)
        if self.replayed is not None:
            self.replayed.mark(self.flow_run)
        if resumed is not None and self.captures is not None:
            self.captures.ended.reopen(resumed.id)
        self.flow_run.parameters = parameters
        self.control = Control(self) if caller is None or caller.control is None else caller.control
        self.root_id: UUID = self.flow_run.id if caller is None else caller.root_id
        self._resumed = resumed is not None or (caller is not None and caller.resumed)
        self.past: Mapping[tuple[UUID, str], TaskRun] = self._completed()
        recalls = resumed is None and (self._resumed or (self.replayed is not None and caller is not None))
        self.policy = flow.policy(recalls, self.durable)
        block_loads.watch()

    def _new_run(self, parent: Any, caller: FlowCall | None) -> FlowRun:
        from strongroom.processes import this_process
        from strongroom.run_names import random_name

        flow = self.flow
        if caller is not None and caller.control is not None and caller.control.halting is not None:
            caller.control.halt_before(parent)
        key = f"{flow.name}-0" if parent is None else parent.next_key(flow.name)
        run = FlowRun(
            _first_id(self.replayed) if parent is None else child_id(parent.id, f"flow:{key}"),
            random_name(),
            flow.name,
            Pending(),
            flow.version,
            parent_flow_run_id=None if caller is None else caller.flow_run.id,
            parent_task_run_id=None if parent is None or parent is caller else parent.id,
            dynamic_key="" if parent is None else key,
            tags=current_tags(),
            entrypoint=flow.entrypoint,
            source_hash=flow.file_hash,
            pid=os.getpid(),
            host=_HOST,
            process=this_process(),
        )
        record_state(run, run.state)
        return run

    @property
    def logger(self) -> RunLogger:
        """The run's logger."""
        from strongroom.logging import flow_run_logger

        return flow_run_logger(self.flow_run)

    @property
    def is_outermost(self) -> bool:
        """Whether no flow run called it."""
        return self.flow_run.id == self.root_id

    def enter(self, state: State[Any]) -> State[Any]:
        """Record a state."""
        with self.control.lock:
            return self._enter(state)

    def _enter(self, state: State[Any]) -> State[Any]:
        run = self.flow_run
        if self.is_outermost:
            if self.control.began is None and state.type is StateType.RUNNING:
                self.control.begin()
            state = self.control.leaving(state)
        state = record_state(run, state)
        run.heartbeat = state.timestamp
        if run.id == self.root_id and self.captures is not None and state.is_final():
            self.captures.ended.ending(run.id, completed=state.is_completed())
        self.journal.save_flow_run(run)
        if state.type is StateType.RUNNING and run.id == self.root_id:
            self.journal.settle()  # so that a run which is killed in its first moments can be found, and resumed
        self._say(state)
        return state

    def _say(self, state: State[Any]) -> None:
        name, count = self.flow.name, self.flow_run.run_count
        if state.type in (StateType.FAILED, StateType.CRASHED):
            error = state.data if isinstance(state.data, BaseException) else None
            exc_info = None if error is None else traceback_of(error)
            self.logger.error("Finished in state %s", state, exc_info=exc_info)
            if state.type is StateType.CRASHED and self.is_outermost and self.flow.entrypoint is not None:
                self.logger.info("Go on where it stopped: strongroom runs resume %s", str(self.flow_run.id)[:8])
        elif state.name == "Running" and self.flow_run.history[-2].type is StateType.PAUSED:
            self.logger.info("It goes on.")
        elif state.name == "Running":
            self.logger.info("Beginning flow run %r for flow %r", self.flow_run.name, name)
        elif state.type is StateType.SCHEDULED:
            self.logger.warning("%s Retry %s/%s follows.", state.message, count, self.policy.retries.count)
        elif state.name == "Retrying":
            self.logger.info("Retry %s/%s begins.", count - 1, self.policy.retries.count)
        elif state.type is StateType.PAUSED:
            self.logger.info(
                "%s: %s Resume it: strongroom runs resume %s", state.name, state.message, str(self.flow_run.id)[:8]
            )
        elif state.type is StateType.CANCELLING:
            self.logger.warning("%s It is being ended.", state.message)
        elif state.is_final() or state.name == "NotReady":
            self.logger.info("Finished in state %s", state)

    def hooks(self, state: State[Any]) -> Sequence[Callable[[], Any]]:
        """What users want called in this state."""
        hooks = self.flow.hooks.get(state.type)
        if state.type is StateType.CANCELLED and self.control.cancelling is not None:
            state = self.control.cancelling
        return [lambda hook=hook: hook(self.flow, self.flow_run, state) for hook in hooks] if hooks else ()  # type: ignore[misc]

    def transact(self, effect: Any) -> Any:
        """Flows are no transactions."""
        raise NotImplementedError

    def meaning(self, error: BaseException) -> BaseException:
        """What was raised, or what it stands for where somebody ends the run from outside."""
        return self.control.meaning(error, of_flow=True)

    def settle(self) -> None:
        """Have the run on the disk before its caller goes on."""
        self.journal.settle()

    def condition(self, state: State[Any]) -> Callable[[], Any]:
        """Flows have no condition: they are always tried again."""
        return lambda: True

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the function with; calls inside are counted from 0 again in each attempt."""
        self.restart_keys()
        return self.flow.signature.arguments(self.parameters)

    def prepare(self) -> None:
        """Take the results of upstream runs, validate, name the run, and show and keep its parameters."""
        for upstream in upstreams_of(self._wait_for):
            outcome(*upstream)
        if any(has_upstreams(value) for value in self.parameters.values()):
            self.parameters = {name: resolve(value) for name, value in self.parameters.items()}
        if self.flow.should_validate_parameters:
            self.parameters = self.flow.validator.validate(self.parameters)
        run = self.flow_run
        run.parameters = self.parameters
        if self.parameters:
            from strongroom.shown import shown

            run.parameters_shown = shown(self.parameters)
            block_loads.note_passed(self.parameters)
        if self.captures is not None and run.sealed_parameters is None:
            run.sealed_parameters = self.captures.seal_parameters(self.parameters, run.id, self.root_id, run.entrypoint)
        if self.flow.flow_run_name is not None:
            from strongroom.run_names import run_name

            run.name = run_name(self.flow.flow_run_name, self.parameters)

    def look_up(self) -> State[Any] | None:
        """Flows are not cached."""
        return None

    def gather(self, value: Any) -> Any:
        """Wait for all tasks that were submitted in this run; states in place of futures that were returned."""
        value = resolve_futures_to_states(value)
        if self._open_runner is not None:
            self._open_runner.drain()
        return value

    def abandon(self, interrupt: bool) -> None:
        """Cancel the tasks that have not begun, and wait for those that have."""
        if interrupt:
            self.control.ending = True
        if self._open_runner is not None:
            if interrupt and signals.has_interrupted():
                self.logger.warning("Its tasks are being ended; a second Ctrl-C ends the process at once.")
            with self.control.complaining(self) if interrupt else nullcontext():
                self._open_runner.abandon(interrupt=interrupt)

    def keep(self, state: State[Any]) -> State[Any]:
        """Store the result: where it persists, or, of a subflow, where a resumption looks for it."""
        value, run = state.data, self.flow_run
        if is_state_iterable(value) or isinstance(value, State):
            return state
        stored = None
        if self.persist_result:
            try:
                store = self.store_for(None, None)
                run.result = stored = store.keep(str(run.id), value, writer=f"{run.name} ({run.id})")
            except Exception as error:
                self.logger.error("The result was not persisted: %s: %s", type(error).__name__, error)
        elif self.captures is not None and run.parent_flow_run_id is not None:
            run.result = self.captures.capture(value, run.id, self.root_id)
        if self.flow.cache_result_in_memory:
            return state
        elsewhere = NotKept() if stored is None else Fetch(lambda: store.load(stored))
        return State(state.type, state.name, state.message, elsewhere, timestamp=state.timestamp)

    @property
    def task_runner(self) -> TaskRunner:
        """Where tasks that are submitted in this run go; opened by the first of them."""
        with self._lock:
            if self._open_runner is None:
                runner = self.flow.task_runner.duplicate()
                runner.open()
                self._open_runner = runner
            return self._open_runner

    def result_store(self) -> ResultStore:
        """Where the results of this run persist."""
        return self.store_for(None, None)

    def store_for(self, storage: Any, serializer: Any) -> ResultStore:
        """The result store of this run, or of a task in it that wants another storage or serializer."""
        storage = self.flow.result_storage if storage is None else storage
        serializer = self.flow.result_serializer if serializer is None else serializer
        if isinstance(self.parent, RunContext) and storage is None and serializer is None:
            caller = self.parent.flow_run_context
            if isinstance(caller, FlowCall):
                return caller.store_for(None, None)
        key = (storage if isinstance(storage, str) else id(storage), str(serializer))
        store = self._stores.get(key)
        if store is None:
            from strongroom.results import result_store

            store = self._stores.setdefault(key, result_store(storage, serializer))
        return store

    def may_block(self, effect: Any) -> bool:
        """Whether an effect waits for a disk or for other runs."""
        kind = type(effect)
        if kind is Keep:
            return self.persist_result or type(effect.state.data) not in SMALL
        if kind is Prepare:
            return bool(self._wait_for) or any(has_upstreams(value) for value in self.parameters.values())
        return kind is Recall or self._open_runner is not None

    def over(self) -> None:
        """Close the task runner; of the outermost run, write the journal and let go of what only a resumption needs.

        What interrupted the run where no rule noticed ends its tasks here.
        """
        if self._open_runner is not None:
            state = self.flow_run.state
            if not (state.is_final() or state.is_paused()):
                self._open_runner.abandon(interrupt=True)
            self._open_runner.close()
        if self.is_outermost:
            self.control.end()
        if self.flow_run.id != self.root_id:
            return
        self.journal.settle()
        if self.captures is not None and self.flow_run.state.is_final():
            self.captures.ended.end(self.root_id, completed=self.flow_run.state.is_completed())


def _first_id(replayed: Replayed | None) -> UUID:
    return uuid4() if replayed is None else replayed.root_id


def _captures() -> Captures | None:
    from strongroom.results.captures import captures

    return captures()


def _persists_tasks() -> bool | None:
    from strongroom.settings import get_settings

    return get_settings().tasks_default_persist_result


def _inherited(flow: Flow[Any, Any], caller: FlowRunContext | None) -> tuple[bool, bool]:
    """``log_prints`` and ``persist_result``: the flow's own, else its caller's, else the settings'."""
    log_prints, persist = flow.log_prints, flow.persist_result
    if caller is not None:
        return (
            caller.log_prints if log_prints is None else log_prints,
            caller.persist_result if persist is None else persist,
        )
    from strongroom.settings import get_settings

    settings = get_settings()
    return (
        settings.logging_log_prints if log_prints is None else log_prints,
        settings.results_persist_by_default if persist is None else persist,
    )
