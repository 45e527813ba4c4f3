"""Work on requests on the event loop itself, where what they read lies in a file of this machine.

Such a request reads a few rows, which takes less than to hand it to another thread and back. All that came in one turn
of the loop are worked on in the next, at one moment, which is after the last of them came. What they owe to the audit
is one transaction, written at once as well; but where somebody else is writing, or the disk was slow, a thread does it,
and what came meanwhile is its next transaction.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from strongroom_registry.errors import StoreProblem

from strongroom_service.http.answering import Answered, answer_of, tell
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.gathering import Asked, Gathering
from strongroom_service.http.lane import Lane
from strongroom_service.http.pipeline import Pipeline, Worked
from strongroom_service.service import Service

_TURN = 64
"""How many requests are worked on before others have their turn."""
_SLOW = 0.02
_PATIENCE_WITH_DISK = 1.0
_PATIENCE_WITH_OTHERS = 0.05
"""Seconds: how long writing may take here, and for how long a thread does it after it took longer, or others wrote."""
_WRITE_BACK_EVERY = 500

_Owing = tuple[Worked, Answered]


class LoopLane:
    """Answers requests of one event loop.

    :param service: what the requests are about.
    :param waiting: works on what has to wait.
    """

    def __init__(self, pipeline: Pipeline, service: Service, waiting: Lane) -> None:
        self._pipeline = pipeline
        self._service = service
        self._waiting = waiting
        self._gathering = Gathering(self._work, at_most=_TURN)
        self._owing: list[_Owing] = []
        self._is_settling = False
        self._patient_until = 0.0
        self._log_length = 0
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="strongroom-audit")

    def take(self, incoming: Incoming, answered: Answered) -> None:
        """Answer a request in the loop's next turn or later."""
        self._gathering.add(incoming, answered)

    async def answer(self, incoming: Incoming) -> Worked:
        """What became of a request. One that has to wait for others or for the disk does so in the other lane."""
        return await answer_of(self, incoming)

    def close(self) -> None:
        """End when what is owed is written."""
        self._settler.shutdown()

    def _work(self, loop: asyncio.AbstractEventLoop, asked: list[Asked]) -> None:
        with self._service.one_moment():
            for incoming, answered in asked:
                worked = self._pipeline.try_work(incoming)
                if worked is None:
                    self._waiting.take(incoming, answered)
                elif worked.owed:
                    self._owing.append((worked, answered))
                else:
                    tell(worked, answered)
        if self._owing and not self._is_settling:
            if time.monotonic() >= self._patient_until:
                self._settle_at_once(loop)
            else:
                self._settle(loop)

    def _settle_at_once(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what is owed here and now: a disk that is well takes less than to hand it to a thread and back."""
        started, group = time.monotonic(), self._owing
        is_settled = self._pipeline.settle_at_once([worked for worked, _ in group])
        ended = time.monotonic()
        if not is_settled:
            self._patient_until = ended + _PATIENCE_WITH_OTHERS
            self._settle(loop)
            return
        if ended - started > _SLOW:
            self._patient_until = ended + _PATIENCE_WITH_DISK
        self._owing = []
        self._log_length += 1
        if self._log_length >= _WRITE_BACK_EVERY:
            self._log_length = 0
            self._settler.submit(self._write_back)
        for worked, answered in group:
            tell(worked, answered)

    def _write_back(self) -> None:
        with suppress(StoreProblem):  # the next one does more
            self._service.workspaces.write_back()

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._owing = self._owing, []
        self._is_settling = True
        self._settler.submit(self._write, loop, group)

    def _write(self, loop: asyncio.AbstractEventLoop, group: list[_Owing]) -> None:
        """In the thread."""
        self._pipeline.settle([worked for worked, _ in group])
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._settled, loop, group)

    def _settled(self, loop: asyncio.AbstractEventLoop, group: list[_Owing]) -> None:
        self._is_settling = False
        if self._owing:
            self._settle(loop)
        for worked, answered in group:
            tell(worked, answered)
