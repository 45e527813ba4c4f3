"""Durations in Go's form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.durations import LONGEST, go_duration, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        ("", 0),
        (30, 30),
        ("30", 30),
        ("30s", 30),
        ("30m0s", 1800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172800),
    ],
)
def test_a_duration_is_read(value: object, seconds: float) -> None:
    assert parse_duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("value", "seconds"), [("1500ms", 1.5), ("1h0m0.5s", 3600.5), ("100us", 0.0001)])
def test_a_part_of_a_second_is_read(value: str, seconds: float) -> None:
    assert parse_duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", [True, None, -1, "-1s", "x", "30 s", "30x", "1h!", "s", "1.s", "٣s", 1.5, [], {}, 10**12, "9" * 40, "1e3s"]
)
def test_what_is_none_is_told(value: object) -> None:
    assert parse_duration(value) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (30, "30s"), (1800, "30m0s"), (3600, "1h0m0s"), (90061, "25h1m1s"), (1.5, "1.5s")]
)
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert go_duration(timedelta(seconds=seconds)) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_what_is_written_reads_back(value: timedelta) -> None:
    assert parse_duration(go_duration(value)) == value


@given(st.text(max_size=40))
def test_any_text_is_read_or_not_and_breaks_nothing(text: str) -> None:
    found = parse_duration(text)
    assert found is None or timedelta(0) <= found <= LONGEST
