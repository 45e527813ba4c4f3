"""Row 4: 64 writers, in several processes, each of which adds its versions to one document by compare-and-set.

Each payload names its writer and its turn. At the end every turn of every writer stands in exactly one version, the one
that its writer was told; no version stands there that nobody was told of.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strongroom_registry import Registry
from strongroom_registry.errors import StaleExpectation

from faults.figure import Figure, Work
from faults.places import opened

PROCESSES = 8
THREADS = 8
TURNS = 1_000
NAME = "counter"


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        yield written(work, store)


def written(work: Work, store: str) -> Figure:
    """All writers at once, and what is there when they are done."""
    turns = work.count(TURNS, least=2)
    figure = Figure(4, f"{PROCESSES * THREADS} writers x {turns:,}", store)
    with work.places.make(store, work.folder / store) as place:
        with opened(place) as registry:
            registry.put(NAME, type="counter", schema="s1", payload=b"start")
        answers = [work.folder / f"{store}-{number}.json" for number in range(PROCESSES)]
        children = [_forked(place, number, turns, answer) for number, answer in enumerate(answers)]
        codes = [os.waitpid(child, 0)[1] for child in children]
        told = Counter[str]()
        refused = 0
        for answer in answers:
            if answer.exists():
                content = json.loads(answer.read_text())
                told.update(content["told"])
                refused += content["refused"]
        _check(figure, place, told, turns, codes)
        figure.seen["refused as stale and tried again"] = refused
    return figure


def _check(figure: Figure, place: Any, told: Counter[str], turns: int, codes: list[int]) -> None:
    if any(codes):
        figure.add("a process failed", f"exit codes {codes}")
    with opened(place) as registry:
        current = registry.head(NAME).current
        stands = {registry.get(f"{NAME}@{number}").payload.decode(): number for number in range(2, current + 1)}
        wanted = {f"{writer}:{turn}" for writer in range(PROCESSES * THREADS) for turn in range(turns)}
        for turn in sorted(wanted):
            version = stands.get(turn)
            is_there = version is not None and told[f"{turn}={version}"] == 1
            figure.add("there once" if is_there else "lost", None if is_there else f"{turn} stands in {version}")
        duplicates = current - 1 - len(stands)
        if duplicates or current != 1 + len(wanted) or len(told) != len(wanted):
            figure.add("duplicate", f"{current} versions, {duplicates} alike, {len(told)} told of {len(wanted)}")
        if not (registry.verify().ok and registry.verify_audit().ok):
            figure.add("not sound", "verify or verify_audit found something")


def _forked(place: Any, number: int, turns: int, answer: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        with opened(place) as registry:
            writers = [_Writer(registry, number * THREADS + thread, turns) for thread in range(THREADS)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
        told = [line for writer in writers for line in writer.told]
        answer.write_text(json.dumps({"told": told, "refused": sum(writer.refused for writer in writers)}))
        os._exit(0 if len(told) == THREADS * turns else 1)
    except BaseException:
        os._exit(2)


class _Writer(threading.Thread):
    """Adds its turns, one version each, as often as it takes to win."""

    def __init__(self, registry: Registry, number: int, turns: int) -> None:
        super().__init__()
        self._registry = registry
        self._number = number
        self._turns = turns
        self.told: list[str] = []
        self.refused = 0

    def run(self) -> None:
        current = 1
        for turn in range(self._turns):
            payload = f"{self._number}:{turn}"
            while True:
                try:
                    version = self._registry.put(
                        NAME, type="counter", schema="s1", payload=payload.encode(), expect=current
                    )
                except StaleExpectation:
                    self.refused += 1
                    current = self._registry.head(NAME).current
                    continue
                current = version.number
                self.told.append(f"{payload}={current}")
                break
