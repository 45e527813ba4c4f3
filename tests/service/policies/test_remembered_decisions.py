"""Decisions that are remembered: always what they would be anew, and gone with what they stand on."""

from __future__ import annotations

import gc
from types import MappingProxyType
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.errors import UnknownVersion
from strongroom_service.identity.caller import Caller
from strongroom_service.listings import AskedPage, Listings
from strongroom_service.policies import policies as module
from strongroom_service.policies import rights as rights_module
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.resource import Selected, block
from strongroom_service.policies.rights import Rights
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service
from strongroom_service.state.directory import Directory

HERE, THERE = "10.0.0.7", "192.0.2.9"

RULES = st.lists(
    st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["allow", "deny"]),
            "paths": st.lists(st.sampled_from(["a/*", "a/x", "a/x@3", "a/*@stable", "**"]), min_size=1, max_size=2),
            "verbs": st.just(["reveal"]),
        },
        optional={"when": st.just({"addresses": ["10.0.0.0/8"]})},
    ),
    max_size=4,
)
VERSIONS = st.sampled_from([Selected(3, frozenset()), Selected(4, frozenset({"stable"})), None])
ASKED = st.tuples(st.sampled_from(["x", "y"]), VERSIONS, st.booleans(), st.sampled_from([HERE, THERE, ""]))


def rights_of(rules: list[dict[str, object]]) -> Rights:
    return Rights.of([("p", Policy.model_validate({"rules": rules}))], {})


@given(rules=RULES, asked=st.lists(ASKED, max_size=12))
def test_what_was_decided_before_is_decided_alike(
    rules: list[dict[str, object]], asked: list[tuple[str, Selected | None, bool, str]]
) -> None:
    """Whatever was asked before: the version that a name means, and where the question comes from, are others each
    time."""
    held = rights_of(rules)
    for name, version, is_known, address in asked:

        def chosen(version: Selected | None = version) -> Selected:
            if version is None:
                raise UnknownVersion("There is none.")
            return version

        resource = block("a", name, chosen if is_known else None)
        expected = rights_of(rules).decide(Verb.REVEAL, resource, address)
        assert [held.decide(Verb.REVEAL, resource, address) for _ in range(2)] == [expected, expected]


def test_a_decision_about_a_version_looks_at_it_each_time() -> None:
    held = rights_of([{"effect": "allow", "paths": ["a/*@stable"], "verbs": ["reveal"]}])
    labels = [{"stable"}, set[str](), {"stable"}]
    seen: list[bool] = []
    while labels:
        resource = block("a", "x", lambda: Selected(1, frozenset(labels.pop())))
        seen.append(held.decide(Verb.REVEAL, resource, HERE).allowed)
    assert seen == [True, False, True]


def test_an_error_of_the_registry_is_no_decision() -> None:
    held = rights_of([{"effect": "allow", "paths": ["a/*@stable"], "verbs": ["reveal"]}])

    def fails() -> Selected:
        raise OSError

    for _ in range(2):
        with pytest.raises(OSError, match=r"^$"):
            held.decide(Verb.REVEAL, block("a", "x", fails), HERE)
    resource = block("a", "x", lambda: Selected(1, frozenset({"stable"})))
    assert held.decide(Verb.REVEAL, resource, HERE).allowed


def test_as_many_decisions_are_kept_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights_module, "_DECISIONS_KEPT", 10)
    held = rights_of([{"effect": "allow", "paths": ["a/*"], "verbs": ["reveal"]}])
    for number in range(50):
        assert held.decide(Verb.REVEAL, block("a", f"n{number}"), HERE).allowed
        assert len(held._decided) <= 10


# -- the rights of one who asks again


def write(directory: Directory, name: str, *paths: str) -> None:
    rules = [{"effect": "allow", "paths": list(paths), "verbs": ["view"]}]
    directory.put("policy", name, Policy.model_validate({"rules": rules}))


def who(*policies: str, **facts: str) -> Caller:
    return Caller("user:x", policies=policies, facts=MappingProxyType(facts), address=HERE)


def sees(policies: Policies, caller: Caller, name: str) -> bool:
    return policies.decide(caller, Verb.VIEW, block("a", name)).allowed


def test_everybody_has_his_own_rights_however_many_there_were_before(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts that are let go leave their place in memory to others."""
    monkeypatch.setattr(module, "_RIGHTS_KEPT", 5)
    policies = service.policies
    write(service.directory, "own", "a/{{identity.name}}")
    write(service.directory, "more", "a/more")
    with service.one_moment():
        for number in range(300):
            name = f"n{number % 7}"
            caller = who("own", *(["more"] if number % 3 else []), name=name)
            assert [sees(policies, caller, one) for one in ("n0", "n3", "more")] == [
                name == "n0",
                name == "n3",
                bool(number % 3),
            ]
            assert len(policies._rights[1]) <= 5


def test_a_policy_that_was_changed_counts_at_once(service: Service) -> None:
    policies, caller = service.policies, who("p")
    assert not sees(policies, caller, "x")
    for paths in (["a/x"], ["a/y"], ["a/x", "a/y"]):
        write(service.directory, "p", *paths)
        for _ in range(2):
            assert [sees(policies, caller, name) for name in "xy"] == [f"a/{name}" in paths for name in "xy"]
    service.directory.remove("policy", "p")
    assert not sees(policies, caller, "x")


def test_another_process_changes_what_counts_in_the_next_moment(service: Service) -> None:
    caller = who("p")
    with Service.open() as other:
        for paths in (["a/x"], ["a/y"]):
            write(other.directory, "p", *paths)
            with service.one_moment():
                assert [sees(service.policies, caller, name) for name in "xy"] == [
                    f"a/{name}" in paths for name in "xy"
                ]


def test_what_was_decided_goes_with_the_policies_that_it_was_decided_by(service: Service) -> None:
    """Else a server whose users and policies change would keep what each of them ever asked for."""
    policies, listings = service.policies, Listings()
    write(service.directory, "p", "a/x")
    caller = who("p")
    held = policies.rights(caller)
    asked = AskedPage("a", "*", None, False, "", 100, HERE)
    listings.keep_page(asked, b"r", held, b"page")
    assert listings.page(asked, b"r", held) == b"page"
    former = ref(held)
    del held
    for number in range(3):
        write(service.directory, "p", f"a/x{number}")
        policies.rights(caller)
    gc.collect()
    assert former() is None
    assert listings.page(asked, b"r", policies.rights(caller)) is None
