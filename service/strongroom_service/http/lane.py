"""Threads that work on requests, a batch at a time: what a batch owes to the audit is one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from strongroom_service.http.answering import Answered, answer_of, tell
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.pipeline import Pipeline, Worked

_Waiting = tuple[Incoming, asyncio.AbstractEventLoop, Answered]


class Lane:
    """Takes requests from an event loop, and gives their answers back to it.

    :param threads: how many batches are worked on at a time.
    :param batch: how many requests are in one at most. With more than one, a request waits for those beside it.
    """

    def __init__(self, pipeline: Pipeline, *, name: str, threads: int, batch: int) -> None:
        self._pipeline = pipeline
        self._batch = batch
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def take(self, incoming: Incoming, answered: Answered) -> None:
        """Answer a request; called on an event loop, which is told of the answer."""
        self._queue.put((incoming, asyncio.get_running_loop(), answered))

    async def answer(self, incoming: Incoming) -> Worked:
        """What became of a request."""
        return await answer_of(self, incoming)

    def close(self) -> None:
        """End when what waits is done."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            is_over = False
            while len(batch) < self._batch and not is_over:
                try:
                    further = self._queue.get_nowait()
                except Empty:
                    break
                if further is None:
                    is_over = True
                else:
                    batch.append(further)
            self._work(batch)
            if is_over:
                return

    def _work(self, batch: list[_Waiting]) -> None:
        requests = [incoming for incoming, _, _ in batch]
        worked = self._pipeline.work_together(requests) if self._batch > 1 else [self._pipeline.work_alone(requests[0])]
        loop = batch[0][1]
        try:
            loop.call_soon_threadsafe(_tell_all, worked, [answered for _, _, answered in batch])
        except RuntimeError:  # the server has ended, and nobody waits
            return


def _tell_all(worked: Sequence[Worked], callbacks: Sequence[Answered]) -> None:
    for one, answered in zip(worked, callbacks, strict=True):
        tell(one, answered)
