"""One call of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from strongroom import observation
from strongroom.annotations import allow_failure
from strongroom.calls.call import SMALL, child_id, record_state, traceback_of
from strongroom.calls.task_results import TaskResults
from strongroom.context import FlowRunContext, current_run, current_tags, transaction_around
from strongroom.errors import ResultProblem
from strongroom.fingerprints import fingerprint
from strongroom.futures import PrefectFuture
from strongroom.inputs import has_upstreams, outcome, resolve, upstreams
from strongroom.journal.current import current_journal
from strongroom.journal.records import TaskRun
from strongroom.rules import Gather, Keep, Prepare, ended_by
from strongroom.states import Cancelled, Pending, State, StateType

if TYPE_CHECKING:
    from strongroom.calls.flow_call import FlowCall
    from strongroom.concurrency.tag_limits import TagSlots
    from strongroom.logging import RunLogger
    from strongroom.tasks import Task


class TaskCall(TaskResults):
    """A task run in the making, which is also the context that the task's code finds itself in."""

    __slots__ = (
        "_wait_for",
        "function",
        "is_async",
        "is_generator",
        "slots",
        "upstream",
    )

    flow_run_context: FlowCall | None

    def __init__(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None,
        run: TaskRun | None = None,
    ) -> None:
        """``run`` is a record that another process made, whose inputs are there: this one carries the run out."""
        parent = current_run()
        flow: Any = None if parent is None else parent.flow_run_context
        self.task = task
        self.parameters = parameters
        self.parent = parent
        self.flow_run_context = flow
        self.function = task.function
        self.is_async, self.is_generator = task.isasync, task.isgenerator
        self.restart_keys()
        self._journal = current_journal() if flow is None else flow.journal
        self._store = self.transaction = self.key_parts = None
        self.scope = transaction_around(parent)
        self._wait_for = tuple(wait_for) if wait_for is not None else ()
        self.upstream: tuple[Any, ...] = ()
        self.log_prints, self.persist_result = _inherited(task, flow)
        if parent is None:
            observation.begin(flow_run=False)
        self.task_run = self._new_run() if run is None else run
        unresolved = any(has_upstreams(value) for value in parameters.values()) if parameters else False
        if unresolved or self._wait_for:
            self._find_upstream()
        prepares = unresolved or bool(self._wait_for) or (task.task_run_name is not None and run is None)
        tags = self.task_run.tags
        self.slots = _slots(tags) if tags else None
        recalls = flow is not None and bool(flow.past)
        transacts = self.scope is not None
        durable = (flow is not None and flow.durable) if task.durable is None else task.durable
        self.policy = task.policy(prepares, recalls, self.persist_result, self.slots is not None, transacts, durable)

    def _new_run(self) -> TaskRun:
        task, parent, flow = self.task, self.parent, self.flow_run_context
        if flow is not None and flow.control is not None and flow.control.halting is not None:
            flow.control.halt_before(parent)
        key = f"{task.task_key}-0" if parent is None else parent.next_key(task.task_key)
        return TaskRun(
            uuid4() if parent is None else child_id(parent.id, key),
            task.name + key[len(task.task_key) :],
            task.name,
            task.task_key,
            key,
            _PENDING,
            None if flow is None else flow.flow_run.id,
            None if parent is None else parent.id,
            tags=task.tags | current_tags(),
        )

    @property
    def logger(self) -> RunLogger:
        """The run's logger."""
        from strongroom.logging import task_run_logger

        flow = self.flow_run_context
        return task_run_logger(self.task_run, flow_run=None if flow is None else flow.flow_run)

    @property
    def awaited(self) -> tuple[Any, ...]:
        """What the caller wants over first, beside the inputs."""
        return self._wait_for

    def submitted(self) -> None:
        """The call waits for a thread: show it."""
        record_state(self.task_run, Pending())
        self._journal.save_task_run(self.task_run)

    def cancelled(self) -> State[Any]:
        """The flow ended before this call began."""
        return self.enter(Cancelled(message="The flow run ended before this task run began."))

    def crashed(self, error: BaseException) -> State[Any]:
        """Something went wrong outside of the rules."""
        return self.enter(ended_by(self.meaning(error), self.policy))

    def enter(self, state: State[Any]) -> State[Any]:
        """Record a state."""
        run = self.task_run
        state = record_state(run, state)
        if run.flow_run_id is not None and state.type is StateType.RUNNING and run.inputs_fingerprint is None:
            run.inputs_fingerprint = fingerprint(tuple(self.parameters.values()))
        self._journal.save_task_run(run)
        if state.message is not None or state.name not in _QUIET:
            self._say(state)
        return state

    def _say(self, state: State[Any]) -> None:
        if state.type in (StateType.FAILED, StateType.CRASHED):
            error = state.data if isinstance(state.data, BaseException) else None
            exc_info = None if error is None else traceback_of(error)
            self.logger.error("Finished in state %s", state, exc_info=exc_info)
        elif state.name == "AwaitingConcurrencySlot":
            self.logger.info("%s", state.message)
        elif state.type is StateType.SCHEDULED:
            seconds = (state.scheduled_time - state.timestamp).total_seconds() if state.scheduled_time else 0
            self.logger.warning("%s Retry %s starts in %g s.", state.message, self._retry_number(), seconds)
        elif state.name == "Retrying":
            self.logger.info("Retry %s begins.", self._retry_number(-1))
        elif state.type is StateType.COMPLETED:
            self.logger.info("Finished in state %s", state)
        else:
            self.logger.warning("Finished in state %s", state)

    def _retry_number(self, offset: int = 0) -> str:
        return f"{self.task_run.run_count + offset}/{self.policy.retries.count}"

    def hooks(self, state: State[Any]) -> Sequence[Callable[[], Any]]:
        """What users want called in this state."""
        hooks = self.task.hooks.get(state.type)
        return [lambda hook=hook: hook(self.task, self.task_run, state) for hook in hooks] if hooks else ()  # type: ignore[misc]

    def meaning(self, error: BaseException) -> BaseException:
        """What was raised, or what it stands for where somebody ends the flow run from outside."""
        flow = self.flow_run_context
        return error if flow is None or flow.control is None else flow.control.meaning(error, of_flow=False)

    def condition(self, state: State[Any]) -> Callable[[], Any]:
        """The ``retry_condition_fn``, ready to be called."""
        return lambda: self.task.retry_condition_fn(self.task, self.task_run, state)  # type: ignore[misc]

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the function with."""
        self.restart_keys()
        return self.task.signature.arguments(self.parameters)

    def _find_upstream(self) -> None:
        found = [*upstreams(list(self.parameters.values())), *upstreams(list(self._wait_for))]
        self.upstream = tuple(found)
        ids = (future.task_run_id for future in found if isinstance(future, PrefectFuture))
        self.task_run.upstream = tuple(dict.fromkeys(ids))

    def prepare(self) -> None:
        """Take the results of upstream runs; name the run after its inputs."""
        for upstream in upstreams_of(self._wait_for):
            outcome(*upstream)
        self.parameters = {name: resolve(value) for name, value in self.parameters.items()}
        self._wait_for = self.upstream = ()
        if self.task.task_run_name is not None:
            from strongroom.run_names import run_name

            self.task_run.name = run_name(self.task.task_run_name, self.parameters)

    def recall(self) -> State[Any] | None:
        """The result of this very run from before the flow was resumed."""
        flow, run = self.flow_run_context, self.task_run
        past = None if flow is None or run.parent_id is None else flow.past.get((run.parent_id, run.dynamic_key))
        if flow is None or past is None or past.result is None:
            return None
        run.inputs_fingerprint = fingerprint(tuple(self.parameters.values()))
        if past.inputs_fingerprint and run.inputs_fingerprint and past.inputs_fingerprint != run.inputs_fingerprint:
            self.logger.warning("It completed before with other inputs, so it runs again.")
            return None
        try:
            value = flow.restore(past.result, past.id, self.result_store)
        except ResultProblem as error:
            self.logger.warning("It completed before, but runs again: %s", error)
            return None
        run.cache_key = past.cache_key
        if past.id != run.id:
            run.result = flow.adopted(past.result, value, run.id)
            return State(StateType.COMPLETED, past.state.name, flow.taken_over, value)
        run.result, run.start_time, run.run_count = past.result, past.start_time, past.run_count
        run.history.extend(past.history)
        message = "Completed before the flow run was resumed."
        return State(StateType.COMPLETED, past.state.name, message, value, timestamp=past.end_time)

    def gather(self, value: Any) -> Any:
        """Nothing belongs to a task: futures that it returns are its caller's."""
        return value

    def abandon(self, interrupt: bool) -> None:
        """A task has nothing of its own that runs beside it."""

    def settle(self) -> None:
        """Have the run on the disk before its caller goes on."""
        flow = self.flow_run_context
        why = ""
        if not self._journal.settle():
            why = "the run history is not written now"
        elif flow is not None and flow.captures is not None and self.task_run.result is None:
            why = "its result cannot be kept: it is no data, or too large"
        if why and (flow is None or not flow.warned_of_durability):
            self.logger.warning("It is not durable, and a resumption may run it again: %s.", why)
            if flow is not None:
                flow.warned_of_durability = True

    def may_block(self, effect: Any) -> bool:
        """Whether an effect waits for a disk or for other runs."""
        kind = type(effect)
        if kind is Keep:
            return self.persist_result or type(effect.state.data) not in SMALL
        return kind is not Gather and (kind is not Prepare or bool(self.upstream))

    def over(self) -> None:
        """Let go of what the run held, for the state may live on in a future."""
        self.parameters = {}
        self._store = None
        if self.slots is not None:
            self.slots.vacate()


def _slots(tags: frozenset[str]) -> TagSlots | None:
    """What the limits of tags want of a run; None where it is known that none has a limit."""
    from strongroom.concurrency.tag_limits import TagSlots, may_be_limited

    return TagSlots(tags) if may_be_limited(tags) else None


def _inherited(task: Task[Any, Any], flow: FlowRunContext | None) -> tuple[bool, bool]:
    """``log_prints`` and ``persist_result``: the task's own, else the flow's, else the settings'."""
    log_prints, persist = task.log_prints, task.persist_result
    if flow is not None:
        if persist is None:
            persist = flow.persist_result if flow.persist_tasks is None else flow.persist_tasks
        return flow.log_prints if log_prints is None else log_prints, persist
    if log_prints is None or persist is None:
        from strongroom.settings import get_settings

        settings = get_settings()
        log_prints = settings.logging_log_prints if log_prints is None else log_prints
        if persist is None:
            own = settings.tasks_default_persist_result
            persist = settings.results_persist_by_default if own is None else own
    return log_prints, persist


def upstreams_of(wait_for: tuple[Any, ...]) -> list[tuple[Any, bool]]:
    """Each run to wait for, and whether its failure is allowed."""
    return [(found, isinstance(item, allow_failure)) for item in wait_for for found in upstreams(item)]


_PENDING = Pending()
_QUIET = frozenset({"Pending", "Running", "Completed"})
"""What happens to every task is in the journal; the log tells what does not."""
