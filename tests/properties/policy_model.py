"""Policies once more, from ``docs/reference/policies.md`` alone: slow, plain, and with nothing of the product in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

VERBS = ("list", "view", "reveal", "write", "label", "delete", "destroy", "rotate", "administer")
ABOUT_VERSIONS = {"view", "reveal", "label", "destroy"}
NAME = r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?"
TEMPLATE = r"\{\{identity\.(name|kind|metadata\.[a-z0-9][a-z0-9_-]{0,62})\}\}"


@dataclass(frozen=True)
class Version:
    """A version that a request is about."""

    number: int
    labels: frozenset[str]


@dataclass(frozen=True)
class Who:
    """Somebody with policies, as they are written."""

    policies: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    is_root: bool = False


def may(who: Who, verb: str, path: str, version: Version | None = None) -> bool:
    """The decision."""
    if who.is_root:
        return True
    applying = {
        rule["effect"]
        for policy in who.policies
        for rule in policy.get("rules", ())
        if applies(rule, who, verb, path, version)
    }
    return "allow" in applying and "deny" not in applying


def applies(rule: Mapping[str, Any], who: Who, verb: str, path: str, version: Version | None) -> bool:
    denies = rule["effect"] == "deny"
    if verb not in rule["verbs"] and "*" not in rule["verbs"]:
        return False
    if not any(fits(pattern, who.facts, path, version, denies) for pattern in rule["paths"]):
        return False
    when = rule.get("when")
    return when is None or comes_from(who.address, when["addresses"], denies)


def comes_from(address: str, networks: Iterable[str], unknown: bool) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return unknown
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ip_network(network) for network in networks if ip_network(network).version == found.version)


def fits(pattern: str, facts: Mapping[str, str], path: str, version: Version | None, denies: bool) -> bool:
    body, at, selector = pattern.partition("@")
    expression = as_expression(body, facts, denies)
    if expression is None or re.fullmatch(expression, path) is None:
        return False
    if not at:
        return True
    if version is None:
        return denies
    if selector.isdigit():
        return version.number == int(selector)
    glob = re.escape(selector).replace(r"\*", ".*")
    return any(re.fullmatch(glob, label) for label in version.labels)


def as_expression(body: str, facts: Mapping[str, str], denies: bool) -> str | None:
    """A regular expression for whole paths; None where a fact is absent that an allow asks for."""
    if body == "**":
        return ".+"
    parts = body.split("/")
    beneath = parts[-1] == "**"
    expressions = []
    for part in parts[:-1] if beneath else parts:
        filled = fill(part, facts, denies)
        if filled is None:
            return None
        inner = "".join("[^/]*" if character == "*" else re.escape(character) for character in filled)
        expressions.append(f"(?!:){inner}" if filled.startswith("*") else inner)
    return "/".join(expressions) + ("/.+" if beneath else "")


def fill(part: str, facts: Mapping[str, str], denies: bool) -> str | None:
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        found = facts.get(match[1], "")
        if re.fullmatch(NAME, found):
            return found
        missing = True
        return "*"

    filled = re.sub(TEMPLATE, value, part)
    return None if missing and not denies else filled


def is_pattern(text: str) -> bool:
    """Whether a text is a path pattern, by the grammar and the sentences under it."""
    if len(text) > 512:
        return False
    body, at, selector = text.partition("@")
    if body == "**":
        return not at
    parts = body.split("/")
    beneath = parts[-1] == "**"
    segments = parts[:-1] if beneath else parts
    if len(segments) > 8 or len(segments) + beneath < 2:
        return False
    if not all(is_segment(part) for part in segments):
        return False
    if any(part != part.lower() for part in segments) and segments[:2] != [":service", "tokens"]:
        return False
    first, second = segments[0], segments[1] if len(segments) > 1 else ""
    if first.startswith(":") and first != ":service":
        return False
    if first == ":service" and second.startswith(":"):
        return False
    if first != ":service" and len(segments) + beneath > 2 and not second.startswith(":"):
        return False
    if not at:
        return True
    is_block = len(segments) == 2 and not beneath and not first.startswith(":") and not second.startswith(":")
    number = re.fullmatch("[1-9][0-9]{0,8}", selector)
    label = re.fullmatch("[a-z][a-z0-9._*-]{0,63}", selector) and "**" not in selector
    return bool(is_block and (number or label))


def is_segment(part: str) -> bool:
    plain = re.sub(TEMPLATE, "", part)
    if "{" in plain or "}" in plain or not part:
        return False
    if not re.fullmatch(r"[A-Za-z0-9._:*-]*", plain):
        return False
    # A template stands for a name: two stars are only two if they were written so.
    written = re.sub(TEMPLATE, "{}", part)
    return "**" not in written and "::" not in part and (part != plain or bool(plain.strip(".")))


def is_rule(rule: Any) -> bool:
    """Whether a JSON value is a rule."""
    if not isinstance(rule, dict) or not set(rule) <= {"effect", "paths", "verbs", "when"}:
        return False
    if not {"effect", "paths", "verbs"} <= set(rule) or rule["effect"] not in ("allow", "deny"):
        return False
    paths, verbs = rule["paths"], rule["verbs"]
    if not (isinstance(paths, list) and 1 <= len(paths) <= 50 and isinstance(verbs, list) and 1 <= len(verbs) <= 10):
        return False
    if not all(isinstance(path, str) and is_pattern(path) for path in paths):
        return False
    if not all(isinstance(verb, str) and (verb in VERBS or verb == "*") for verb in verbs):
        return False
    if any("@" in path for path in paths) and not set(verbs) <= ABOUT_VERSIONS:
        return False
    return rule.get("when") is None or is_condition(rule["when"])


def is_condition(when: Any) -> bool:
    if not isinstance(when, dict) or set(when) != {"addresses"}:
        return False
    networks = when["addresses"]
    return isinstance(networks, list) and 1 <= len(networks) <= 50 and all(map(is_network, networks))


def is_network(text: Any) -> bool:
    if not isinstance(text, str) or len(text) > 64:
        return False
    try:
        network = ip_network(text)
    except ValueError:
        return False
    return network.version == 4 or network.network_address.ipv4_mapped is None
