"""A process whose disk fails on demand: libc's calls are taken over by ``failing_disk.c``, which the system's compiler
makes."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from faults.story import Step, carried_out

SOURCE = Path(__file__).with_suffix(".c")
WRITES, SYNCS, TRUNCATES = 1, 2, 4
KILL = -1


class Failure(NamedTuple):
    """The ``nth`` call of these kinds fails with an errno, or is the process's end; ``lasting``: all after it as
    well."""

    kinds: int
    nth: int
    error: int
    lasting: bool


class Told(NamedTuple):
    """What a story came to: of each step None where it was acknowledged, else the error's class and text, or that it
    was not begun; and how many calls of these kinds there were."""

    outcomes: list[str | None]
    calls: int


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiled(folder: Path) -> Path:
    """The library, made anew."""
    library = folder / "failing_disk.so"
    command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


class FailingDisk:
    """A process that does stories, each in a fork of its own, on a disk that fails."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, url: str, key: str, story: Sequence[Step], failure: Failure) -> Told:
        """Open the registry, let the disk fail from then on, and do the story as far as it goes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = base64.b64encode(pickle.dumps((url, key, tuple(story), failure))).decode()
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        outcomes = [*answer["outcomes"], *["not begun"] * (len(story) - len(answer["outcomes"]))]
        return Told(outcomes, answer["calls"])


@contextmanager
def failing_disk(library: Path, folder: Path) -> Iterator[FailingDisk]:
    """The process, for files below a folder."""
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (tests, os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAILING_FOLDER": str(folder), "PYTHONPATH": path}
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.failing_disk"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield FailingDisk(process)
    finally:
        process.communicate()


def _serve() -> None:
    from strongroom_registry import open_registry
    from strongroom_registry.stores import sqlite

    assert sqlite
    open_registry("memory:").close()  # all is imported once, not in every fork
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _tell(pickle.loads(base64.b64decode(line)), writing)
        os.close(writing)
        with open(reading) as answers:
            said = [json.loads(answer) for answer in answers]
        os.waitpid(child, 0)
        outcomes = [answer["outcome"] for answer in said if "outcome" in answer]
        calls = next((answer["calls"] for answer in said if "calls" in answer), 0)
        print(json.dumps({"outcomes": outcomes, "calls": calls}), flush=True)


def _tell(request: Any, writing: int) -> None:
    from strongroom_registry import open_registry

    url, key, story, failure = request
    disk = ctypes.CDLL(None)

    def say(**answer: Any) -> None:
        os.write(writing, (json.dumps(answer) + "\n").encode())

    try:
        registry = open_registry(url, key=key, actor="evidence")
        disk.fail_at(failure.kinds, ctypes.c_long(failure.nth), failure.error, int(failure.lasting))
        for step in story:
            say(outcome=carried_out(registry, step))
        say(calls=disk.seen())
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve()
