"""One rule of a policy, and what rules of the same path come to together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from strongroom_service.vault_api.acl.capability import Capability

Values = tuple[Any, ...]
"""Values that are named of a parameter; none for all of them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed at a path.

    :param allowed: the parameters that a write may have, by their names in lower case, and the values of each; empty
        where any may be there.
    :param denied: those that it may not have.
    :param required: those that it must have.
    :param least_wrapping, most_wrapping: how long an answer must and may be wrapped, where that is said.
    """

    capabilities: frozenset[Capability]
    allowed: Mapping[str, Values] = field(default_factory=dict)
    denied: Mapping[str, Values] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    least_wrapping: timedelta | None = None
    most_wrapping: timedelta | None = None

    def __or__(self, other: Rule) -> Rule:
        """Both rules of one path, of two policies: either allows, but one that denies counts alone, and what either
        demands of parameters and wrapping is demanded."""
        return Rule(
            capabilities=self.capabilities | other.capabilities,
            allowed=_united(self.allowed, other.allowed),
            denied=_united(self.denied, other.denied),
            required=self.required | other.required,
            least_wrapping=_chosen(max, self.least_wrapping, other.least_wrapping),
            most_wrapping=_chosen(min, self.most_wrapping, other.most_wrapping),
        )

    @property
    def denies(self) -> bool:
        """Whether nothing at all is allowed."""
        return Capability.DENY in self.capabilities

    def allows(self, capability: Capability) -> bool:
        """Whether this is allowed."""
        return not self.denies and capability in self.capabilities

    def takes(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a write may have these parameters with these values."""
        given = {name.lower(): value for name, value in parameters.items()}
        if not self.required <= given.keys():
            return False
        if given and "*" in self.denied:
            return False
        if any(name in self.denied and _is_among(value, self.denied[name]) for name, value in given.items()):
            return False
        if not self.allowed:
            return True
        return all(self._is_allowed(name, value) for name, value in given.items())

    def wraps(self, ttl: timedelta | None) -> bool:
        """Whether an answer may be wrapped for this long, or not at all where it is None."""
        if ttl is None:
            return self.least_wrapping is None and self.most_wrapping is None
        if self.least_wrapping is not None and ttl < self.least_wrapping:
            return False
        return self.most_wrapping is None or ttl <= self.most_wrapping

    def _is_allowed(self, name: str, value: Any) -> bool:
        if name in self.allowed:
            return _is_among(value, self.allowed[name])
        return "*" in self.allowed and _is_among(value, self.allowed["*"])


def _is_among(value: Any, named: Values) -> bool:
    return not named or any(_fits(value, one) for one in named)


def _fits(value: Any, named: Any) -> bool:
    """Texts may be named with a star at an end."""
    if isinstance(value, bool) or isinstance(named, bool):
        return value is named
    if not isinstance(value, str) or not isinstance(named, str):
        return bool(value == named)
    inner = named.strip("*") if len(named) > 1 else ""
    if named == "*" or (named.startswith("*") and named.endswith("*") and inner in value):
        return True
    if named.startswith("*") and value.endswith(named[1:]):
        return True
    if named.endswith("*") and value.startswith(named[:-1]):
        return True
    return value == named


def _united(one: Mapping[str, Values], other: Mapping[str, Values]) -> dict[str, Values]:
    """The parameters of both; where either names no values, all values are meant."""
    united = dict(one)
    for name, values in other.items():
        united[name] = () if name in united and not (values and united[name]) else (*united.get(name, ()), *values)
    return united


def _chosen(choose: Any, one: timedelta | None, other: timedelta | None) -> timedelta | None:
    found = [value for value in (one, other) if value is not None]
    return choose(found) if found else None
