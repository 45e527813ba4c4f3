"""What policies come to together, held against a model that knows no code of ours."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import vault_policy_model
from strongroom_service.vault_api.acl.acl import Acl, Wanted
from strongroom_service.vault_api.acl.capability import Capability as C  # noqa: N817
from strongroom_service.vault_api.acl.policy_text import parse_policy


def acl(*policies: str, **facts: str) -> Acl:
    return Acl([parse_policy(text) for text in policies], facts)


def may(held: Acl, capability: C, path: str, **parameters: Any) -> bool:
    return held.allows(path, Wanted(capability, parameters))


def test_nothing_is_allowed_that_no_rule_allows() -> None:
    held = acl('path "secret/*" { capabilities = ["read"] }')
    assert may(held, C.READ, "secret/a")
    assert not may(held, C.UPDATE, "secret/a")
    assert not may(held, C.READ, "other")
    assert held.capabilities("other") == ["deny"]


def test_rules_of_one_path_come_together_and_deny_wins() -> None:
    held = acl('path "a" { capabilities = ["read"] }', 'path "a" { capabilities = ["list"] }')
    assert held.capabilities("a") == ["list", "read"]
    held = acl('path "a" { capabilities = ["read", "sudo"] }', 'path "a" { capabilities = ["deny"] }')
    assert held.capabilities("a") == ["deny"]
    assert not any(may(held, capability, "a") for capability in C)


def test_the_most_specific_path_counts() -> None:
    held = acl('path "secret/*" { capabilities = ["read", "list"] }\npath "secret/team/*" { capabilities = ["deny"] }')
    assert may(held, C.READ, "secret/a")
    assert not may(held, C.READ, "secret/team/a")
    held = acl('path "secret/*" { capabilities = ["deny"] }\npath "secret/+/open" { capabilities = ["read"] }')
    assert not may(held, C.READ, "secret/team/a")
    assert may(held, C.READ, "secret/team/open")
    assert not may(held, C.READ, "secret/team/openly")


def test_a_list_is_denied_where_either_form_of_the_path_is() -> None:
    held = acl('path "secret/*" { capabilities = ["list"] }\npath "secret/team/" { capabilities = ["deny"] }')
    assert not may(held, C.LIST, "secret/team")
    held = acl('path "secret/*" { capabilities = ["list"] }\npath "secret/team" { capabilities = ["deny"] }')
    assert not may(held, C.LIST, "secret/team")
    held = acl('path "secret/team/" { capabilities = ["list"] }')
    assert may(held, C.LIST, "secret/team")
    assert not may(held, C.READ, "secret/team")


def test_sudo_is_asked_for_besides() -> None:
    plain, with_sudo = (acl(f'path "sys/seal" {{ capabilities = ["update"{more}] }}') for more in ("", ', "sudo"'))
    wanted = Wanted(C.UPDATE, {}, is_sudo=True)
    assert not plain.allows("sys/seal", wanted)
    assert with_sudo.allows("sys/seal", wanted)
    assert not acl('path "sys/seal" { capabilities = ["sudo"] }').allows("sys/seal", wanted)


@pytest.mark.parametrize(
    ("body", "is_allowed"),
    [
        ({}, False),
        ({"data": 1}, True),
        ({"DATA": 1}, True),
        ({"data": 1, "ttl": "1h"}, True),
        ({"data": 1, "ttl": "25m"}, True),
        ({"data": 1, "ttl": "3h"}, False),
        ({"data": 1, "other": 1}, False),
        ({"ttl": "1h"}, False),
    ],
)
def test_parameters_are_allowed_and_demanded(body: dict[str, Any], is_allowed: bool) -> None:
    held = acl(
        """path "a" {
          capabilities = ["update", "read"]
          allowed_parameters = { "data" = [], "ttl" = ["1h", "2*"] }
          required_parameters = ["data"]
        }"""
    )
    assert may(held, C.UPDATE, "a", **body) is is_allowed
    assert may(held, C.READ, "a")


@pytest.mark.parametrize(
    ("denied", "body", "is_allowed"),
    [
        ('{ "x" = [] }', {"x": 1}, False),
        ('{ "x" = [] }', {"X": 1}, False),
        ('{ "x" = ["bad"] }', {"x": "bad"}, False),
        ('{ "x" = ["bad"] }', {"x": "good"}, True),
        ('{ "x" = [true] }', {"x": 1}, True),
        ('{ "x" = [1] }', {"x": 1}, False),
        ('{ "*" = [] }', {"y": 1}, False),
        ('{ "*" = [] }', {}, True),
    ],
)
def test_parameters_are_denied(denied: str, body: dict[str, Any], is_allowed: bool) -> None:
    held = acl(f'path "a" {{ capabilities = ["update"]\n denied_parameters = {denied} }}')
    assert may(held, C.UPDATE, "a", **body) is is_allowed


def test_wrapping_is_demanded_and_bounded() -> None:
    held = acl('path "a" { capabilities = ["read"]\n min_wrapping_ttl = "10s"\n max_wrapping_ttl = "60s" }')
    found = [
        held.allows("a", Wanted(C.READ, {}, wrapping=ttl and timedelta(seconds=ttl))) for ttl in (None, 5, 10, 60, 61)
    ]
    assert found == [False, False, True, True, False]


def test_templates_are_filled_with_what_is_known() -> None:
    text = 'path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read"] }'
    held = acl(text, name="etl")
    assert may(held, C.READ, "secret/data/etl/a")
    assert not may(held, C.READ, "secret/data/other/a")
    text = 'path "secret/data/{{identity.entity.metadata.team}}" { capabilities = ["read"] }'
    assert may(acl(text, **{"metadata.team": "crm"}), C.READ, "secret/data/crm")


@pytest.mark.parametrize("name", ["", "*", "a*", "+", "a/b", "..", "a b", "{{identity.kind}}", "A"])
def test_a_value_that_could_mean_more_is_never_filled_in(name: str) -> None:
    held = acl('path "secret/{{identity.entity.name}}" { capabilities = ["read"] }', name=name)
    assert not any(may(held, C.READ, path) for path in (f"secret/{name}", "secret/a", "secret/", "secret/a/b"))


def test_a_denial_that_cannot_be_filled_denies_all_that_its_policy_allows() -> None:
    text = 'path "a/*" { capabilities = ["read"] }\npath "a/{{identity.entity.name}}" { capabilities = ["deny"] }'
    assert may(acl(text, name="x"), C.READ, "a/y")
    assert not may(acl(text), C.READ, "a/y")
    other = 'path "a/*" { capabilities = ["read"] }'
    assert not may(acl(text, other), C.READ, "a/y")


_SEGMENTS = ["a", "b", "+"]
_PATHS = ["/".join(parts) for size in (1, 2, 3) for parts in itertools.product(["a", "b"], repeat=size)]
_PATTERNS = st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=3).map("/".join)
_ENDS = st.sampled_from(["", "", "/*", "*", "/"])
_TEXTS = st.builds(lambda path, end: path + end, _PATTERNS, _ENDS).filter(lambda text: not text.endswith("+*"))
_CAPABILITIES = st.sets(st.sampled_from(["read", "update", "list", "deny"]), min_size=1, max_size=2)


@given(st.lists(st.tuples(_TEXTS, _CAPABILITIES), max_size=6), st.integers(1, 3))
def test_the_rules_come_to_what_the_model_says(rules: list[tuple[str, set[str]]], policies: int) -> None:
    texts = [""] * policies
    for at, (path, capabilities) in enumerate(rules):
        listed = ", ".join(f'"{one}"' for one in sorted(capabilities))
        texts[at % policies] += f'path "{path}" {{ capabilities = [{listed}] }}\n'
    held = acl(*texts)
    plain = [(path, frozenset(capabilities)) for path, capabilities in rules]
    for path in _PATHS:
        for capability in (C.READ, C.UPDATE, C.LIST):
            assert may(held, capability, path) is vault_policy_model.may(plain, capability, path)
