"""What a flow run finds of before: of itself where it is resumed, of another run where it replays that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.context import FlowRunContext
from strongroom.errors import MissingResult, ResultProblem
from strongroom.fingerprints import fingerprint
from strongroom.states import State, StateType

if TYPE_CHECKING:
    from strongroom.calls.replayed import Replayed
    from strongroom.journal.journal import Journal
    from strongroom.journal.records import FlowRun, StoredResult, TaskRun
    from strongroom.logging import RunLogger
    from strongroom.results import ResultStore
    from strongroom.results.captures import Captures


class FlowPast(FlowRunContext):
    """The part of a flow's call that deals with what completed before."""

    __slots__ = ("_resumed", "captures", "journal", "past", "replayed", "root_id")

    _resumed: bool
    captures: Captures | None
    journal: Journal
    past: Mapping[tuple[UUID, str], TaskRun]
    """The task runs whose results are taken over, by parent and dynamic key."""
    replayed: Replayed | None
    root_id: UUID

    if TYPE_CHECKING:

        @property
        def logger(self) -> RunLogger: ...
        def store_for(self, storage: Any, serializer: Any) -> ResultStore: ...

    @property
    def resumed(self) -> bool:
        """Whether this run, or the one that called it, began in another process."""
        return self._resumed

    def _completed(self) -> Mapping[tuple[UUID, str], TaskRun]:
        past = {} if self.replayed is None else self.replayed.tasks
        return {**past, **self.journal.completed(self.flow_run.id)} if self._resumed else past

    def recall(self) -> State[Any] | None:
        """The result of this very subflow run from before its caller was resumed."""
        past = self._past_subflow()
        if past is None or past.result is None or past.sealed_parameters is None or self.captures is None:
            return None
        try:
            before = self.captures.open_parameters(past.sealed_parameters, past.id, past.entrypoint)
            if fingerprint(before) != fingerprint(self.parameters):
                self.logger.warning("It completed before with other parameters, so it runs again.")
                return None
            value = self.restore(past.result, past.id, lambda: self.store_for(None, None))
        except ResultProblem as error:
            self.logger.warning("It completed before, but runs again: %s", error)
            return None
        run = self.flow_run
        if past.id != run.id:
            run.result = self.adopted(past.result, value, run.id)
            return State(StateType.COMPLETED, past.state.name, self.taken_over, value)
        run.name, run.start_time, run.run_count, run.result = past.name, past.start_time, past.run_count, past.result
        run.history = [*past.history]
        message = "Completed before the flow run was resumed."
        return State(StateType.COMPLETED, past.state.name, message, value, timestamp=past.end_time)

    @property
    def taken_over(self) -> str:
        """What a run says whose result comes from the run that is replayed."""
        return f"Taken over from the run {'' if self.replayed is None else self.replayed.name!r}, which is replayed."

    def adopted(self, stored: StoredResult, value: Any, run_id: UUID) -> StoredResult | None:
        """What was stored of a run that is replayed, for the run that takes it over."""
        if not stored.is_captured:
            return stored
        return None if self.captures is None else self.captures.capture(value, run_id, self.root_id)

    def _past_subflow(self) -> FlowRun | None:
        if self.replayed is not None and (found := self.replayed.subflows.get(self.flow_run.id)) is not None:
            return found
        caller = self.flow_run.parent_flow_run_id
        siblings = () if caller is None else self.journal.subflow_runs(caller)
        return next((run for run in siblings if run.id == self.flow_run.id and run.state.is_completed()), None)

    def restore(self, stored: StoredResult, run_id: UUID, store: Callable[[], ResultStore]) -> Any:
        """The result of a run from before a resumption, which was captured, or persists in ``store``."""
        if not stored.is_captured:
            return store().load(stored)
        if self.captures is None:
            raise MissingResult(f"Nothing can open the result of run {run_id}.", "Mend the registry's key first.")
        return self.captures.restore(stored, run_id)
