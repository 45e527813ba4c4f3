"""Globs over one segment: the same as the plainest definition of them, in time that grows with the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strongroom_service.policies.glob import Glob, MalformedPattern

TEXTS = st.from_regex(r":?[ab.](?:[ab.-]{0,8}[ab])?", fullmatch=True)
GLOBS = st.from_regex(r":?[ab*](?:[ab*-]{0,8}[ab*])?", fullmatch=True).map(lambda text: re.sub(r"\*+", "*", text))


def plain(glob: str, text: str) -> bool:
    """By a regular expression, which a star at the front does not let begin with ':'."""
    guard = "(?!:)" if glob.startswith("*") else ""
    return re.fullmatch(guard + "".join(".*" if c == "*" else re.escape(c) for c in glob), text) is not None


@given(GLOBS, TEXTS)
@example("a*a", "a")
@example("*", ":a")
@example(":*", ":a")
@example("*a*b*a", "abab")
def test_a_glob_fits_what_its_definition_says(glob: str, text: str) -> None:
    assert Glob.parse(glob).matches(text) == plain(glob, text)


@given(GLOBS, GLOBS, TEXTS)
@example("*", ":*", ":a")
def test_what_a_glob_covers_it_fits(one: str, other: str, text: str) -> None:
    wide, narrow = Glob.parse(one), Glob.parse(other)
    if wide.covers(narrow) and narrow.matches(text):
        assert wide.matches(text)


@given(GLOBS, GLOBS, TEXTS)
@example("a*", "*b", "ab")
@example("*", ":a*", ":ab")
def test_what_fits_two_globs_is_where_they_meet(one: str, other: str, text: str) -> None:
    if Glob.parse(one).matches(text) and Glob.parse(other).matches(text):
        assert Glob.parse(one).meets(Glob.parse(other))


def test_many_stars_do_not_make_it_look_at_a_text_over_and_over() -> None:
    glob = Glob.parse("*a" * 200 + "*b*")
    looked_at = 0

    class Watched(str):
        def find(self, *args: object) -> int:  # type: ignore[override]
            nonlocal looked_at
            found = super().find(*args)  # type: ignore[arg-type]
            looked_at += (found if found >= 0 else len(self)) - int(args[1])  # type: ignore[call-overload]
            return found

    assert not glob.matches(Watched("a" * 5000))
    assert glob.matches(Watched("a" * 5000 + "b"))
    assert 5000 <= looked_at < 2 * 5002


@pytest.mark.parametrize(
    "text", ["", "**", "a**", "a/b", "a b", "..", ".", "ä", "a\n", "a::b", "a?", "[a]", "a{b}", "%2e"]
)
def test_what_is_no_glob(text: str) -> None:
    with pytest.raises(MalformedPattern):
        Glob.parse(text)
