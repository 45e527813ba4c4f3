"""Running a flow run again, as it ran before: with the same parameters and the same versions of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strongroom_blocks.twins import function_twin

from strongroom.calls.replayed import Replayed
from strongroom.context import tags
from strongroom.engine import replay_flow_run
from strongroom.errors import NotReplayable, NotResumable
from strongroom.flows import Flow
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.liveness import is_alive
from strongroom.logging import flow_run_logger
from strongroom.results.ended_captures import FOLDER, ended_captures
from strongroom.resume import flow_and_parameters
from strongroom.settings import get_settings
from strongroom.states import State, StateType

_NOT_BEGUN = frozenset({StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED})


def replay(run_id: str, from_task: str | None = None) -> State[Any]:
    """Run the flow run of this id, or of the one id that starts like this, again in this process; returns its end.

    The new run has the parameters and tags of the one before, and a bare name of a block gives the version that it gave
    there first. Everything runs again; with ``from_task``, the name of a task or of a run of one (``"load-3"``), what
    began before it is taken over where its result was kept, and runs again where not. The run of a subflow can be
    replayed by itself.

    Raises :class:`~strongroom.errors.NotReplayable`, with the remedy, for a run that has not ended, or whose flow or
    parameters cannot be had any more, or that has no such task; UnknownRun or AmbiguousRun for the id.
    """
    return plan_replay(run_id, from_task).carry_out()


@dataclass(frozen=True, slots=True)
class PlannedReplay:
    """A replay that could begin now. ``id`` is that of the new run."""

    before: FlowRun
    flow: Flow[Any, Any]
    parameters: dict[str, Any]
    replayed: Replayed

    @property
    def id(self) -> UUID:
        """The id of the run that it will be."""
        return self.replayed.root_id

    def carry_out(self) -> State[Any]:
        """Run it; returns its end."""
        if self.flow.file_hash != self.before.source_hash:
            log = flow_run_logger(self.before)
            log.warning("The file of the flow changed since that run; the replay runs the new one.")
        _keep_for_now(self.replayed)
        with tags(*self.before.tags):
            return replay_flow_run(self.flow, self.parameters, self.replayed)


def plan_replay(run_id: str, from_task: str | None = None) -> PlannedReplay:
    """What :func:`replay` carries out, and raises as that does."""
    journal = current_journal()
    run = journal.flow_run(run_id)
    _check(run)
    try:
        flow, parameters = flow_and_parameters(run)
    except NotResumable as error:
        raise NotReplayable(error.problem, error.remedy) from None
    return PlannedReplay(run, flow, parameters, Replayed.of(journal, run, from_task))


areplay = function_twin(replay)


def _keep_for_now(replayed: Replayed) -> None:
    """What is taken over is not to be cleared away before it is read."""
    kept = ended_captures(get_settings())
    results = [run.result for run in replayed.tasks.values()] + [run.result for run in replayed.subflows.values()]
    keys = {result.key for result in results if result is not None and result.key is not None}
    for root_id in {key.split("/")[1] for key in keys if key.startswith(f"{FOLDER}/")}:
        kept.touch(UUID(root_id))


def _check(run: FlowRun) -> None:
    if run.state.is_final():
        return
    if is_alive(run):
        raise NotReplayable(f"The run {run.name!r} still goes on.", "Wait for its end, or cancel it first.")
    if run.state.type in _NOT_BEGUN:
        raise NotReplayable(f"The run {run.name!r} is {run.state.name}, and has not ended.", "Resume or cancel it.")
