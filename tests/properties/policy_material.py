"""Policies, callers and questions at random, such as people write them and such as attackers would."""

from __future__ import annotations

import random
from typing import Any

from properties.policy_model import ABOUT_VERSIONS, VERBS

WORKSPACES = ("default", "team-data", "team-web")
BLOCKS = ("prod-db", "dev-db", "secret-db", "alice-db", "gone-db")
ADDRESSES = ("10.1.2.3", "192.0.2.7", "2001:db8::7", "::ffff:10.9.9.9", "testclient")

_SPACES = ("default", "team-data", "team-*", "*", "*-web", "team-{{identity.metadata.team}}", "d*t")
_NAMES = ("*", "prod-*", "*-db", "prod-db", "secret-db", "{{identity.name}}-db", "*e*", "*o*d*", "gone-*", "a*b")
_SELECTORS = ("1", "2", "3", "9", "stable", "latest", "release-*", "s*e", "other")
_PARTS = (":audit", ":*", ":keys", ":anchor", ":a*")
_THINGS = (
    "**", "*/**", ":service/**", ":service/*", ":service/policies/*", ":service/policies/p-1*", ":service/tokens",
    ":service/tokens/**", ":service/tokens/self", ":service/workspaces/*", ":service/workspaces/team-*",
    ":service/policies/{{identity.name}}", ":service/protections/**", ":service/identities/user:*",
)  # fmt: skip
_NETWORKS = ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "10.1.2.0/24", "::/0", "0.0.0.0/0", "203.0.113.0/24")
_NAMES_OF_CALLERS = ("alice", "bob", "prod", "p-11", "..", "*", "a/b", "Alice", "")
_TEAMS = ("data", "web", "*", "da*", "{{identity.name}}", "data/x", "", "data@3")

_ALPHABET = (
    "a", "b", "prod", "-", "_", ".", "*", "*", "/", "/", ":", ":service", "@", "3", "stable", "**", "A", "0", "tokens",
    "{{identity.name}}", "{{identity.metadata.team}}", "{{", "}}", " ", "\n", "%2e", "?", "[", "é", "\u0430",
    "\x00", "..",
)  # fmt: skip


def pattern(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.6:
        return f"{dice.choice(_SPACES)}/{dice.choice(_NAMES)}"
    if kind < 0.7:
        return f"{dice.choice(_SPACES)}/{dice.choice(_PARTS)}"
    if kind < 0.8:
        return f"{dice.choice(_SPACES)}/**"
    return dice.choice(_THINGS)


def rule(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"effect": "deny" if dice.random() < 0.25 else "allow"}
    if dice.random() < 0.35:
        selected = [f"{dice.choice(_SPACES)}/{dice.choice(_NAMES)}@{dice.choice(_SELECTORS)}"]
        found["paths"] = selected + [pattern(dice) for _ in range(dice.randrange(2))]
        found["verbs"] = dice.sample(sorted(ABOUT_VERSIONS), dice.randint(1, 4))
    else:
        found["paths"] = [pattern(dice) for _ in range(dice.randint(1, 3))]
        found["verbs"] = ["*"] if dice.random() < 0.2 else dice.sample(VERBS, dice.randint(1, 6))
    if dice.random() < 0.2:
        found["when"] = {"addresses": dice.sample(_NETWORKS, dice.randint(1, 2))}
    return found


def policy(dice: random.Random) -> dict[str, Any]:
    return {"description": "", "rules": [rule(dice) for _ in range(dice.randint(1, 4))]}


def facts(dice: random.Random) -> dict[str, str]:
    found = {"name": dice.choice(_NAMES_OF_CALLERS), "kind": "account"}
    if dice.random() < 0.8:
        found["metadata.team"] = dice.choice(_TEAMS)
    return found


def garbled(dice: random.Random) -> Any:
    """A policy with something in it that may be none of its business."""
    found: Any = policy(dice)
    target = dice.choice(found["rules"])
    place = dice.choice(("paths", "paths", "paths", "verbs", "effect", "when", "more"))
    if place == "paths":
        target["paths"] = [text_of(dice) for _ in range(dice.randint(0, 3))]
    elif place == "verbs":
        target["verbs"] = dice.choice(([], ["*", "view"], ["sudo"], ["View"], [1], "view", [*VERBS, "*", "view"]))
    elif place == "effect":
        target["effect"] = dice.choice(("allow", "deny", "ALLOW", "permit", None, 1))
    elif place == "when":
        networks = ("10.0.0.0/8", "10.0.0.1/8", "::ffff:10.0.0.0/104", "fe80::/10", "300.1.1.1", "10.0.0.1", "", "*")
        when: Any = {"addresses": dice.sample(networks, dice.randint(0, 2))}
        target["when"] = dice.choice((when, when, None, {}, [], {"addresses": ["10.0.0.0/8"], "not": 1}))
    else:
        target[dice.choice(("path", "paths ", "effects", "unless"))] = dice.choice(("a/b", [], None))
    return found


def text_of(dice: random.Random) -> str:
    """A text that looks like a pattern, and may be one."""
    if dice.random() < 0.3:
        return pattern(dice)
    return "".join(dice.choice(_ALPHABET) for _ in range(dice.randint(0, 9)))
