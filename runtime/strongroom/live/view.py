"""The live view of this process: one thread that looks at the runs some times a second, and draws them."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO
from uuid import UUID

import click

from strongroom import observation
from strongroom.journal.records import FlowRun, TaskRun
from strongroom.live.frame import frame
from strongroom.live.screen import Above, Screen
from strongroom.live.tally import Tally

SECONDS = 0.12
_COLOURS = {
    "COMPLETED": "green", "FAILED": "red", "CRASHED": "magenta", "CANCELLED": "yellow", "CANCELLING": "yellow",
    "RUNNING": "cyan", "PAUSED": "yellow", "SCHEDULED": "yellow",
}  # fmt: skip
_lock = threading.Lock()
_shown: View | None = None


def is_possible() -> bool:
    """Whether the error output is a terminal that can be drawn on, and nothing is drawn there yet."""
    stream = sys.stderr
    return (
        _shown is None
        and stream is not None
        and not isinstance(stream, Above)
        and stream.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
    )


@contextmanager
def showing() -> Iterator[None]:
    """Show the runs that begin inside of the block, where :func:`is_possible`; elsewhere, do nothing."""
    view = _open(alone=False)
    try:
        yield
    finally:
        if view is not None:
            view.close()


def begin() -> None:
    """Show the runs of flows from now on, until none of them goes on any more."""
    _open(alone=True)


def leave(seconds: float) -> None:
    """The process is about to end without further ado: show what was written last, if that can be done in time."""
    if _shown is not None:
        closing = threading.Thread(target=_shown.close, name="strongroom-live-end", daemon=True)
        closing.start()
        closing.join(seconds)


def _open(*, alone: bool) -> View | None:
    global _shown
    with _lock:
        if not is_possible():
            return None
        _shown = View(sys.stderr, alone=alone)
    _shown.open()
    return _shown


class View:
    """What is shown on ``stream``. With ``alone`` it closes by itself when no flow goes on any more."""

    def __init__(self, stream: TextIO, *, alone: bool) -> None:
        self._tally = Tally()
        self._screen = Screen(stream)
        self._alone = alone
        self._begun: set[UUID] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="strongroom-live", daemon=True)
        self._undo: list[Callable[[], Any]] = []
        self._pid = os.getpid()

    def open(self) -> None:
        """Take the standard streams over and begin to draw."""
        from strongroom.artifacts.progress import watch_progress

        self._take_streams()
        observer = self._observe if self._alone else self._tally.note
        observation.observers.append(observer)
        self._undo.append(lambda: observation.dismiss(observer))
        self._undo.append(watch_progress(self._tally.note_progress))
        atexit.register(self.close)
        self._thread.start()

    def close(self) -> None:
        """Draw how it ended and give the streams back. Harmless to call again."""
        global _shown
        with _lock:
            if self._over.is_set() or self._pid != os.getpid():
                return
            self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with suppress(Exception):
            self._draw()
        self._screen.finish()
        for undo in self._undo:
            undo()
        atexit.unregister(self.close)
        with _lock:
            _shown = None

    def _observe(self, run: FlowRun | TaskRun) -> None:
        self._tally.note(run)
        if type(run) is not FlowRun or run.parent_flow_run_id is not None:
            return
        if not run.state.is_final() and run.state.name != "Suspended":
            self._begun.add(run.id)
            return
        self._begun.discard(run.id)
        if not self._begun:
            self.close()

    def _take_streams(self) -> None:
        for name in ("stderr", "stdout"):
            stream = getattr(sys, name)
            if stream is None or not stream.isatty():
                continue
            above = Above(self._screen, stream)
            setattr(sys, name, above)
            self._undo.append(lambda name=name, above=above: _give_back(name, above))  # type: ignore[misc]
            for handler in logging.root.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
                    handler.setStream(above)
                    self._undo.append(lambda handler=handler, stream=stream: handler.setStream(stream))  # type: ignore[misc]

    def _go(self) -> None:
        while not self._over.wait(SECONDS):
            try:
                self._draw()
            except Exception:
                logging.getLogger("strongroom").exception("The live view failed and is drawn no more; the runs go on")
                return

    def _draw(self) -> None:
        self._tally.look()
        width, height = self._screen.dimensions()
        room = max(3, min(height - 2, 40))
        self._screen.draw(frame(self._tally.root, width=width, height=room, now=time.time(), paint=_paint()))


def _give_back(name: str, above: Above) -> None:
    stream = above.give_back()
    if getattr(sys, name) is above:
        setattr(sys, name, stream)


def _paint() -> Callable[[str, str], str]:
    if os.environ.get("NO_COLOR"):
        return lambda text, _kind: text
    return lambda text, kind: click.style(text, dim=True) if kind == "dim" else click.style(text, fg=_COLOURS.get(kind))
