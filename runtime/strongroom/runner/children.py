"""The processes that carry out runs, one each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    watcher: threading.Thread


class Children:
    """Processes of runs. Ctrl-C on the terminal does not reach them: they are ended by their runner, or not at all.

    :param ended: called in some thread when one of them has ended.
    """

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended
        self._children: dict[UUID, _Child] = {}

    def __len__(self) -> int:
        return len(self._children)

    def start(self, run_id: UUID, folder: str, environment: Mapping[str, Any], *, shows_output: bool = True) -> None:
        """Start the process of a run. Raises OSError where that cannot be."""
        process = subprocess.Popen(
            [sys.executable, "-m", "strongroom", "runs", "execute", str(run_id)],
            cwd=folder if Path(folder).is_dir() else None,
            env={**os.environ, **{name: str(value) for name, value in environment.items()}},
            stdin=subprocess.DEVNULL,
            stdout=None if shows_output else subprocess.DEVNULL,
            stderr=None if shows_output else subprocess.DEVNULL,
            start_new_session=True,
        )
        watcher = threading.Thread(target=self._watch, args=(process,), name=f"strongroom-run-{run_id}", daemon=True)
        self._children[run_id] = _Child(process, watcher)
        watcher.start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._ended()

    def reap(self) -> dict[UUID, int]:
        """The runs whose processes ended since it was called last, and how."""
        over = {run_id: code for run_id, child in self._children.items() if (code := child.process.poll()) is not None}
        for run_id in over:
            self._children.pop(run_id).watcher.join()
        return over

    def terminate(self) -> None:
        """Ask all of them to end."""
        for child in self._children.values():
            child.process.terminate()

    def kill(self) -> None:
        """End all of them."""
        for child in self._children.values():
            child.process.kill()
