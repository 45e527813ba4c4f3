"""The live view on a terminal: a real one for the program, read as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte
import pytest

FLOWS = """
import sys, time
from pathlib import Path
from strongroom import flow, get_run_logger, task

HERE = Path(__file__).parent

def wait_for(name):
    while not (HERE / name).exists():
        time.sleep(0.01)

@task
def extract(n):
    return n

@task
def load():
    wait_for("go")

@flow
def nightly():
    get_run_logger().warning("a line of the log")
    print("a printed line")
    extract.map(range(30)).wait()
    future = load.submit()
    (HERE / "up").touch()
    future.wait()

@flow
def asking():
    extract(1)
    print("hello", input("your name? "))

@flow
def stubborn():
    print("up")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            print("not yet")
            print("a line at the very end")

if __name__ == "__main__":
    nightly()
    print("the script goes on")
"""


class Terminal:
    """A program on a terminal of ``columns`` × ``rows``, and what stands there."""

    def __init__(self, command: list[str], environment: dict[str, str], columns: int, rows: int) -> None:
        self.pid, self._file = pty.fork()
        if self.pid == 0:  # pragma: no cover  the program
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", **environment})
        self._screen = pyte.HistoryScreen(columns, rows, history=500)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def lines(self) -> list[str]:
        above = ["".join(line[x].data for x in range(self._screen.columns)) for line in self._screen.history.top]
        return [line.rstrip() for line in (*above, *self._screen.display)]

    def until(self, sees: Callable[[list[str]], bool]) -> list[str]:
        """Read on until the screen is like this; fails where the program ends before."""
        while not sees(self.lines()):
            assert self._read(), "\n".join(self.lines())
        return self.lines()

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        try:
            data = os.read(self._file, 65536)
        except OSError:  # the program has ended
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)

    def close(self) -> None:
        os.close(self._file)


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "live_flows.py").write_text(FLOWS)

    @contextmanager
    def run(*args: str, columns: int = 90, rows: int = 30, **environment: str) -> Iterator[Terminal]:
        opened = Terminal([sys.executable, *args], environment, columns, rows)
        try:
            yield opened
        finally:
            opened.close()

    return run


def shows(*texts: str) -> Callable[[list[str]], bool]:
    return lambda lines: all(any(text in line for line in lines) for text in texts)


def test_a_running_flow_shows_its_tasks_below_its_log(terminal, tmp_path):
    flow = f"{tmp_path / 'live_flows.py'}:nightly"
    with terminal("-m", "strongroom", "run", flow) as running:
        lines = running.until(shows("● load", "30/30", "a line of the log"))
        text = "\n".join(lines)
        assert text.index("a line of the log") < text.index("a printed line") < text.index("● nightly")
        assert any("├─ ✓ extract" in line and "━━━" in line for line in lines)
        (tmp_path / "go").touch()
        assert running.end() == 0
        lines = running.lines()
        assert sum("└─ ✓ load" in line for line in lines) == 1  # drawn over, not again and again
        assert any("✓ nightly" in line and "(run " in line for line in lines)
        assert b"\x1b[32m" in running.written


def test_a_terminal_that_becomes_narrower_is_drawn_anew(terminal, tmp_path):
    flow = f"{tmp_path / 'live_flows.py'}:nightly"
    with terminal("-m", "strongroom", "run", flow, columns=100) as running:
        running.until(shows("● load"))
        running.resize(50, 30)
        lines = running.until(lambda lines: any("● load" in line and len(line) < 50 for line in lines))
        assert shows("● nightly")(lines)
        (tmp_path / "go").touch()
        assert running.end() == 0


def test_a_flow_can_ask_on_the_terminal(terminal, tmp_path):
    with terminal("-m", "strongroom", "run", f"{tmp_path / 'live_flows.py'}:asking") as running:
        running.until(shows("your name?"))
        running.type("Ada\n")
        assert running.end() == 0
        lines = running.lines()
        assert lines.index("your name? Ada") + 1 == lines.index("hello Ada")


def test_a_flow_that_does_not_end_on_ctrl_c_ends_on_the_second_and_leaves_its_last_words(terminal, tmp_path):
    with terminal("-m", "strongroom", "run", f"{tmp_path / 'live_flows.py'}:stubborn") as running:
        running.until(shows("● stubborn", "up"))
        running.type("\x03")
        running.until(shows("not yet"))
        running.type("\x03")
        assert running.end() == 130
        assert shows("strongroom: ", "a line at the very end")(running.lines())


def test_ctrl_c_leaves_the_terminal_as_it_was(terminal, tmp_path):
    with terminal("-m", "strongroom", "run", f"{tmp_path / 'live_flows.py'}:nightly") as running:
        running.until(shows("● load"))
        running.type("\x03")
        assert running.end() == 130
        assert shows("✗ nightly", "Error: Interrupted.")(running.lines())


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}])
def test_plain_lines_where_nothing_can_be_drawn_or_nobody_wants_it(terminal, tmp_path, environment):
    (tmp_path / "go").touch()
    options = [] if environment else ["--no-live"]
    flow = f"{tmp_path / 'live_flows.py'}:nightly"
    with terminal("-m", "strongroom", "run", *options, flow, **environment) as running:
        assert running.end() == 0
        assert shows("a line of the log", "✓ nightly")(running.lines())
        assert b"\x1b[J" not in running.written
        assert "━" not in "\n".join(running.lines())


def test_without_colours_it_is_drawn_in_none(terminal, tmp_path):
    (tmp_path / "go").touch()
    with terminal("-m", "strongroom", "run", f"{tmp_path / 'live_flows.py'}:nightly", NO_COLOR="1") as running:
        assert running.end() == 0
        assert shows("└─ ✓ load")(running.lines())
        assert b"\x1b[3" not in running.written


def test_a_script_shows_its_flow_where_the_setting_says_so(terminal, tmp_path):
    (tmp_path / "go").touch()
    script = str(tmp_path / "live_flows.py")
    with terminal(script, STRONGROOM_LOGGING_LIVE="true") as running:
        assert running.end() == 0
        lines = running.lines()
        assert shows("└─ ✓ load", "✓ nightly")(lines)
        assert "the script goes on" in lines
    with terminal(script) as running:
        assert running.end() == 0
        assert not shows("└─ ✓ load")(running.lines())


def test_a_run_that_is_resumed_is_shown_too(terminal, tmp_path):
    flow = f"{tmp_path / 'live_flows.py'}:nightly"
    with terminal("-m", "strongroom", "run", flow) as running:
        running.until(shows("● load"))
        running.type("\x03")
        assert running.end() == 130
    with terminal("-m", "strongroom", "runs", "resume", "last") as resumed:
        lines = resumed.until(shows("● load", "30/30"))
        assert any("✓ extract" in line for line in lines)
        (tmp_path / "go").touch()
        assert resumed.end() == 0
        assert shows("└─ ✓ load", "✓ nightly")(resumed.lines())
