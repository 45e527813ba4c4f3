"""Who wants to know how far runs of this process are: whatever shows them while they run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from strongroom.artifacts.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something is, in percent, and which run says so."""

    artifact_id: UUID
    progress: float
    description: str | None
    key: str | None
    flow_run_id: UUID | None
    task_run_id: UUID | None


Watcher = Callable[[Progress], None]
_watchers: tuple[Watcher, ...] = ()


def watch_progress(callback: Watcher) -> Callable[[], None]:
    """Have ``callback`` called whenever a run of this process, or a worker of one, tells its progress.

    It is called in the thread that tells it. Gives a function that ends this. What ``callback`` raises is dropped.
    """
    global _watchers
    _watchers = (*_watchers, callback)

    def end() -> None:
        global _watchers
        _watchers = tuple(watcher for watcher in _watchers if watcher is not callback)

    return end


def tell(artifact: Artifact) -> None:
    """Tell the watchers of a progress artifact as it is now; those of the flow's process, where this is a worker."""
    to = outlet()
    if to is None or artifact.id is None:
        return
    to(
        Progress(
            artifact.id, artifact.data, artifact.description, artifact.key, artifact.flow_run_id, artifact.task_run_id
        )
    )


def outlet() -> Watcher | None:
    """Whom the calling code tells its progress: the flow's process, where this is a worker, or the watchers of this
    one; None where nobody wants to know."""
    worker_logs = sys.modules.get("strongroom.task_runners.worker_logs")
    of_worker: Watcher | None = None if worker_logs is None else worker_logs.outlet_of_worker()
    return of_worker or (spread if _watchers else None)


def spread(progress: Progress) -> None:
    """Call the watchers of this process."""
    for watcher in _watchers:
        with suppress(Exception):
            watcher(progress)
