"""Requests that came together are handed over together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from strongroom_service.http.gathering import Gathering


class Turns:
    """A loop that turns when it is told to, and what was handed over in each turn."""

    def __init__(self, at_most: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.gathering = Gathering(self._hand_over, at_most=at_most)
        self.handed: list[list[int]] = []
        self.fails = False

    def _hand_over(self, loop: asyncio.AbstractEventLoop, asked: list[Any]) -> None:
        assert loop is self.loop
        self.handed.append([number for number, _ in asked])
        if self.fails:
            raise ZeroDivisionError

    def add(self, *numbers: int) -> None:
        async def adding() -> None:
            for number in numbers:
                self.gathering.add(cast(Any, number), lambda _: None)

        self.loop.run_until_complete(adding())  # in the turn that ends with it

    def turn(self, times: int = 1) -> list[list[int]]:
        """What was handed over in some turns more."""
        for _ in range(times):
            self.loop.run_until_complete(asyncio.sleep(0))
        handed, self.handed = self.handed, []
        return handed


@pytest.fixture
def turns() -> Iterator[Turns]:
    made = Turns(4)
    yield made
    made.loop.close()


def test_what_came_in_one_turn_is_handed_over_together(turns: Turns) -> None:
    turns.add(1, 2, 3)
    assert turns.turn(4) == [[1, 2, 3]]
    assert turns.turn(5) == []


def test_no_more_are_handed_over_at_a_time_than_may_be(turns: Turns) -> None:
    turns.add(*range(10))
    assert turns.turn(9) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    turns.add(*range(6))
    turns.add(6, 7)
    assert [number for group in turns.turn(9) for number in group] == [*range(8)]


def test_fewer_than_last_time_wait_a_little_for_others_and_not_for_ever(turns: Turns) -> None:
    turns.add(1, 2, 3)
    assert turns.turn(4) == [[1, 2, 3]]
    turns.add(4)
    turns.add(5, 6)
    assert turns.turn(6) == [[4, 5, 6]]
    turns.add(7)
    assert turns.turn(9) == [[7]]
    turns.add(8)
    assert turns.turn(2) == [[8]]


def test_one_that_cannot_be_handed_over_does_not_stop_the_next(turns: Turns, caplog: pytest.LogCaptureFixture) -> None:
    turns.fails = True
    turns.add(*range(6))
    assert turns.turn(9) == [[0, 1, 2, 3], [4, 5]]
    turns.fails = False
    turns.add(6)
    assert turns.turn(9) == [[6]]
    assert "ZeroDivisionError" in caplog.text
