"""What every task runner does, whatever carries the tasks out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from strongroom.futures import PrefectFuture, PrefectFutureList

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall
    from strongroom.tasks import Task


class TaskRunner(ABC):
    """Carries out submitted tasks. Opened by the first one that a flow submits, closed when the flow ends."""

    def submit(
        self, task: Task[Any, Any], parameters: Mapping[str, Any], wait_for: Iterable[Any] | None = None
    ) -> PrefectFuture[Any]:
        """Submit a task with its parameters by name; it begins when the futures in them and ``wait_for`` are over."""
        return self.schedule(task.prepare_call(dict(parameters), wait_for))

    def map(
        self, task: Task[Any, Any], parameters: Mapping[str, Any], wait_for: Iterable[Any] | None = None
    ) -> PrefectFutureList[Any]:
        """Submit a task once for each element of the iterables among its parameters."""
        calls = task.mapped_parameters(parameters)
        return PrefectFutureList(self.submit(task, values, wait_for) for values in calls)

    @property
    def name(self) -> str:
        """What kind of runner it is: ``"threadpool"``, ``"processpool"``, ``"dask"``."""
        return type(self).__name__.lower().removesuffix("taskrunner")

    def cancel_all(self) -> None:
        """Cancel what has not begun, and end what has as soon as it can be."""
        self.abandon(interrupt=True)

    @abstractmethod
    def schedule(self, call: TaskCall) -> PrefectFuture[Any]:
        """Carry out ``call`` when its dependencies are over; returns at once."""

    def relieve(self, patience: float) -> float:
        """Where very many runs are outstanding, wait for some to end, so that a long range takes little memory.

        Waits up to ``patience`` seconds for runs that do not get on; returns what is left of them.
        """
        return patience

    @abstractmethod
    def drain(self) -> None:
        """Wait until everything scheduled is over."""

    @abstractmethod
    def abandon(self, *, interrupt: bool = False) -> None:
        """Cancel what has not begun, and wait for what has; with ``interrupt``, end that too as soon as it can be."""

    @abstractmethod
    def duplicate(self) -> Self:
        """Another runner set up in the same way, that has not been opened."""

    def open(self) -> None:  # noqa: B027  not every runner has to
        """Get ready. Called once, before the first task."""

    def close(self) -> None:  # noqa: B027  not every runner has to
        """Let go of threads and connections; everything is over by then."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if error is None:
                self.drain()
            else:
                self.abandon(interrupt=not isinstance(error, Exception))
        finally:
            self.close()


def dependencies(call: TaskCall) -> Sequence[PrefectFuture[Any]]:
    """The futures that a call waits for and that are not over yet."""
    return [future for future in call.upstream if isinstance(future, PrefectFuture) and not future.done()]
