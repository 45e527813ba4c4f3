"""Threads that work on requests, a batch at a time: what a batch owes to the audit is one transaction."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from strongroom_service.http.answering import Answered, answer_of, tell
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.gathering import Asked, Gathering
from strongroom_service.http.pipeline import Pipeline, Worked

_LONG = 0.01
"""Seconds from which on a batch is one that waits."""
_WEIGHT = 0.1
"""How much the last batch counts for what is typical."""

_Waiting = tuple[Incoming, asyncio.AbstractEventLoop, Answered]


class Lane:
    """Takes requests from an event loop, and gives their answers back to it.

    :param threads: how many batches are worked on at a time, at most.
    :param waiting: works on what turns out to have to wait; without it that is done here.
    :param batch: how many requests are in one at most. With more than one, a request waits for those beside it.
    """

    def __init__(self, pipeline: Pipeline, *, name: str, threads: int, batch: int, waiting: Lane | None = None) -> None:
        self._pipeline = pipeline
        self._batch = batch
        self._queue: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._waiting = waiting
        self._gathering = Gathering(self._hand_over, at_most=batch)
        self._typical = 0.0
        self._began: float | None = None
        self._is_helped = threading.Event()
        self._is_closing = False
        if batch == 1:
            self._is_helped.set()
        self._threads = [
            threading.Thread(target=self._run, args=(n > 0,), name=f"{name}-{n}", daemon=True) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def take(self, incoming: Incoming, answered: Answered) -> None:
        """Answer a request; called on an event loop, which is told of the answer."""
        if self._batch > 1:
            self._gathering.add(incoming, answered)
        else:
            self._queue.put([(incoming, asyncio.get_running_loop(), answered)])

    async def answer(self, incoming: Incoming) -> Worked:
        """What became of a request."""
        return await answer_of(self, incoming)

    def close(self) -> None:
        """End when what waits is done."""
        self._is_closing = True
        self._is_helped.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _hand_over(self, loop: asyncio.AbstractEventLoop, asked: list[Asked]) -> None:
        began = self._began
        if began is not None and time.perf_counter() - began > _LONG:
            self._is_helped.set()
        self._queue.put([(incoming, loop, answered) for incoming, answered in asked])

    def _run(self, helps: bool) -> None:
        while True:
            if helps:
                self._is_helped.wait()
            first = self._queue.get()
            if first is None:
                return
            batch = first
            is_over = False
            while len(batch) < self._batch and not is_over:
                try:
                    further = self._queue.get_nowait()
                except Empty:
                    break
                if further is None:
                    is_over = True
                else:
                    batch += further
            if helps or self._batch == 1:
                self._work(batch)
            else:
                self._began = time.perf_counter()
                self._work(batch)
                self._note(time.perf_counter() - self._began)
                self._began = None
            if is_over:
                return

    def _note(self, seconds: float) -> None:
        """Where batches are quick, one thread with large ones does more than several with small ones; where they wait
        for a server that is far away, others are worked on meanwhile."""
        self._typical += (seconds - self._typical) * _WEIGHT
        if self._typical > _LONG:
            self._is_helped.set()
        elif self._typical < _LONG / 2 and self._queue.qsize() <= self._batch:
            self._is_helped.clear()
            if self._is_closing:  # who still works is not to wait to be called again
                self._is_helped.set()

    def _work(self, batch: list[_Waiting]) -> None:
        requests = [incoming for incoming, _, _ in batch]
        worked: Sequence[Worked | None]
        if self._batch == 1:
            worked = [self._pipeline.work_alone(requests[0])]
        else:
            worked = self._pipeline.work_together(requests, may_wait=self._waiting is None)
        told = [(one, answered) for one, (_, _, answered) in zip(worked, batch, strict=True) if one is not None]
        if self._waiting is not None:
            for one, waiting in zip(worked, batch, strict=True):
                if one is None:
                    self._waiting._queue.put([waiting])
        with suppress(RuntimeError):  # the server has ended, and nobody waits
            batch[0][1].call_soon_threadsafe(_tell_all, told)


def _tell_all(told: Sequence[tuple[Worked, Answered]]) -> None:
    for worked, answered in told:
        tell(worked, answered)
