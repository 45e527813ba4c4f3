"""The text of tokens: one text for each token, a typo is always known, and no other text is ever one."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.identity.token import LENGTH, NotAToken, Token, is_accessor

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def tokens() -> st.SearchStrategy[Token]:
    return st.builds(
        Token, st.text(DIGITS, min_size=12, max_size=12), st.one_of(st.binary(min_size=32, max_size=32), EDGES)
    )


EDGES = st.sampled_from([bytes(32), b"\xff" * 32, bytes(31) + b"\x01"])


@given(tokens())
def test_what_is_written_is_read_again(token: Token) -> None:
    assert Token.parse(token.text) == token
    assert len(token.text) == LENGTH
    assert token.text.startswith("srt_")
    assert is_accessor(token.id)


@given(tokens(), st.integers(4, LENGTH - 1), st.sampled_from(DIGITS))
def test_one_wrong_character_is_a_typo(token: Token, place: int, digit: str) -> None:
    text = token.text
    wrong = text[:place] + digit + text[place + 1 :]
    if wrong == text:
        assert Token.parse(wrong) == token
        return
    with pytest.raises(NotAToken):
        Token.parse(wrong)


@given(tokens(), st.integers(4, LENGTH - 2))
def test_two_characters_that_changed_places_are_a_typo(token: Token, place: int) -> None:
    text = token.text
    wrong = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if wrong != text:
        with pytest.raises(NotAToken):
            Token.parse(wrong)


@given(st.one_of(st.text(max_size=100), st.from_regex(r"srt_[0-9A-Za-z]{61}", fullmatch=True)))
def test_no_text_is_read_as_a_token_that_would_be_written_otherwise(text: str) -> None:
    with suppress(NotAToken):
        assert Token.parse(text).text == text


def test_a_secret_beyond_32_bytes_is_refused_though_its_checksum_fits() -> None:
    import zlib

    body = f"srt_{'a' * 12}{'z' * 43}"
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = DIGITS[rest] + digits
    with pytest.raises(NotAToken, match="shape"):
        Token.parse(body + digits)


@pytest.mark.parametrize("change", [" {}", "{} ", "{}\n", "{}\0", "Bearer {}"])
def test_nothing_is_stripped(change: str) -> None:
    with pytest.raises(NotAToken):
        Token.parse(change.format(Token.make().text))


def test_tokens_differ_and_do_not_show() -> None:
    made = [Token.make() for _ in range(100)]
    assert len({token.secret for token in made}) == len({token.id for token in made}) == 100
    token = made[0]
    assert token.text[16:] not in repr(token)
    assert repr(token) == f"Token(id='{token.id}')"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(token)
