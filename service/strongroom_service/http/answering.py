"""How whoever asked is told of an answer: by a call on the event loop, or as what a coroutine waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from strongroom_service.http.exchange import Incoming
from strongroom_service.http.pipeline import Worked

_log = logging.getLogger("strongroom.service")

Answered = Callable[[Worked], None]
"""Called on the event loop with what became of a request."""


class Takes(Protocol):
    """What answers requests."""

    def take(self, incoming: Incoming, answered: Answered) -> None:
        """Answer a request, sooner or later; called on the event loop."""


async def answer_of(lane: Takes, incoming: Incoming) -> Worked:
    """What became of a request."""
    future: asyncio.Future[Worked] = asyncio.get_running_loop().create_future()
    lane.take(incoming, partial(_resolve, future))
    return await future


def tell(worked: Worked, answered: Answered) -> None:
    """Tell of an answer. One that cannot be told is no reason not to tell the others."""
    try:
        answered(worked)
    except Exception as error:
        _log.error("request %s could not be answered: %s", worked.incoming.id, type(error).__name__)


def _resolve(future: asyncio.Future[Worked], worked: Worked) -> None:
    if not future.done():
        future.set_result(worked)
