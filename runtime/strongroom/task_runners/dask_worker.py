"""What runs on the workers of a Dask cluster, and on its scheduler."""

from __future__ import annotations

import signal
import threading
from typing import Any
from uuid import UUID

from strongroom.task_runners import remote, travel
from strongroom.task_runners.messages import Ending, Message, dumped, undumped

SMALL = 8 * 1024
"""Outcomes of up to so many bytes are told like everything else; larger ones are fetched from the worker."""


def carry_out(body: bytes, topic: str, name: str, *kept: bytes) -> bytes:
    """Carry out a call; each message goes to the flow as an event of ``topic``, before the outcome does.

    ``kept`` are the outcomes of calls before it whose results are among its inputs.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(message: Message | Ending) -> None:
        worker.log_event(topic, (name, dumped(message)))

    call: remote.RemoteCall = travel.loads(body)
    ending = call.carry_out(tell, f"{worker.address} ({remote.place()})", lambda n: _result(kept[n]))
    outcome = dumped(ending)
    if len(outcome) <= SMALL:
        tell(ending)
    return outcome


def _result(outcome: bytes) -> Any:
    return travel.loads(undumped(outcome).body)


def interrupt(run_ids: list[UUID]) -> int:
    """End those of these runs that this worker carries out; how many there were."""
    return sum(remote.interrupt(run_id) for run_id in run_ids)


def no_interrupts() -> Any:
    """A plugin for the workers of a temporary cluster: Ctrl-C on their terminal is for the flow, which tells them."""
    from distributed import WorkerPlugin

    class NoInterrupts(WorkerPlugin):
        name = "strongroom-no-interrupts"

        def setup(self, worker: Any) -> None:
            if worker.nanny is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)

    return NoInterrupts()


def forget(topic: str, dask_scheduler: Any = None) -> None:
    """Have the scheduler let go of the events of a topic, which it keeps for those who come later."""
    topics = getattr(getattr(dask_scheduler, "_broker", None), "_topics", None)
    if topics is not None:
        topics.pop(topic, None)
