"""A call of a task for another process: what it takes is sealed and put into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.background import queue
from strongroom.background.future import PrefectDistributedFuture
from strongroom.calls.call import record_state
from strongroom.calls.task_call import TaskCall
from strongroom.futures import PrefectFuture
from strongroom.inputs import replace, upstreams
from strongroom.journal.current import current_journal
from strongroom.journal.records import TaskRun
from strongroom.ledger import current_ledger
from strongroom.results.sealed_values import seal_value
from strongroom.run_names import run_name
from strongroom.states import Scheduled

if TYPE_CHECKING:
    from strongroom.tasks import Task


@dataclass(frozen=True)
class SentCall:
    """What a worker needs beside the task itself."""

    run: TaskRun
    parameters: dict[str, Any]
    wait_for: tuple[Any, ...]


def send(
    task: Task[..., Any],
    parameters: Mapping[str, Any],
    wait_for: Iterable[Any] | None = None,
    dependencies: Mapping[str, Iterable[Any]] | None = None,
) -> PrefectDistributedFuture[Any]:
    """Have a process that serves the task carry out a call of it; see :func:`send_call`.

    ``dependencies`` are runs that the run history is to name too, by parameter.
    """
    call = TaskCall(task, dict(parameters), wait_for)
    others = [each.id for those in (dependencies or {}).values() for each in those]
    call.task_run.upstream = tuple(dict.fromkeys((*call.task_run.upstream, *others)))
    return send_call(call)


def send_call(call: TaskCall) -> PrefectDistributedFuture[Any]:
    """Seal a call that has not begun, and put it where the processes that serve its task find it.

    Futures of background tasks travel as such, and no worker takes the call before they are over; those of this process
    are waited for here, and their states travel. Raises :class:`~strongroom.errors.UnserializableResult` for what
    cannot be pickled.
    """
    task, run = call.task, call.task_run
    parameters, wait_for = _settled(call.parameters), _settled(call.awaited)
    found = list(upstreams([parameters, wait_for]))
    if task.task_run_name is not None and not found:
        run.name = run_name(task.task_run_name, parameters)
    inputs = [one.task_run_id for one in found if isinstance(one, PrefectDistributedFuture)]
    record_state(run, Scheduled())
    sealed = seal_value(SentCall(run, parameters, wait_for), queue.call_place(run.id))
    journal = current_journal()
    journal.save_task_run(run)
    journal.flush()  # before a worker writes what comes next
    with current_ledger().changing() as session:
        queue.send(session, run.id, task.task_key, run.name, sealed, dict.fromkeys(inputs))
    return PrefectDistributedFuture(run.id, run.name)


def _settled(value: Any) -> Any:
    """The value with the states of this process's futures in their places; waits for them."""
    return replace(value, _state)


def _state(one: Any) -> Any:
    if not isinstance(one, PrefectFuture) or isinstance(one, PrefectDistributedFuture):
        return one
    one.wait()
    return one.state
