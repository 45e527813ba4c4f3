"""Slots among real processes: never more than there are, and free again when their holder is killed."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

from strongroom.concurrency.limits import create_limit, list_leases, read_limit
from strongroom.concurrency.sync import concurrency
from strongroom.ledger import Ledger

TAKER = Path(__file__).with_name("slot_taker.py")


def start(ledger: Ledger, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(TAKER), ledger.url, *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_with_threads_never_have_more_slots_than_there_are(shared_ledger: Ledger, tmp_path: Path) -> None:
    create_limit("shared", 3)
    numbers = tmp_path / "numbers"
    numbers.write_text("0 0")
    takers = [start(shared_ledger, numbers, 2, 4, 5) for _ in range(3)]
    assert [taker.wait(120) for taker in takers] == [0, 0, 0]
    inside, most = map(int, numbers.read_text().split())
    assert inside == 0
    assert 1 <= most <= 3
    assert read_limit("shared").active_slots == 0


def test_a_killed_process_frees_its_slots(shared_ledger: Ledger) -> None:
    create_limit("shared", 1)
    holder = start(shared_ledger, "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    [lease] = list_leases("shared")
    assert lease.process.startswith(f"{holder.pid}@")
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    assert read_limit("shared").active_slots == 0
    with concurrency("shared", timeout_seconds=60):
        [lease] = list_leases("shared")
        assert not lease.process.startswith(f"{holder.pid}@")


def test_a_process_that_ends_in_order_frees_its_slots_at_once(shared_ledger: Ledger) -> None:
    create_limit("shared", 1)
    holder = start(shared_ledger, "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.communicate("", timeout=60)
    assert list_leases("shared") == []


def _leave_a_forked_block(done: object) -> None:
    with concurrency("shared"):
        done.set()  # type: ignore[attr-defined]


def test_a_forked_process_takes_slots_of_its_own(shared_ledger: Ledger) -> None:
    create_limit("shared", 2)
    fork = multiprocessing.get_context("fork")
    with concurrency("shared"):
        done = fork.Event()
        child = fork.Process(target=_leave_a_forked_block, args=(done,))
        child.start()
        child.join(60)
        assert (child.exitcode, done.is_set()) == (0, True)
        assert read_limit("shared").active_slots == 1
    assert read_limit("shared").active_slots == 0
