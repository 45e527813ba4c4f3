"""One task, two colours: ``adownload_file = task_twin(download_file)``."""

from __future__ import annotations

import functools
from collections.abc import Coroutine
from typing import Any, ParamSpec, TypeVar

from strongroom_blocks.twins import in_a_thread

from strongroom.tasks import Task

P = ParamSpec("P")
R = TypeVar("R")


def task_twin(task: Task[P, R]) -> Task[P, Coroutine[Any, Any, R]]:
    """The asynchronous twin of a task: the same name and options, its function run in a worker thread.

    For collections, whose SDKs block: the one implementation is synchronous, and asynchronous flows await its twin.
    """

    @functools.wraps(task.fn)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return await in_a_thread(functools.partial(task.fn, *args, **kwargs))

    return Task(twin, **task.changed({}))
