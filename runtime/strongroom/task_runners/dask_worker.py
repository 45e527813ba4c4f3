"""What runs on the workers of a Dask cluster, and on its scheduler."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strongroom.control.stint import Stint, interrupt_all
from strongroom.task_runners import remote, travel
from strongroom.task_runners.messages import Ending, Message, dumped, undumped

SMALL = 8 * 1024
"""Outcomes of up to so many bytes are told like everything else; larger ones are fetched from the worker."""

MOST_UNWANTED = 10_000
"""So many names of calls are remembered that were to be interrupted here, and are not here, or not yet."""

_lock = threading.Lock()
_under_way: dict[str, Stint] = {}
_unwanted: dict[str, None] = {}


def carry_out(body: bytes, topic: str, name: str, *kept: bytes) -> bytes:
    """Carry out a call; each message goes to the flow as an event of ``topic``, before the outcome does.

    ``kept`` are the outcomes of calls before it whose results are among its inputs.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(message: Message | Ending) -> None:
        worker.log_event(topic, (name, dumped(message)))

    with _known(name) as stint:
        call: remote.RemoteCall = travel.loads(body)
        ending = call.carry_out(tell, f"{worker.address} ({remote.place()})", lambda n: _result(kept[n]), stint)
    outcome = dumped(ending)
    if len(outcome) <= SMALL:
        tell(ending)
    return outcome


def _result(outcome: bytes) -> Any:
    return travel.loads(undumped(outcome).body)


@contextmanager
def _known(name: str) -> Iterator[Stint]:
    """What interrupts the call of this name in the block, where it is not unwanted already."""
    stint = Stint()
    with _lock:
        _under_way[name] = stint
        is_unwanted = name in _unwanted
    if is_unwanted:
        interrupt_all([stint])
    try:
        yield stint
    finally:
        with _lock:
            del _under_way[name]


def interrupt(names: list[str]) -> int:
    """End those of these calls that this worker carries out; returns how many. Those that come later end at once."""
    with _lock:
        found = [_under_way[name] for name in names if name in _under_way]
        _unwanted.update((name, None) for name in names if name not in _under_way)
        for name in list(_unwanted)[:-MOST_UNWANTED]:
            del _unwanted[name]
    # The worker's event loop calls this, and does not wait.
    threading.Thread(target=interrupt_all, args=(found,), name="strongroom-interrupt", daemon=True).start()
    return len(found)


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
