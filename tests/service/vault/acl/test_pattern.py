"""Paths of rules, and which of several counts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.vault_api.acl.pattern import PathPattern


def pattern(text: str) -> PathPattern:
    found = PathPattern.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "fits", "others"),
    [
        ("secret/a", ["secret/a"], ["secret/a/", "secret/ab", "secret", "/secret/a"]),
        ("secret/*", ["secret/", "secret/a", "secret/a/b"], ["secret", "secrets/a"]),
        ("secret/a*", ["secret/a", "secret/ab", "secret/a/b"], ["secret/b"]),
        ("secret/+/b", ["secret/a/b", "secret/x y/b"], ["secret/b", "secret/a/c/b", "secret//b", "secret/a/b/c"]),
        ("+/+", ["a/b"], ["a", "a/b/c"]),
        ("secret/+/b*", ["secret/a/b", "secret/a/bc/d"], ["secret/a/c"]),
        ("*", ["a", "a/b", ""], []),
        ("a.b/(x)", ["a.b/(x)"], ["axb/(x)", "a.b/x"]),
        ("a+/b", ["a+/b"], ["aa/b", "ax/b"]),
        ("/secret/a", ["secret/a"], []),
    ],
)
def test_a_pattern_fits_what_it_says(text: str, fits: list[str], others: list[str]) -> None:
    assert [path for path in fits if not pattern(text).matches(path)] == []
    assert [path for path in others if pattern(text).matches(path)] == []


@pytest.mark.parametrize("text", ["", "/", "a*b", "a/*/b", "**", "+*", "a/+*", "a" * 1025])
def test_what_is_none_is_told(text: str) -> None:
    assert PathPattern.parse(text) is None


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("secret/*", "secret/a*"),
        ("secret/*", "secret/a"),
        ("secret/+/b", "secret/a*"),
        ("+/a/b", "secret/+/b"),
        ("secret/+/*", "secret/+/a"),
        ("secret/+/+", "secret/+/a"),
        ("secret/+/a", "secret/+/ab"),
        ("secret/+/a", "secret/+/b"),
        ("secret/+/b*", "secret/+/b"),
        ("*", "+"),
    ],
)
def test_the_more_specific_one_is_greater(less: str, more: str) -> None:
    assert pattern(less) < pattern(more)
    assert not pattern(more) < pattern(less)


@given(st.lists(st.text("a+*/", min_size=1, max_size=6), max_size=8))
def test_all_patterns_have_one_order(texts: list[str]) -> None:
    found = {text: one for text in texts if (one := PathPattern.parse(text)) is not None}
    distinct = {one.text: one for one in found.values()}
    ordered = sorted(distinct.values())
    assert all(one < other and not other < one for one, other in itertools.combinations(ordered, 2))


@given(st.text("ab+*/", min_size=1, max_size=6), st.text("ab/", min_size=1, max_size=4), st.text("ab/", max_size=4))
def test_what_may_lie_beneath_is_found(text: str, start: str, rest: str) -> None:
    found = PathPattern.parse(text)
    if found is not None and found.matches(f"{start}/{rest}"):
        assert found.may_lie_beneath(f"{start}/")


def test_what_cannot_lie_beneath_is_told() -> None:
    assert not pattern("other/*").may_lie_beneath("secret/")
    assert not pattern("secret").may_lie_beneath("secret/")
    assert not pattern("sec").may_lie_beneath("secret/")
    assert pattern("sec*").may_lie_beneath("secret/a/")
    assert pattern("+/a/b").may_lie_beneath("secret/a/")
