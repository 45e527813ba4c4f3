"""Claims against rules: who is let in, as whom, with what."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from strongroom_service.errors import Unauthenticated
from strongroom_service.identity.providers.claims import fits, grant_of, is_like, lookup, texts
from strongroom_service.identity.providers.provider import ClaimRule, JwtProvider, OidcProvider

CLAIMS: dict[str, Any] = {
    "sub": "u-1",
    "email": "alice@example.com",
    "email_verified": True,
    "groups": ["data", "ops"],
    "level": 3,
    "realm_access": {"roles": ["admin"]},
    "/odd": "yes",
    "nested": [["deep"]],
}


def provider(*rules: ClaimRule, **more: Any) -> OidcProvider:
    return OidcProvider(issuer="https://id.example.com", client_id="strongroom", rules=rules, **more)


@pytest.mark.parametrize(
    ("claims", "is_fit"),
    [
        ({"groups": ["data"]}, True),
        ({"groups": ["finance"]}, False),
        ({"groups": ["finance", "op*"]}, True),
        ({"groups": ["data"], "email": ["*@example.com"]}, True),
        ({"groups": ["data"], "email": ["*@example.org"]}, False),
        ({"email_verified": ["true"]}, True),
        ({"level": ["3"]}, True),
        ({"/realm_access/roles": ["admin"]}, True),
        ({"/realm_access/nothing": ["*"]}, False),
        ({"/odd": ["yes"]}, True),
        ({"nested": ["*"]}, False),
        ({"missing": ["*"]}, False),
        ({"sub": ["*"]}, True),
        ({"sub": ["U-1"]}, False),
    ],
)
def test_a_rule_is_for_whoever_has_all_of_its_claims(claims: dict[str, list[str]], is_fit: bool) -> None:
    assert fits(ClaimRule.model_validate({"claims": claims}), CLAIMS) is is_fit


def test_a_rule_that_is_for_nobody_in_particular_is_none() -> None:
    with pytest.raises(ValidationError):
        ClaimRule(claims={})
    with pytest.raises(ValidationError):
        ClaimRule(claims={"sub": ()})


def test_all_rules_that_fit_give_what_they_have() -> None:
    found = grant_of(
        "okta",
        provider(
            ClaimRule(claims={"groups": ("data",)}, policies=("reader",), groups=("analysts",)),
            ClaimRule(claims={"groups": ("ops",)}, policies=("reader", "operator", "root")),
            ClaimRule(claims={"groups": ("finance",)}, policies=("ledger",)),
            name_claim="email",
            metadata_claims={"level": "level", "groups": "groups", "none": "missing"},
        ),
        CLAIMS,
        lambda groups: [f"of-{group}" for group in groups],
    )
    assert found.policies == ("default", "reader", "operator", "of-analysts")
    assert found.identity == "oidc:okta/alice@example.com"
    assert found.origin == "provider.okta"
    assert found.facts == {"name": "alice@example.com", "kind": "oidc", "metadata.level": "3"}


@pytest.mark.parametrize(
    ("claim", "claims", "why"),
    [
        ("sub", CLAIMS, "no rule is for u-1"),
        ("email", {**CLAIMS, "email_verified": False}, "unverified"),
        ("email", {**CLAIMS, "email_verified": "true"}, "unverified"),
        ("groups", CLAIMS, "no name"),
        ("missing", CLAIMS, "missing"),
        ("sub", {"sub": "x" * 121}, "no name"),
        ("sub", {"sub": "a\nb"}, "no name"),
        ("sub", {"sub": " a"}, "no name"),
        ("sub", {"sub": ""}, "no name"),
    ],
)
def test_who_has_no_name_or_no_rule_is_not_let_in(claim: str, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        grant_of("okta", provider(ClaimRule(claims={"other": ("x",)}), name_claim=claim), claims, lambda _: ())
    assert why in refused.value.why


def test_the_audit_has_room_for_whom_a_token_is_of() -> None:
    rule = ClaimRule(claims={"sub": ("*",)})
    assert grant_of("x" * 54, provider(rule), {"sub": "y" * 120}, lambda _: ()).identity.startswith("oidc:xxx")
    with pytest.raises(Unauthenticated) as refused:
        grant_of("x" * 55, provider(rule), {"sub": "y" * 120}, lambda _: ())
    assert "too long" in refused.value.why


def test_providers_cannot_be_mistaken_for_users() -> None:
    named = JwtProvider(
        issuer="https://id.example.com", audiences=("a",), rules=(ClaimRule(claims={"sub": ("*",)}),), name_claim="sub"
    )
    assert grant_of("user", named, {"sub": "alice"}, lambda _: ()).identity == "jwt:user/alice"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_stars_stand_for_any_characters(pattern: str, text: str) -> None:
    assert is_like(pattern, text) == bool(re.fullmatch(fnmatch.translate(pattern), text))


def test_many_stars_take_no_longer_than_few() -> None:
    """A regular expression would not come back from this in the lifetime of the universe."""
    assert not is_like("*a" * 200 + "b", "a" * 4000)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_whatever_a_claim_holds_it_says_texts(value: Any) -> None:
    assert all(isinstance(one, str) for one in texts(value))
    assert lookup({"a": value}, "a") == value
    lookup({"a": value}, "/a/b/c")
