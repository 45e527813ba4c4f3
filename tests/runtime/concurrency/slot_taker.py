"""A program for test_processes.py: takes slots with several threads, and counts in a file who is inside at once.

``slot_taker.py URL FILE SLOTS THREADS ROUNDS`` or ``slot_taker.py URL hold``, which holds a slot until it is killed.
"""

from __future__ import annotations

import fcntl
import random
import sys
import threading
from pathlib import Path

from strongroom.concurrency.sync import concurrency
from strongroom.ledger import open_ledger, set_current_ledger


def count(file: Path, slots: int) -> None:
    """So many more are inside, or fewer; the second number of the file is the most there ever were."""
    with file.open("r+") as numbers:
        fcntl.flock(numbers, fcntl.LOCK_EX)
        inside, most = map(int, numbers.read().split())
        inside += slots
        numbers.seek(0)
        numbers.truncate()
        numbers.write(f"{inside} {max(most, inside)}")


def work(file: Path, most: int, rounds: int) -> None:
    for _ in range(rounds):
        occupy = random.randint(1, most)
        with concurrency("shared", occupy=occupy):
            count(file, occupy)
            count(file, -occupy)


def main() -> None:
    set_current_ledger(open_ledger(sys.argv[1]))
    if sys.argv[2] == "hold":
        with concurrency("shared"):
            print("held", flush=True)
            sys.stdin.read()
        return
    file, most, threads, rounds = Path(sys.argv[2]), *map(int, sys.argv[3:6])
    running = [threading.Thread(target=work, args=(file, most, rounds)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main()
