"""What a submitted task will be: a future to wait for, to pass on to other tasks, or to take the result from."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from strongroom.control.interrupting import acquire, take
from strongroom.states import State

if TYPE_CHECKING:
    from strongroom.journal.records import TaskRun

R = TypeVar("R")

_worker = threading.local()
_SETTLED = threading.Lock()
"""The lock of all futures whose runs are over: it is held for a look at them, and by nobody who waits."""


def take_seat(seat: AbstractContextManager[None] | None) -> None:
    """For task runners: the calling thread works for one of them, and ``seat`` is entered while it waits."""
    _worker.seat = seat


def has_seat() -> bool:
    """Whether the calling thread works for a task runner."""
    return getattr(_worker, "seat", None) is not None


def blocked() -> AbstractContextManager[None]:
    """Around a wait: the task runner whose thread this is may let another one work meanwhile."""
    return getattr(_worker, "seat", None) or nullcontext()


class PrefectFuture(Generic[R]):
    """A task run that was submitted: its state, and its result once there is one.

    ``helper`` is what a waiting thread calls first: the task runner's offer to let it do the work itself.
    Given to another task, alone or inside a collection, it makes that task wait for it and receive the result.
    """

    __slots__ = ("__weakref__", "_callbacks", "_final", "_id", "_lock", "_name", "_run", "_waiters", "helper")

    def __init__(self, run: TaskRun, helper: Callable[[PrefectFuture[Any]], None] | None = None) -> None:
        self._id = run.id
        self._run: TaskRun | None = run
        self.helper = helper
        self._final: State[Any] | None = None
        self._lock = threading.Lock()
        self._waiters: list[threading.Lock] | None = None
        self._callbacks: list[Callable[[PrefectFuture[R]], object]] | None = None

    @property
    def task_run_id(self) -> UUID:
        """The id of the task run."""
        return self._id

    @property
    def task_run_name(self) -> str:
        """The name of the task run."""
        run = self._run
        return self._name if run is None else run.name

    @property
    def state(self) -> State[R]:
        """The state that the run is in now."""
        run = self._run  # which is let go of once the run is over, for many futures are kept
        return self._final if self._final is not None or run is None else run.state  # type: ignore[return-value]

    def done(self) -> bool:
        """Whether the run is over."""
        return self._final is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run is over, or ``timeout`` seconds have passed.

        A task runner's thread that waits without a timeout carries out by itself what no other has taken yet, so tasks
        that submit tasks never wait for each other in vain.
        """
        if self._final is not None:
            return
        if timeout is None and (helper := self.helper) is not None:
            helper(self)
        gate = self._gate()
        if gate is not None:
            with blocked():
                acquire(gate, timeout)
            if timeout is not None and self._final is None:
                self._forget(gate)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """What the task returned, once the run is over.

        Raises what the task raised (with ``raise_on_failure=False`` returns it), and ``TimeoutError`` where the run is
        not over after ``timeout`` seconds.
        """
        self.wait(timeout)
        if self._final is None:
            raise TimeoutError(f"Task run {self.task_run_name!r} is not over after {timeout} seconds.")
        return self._final.result(raise_on_failure)  # type: ignore[no-any-return]

    async def wait_async(self, timeout: float | None = None) -> None:
        """Like :meth:`wait`, for asynchronous code: the event loop goes on meanwhile."""
        if self._final is not None:
            return
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def wake(_: PrefectFuture[R]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(over.set)

        self.add_done_callback(wake)
        with blocked(), suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await over.wait()

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Like :meth:`result`, for asynchronous code: the event loop goes on meanwhile."""
        await self.wait_async(timeout)
        if self._final is None:
            raise TimeoutError(f"Task run {self.task_run_name!r} is not over after {timeout} seconds.")
        return await self._final.aresult(raise_on_failure)  # type: ignore[no-any-return]

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], object]) -> None:
        """Call ``fn`` with this future when the run is over; at once if it is."""
        with self._lock:
            if self._final is None:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(fn)
                return
        fn(self)

    def settle(self, state: State[R]) -> None:
        """The run is over and ended in ``state``; for task runners. Only the first call counts."""
        with self._lock:
            if self._final is not None:
                return
            if self._run is not None:
                self._name = self._run.name
            self._final, self._run = state, None
            waiters, self._waiters = self._waiters, None
            callbacks, self._callbacks = self._callbacks, None
            self.helper = None
            self._lock = _SETTLED
        for gate in waiters or ():
            gate.release()
        for callback in callbacks or ():
            callback(self)

    def _gate(self) -> threading.Lock | None:
        """A lock that is held until the run is over; None where it is."""
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            if self._final is not None:
                return None
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(gate)
        return gate

    def _forget(self, gate: threading.Lock) -> None:
        with self._lock:
            if self._waiters and gate in self._waiters:
                self._waiters.remove(gate)

    def __repr__(self) -> str:
        return f"<future of {self.task_run_name!r}: {self.state.name}>"


class PrefectFutureList(list[PrefectFuture[R]]):
    """The futures of a mapped task, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all are over, or ``timeout`` seconds have passed."""
        wait(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """All results, in order; raises as :meth:`PrefectFuture.result` does. ``timeout`` holds for all of them."""
        limit = None if timeout is None else time.monotonic() + timeout
        return [future.result(_left(limit), raise_on_failure) for future in self]


PrefectConcurrentFuture = PrefectTaskRunFuture = PrefectWrappedFuture = PrefectFuture
"""Other names that scripts know futures by."""


class DoneAndNotDoneFutures(NamedTuple):
    """What :func:`wait` found."""

    done: set[PrefectFuture[Any]]
    not_done: set[PrefectFuture[Any]]


def wait(futures: Iterable[PrefectFuture[Any]], timeout: float | None = None) -> DoneAndNotDoneFutures:
    """Wait until all are over, or ``timeout`` seconds have passed; says which are over and which are not."""
    futures = list(futures)
    limit = None if timeout is None else time.monotonic() + timeout
    for future in futures:
        future.wait(_left(limit))
    done = {future for future in futures if future.done()}
    return DoneAndNotDoneFutures(done, set(futures) - done)


def as_completed(futures: Iterable[PrefectFuture[R]], timeout: float | None = None) -> Iterator[PrefectFuture[R]]:
    """The futures one by one as their runs end; ``TimeoutError`` where some are not over after ``timeout`` seconds."""
    pending = set(futures)
    total = len(pending)
    finished: queue.SimpleQueue[PrefectFuture[R]] = queue.SimpleQueue()
    for future in pending:
        future.add_done_callback(finished.put)
    limit = None if timeout is None else time.monotonic() + timeout
    for count in range(total):
        try:
            with blocked():
                future = take(finished, _left(limit))
        except queue.Empty:
            raise TimeoutError(f"{total - count} of {total} task runs are not over after {timeout} seconds.") from None
        yield future


def _left(limit: float | None) -> float | None:
    return None if limit is None else max(0.0, limit - time.monotonic())


def resolve_futures_to_states(value: Any) -> Any:
    """The value with the final state of each future in it in the future's place; waits for them."""
    from strongroom.inputs import replace

    return replace(value, lambda future: _final(future) if isinstance(future, PrefectFuture) else future)


def resolve_futures_to_results(value: Any) -> Any:
    """The value with the result of each future in it in the future's place; waits for them, raises what they raised."""
    from strongroom.inputs import replace

    return replace(value, lambda future: future.result() if isinstance(future, PrefectFuture) else future)


def _final(future: PrefectFuture[R]) -> State[R]:
    future.wait()
    return future.state


def __getattr__(name: str) -> Any:
    if name != "PrefectDistributedFuture":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from strongroom.background.future import PrefectDistributedFuture

    return PrefectDistributedFuture
