"""Lengths of time as people type them and are shown them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom.cli.durations import DURATION, written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0m"), (59, "59s"), (900, "15m"), (3600, "1h"), (90 * 86400, "90d"), (129600, "1d12h"), (3661, "1h1m1s")],
)
def test_a_length_is_shown_as_it_is_typed(seconds: int, text: str) -> None:
    assert written(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**6))
def test_what_is_shown_can_be_typed(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    assert DURATION.convert(written(duration), None, None) == duration
