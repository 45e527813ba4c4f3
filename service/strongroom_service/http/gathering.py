"""Requests that came together, so that they are worked on together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from strongroom_service.http.answering import Answered
from strongroom_service.http.exchange import Incoming

_TURNS = 3

Asked = tuple[Incoming, Answered]


class Gathering:
    """Collects requests of one event loop, and hands those of one turn over in the next.

    :param hand_over: called on the loop.
    :param at_most: how many are handed over at a time; the rest in the turn after that.
    """

    def __init__(self, hand_over: Callable[[asyncio.AbstractEventLoop, list[Asked]], None], *, at_most: int) -> None:
        self._hand_over = hand_over
        self._at_most = at_most
        self._asked: list[Asked] = []
        self._last = 0

    def add(self, incoming: Incoming, answered: Answered) -> None:
        """Collect a request."""
        if not self._asked:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._gather, loop, _TURNS)
        self._asked.append((incoming, answered))

    def _gather(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        """Wait a few turns that cost next to nothing if the last time more came together: whoever was answered with
        others asks again with them."""
        if turns and len(self._asked) < self._last:
            loop.call_soon(self._gather, loop, turns - 1)
            return
        asked, self._asked = self._asked[: self._at_most], self._asked[self._at_most :]
        self._last = len(asked)
        if self._asked:
            loop.call_soon(self._gather, loop, 0)
        self._hand_over(loop, asked)
