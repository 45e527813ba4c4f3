"""What the client does with flow runs, task runs, their states and their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strongroom.client.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter, LogFilter, TaskRunFilter
from strongroom.client.schemas.objects import Flow
from strongroom.client.schemas.sorting import FlowRunSort, LogSort, TaskRunSort
from strongroom.context import current_run
from strongroom.errors import NotCancellable, ObjectNotFound, RunGoesOn, UnknownRun
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun, LogEntry, StateEvent, TaskRun
from strongroom.states import State, StateType

LIMIT = 200
"""How many are read where nobody says how many."""
_PAGE = 500


@dataclass(frozen=True)
class OrchestrationResult:
    """What came of setting a state: ``status`` is ACCEPT, and ``state`` the one that the run is in now."""

    state: State[Any]
    status: str = "ACCEPT"


class RunMethods:
    """Reading runs, and ending them."""

    def read_flow_run(self, flow_run_id: UUID | str) -> FlowRun:
        """One flow run; raises UnknownRun, an ObjectNotFound."""
        return current_journal().flow_run(str(flow_run_id))

    def read_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        sort: FlowRunSort | str | None = None,
        limit: int | None = LIMIT,
        offset: int = 0,
    ) -> list[FlowRun]:
        """Flow runs, newest first where no other order is wanted; None as the limit reads all of them."""
        found = _fitting(flow_filter, flow_run_filter, task_run_filter, deployment_filter)
        if sort is None:
            return _some(found, limit, offset)
        return _some(iter(_sorted(found, str(sort))), limit, offset)

    def count_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
    ) -> int:
        """How many there are."""
        return sum(1 for _ in _fitting(flow_filter, flow_run_filter, task_run_filter, deployment_filter))

    def read_flow_run_states(self, flow_run_id: UUID | str) -> list[State[Any]]:
        """The states that a flow run went through, in order."""
        run = self.read_flow_run(flow_run_id)
        return _states(run.history, run.state)

    def update_flow_run(
        self, flow_run_id: UUID | str, *, name: str | None = None, tags: Iterable[str] | None = None
    ) -> None:
        """Give a flow run another name, or other tags: one that goes on here around the call, or one that is over.

        Raises RunGoesOn for one that is not over and that the call is not part of.
        """
        run = _around(flow_run_id) or self.read_flow_run(flow_run_id)
        if not run.state.is_final() and _around(flow_run_id) is None:
            raise RunGoesOn(f"{run.name!r} is not over.", "Change it from inside of the flow, or afterwards.")
        if name is not None:
            run.name = name
        if tags is not None:
            run.tags = frozenset(tags)
        current_journal().save_flow_run(run)
        current_journal().flush()

    def delete_flow_run(self, flow_run_id: UUID | str) -> None:
        """Remove a flow run, with those of its subflows and all that belongs to them."""
        current_journal().remove([self.read_flow_run(flow_run_id).id])

    def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> OrchestrationResult:
        """Have a flow run be in this state.

        ``Cancelled`` and ``Cancelling`` end the run wherever it goes on; every other state is for a run that no process
        works on. ``force`` sets it even where the run is over. Raises NotCancellable where that cannot be.
        """
        from strongroom.cancellation import cancel_flow_run
        from strongroom.liveness import is_alive

        journal, run = current_journal(), self.read_flow_run(flow_run_id)
        over, alive = run.state.is_final(), is_alive(run)
        if state.type in (StateType.CANCELLED, StateType.CANCELLING) and not over:
            return OrchestrationResult(cancel_flow_run(run.id))
        if (over and not force) or (alive and not over):
            why = f"is over: it is {run.state.name}" if over else "goes on in a process"
            raise NotCancellable(
                f"The run {run.name!r} {why}.", "Use force=True." if over else "Cancel it first: state=Cancelled()."
            )
        if not journal.claim(run, state.fresh_copy()):
            return self.set_flow_run_state(run.id, state, force)
        return OrchestrationResult(run.state)

    def resume_flow_run(self, flow_run_id: UUID | str, run_input: dict[str, Any] | None = None) -> None:
        """Have a paused or suspended run go on."""
        from strongroom.flow_runs import resume_flow_run

        resume_flow_run(flow_run_id, run_input)

    def read_task_run(self, task_run_id: UUID | str) -> TaskRun:
        """One task run of a flow; raises UnknownRun."""
        wanted = UUID(str(task_run_id))
        for run in _task_runs(_runs()):
            if run.id == wanted:
                return run
        raise UnknownRun(f"No task run of a flow has the id {wanted}.", "List them: client.read_task_runs().")

    def read_task_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        sort: TaskRunSort | str | None = None,
        limit: int | None = LIMIT,
        offset: int = 0,
    ) -> list[TaskRun]:
        """Task runs of flows: those of the newest flow run first, in the order they began, where none is wanted."""
        flow_runs = _fitting(flow_filter, flow_run_filter, None, deployment_filter)
        found = (run for run in _task_runs(flow_runs) if task_run_filter is None or task_run_filter.fits(run))
        return _some(found if sort is None else iter(_sorted(found, str(sort))), limit, offset)

    def read_task_run_states(self, task_run_id: UUID | str) -> list[State[Any]]:
        """The states that a task run went through, in order."""
        run = self.read_task_run(task_run_id)
        return _states(run.history, run.state)

    def read_logs(
        self,
        log_filter: LogFilter | None = None,
        limit: int | None = LIMIT,
        offset: int = 0,
        sort: LogSort | str = LogSort.TIMESTAMP_ASC,
    ) -> list[LogEntry]:
        """Lines of runs, in order."""
        ids = None if log_filter is None else log_filter.wanted("flow_run_id")
        runs = _runs() if ids is None else map(self.read_flow_run, ids)
        lines = (line for run in runs for line in current_journal().logs(run.id))
        found = sorted(
            (line for line in lines if log_filter is None or log_filter.fits(line)), key=lambda x: x.timestamp
        )
        return _some(iter(found[::-1] if str(sort).endswith("DESC") else found), limit, offset)

    def read_flow(self, flow_id: UUID | str) -> Flow:
        """The flow of this id; raises ObjectNotFound where it has no runs."""
        return self._flow(lambda flow: str(flow.id) == str(flow_id), f"the id {flow_id}")

    def read_flow_by_name(self, flow_name: str) -> Flow:
        """The flow of this name; raises ObjectNotFound where it has no runs."""
        return self._flow(lambda flow: flow.name == flow_name, f"the name {flow_name!r}")

    def read_flows(
        self, *, flow_filter: FlowFilter | None = None, limit: int | None = LIMIT, offset: int = 0
    ) -> list[Flow]:
        """The flows that have runs, by name."""
        flows = {run.flow_name: Flow(run.flow_name) for run in _runs()}
        found = (flows[name] for name in sorted(flows))
        return _some((flow for flow in found if flow_filter is None or flow_filter.fits(flow)), limit, offset)

    def _flow(self, test: Callable[[Flow], bool], what: str) -> Flow:
        found = next(filter(test, self.read_flows(limit=None)), None)
        if found is None:
            raise ObjectNotFound(f"No flow with {what} has runs.", "List those that have: client.read_flows().")
        return found


def _around(flow_run_id: UUID | str) -> FlowRun | None:
    """The record of a flow run that the calling code is part of; None where it is part of no such run."""
    context = current_run()
    while context is not None:
        flow = context.flow_run_context
        if flow is not None and str(flow.id) == str(flow_run_id):
            return flow.flow_run
        context = context.parent if flow is None else flow.parent
    return None


def _runs() -> Iterator[FlowRun]:
    journal, offset = current_journal(), 0
    while page := journal.flow_runs(limit=_PAGE, offset=offset, subflows=True):
        yield from page
        offset += len(page)


def _task_runs(flow_runs: Iterable[FlowRun]) -> Iterator[TaskRun]:
    for run in flow_runs:
        yield from current_journal().task_runs(run.id)


def _fitting(
    flow: FlowFilter | None, run: FlowRunFilter | None, task: TaskRunFilter | None, deployment: DeploymentFilter | None
) -> Iterator[FlowRun]:
    named = None if deployment is None else _deployments(deployment)
    for each in _runs():
        if run is not None and not run.fits(each):
            continue
        if flow is not None and not flow.fits(Flow(each.flow_name)):
            continue
        if named is not None and each.deployment not in named:
            continue
        if task is not None and not any(map(task.fits, current_journal().task_runs(each.id))):
            continue
        yield each


def _deployments(wanted: DeploymentFilter) -> set[str]:
    from strongroom.client.deployments import DeploymentMethods

    return {found.full_name for found in DeploymentMethods().read_deployments(deployment_filter=wanted, limit=None)}


def _states(history: list[StateEvent], last: State[Any]) -> list[State[Any]]:
    before: list[State[Any]] = [
        State(kind, name, message or None, timestamp=when) for kind, name, message, when in history[:-1]
    ]
    return [*before, last]


def _some(found: Iterator[Any], limit: int | None, offset: int) -> list[Any]:
    from itertools import islice

    return list(islice(found, offset, None if limit is None else offset + limit))


def _sorted(found: Iterable[Any], order: str) -> list[Any]:
    field, _, direction = order.lower().rpartition("_")

    def key(run: Any) -> Any:
        value = getattr(run, field)
        return str(value) if field in ("id", "name") else value.timestamp() * (-1 if direction == "desc" else 1)

    known = [run for run in found if getattr(run, field) is not None]
    return sorted(known, key=key, reverse=field in ("id", "name") and direction == "desc")
