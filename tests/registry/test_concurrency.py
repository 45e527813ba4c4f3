"""Many threads and processes at once, and processes that are killed: nothing is lost, nothing is unreadable."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import StaleExpectation, StrongroomError

from .conftest import Save, saver


def run_threads(count: int, target: Callable[[int], None]) -> None:
    """Run ``target(0 … count - 1)`` at once; the first failure of any is raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            target(number)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def add_one(registry: Registry) -> None:
    """Count up, as often as it takes to win."""
    while True:
        document = registry.get("counter")
        number = int(document.payload)
        try:
            saver(registry)("counter", b"%d" % (number + 1), expect=document.version.number)
        except StaleExpectation:
            continue
        return


COUNT = """
import sys
from strongroom_registry import open_registry
sys.path.insert(0, sys.argv[2])
from registry.test_concurrency import add_one
with open_registry(sys.argv[1], create=False) as registry:
    for _ in range(8):
        add_one(registry)
"""


def test_no_update_is_lost_between_processes(url: str) -> None:
    with open_registry(url) as registry:
        saver(registry)("counter", b"0")
        tests = str(Path(__file__).parents[1])
        children = [subprocess.Popen([sys.executable, "-c", COUNT, url, tests]) for _ in range(3)]
        assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
        assert registry.get("counter").payload == b"24"
        assert registry.verify().ok
        assert registry.verify_audit().ok


def test_readers_never_see_a_half_of_a_change(registry: Registry, save: Save) -> None:
    """While versions are added and a label moves, every reader gets a payload that fits its number."""
    save("lake", b"1", labels=["stable"])
    done = threading.Event()

    def read(number: int) -> None:
        if number == 0:
            for version in range(2, 40):
                save("lake", b"%d" % version, expect=version - 1, labels=["stable"])
            done.set()
            return
        while not done.is_set():
            for reference in ("lake", "lake@stable", "lake@1"):
                document = registry.get(reference)
                assert document.payload == b"%d" % document.version.number

    run_threads(4, read)
    assert registry.get("lake@stable").payload == b"39"
    assert registry.verify_audit().ok


def test_a_forked_process_goes_on_with_the_registry_that_it_inherited(url: str) -> None:
    with open_registry(url, actor="parent") as registry:
        saver(registry)("lake")
        registry.get("lake")
        registry.get("lake")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                saver(registry)("from-child", registry.get("lake").payload)
                registry.close()
                os.write(write, b"ok")
            finally:
                os._exit(0)
        os.close(write)
        with open(read, "rb") as answer:
            assert answer.read() == b"ok"
        os.waitpid(child, 0)
        assert registry.get("from-child").payload == b"payload"
        counts = [entry.count for entry in registry.audit(name="lake") if entry.action == "load"]
        assert counts == [1, 1, 1], "the parent's two and the child's one"
        assert registry.verify_audit().ok


WRITE = """
import sys
from strongroom_registry import open_registry
registry = open_registry(sys.argv[1], create=False)
number = registry.head("lake").current
print("ready", flush=True)
while True:
    number += 1
    registry.put("lake", type="lake", schema="s", payload=b"%d" % number, expect=number - 1, labels=["stable"])
    print(number, flush=True)
    if number % 5 == 0:
        registry.destroy("lake", number - 2)
        print(-(number - 2), flush=True)
    registry.get("lake")
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_writer_loses_nothing_that_it_was_promised(url: str, seed: int) -> None:
    """A process that writes without pause is killed at a random moment. What it was told is done is done; what it was
    not told of is there wholly or not at all; and the next writer goes on."""
    dice = random.Random(seed)
    with open_registry(url) as registry:
        saver(registry)("lake", b"1")
    for _ in range(2):
        acknowledged = _write_until_killed(url, lines=dice.randrange(2, 12))
        with open_registry(url) as registry:
            _check_survival(registry, acknowledged)


def _write_until_killed(url: str, lines: int) -> list[int]:
    child = subprocess.Popen([sys.executable, "-c", WRITE, url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    acknowledged = [int(child.stdout.readline()) for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    with child.stdout:  # communicate() would not see what readline() has taken from the pipe ahead
        rest = child.stdout.read()
    child.wait(timeout=60)
    return acknowledged + [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]


def _check_survival(registry: Registry, acknowledged: list[int]) -> None:
    written = [number for number in acknowledged if number > 0]
    destroyed = [-number for number in acknowledged if number < 0]
    current = registry.head("lake").current
    assert current in (written[-1], written[-1] + 1)
    assert registry.get("lake").payload == b"%d" % current
    assert registry.get("lake@stable").payload == b"%d" % current
    for number in written:
        if number not in destroyed and number % 5 != 3:
            assert registry.get(f"lake@{number}").payload == b"%d" % number
    for number in destroyed:
        with pytest.raises(StrongroomError, match="destroyed"):
            registry.get(f"lake@{number}")
    assert registry.verify().problems == ()
    assert registry.verify_audit().problem is None


FULL = """
import resource, sys
from strongroom_registry import open_registry
from strongroom_registry.errors import StoreUnavailable
registry = open_registry(sys.argv[1], create=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    registry.put("lake", type="lake", schema="s", payload=bytes(3_000_000), overwrite=True)
except StoreUnavailable as exc:
    print(exc.remedy)
print(registry.get("lake").version.number)
"""


def test_a_disk_that_fills_up_loses_nothing(url: str, path: Path) -> None:
    """The limit of a file's size stands for the end of the disk: writes fail in the middle of a transaction."""
    with open_registry(url) as registry:
        saver(registry)("lake", b"before")
    done = subprocess.run(
        [sys.executable, "-c", FULL, url, str(1_000_000)], capture_output=True, text=True, check=True, timeout=60
    )
    remedy, version = done.stdout.splitlines()
    assert "disk" in remedy
    assert version == "1"
    with open_registry(url) as registry:
        assert registry.get("lake").payload == b"before"
        assert registry.verify().ok
        saver(registry)("lake", b"after", overwrite=True)


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_opens_the_registry(url: str) -> None:
    open_registry(url).close()
    module = import_module("strongroom_registry.current")
    held, over = threading.Event(), threading.Event()

    def opening() -> None:
        with module._lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=opening)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits
        os.environ["STRONGROOM_REGISTRY"] = url
        module.current(create=False).list()
        os._exit(0)
    over.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
