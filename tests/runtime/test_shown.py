"""What people see of parameters: short, and no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from strongroom import Block, SecretDict
from strongroom.shown import shown
from strongroom_blocks.redaction import redactor

Canary = Callable[..., str]


class Colour(Enum):
    RED = 1


class Options(BaseModel):
    since: date
    token: SecretStr


class Depot(Block):
    """Where goods wait."""

    url: str
    token: SecretStr


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (1, 1),
        (None, None),
        (True, True),
        ("text", "text"),
        (date(2026, 1, 2), "2026-01-02"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "Colour.RED"),
        (b"1234", "bytes(4)"),
        ([1, (2, 3)], [1, [2, 3]]),
        ({1: "a"}, {"1": "a"}),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "DataFrame(2 x 2)"),
        (len, "len"),
        (object(), "object"),
        ("x" * 300, "x" * 200 + "… (300 characters)"),
        (list(range(25)), [*range(20), "… 5 more"]),
        ({str(n): n for n in range(22)}, {**{str(n): n for n in range(20)}, "…": "2 more"}),
        ([[[[[[1]]]]]], [[[["list"]]]]),
    ],
)
def test_values_are_shown_short(value: Any, seen: Any) -> None:
    assert shown({"p": value}) == {"p": seen}


def test_secrets_are_stars_wherever_they_stand(canary: Canary) -> None:
    secret = canary("parameter")
    redactor.register(secret)
    stars = "**********"
    seen = shown({
        "plain": SecretStr(secret),
        "mapping": SecretDict({"a": secret}),
        "model": Options(since=date(2026, 1, 2), token=SecretStr(secret)),
        "nested": [{"a": SecretStr(secret)}],
        "text": f"token={secret}",
    })  # fmt: skip
    assert secret not in json.dumps(seen)
    assert seen["model"] == {"since": "2026-01-02", "token": stars}
    assert seen["nested"] == [{"a": stars}]
    assert seen["plain"] == stars


def test_a_block_is_its_reference(canary: Canary) -> None:
    depot = Depot(url="https://depot.example.com", token=SecretStr(canary("token")))
    assert shown({"depot": depot}) == {"depot": "Depot"}
    depot.save("east")
    assert shown({"depot": depot}) == {"depot": "Depot east@1"}


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_shown_is_json(value: Any) -> None:
    assert json.loads(json.dumps(shown({"p": value}))).keys() == {"p"}
