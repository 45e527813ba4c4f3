"""The paths of rules: what they mean, what is refused, and that a part of one is never taken for the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.policies.glob import MalformedPattern
from strongroom_service.policies.path_pattern import PathPattern, Scope
from strongroom_service.policies.resource import Resource, Selected

SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", ":audit", ":*"])
NAMES = st.sampled_from(["a", "b", "ab", "aab", "abb"])
PLACES = st.one_of(
    st.tuples(NAMES, NAMES),
    st.tuples(NAMES, st.sampled_from([":audit", ":keys"])),
    st.tuples(NAMES, st.just(":sealing"), NAMES),
    st.tuples(st.just(":service"), NAMES),
    st.tuples(st.just(":service"), NAMES, NAMES),
)


def scope(text: str) -> Scope:
    return PathPattern.parse(text).widest()


@st.composite
def patterns(draw: st.DrawFn) -> str:
    first = draw(st.sampled_from(["a", "b", "*", "a*", ":service"]))
    second = draw(SEGMENTS if first != ":service" else st.sampled_from(["a", "*", "b*"]))
    ends = [f"{first}/{second}", f"{first}/**", "**"]
    if second.startswith(":") or first == ":service":
        ends += [f"{first}/{second}/**", f"{first}/{second}/{draw(st.sampled_from(['a', '*', 'a*']))}"]
    elif not second.startswith(":"):
        ends += [f"{first}/{second}@{draw(st.sampled_from(['3', 'stable', 's*']))}"]
    return draw(st.sampled_from(ends))


@pytest.mark.parametrize(
    ("text", "fits", "misses"),
    [
        ("analytics/prod-*", ["analytics/prod-db", "analytics/prod-"], ["analytics/dev", "other/prod-db"]),
        ("analytics/*", ["analytics/x"], ["analytics/:audit", ":service/x", "analytics/:leases/x"]),
        ("analytics/**", ["analytics/x", "analytics/:audit", "analytics/:leases/x"], [":service/analytics"]),
        ("*/**", ["analytics/x", "b/:audit"], [":service/tokens"]),
        ("**", ["analytics/x", ":service/tokens", ":service/policies/p", "a/:leases/x"], []),
        (":service/policies/**", [":service/policies/p"], [":service/policies", ":service/tokens"]),
        (":service/*", [":service/tokens"], [":service/policies/p"]),
        ("a/:leases/*", ["a/:leases/x"], ["a/:leases", "a/x"]),
        (":service/tokens/aB3", [":service/tokens/aB3"], [":service/tokens/ab3"]),
    ],
)
def test_which_paths_are_meant(text: str, fits: list[str], misses: list[str]) -> None:
    found = [path for path in fits + misses if scope(text).fits(tuple(path.split("/")))]
    assert found == fits


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "a", "*", ":service", "a/", "/a", "a//b", "a/b/", "a/b/c", "a/b/**", "a/*/x", "a/**/b", "**/a",
        "a/***", "a/../b", "./a", "a/..", "A/b", "a/B", ":service/policies/Admin", ":other/x", "a/b@", "a/b@@3",
        "a/b@0", "a/b@01", "a/b@*", "a/b@Stable", "a/**@3", "a/:audit@3", ":service/policies@3", "**@3", "a/b@3/c",
        "a/b@-1", "a/b@1*", ":service/:audit", "a/{{identity.name}", "a/{{ identity.name }}", "a/{{identity.x}}",
        "a/{{identity.metadata.}}", "a/{{name}}", "a/{x}", "a/b c", "a/b\n", "a/b?", "a/[b]", "a/\u0430", "a/b%2f",
        "a\\b", "a/" + "x" * 600, "a/b**{{identity.name}}", "a/:b/c/d/e/f/g/h/i/j",
    ],
)  # fmt: skip
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(MalformedPattern):
        PathPattern.parse(text)


def test_a_message_does_not_repeat_what_stood_there() -> None:
    with pytest.raises(MalformedPattern) as caught:
        PathPattern.parse("analytics/what-i-typed?")
    assert "typed" not in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"[a*:/@{}.0-9-]{0,30}", fullmatch=True))
def test_any_text_is_a_path_or_named_as_none(text: str) -> None:
    try:
        PathPattern.parse(text).widest()
    except MalformedPattern:
        return
    assert text == text.strip()


@given(patterns(), patterns(), PLACES)
def test_covering_and_meeting_say_nothing_wrong_of_any_path(one: str, other: str, place: tuple[str, ...]) -> None:
    wide, narrow = scope(one), scope(other)
    if narrow.fits(place):
        assert not wide.covers(narrow) or wide.fits(place)
        assert wide.meets(narrow) or not wide.fits(place)


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("a/*", "a/b", True), ("a/*", "a/b@3", True), ("a/b@3", "a/b", False), ("a/b@3", "a/b@3", True),
        ("a/b@s*", "a/b@stable", True), ("a/b@stable", "a/b@s*", False), ("a/b@s*", "a/b@3", False),
        ("a/**", "a/:leases/**", True), ("a/:leases/**", "a/**", False), ("**", "a/*", True), ("**", "**", True),
        ("a/*", "a/**", False), ("a/**", "a/*", True), ("*/*", "a/:audit", False), (":service/*", ":service/**", False),
        ("a/{{identity.name}}", "a/alice", True), ("a/alice", "a/{{identity.name}}", False),
    ],
)  # fmt: skip
def test_what_is_covered(wide: str, narrow: str, covered: bool) -> None:
    assert scope(wide).covers(scope(narrow)) is covered


@given(patterns(), PLACES)
def test_the_names_of_a_workspace_are_those_whose_paths_are_meant(text: str, place: tuple[str, ...]) -> None:
    if Resource(place).is_block:
        glob = scope(text).names_of(place[0])
        assert (glob is not None and glob.matches(place[1])) == scope(text).fits(place)


def test_templates_are_filled_with_names_alone() -> None:
    pattern = PathPattern.parse("team-{{identity.metadata.team}}/{{identity.name}}-*")
    filled = pattern.of({"name": "alice", "metadata.team": "data"})
    assert filled is not None
    assert filled.fits(("team-data", "alice-db"))
    assert not filled.fits(("team-data", "bob-db"))
    for bad in ("*", "a*", "a/b", "..", "", "{{identity.name}}", "a@3", ":audit", "+", "A", "a b", "a-", "a" * 129):
        assert pattern.of({"name": "alice", "metadata.team": bad}) is None
    assert pattern.of({"name": "alice"}) is None


def test_a_selector_means_numbers_and_labels() -> None:
    three = Selected(3, frozenset({"stable", "release-1"}))
    meant = {text: PathPattern.parse(f"a/b@{text}").selector for text in ("3", "4", "stable", "release-*", "latest")}
    assert [text for text, selector in meant.items() if selector is not None and selector.matches(three)] == [
        "3",
        "stable",
        "release-*",
    ]
