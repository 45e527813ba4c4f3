"""``strongroom server start`` as an operator runs it: a process, its address, its first token."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Started:
    """A server that says that it serves."""

    def __init__(self, process: subprocess.Popen[str], said: list[str], log: Path) -> None:
        self.process = process
        self.said = said
        self.log = log
        self.url = re.search(r"at (https?://\S+)", said[-1])[1]  # type: ignore[index]

    @property
    def token(self) -> str:
        """The first token, as it was shown."""
        return next(line.rpartition(" ")[2] for line in self.said if "first administrator's token, shown" in line)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(60)
        assert self.process.stderr
        self.said += self.process.stderr.read().splitlines()
        return code


@contextmanager
def started(tmp_path: Path, *options: str, **environment: str) -> Iterator[Started]:
    """Start a server on a free port over the test's own registry; its standard output goes to a file."""
    log = tmp_path / "access.log"
    command = [sys.executable, "-m", "strongroom", "server", "start", "--port", "0", *options]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.PIPE, text=True, env=os.environ | environment
        )
    assert process.stderr
    said: list[str] = []
    try:
        for line in process.stderr:
            said.append(line.strip())
            if "Strongroom serves" in line:
                break
        else:
            raise AssertionError(f"The server ended with {process.wait(60)}: {said}")
        yield Started(process, said, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        process.stderr.close()
