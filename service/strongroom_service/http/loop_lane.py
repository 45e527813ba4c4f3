"""Work on requests on the event loop itself, where what they read lies in a file of this machine.

Such a request reads a few rows, which takes less than to hand it to another thread and back. What waits for the disk is
what it owes to the audit: a thread writes that, of all requests that came meanwhile in one transaction.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from strongroom_service.http.exchange import Incoming
from strongroom_service.http.lane import Lane
from strongroom_service.http.pipeline import Pipeline, Worked
from strongroom_service.identity.tokens import HasToWait
from strongroom_service.state.directory import Directory

_Owing = tuple[Worked, "asyncio.Future[Worked]"]


class LoopLane:
    """Answers requests of one event loop.

    :param directory: read at one moment by all requests of one turn of the loop.
    :param waiting: works on what has to wait.
    """

    def __init__(self, pipeline: Pipeline, directory: Directory, waiting: Lane) -> None:
        self._pipeline = pipeline
        self._waiting = waiting
        self._directory = directory
        self._owing: list[_Owing] = []
        self._is_settling = False
        self._is_one_moment = False
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="strongroom-audit")

    async def answer(self, incoming: Incoming) -> Worked:
        """What became of a request. One that has to wait for others or for the disk does so in the other lane."""
        loop = asyncio.get_running_loop()
        if not self._is_one_moment:
            self._is_one_moment = True
            self._directory.begin_moment()
            loop.call_soon(self._end_moment)
        incoming.may_wait = False
        try:
            worked = self._pipeline.work(incoming)
        except HasToWait:
            incoming.may_wait = True
            return await self._waiting.answer(incoming)
        if not worked.owed:
            return worked
        future: asyncio.Future[Worked] = loop.create_future()
        self._owing.append((worked, future))
        if not self._is_settling:
            self._is_settling = True
            loop.call_soon(self._settle, loop)  # when the others of this turn owe too
        return await future

    def close(self) -> None:
        """End when what is owed is written."""
        self._settler.shutdown()

    def _end_moment(self) -> None:
        self._is_one_moment = False
        self._directory.end_moment()

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._owing = self._owing, []
        batch = [worked for worked, _ in group]
        done = loop.run_in_executor(self._settler, self._pipeline.settle, batch)
        done.add_done_callback(partial(self._settled, loop, group))

    def _settled(self, loop: asyncio.AbstractEventLoop, group: list[_Owing], _done: asyncio.Future[None]) -> None:
        for worked, future in group:
            if not future.done():
                future.set_result(worked)
        if self._owing:
            self._settle(loop)
        else:
            self._is_settling = False
