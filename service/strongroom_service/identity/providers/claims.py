"""From what somebody was vouched for to what he may do: claims against the rules of a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from strongroom_service.errors import Unauthenticated
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.grant import Grant
from strongroom_service.identity.providers.provider import (
    AwsProvider,
    ClaimRule,
    JwtProvider,
    KubernetesProvider,
    OidcProvider,
)
from strongroom_service.identity.token_record import DEFAULT

NAME_MAX = 120
IDENTITY_MAX = 180
"""So that the audit has room for the accessor of a token behind it."""

AnyProvider = OidcProvider | JwtProvider | KubernetesProvider | AwsProvider
Claims = Mapping[str, Any]


def grant_of(
    name: str,
    provider: AnyProvider,
    claims: Claims,
    policies_of_groups: Callable[[tuple[str, ...]], Iterable[str]],
) -> Grant:
    """What a provider's rules give whoever has these claims.

    :param name: of the provider.
    :param policies_of_groups: the policies of groups of the service.
    :raises Unauthenticated: no rule is for him, or he has no name.
    """
    who = _name(provider, claims)
    if who is None:
        raise refused(f"provider {name}: the claim that names people is missing, unverified or no name")
    identity = f"{provider.type}:{name}/{who}"
    if len(identity) > IDENTITY_MAX:
        raise refused(f"provider {name}: the claim that names people is too long")
    rules = [rule for rule in provider.rules if fits(rule, claims)]
    if not rules:
        raise refused(f"provider {name}: no rule is for {who}")
    groups = tuple(dict.fromkeys(group for rule in rules for group in rule.groups))
    policies = dict.fromkeys((DEFAULT, *(policy for rule in rules for policy in rule.policies)))
    policies |= dict.fromkeys(policies_of_groups(groups))
    facts = {"name": who, "kind": provider.type}
    for key, claim in provider.metadata_claims.items():
        values = texts(lookup(claims, claim))
        if len(values) == 1 and _is_plain(values[0]):
            facts[f"metadata.{key}"] = values[0]
    return Grant(
        policies=tuple(policy for policy in policies if policy != ROOT),
        identity=identity,
        origin=f"provider.{name}",
        facts=facts,
        name=who,
        path=f"login/{provider.type}/{name}",
        ttl=provider.token_ttl or None,
        max_ttl=provider.token_max_ttl or None,
        bounds=provider.token_bounds,
    )


def fits(rule: ClaimRule, claims: Claims) -> bool:
    """Whether somebody has all of a rule's claims."""
    return all(
        any(is_like(pattern, value) for pattern in patterns for value in texts(lookup(claims, claim)))
        for claim, patterns in rule.claims.items()
    )


def lookup(claims: Claims, name: str) -> Any:
    """A claim; ``/a/b`` is one inside another, unless a claim is called just that. None where there is none."""
    if name in claims or not name.startswith("/"):
        return claims.get(name)
    value: Any = claims
    for part in name[1:].split("/"):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def texts(value: Any) -> list[str]:
    """What a claim says, as texts: one, or those of a list. What is nested deeper says nothing."""
    values = value if isinstance(value, list) else [value]
    found = []
    for one in values:
        if isinstance(one, bool):
            found.append("true" if one else "false")
        elif isinstance(one, str | int):
            found.append(str(one))
    return found


def is_like(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern with stars, found in one way through the text."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def refused(why: str) -> Unauthenticated:
    """That whoever was vouched for is not let in."""
    return Unauthenticated(
        "What was sent does not prove who you are, or nobody lets you in.",
        "Log in anew; whoever administers the service finds the reason in its audit.",
        why=why,
    )


def _name(provider: AnyProvider, claims: Claims) -> str | None:
    """What somebody is called. An address that nobody verified is anybody's."""
    if provider.name_claim == "email" and provider.type in ("oidc", "jwt") and claims.get("email_verified") is not True:
        return None
    value = lookup(claims, provider.name_claim)
    return value if isinstance(value, str) and _is_plain(value) else None


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= NAME_MAX and text.isprintable() and text.strip() == text
