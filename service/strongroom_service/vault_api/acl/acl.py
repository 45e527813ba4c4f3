"""What somebody may do beneath ``/v1``: the rules of all policies of a token, held against a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from strongroom_service.policies.templates import is_usable
from strongroom_service.vault_api.acl.capability import Capability
from strongroom_service.vault_api.acl.pattern import PathPattern
from strongroom_service.vault_api.acl.policy_text import Rules
from strongroom_service.vault_api.acl.rule import Rule

_TEMPLATE = re.compile(r"\{\{\s*identity\.(?:entity\.)?(name|kind|metadata\.[A-Za-z0-9_-]{1,64})\s*\}\}")
_WRITES = frozenset({Capability.CREATE, Capability.UPDATE, Capability.PATCH})
_DENIED = Rule(frozenset({Capability.DENY}))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, as far as rules look at it.

    :param parameters: the fields of a write; empty for what is none.
    :param is_sudo: whether the path asks for ``sudo`` besides.
    :param wrapping: for how long the answer is to be wrapped.
    """

    capability: Capability
    parameters: Mapping[str, Any]
    is_sudo: bool = False
    wrapping: timedelta | None = None


class Acl:
    """The rules of some policies, with templates filled in.

    Rules of the same path, in whichever policies, are taken together, and one that denies counts alone. Where patterns
    of several paths fit, the most specific one counts. A list is asked for with and without a slash at the end of the
    path: what is denied of one is denied.

    :param policies: their rules.
    :param facts: what templates ask for.
    """

    def __init__(self, policies: Iterable[Rules], facts: Mapping[str, str]) -> None:
        rules: dict[PathPattern, Rule] = {}
        for policy in policies:
            for pattern, rule in _filled(policy, facts):
                rules[pattern] = rules[pattern] | rule if pattern in rules else rule
        self._exact = {pattern.text: rule for pattern, rule in rules.items() if pattern.is_exact}
        self._patterns = sorted(
            ((pattern, rule) for pattern, rule in rules.items() if not pattern.is_exact),
            key=lambda one: one[0],
            reverse=True,
        )

    def rule(self, path: str) -> Rule | None:
        """The rule that counts for a path; None where none does, and nothing is allowed."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        return next((rule for pattern, rule in self._patterns if pattern.matches(path)), None)

    def allows(self, path: str, wanted: Wanted) -> bool:
        """Whether something may be done at a path."""
        if wanted.capability is Capability.LIST:
            found = [rule for rule in (self.rule(path), self.rule(f"{path}/")) if rule is not None]
            if any(rule.denies for rule in found):
                return False
            return any(_lets(rule, wanted) for rule in found)
        rule = self.rule(path)
        return rule is not None and _lets(rule, wanted)

    def reaches(self, path: str) -> bool:
        """Whether anything is allowed at some path beneath this one."""
        start = f"{path}/"
        rules = [*self._exact.items(), *((pattern.text, rule) for pattern, rule in self._patterns)]
        return any(
            not rule.denies and rule.capabilities and PathPattern(text).may_lie_beneath(start) for text, rule in rules
        )

    def capabilities(self, path: str) -> list[str]:
        """The names of what may be done at a path; ``deny`` where nothing may."""
        rule = self.rule(path)
        if rule is None or rule.denies or not rule.capabilities:
            return [Capability.DENY.value]
        return sorted(capability.value for capability in rule.capabilities)


def _lets(rule: Rule, wanted: Wanted) -> bool:
    if not rule.allows(wanted.capability) or (wanted.is_sudo and not rule.allows(Capability.SUDO)):
        return False
    return rule.wraps(wanted.wrapping) and (wanted.capability not in _WRITES or rule.takes(wanted.parameters))


def _filled(policy: Rules, facts: Mapping[str, str]) -> list[tuple[PathPattern, Rule]]:
    """The rules of a policy for somebody. A template that cannot be filled has no rule; where that would deny
    something, the policy allows nothing."""
    found: list[tuple[PathPattern, Rule]] = []
    for path, rule in policy:
        text = _filled_path(path, facts)
        if text is not None:
            pattern = PathPattern.parse(text)
            if pattern is not None:
                found.append((pattern, rule))
        elif rule.denies:
            return [(pattern, _DENIED) for pattern, _ in found]
    return found


def facts_asked(path: str) -> list[str]:
    """The facts that the templates in the path of a rule ask for."""
    return [match[1] for match in _TEMPLATE.finditer(path)]


def _filled_path(path: str, facts: Mapping[str, str]) -> str | None:
    values = [facts.get(name, "") for name in facts_asked(path)]
    if not all(map(is_usable, values)):
        return None
    filled = _TEMPLATE.sub(lambda match: facts[match[1]], path)
    return None if "{{" in filled or "}}" in filled else filled
