"""Decisions: deny wins for every verb, and what cannot be known counts against the caller."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from strongroom_registry.errors import IntegrityError, UnknownLabel
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.resource import Resource, Selected, block
from strongroom_service.policies.rights import Rights
from strongroom_service.policies.verbs import Verb

EVERYTHING = {"effect": "allow", "paths": ["**"], "verbs": ["*"]}


def rights(*rules: dict[str, object], **facts: str) -> Rights:
    named = {name.replace("_", "."): value for name, value in facts.items()}
    return Rights.of([("p", Policy.model_validate({"rules": rules}))], named)


def allowed(held: Rights, verb: str, path: str, address: str = "10.0.0.1") -> bool:
    return held.decide(Verb(verb), Resource.parse(path), address).allowed


def at(version: int, *labels: str) -> Resource:
    return block("a", "db", lambda: Selected(version, frozenset(labels)))


def test_nothing_is_allowed_by_itself() -> None:
    assert not any(allowed(rights(), verb, "a/db") for verb in Verb)


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("order", [1, -1])
def test_deny_wins_for_every_verb_wherever_it_stands(verb: Verb, order: int) -> None:
    narrow_deny = {"effect": "deny", "paths": ["a/secret-*"], "verbs": ["*"]}
    narrower_allow = {"effect": "allow", "paths": ["a/secret-db"], "verbs": ["*"]}
    held = rights(*[EVERYTHING, narrow_deny, narrower_allow][::order])
    assert not allowed(held, verb, "a/secret-db")
    assert allowed(held, verb, "a/other")


def test_deny_of_a_listing_takes_out_what_is_denied_alone() -> None:
    held = rights(EVERYTHING, {"effect": "deny", "paths": ["a/secret-*", "a/x"], "verbs": ["list"]})
    assert held.filter(Verb.LIST, "a", ["secret-db", "open", "x", "xx"], "") == ["open", "xx"]
    assert held.filter(Verb.VIEW, "a", ["secret-db", "open"], "") == ["secret-db", "open"]


def test_no_verb_brings_another_along() -> None:
    for verb in Verb:
        held = rights({"effect": "allow", "paths": ["a/*"], "verbs": [verb]})
        assert [other for other in Verb if allowed(held, other, "a/db")] == [verb]


PATHS = ["a/*", "a/x*", "*/*", "a/xy", "b/**", "**", "a/x@stable", "a/:audit"]
RULES = st.fixed_dictionaries(
    {
        "effect": st.sampled_from(["allow", "allow", "deny"]),
        "paths": st.lists(st.sampled_from(PATHS), min_size=1, unique=True),
        "verbs": st.lists(st.sampled_from(["view", "reveal"]), min_size=1, unique=True),
    }
)  # fmt: skip


@given(st.lists(RULES, max_size=6), st.sampled_from(["a", "b"]), st.sampled_from([Verb.VIEW, Verb.REVEAL]))
def test_a_filter_says_the_same_as_asking_for_each(rules: list[dict[str, object]], workspace: str, verb: Verb) -> None:
    held, names = rights(*rules), ["x", "xy", "y", "audit", "zz"]
    asked = [name for name in names if held.decide(verb, block(workspace, name), "").allowed]
    assert held.filter(verb, workspace, names, "") == asked


@given(st.lists(RULES, max_size=6), st.permutations(range(6)), st.sampled_from(["a/xy", "a/x", "b/:audit"]))
def test_the_order_of_rules_decides_nothing(rules: list[dict[str, object]], order: list[int], path: str) -> None:
    shuffled = [rules[place] for place in order if place < len(rules)]
    assert allowed(rights(*rules), "view", path) == allowed(rights(*shuffled), "view", path)


def test_selectors_are_of_the_version_that_is_asked_for() -> None:
    held = rights(
        {"effect": "allow", "paths": ["a/db@stable", "a/db@7"], "verbs": ["reveal"]},
        {"effect": "deny", "paths": ["a/db@broken"], "verbs": ["reveal"]},
    )
    assert held.decide(Verb.REVEAL, at(3, "stable"), "").allowed
    assert held.decide(Verb.REVEAL, at(7), "").allowed
    assert not held.decide(Verb.REVEAL, at(7, "broken"), "").allowed
    assert not held.decide(Verb.REVEAL, at(4, "latest"), "").allowed
    assert not held.decide(Verb.REVEAL, block("a", "db"), "").allowed


def test_what_is_about_all_versions_is_about_those_that_are_denied() -> None:
    held = rights(EVERYTHING, {"effect": "deny", "paths": ["a/db@stable"], "verbs": ["view"]})
    assert not held.decide(Verb.VIEW, block("a", "db"), "").allowed
    assert held.decide(Verb.VIEW, at(3), "").allowed
    assert not held.decide(Verb.VIEW, at(3, "stable"), "").allowed


def raising(error: Exception) -> Callable[[], Selected]:
    def selected() -> Selected:
        raise error

    return selected


def test_a_version_is_looked_up_at_most_once_and_only_where_it_could_turn_something() -> None:
    asked = []
    resource = block("a", "db", lambda: asked.append(1) or Selected(3))
    rights(EVERYTHING).decide(Verb.REVEAL, resource, "")
    rights({"effect": "allow", "paths": ["a/db@3"], "verbs": ["view"]}, EVERYTHING).decide(Verb.VIEW, resource, "")
    rights({"effect": "deny", "paths": ["b/db@3"], "verbs": ["view"]}).decide(Verb.VIEW, resource, "")
    assert not asked
    two = {"paths": ["a/db@3", "a/*@4"], "verbs": ["view"]}
    rights({"effect": "deny", **two}, {"effect": "allow", **two}).decide(Verb.VIEW, resource, "")
    assert len(asked) == 1


def test_a_version_that_is_not_there_is_allowed_nothing_and_damage_is_not_hidden() -> None:
    only_stable = rights({"effect": "allow", "paths": ["a/db@stable"], "verbs": ["view"]})
    but_stable = rights(EVERYTHING, {"effect": "deny", "paths": ["a/db@stable"], "verbs": ["view"]})
    for held in (only_stable, but_stable):
        assert not held.decide(Verb.VIEW, block("a", "db", raising(UnknownLabel("no"))), "").allowed
        with pytest.raises(IntegrityError):
            held.decide(Verb.VIEW, block("a", "db", raising(IntegrityError("bad"))), "")


def test_templates_with_the_callers_own_facts() -> None:
    rule = {"effect": "allow", "paths": ["team-{{identity.metadata.team}}/*"], "verbs": ["view"]}
    assert allowed(rights(rule, metadata_team="data"), "view", "team-data/db")
    assert not allowed(rights(rule, metadata_team="data"), "view", "team-web/db")


@pytest.mark.parametrize("value", ["*", "da*", "data/*", "{{identity.name}}", "+", "..", "", "a@b", "data\n", "DATA"])
def test_a_fact_with_a_meaning_of_its_own_gives_nothing_and_takes_everything(value: str) -> None:
    rule = {"paths": ["team-{{identity.metadata.team}}/*"], "verbs": ["view"]}
    assert not allowed(rights({"effect": "allow", **rule}, metadata_team=value), "view", "team-data/db")
    assert not allowed(rights(EVERYTHING, {"effect": "deny", **rule}, metadata_team=value), "view", "team-data/db")
    assert allowed(rights(EVERYTHING, {"effect": "deny", **rule}, metadata_team=value), "view", "other/db")


def test_only_the_fact_that_is_absent_is_anything_in_a_deny() -> None:
    rule = {"effect": "deny", "paths": ["team-{{identity.metadata.team}}/{{identity.name}}-db"], "verbs": ["view"]}
    held = rights(EVERYTHING, rule, name="alice")
    assert not allowed(held, "view", "team-web/alice-db")
    assert allowed(held, "view", "team-web/bob-db")


@pytest.mark.parametrize(
    ("address", "within"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::7", True), ("10.2.0.1", False), ("2001:db9::", False)],
)
def test_addresses(address: str, within: bool) -> None:
    when = {"paths": ["a/*"], "verbs": ["view"], "when": {"addresses": ["10.1.0.0/16", "2001:db8::/32"]}}
    assert allowed(rights({"effect": "allow", **when}), "view", "a/db", address) is within
    assert allowed(rights(EVERYTHING, {"effect": "deny", **when}), "view", "a/db", address) is not within


@pytest.mark.parametrize("address", ["", "testclient", "unix", "10.1.2.3, 10.9.9.9"])
def test_an_address_that_is_none_counts_against_the_caller(address: str) -> None:
    when = {"paths": ["a/*"], "verbs": ["view"], "when": {"addresses": ["10.1.0.0/16"]}}
    assert not allowed(rights({"effect": "allow", **when}), "view", "a/db", address)
    assert not allowed(rights(EVERYTHING, {"effect": "deny", **when}), "view", "a/db", address)


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"effect": "permit", "paths": ["a/*"], "verbs": ["view"]},
        {"effect": "allow", "paths": [], "verbs": ["view"]},
        {"effect": "allow", "paths": ["a/*"], "verbs": []},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["View"]},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["sudo"]},
        {"effect": "allow", "paths": ["a/../b"], "verbs": ["view"]},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["view"], "unless": {}},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["view"], "when": {}},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["view"], "when": {"addresses": []}},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["view"], "when": {"addresses": ["10.1.2.3/16"]}},
        {"effect": "allow", "paths": ["a/*"], "verbs": ["view"], "when": {"addresses": ["::ffff:10.0.0.0/104"]}},
        {"effect": "allow", "paths": ["a/db@3"], "verbs": ["view", "write"]},
        {"effect": "deny", "paths": ["a/db@3"], "verbs": ["*"]},
    ],
)
def test_what_is_no_rule(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": [rule]})
