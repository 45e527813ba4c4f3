"""What was kept of runs that ended, to retry or replay them: for how long, and how much of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from strongroom.settings import Settings

FOLDER = "captured"
SWEEP_SECONDS = 60.0
_COMPLETED, _FAILED = ".completed", ".failed"

_swept: dict[Path, float] = {}


@dataclass(frozen=True, slots=True)
class _Ended:
    folder: Path
    completed: bool
    when: float
    size: int


class EndedCaptures:
    """The folders of captures, one an outermost run. Those of runs that have not ended are never touched.

    :param storage: the folder of results.
    :param keep_days: what ended longer ago goes; with 0, what completed goes at once, and what failed after a day.
    :param most_bytes: beyond this the oldest goes, that of completed runs first.
    """

    def __init__(self, storage: Path, keep_days: int, most_bytes: int) -> None:
        self._folder = storage / FOLDER
        self._keep_days = keep_days
        self._most_bytes = most_bytes

    def ending(self, run_id: UUID, *, completed: bool) -> None:
        """The history is about to say that the run has ended: should the process die now, its folder is known."""
        folder = self._folder / str(run_id)
        with suppress(OSError):
            if folder.is_dir():
                (folder / (_COMPLETED if completed else _FAILED)).touch(mode=0o600)

    def end(self, run_id: UUID, *, completed: bool) -> None:
        """The run has ended: what was kept of it may go one day, or now. Nothing is raised where the disk refuses."""
        folder = self._folder / str(run_id)
        if not folder.is_dir():
            return
        if completed and not self._keep_days:
            remove_folder(folder)
            return
        self.ending(run_id, completed=completed)
        if time.monotonic() - _swept.get(self._folder, float("-inf")) >= SWEEP_SECONDS:
            self.sweep()

    def reopen(self, run_id: UUID) -> None:
        """The run goes on, or is read for a replay: leave what was kept of it alone for now."""
        for mark in (_COMPLETED, _FAILED):
            with suppress(OSError):
                (self._folder / str(run_id) / mark).unlink()

    def touch(self, run_id: UUID) -> None:
        """What was kept of this run is in use: it counts as if it had ended now."""
        for mark in (_COMPLETED, _FAILED):
            path = self._folder / str(run_id) / mark
            with suppress(OSError):
                if path.exists():
                    path.touch()

    def sweep(self) -> list[UUID]:
        """Remove what is too old, and the oldest of what is too much; returns the runs' ids."""
        _swept[self._folder] = time.monotonic()
        ended = sorted(self._ended(), key=lambda found: (not found.completed, found.when))
        oldest = time.time() - max(1, self._keep_days) * 86400
        too_much = sum(found.size for found in ended) - self._most_bytes
        gone = []
        for found in ended:
            if found.when < oldest or too_much > 0:
                remove_folder(found.folder)
                too_much -= found.size
                gone.append(UUID(found.folder.name))
        return gone

    def left_alone_since(self, moment: float) -> list[UUID]:
        """The runs whose folders nobody wrote to since then (seconds since 1970)."""
        return [UUID(folder.name) for folder in self._folders() if _modified(folder) < moment]

    def remove(self, run_id: UUID) -> None:
        """Remove what was kept of a run."""
        remove_folder(self._folder / str(run_id))

    def _folders(self) -> Iterator[Path]:
        try:
            found = [path for path in self._folder.iterdir() if path.is_dir()]
        except OSError:
            return
        for path in found:
            with suppress(ValueError):
                UUID(path.name)
                yield path

    def _ended(self) -> Iterator[_Ended]:
        for folder in self._folders():
            for mark in (_COMPLETED, _FAILED):
                with suppress(OSError):
                    when = (folder / mark).stat().st_mtime
                    size = sum(file.stat().st_size for file in folder.iterdir())
                    yield _Ended(folder, mark == _COMPLETED, when, size)
                    break


def ended_captures(settings: Settings) -> EndedCaptures:
    """Those of the storage that the settings name, kept as they say."""
    return EndedCaptures(settings.storage_path, settings.results_auto_keep_days, settings.results_auto_keep_bytes)


def remove_folder(folder: Path) -> None:
    """Remove a folder and the files in it, as far as that is possible."""
    with suppress(OSError):
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
        folder.rmdir()


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return float("inf")
