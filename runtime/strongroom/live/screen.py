"""The end of a terminal that is drawn over and over, below the lines that programs write."""

from __future__ import annotations

import io
import os
import threading
from typing import Any, TextIO

from rich.cells import cell_len
from rich.text import Text

_UP, _CLEAR = "\x1b[{}A", "\r\x1b[J"
_MOST = 256 * 1024
"""So many characters wait to be shown at most; then they are written at once."""


class Screen:
    """Lines at the end of ``stream``, a terminal, in place of those that were drawn there last.

    What is written through :meth:`above` comes before them, in the order in which it was written, at the next drawing.
    While a line is unfinished, such as a question that waits for its answer or the bar of another library, nothing is
    drawn. The terminal is never in a state that somebody would have to end: a process may be killed at any time.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._waiting: list[str] = []
        self._size = 0
        self._drawn: list[int] = []
        self._unfinished = False
        self._pid = os.getpid()

    def dimensions(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24

    def above(self, text: str) -> None:
        """Have a text written before the drawn lines; kept for a moment, so that many cost little."""
        if os.getpid() != self._pid:
            self._stream.write(text)
            return
        with self._lock:
            self._waiting.append(text)
            self._size += len(text)
            if self._size > _MOST:
                self._write()

    def flush(self) -> None:
        """Show an unfinished line at once: somebody may be asked something."""
        if os.getpid() != self._pid:
            self._stream.flush()
            return
        with self._lock:
            if self._waiting and not self._waiting[-1].endswith("\n"):
                self._write()

    def draw(self, lines: list[str]) -> None:
        """Draw these lines, in place of the ones before."""
        with self._lock:
            self._write(lines)

    def finish(self) -> None:
        """Leave the lines where they are, and the terminal as it was found."""
        with self._lock:
            if self._waiting:
                self._write()
            self._drawn = []

    def _write(self, lines: list[str] | None = None) -> None:
        text, self._waiting, self._size = "".join(self._waiting), [], 0
        if lines is None and not text:
            return
        if text:
            self._unfinished = not text.endswith("\n")
        if self._unfinished:
            self._put(self._erased() + text)
            return
        if lines is None:
            self._put(self._erased() + text)
            return
        frame = "".join(f"{line}\n" for line in lines)
        self._put(f"{self._erased()}{text}{frame}")
        self._drawn = [cell_len(Text.from_ansi(line).plain) for line in lines]

    def _erased(self) -> str:
        """What takes the drawn lines away, also where the terminal has become narrower and broke them."""
        if not self._drawn:
            return ""
        columns, _ = self.dimensions()
        rows = sum(max(1, -(-length // columns)) for length in self._drawn)
        self._drawn = []
        return f"{_UP.format(rows)}{_CLEAR}"

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._drawn = []  # the terminal is gone; the flow is not


class Above(io.TextIOBase):
    """A standard stream while a screen is drawn: what is written to it comes above the drawn lines."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self.stream = stream
        self._descriptor: int | None = None

    def write(self, text: str, /) -> int:
        self._screen.above(text)
        return len(text)

    def flush(self) -> None:
        self._screen.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        """A copy of the stream's own: ``input()`` would write its question around us to a stream that has that one."""
        if self._descriptor is None:
            self._descriptor = os.dup(self.stream.fileno())
        return self._descriptor

    def give_back(self) -> TextIO:
        """The stream itself, when the screen is drawn no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return self.stream

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.stream.errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
