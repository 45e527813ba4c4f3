"""Shares of a key."""

from __future__ import annotations

import base64
import contextlib
import itertools
import secrets

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.errors import InvalidRequest
from strongroom_service.seal.share import combine, read_share, shown_shares, split


@pytest.mark.parametrize(("shares", "threshold"), [(1, 1), (2, 2), (3, 2), (5, 3), (7, 7)])
def test_enough_shares_give_the_key_in_any_order(shares: int, threshold: int) -> None:
    key = secrets.token_bytes(32)
    made = split(key, shares, threshold)
    assert len({share[0] for share in made}) == shares
    for chosen in itertools.permutations(made, threshold) if shares < 5 else itertools.combinations(made, threshold):
        assert combine(chosen) == key


def test_too_few_shares_give_another_key() -> None:
    key = secrets.token_bytes(32)
    made = split(key, 5, 3)
    assert all(combine(chosen) != key for size in (1, 2) for chosen in itertools.combinations(made, size))


def test_no_share_holds_the_key() -> None:
    key = secrets.token_bytes(32)
    assert all(key[:16] not in share and key[16:] not in share for share in split(key, 5, 3))


@pytest.mark.parametrize(("shares", "threshold"), [(0, 0), (3, 4), (5, 1), (256, 3), (3, 0), (-1, -1)])
def test_numbers_that_are_not_possible_are_refused(shares: int, threshold: int) -> None:
    with pytest.raises(InvalidRequest):
        split(bytes(32), shares, threshold)


def test_a_share_is_read_as_it_was_shown() -> None:
    made = split(secrets.token_bytes(32), 3, 2)
    shown = shown_shares(made)
    assert [read_share(text) for text in shown["keys"]] == list(made)
    assert [read_share(text) for text in shown["keys_base64"]] == list(made)


_TEXTS = (
    st.text(max_size=80)
    | st.binary(max_size=40).map(bytes.hex)
    | st.binary(max_size=40).map(base64.b64encode).map(bytes.decode)
)


@given(_TEXTS)
def test_any_text_is_a_share_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert len(read_share(text)) == 33


def test_what_is_no_share_is_not_quoted(canary: Plant) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_share(canary())
    assert "canary" not in str(refused.value)
