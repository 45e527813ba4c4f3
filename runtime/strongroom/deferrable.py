"""What makes a task run in another process: ``delay``, ``apply_async``, ``serve``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.background.future import PrefectDistributedFuture
    from strongroom.futures import PrefectFutureList


class Deferrable:
    """The part of a task that has other processes carry out its calls."""

    def delay(self: Any, *args: Any, **kwargs: Any) -> PrefectDistributedFuture[Any]:
        """Have a process that serves this task carry out a call of it, some time; gives a future at once."""
        future: PrefectDistributedFuture[Any] = Deferrable.apply_async(self, args, kwargs)
        return future

    def apply_async(
        self: Any,
        args: tuple[Any, ...] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
        dependencies: Mapping[str, Iterable[Any]] | None = None,
    ) -> PrefectDistributedFuture[Any]:
        """Like :meth:`delay`, with more to say.

        :param args: the positional arguments; ``kwargs`` those by name.
        :param wait_for: futures that have to be over first.
        :param dependencies: runs that it depends on, by parameter, for the run history alone.

        The arguments are sealed, and travel as pickles; saved blocks in them as references. A worker that dies gives
        the call back, so that it may run more than once.
        """
        from strongroom.background.sending import send

        return send(self, self.signature.bind(tuple(args or ()), dict(kwargs or {})), wait_for, dependencies)

    def map_async(
        self: Any, parameters: Mapping[str, Any], defaults: Collection[str], wait_for: Iterable[Any] | None
    ) -> PrefectFutureList[Any]:
        """What ``map`` with ``deferred=True`` does: the calls that the parameters amount to, sent one by one."""
        from strongroom.background.sending import send
        from strongroom.futures import PrefectFutureList

        return PrefectFutureList(
            [send(self, values, wait_for) for values in self.mapped_parameters(parameters, defaults)]
        )

    def serve(self: Any, *, limit: int | None = 10, timeout: float | None = None) -> None:
        """Carry out background calls of this task in this process, until Ctrl-C or SIGTERM.

        ``limit`` is how many go on at once, ``timeout`` the seconds after which it ends.
        """
        from strongroom.task_worker import serve

        serve(self, limit=limit, timeout=timeout)
