"""What a caller's policies come to: their rules, with the caller's own facts filled in, and the decision by them.

A deny wins over every allow, for every verb, wherever either stands; what no rule allows is refused. Where it cannot be
known whether a rule applies (a template without a value, an address or a version that is not there), an allow does not
and a deny does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from strongroom_registry.errors import RegistryRefusal

from strongroom_service.identity.address_bounds import admits, narrows
from strongroom_service.ip_addresses import read_address
from strongroom_service.policies.decision import Decision, RuleName
from strongroom_service.policies.glob import Glob
from strongroom_service.policies.path_pattern import Scope
from strongroom_service.policies.policy import Effect, Policy, Rule
from strongroom_service.policies.resource import Resource, Selected
from strongroom_service.policies.verbs import Verb

_DECISIONS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class HeldRule:
    """A rule as one caller has it.

    :param scopes: what its paths mean for the caller. A path that asks for what is not known of the caller is left out
        of an allow, and means all that it could in a deny.
    :param bounds: the networks that it applies to; none for everywhere.
    :param lacks: the facts that its templates ask for, and that are not known of the caller.
    """

    name: RuleName
    denies: bool
    verbs: frozenset[Verb]
    scopes: tuple[Scope, ...]
    bounds: tuple[str, ...]
    lacks: tuple[str, ...] = ()

    @staticmethod
    def of(name: RuleName, rule: Rule, facts: Mapping[str, str]) -> HeldRule:
        """A rule for a caller of whom ``facts`` are known."""
        denies = rule.effect is Effect.DENY
        scopes = [pattern.of(facts) or (pattern.widest(facts) if denies else None) for pattern in rule.patterns]
        known = tuple(scope for scope in scopes if scope is not None)
        lacks = dict.fromkeys(fact for pattern in rule.patterns for fact in pattern.lacks(facts))
        return HeldRule(name, denies, rule.all_verbs, known, rule.when.addresses if rule.when else (), tuple(lacks))

    def applies_from(self, address: str) -> bool:
        """Whether it applies to a request from there; an address that is none counts against the caller."""
        return admits(self.bounds, address) or (self.denies and read_address(address) is None)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Rights:
    """All rules that a caller has, in the order of the policies.

    :param policies: the policies that they are from.
    :param missing: those that the caller names and that are not there; they give nothing.
    """

    rules: tuple[HeldRule, ...]
    policies: tuple[str, ...]
    missing: tuple[str, ...] = ()
    _decided: dict[tuple[Verb, tuple[str, ...], str], Decision] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def of(policies: Iterable[tuple[str, Policy | None]], facts: Mapping[str, str]) -> Rights:
        """What policies, by name, come to for a caller of whom ``facts`` are known."""
        found = list(policies)
        rules = [
            HeldRule.of(RuleName(name, number), rule, facts)
            for name, policy in found
            if policy is not None
            for number, rule in enumerate(policy.rules, 1)
        ]
        return Rights(
            tuple(rules),
            tuple(name for name, policy in found if policy is not None),
            tuple(name for name, policy in found if policy is None),
        )

    def decide(self, verb: Verb, resource: Resource, address: str) -> Decision:
        """Whether ``verb`` is allowed on ``resource`` for a request from ``address``."""
        asked = verb, resource.path, address
        known = self._decided.get(asked)
        if known is not None:
            return known
        version = VersionMeant(resource)
        decision = self._decide(verb, resource, address, version)
        if not version.is_known:
            if len(self._decided) >= _DECISIONS_KEPT:
                self._decided.clear()
            self._decided[asked] = decision
        return decision

    def _decide(self, verb: Verb, resource: Resource, address: str, version: VersionMeant) -> Decision:
        thing = Resource(resource.path)
        denies: list[tuple[HeldRule, list[Scope]]] = []
        allows: list[tuple[HeldRule, list[Scope]]] = []
        for rule in self.rules:
            if verb in rule.verbs and rule.applies_from(address):
                found = [scope for scope in rule.scopes if scope.fits(resource.path)]
                if found:
                    (denies if rule.denies else allows).append((rule, found))
        for rules, allowed in ((denies, False), (allows, True)):
            for rule, scopes in rules:
                if any(scope.selector is None for scope in scopes):
                    return Decision(allowed, verb, thing, rule.name)
            for rule, scopes in rules:
                if any(map(version.is_allowed_by if allowed else version.is_denied_by, scopes)):
                    return Decision(allowed, verb, thing, rule.name)
        return Decision(False, verb, thing)

    def filter(self, verb: Verb, workspace: str, names: Sequence[str], address: str) -> list[str]:
        """Those of the names of blocks that ``verb`` is allowed on, all versions of them, in the same order."""
        about = [rule for rule in self.rules if verb in rule.verbs and rule.applies_from(address)]
        allowed = _Names.of(
            scope.names_of(workspace)
            for rule in _rules(about, denies=False)
            for scope in rule.scopes
            if scope.selector is None
        )
        denied = _Names.of(scope.names_of(workspace) for rule in _rules(about, denies=True) for scope in rule.scopes)
        return [name for name in names if allowed.match(name) and not denied.match(name)]

    def cover(self, verb: Verb, scope: Scope, bounds: Sequence[str] = ()) -> bool:
        """Whether ``verb`` is allowed on all that ``scope`` means, from all of the networks ``bounds``. Never said
        wrongly, though it may be missed: where a deny might touch it, it is not covered."""
        about = [rule for rule in self.rules if verb in rule.verbs]
        if any(other.meets(scope) for rule in _rules(about, denies=True) for other in rule.scopes):
            return False
        return any(
            narrows(bounds, rule.bounds) and any(other.covers(scope) for other in rule.scopes)
            for rule in _rules(about, denies=False)
        )


@dataclass(frozen=True, slots=True)
class _Names:
    """Names that some globs fit; those without a star are looked up."""

    literals: frozenset[str]
    globs: tuple[Glob, ...]

    @staticmethod
    def of(globs: Iterable[Glob | None]) -> _Names:
        found = [glob for glob in globs if glob is not None]
        literals = frozenset(glob.pieces[0] for glob in found if glob.is_literal)
        return _Names(literals, tuple(dict.fromkeys(glob for glob in found if not glob.is_literal)))

    def match(self, name: str) -> bool:
        return name in self.literals or any(glob.matches(name) for glob in self.globs)


class VersionMeant:
    """The version that a request is about, looked up when it is first asked for."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._selected: Selected | None = None
        self.is_known = False

    def is_allowed_by(self, scope: Scope) -> bool:
        """Whether an allow with this selector is about it."""
        selected = self._known()
        return scope.selector is not None and selected is not None and scope.selector.matches(selected)

    def is_denied_by(self, scope: Scope) -> bool:
        """Whether a deny with this selector is about it; where it is not known, it is."""
        if scope.selector is None:
            return False
        selected = self._known()
        return selected is None or scope.selector.matches(selected)

    def _known(self) -> Selected | None:
        if not self.is_known and self._resource.selected is not None:
            try:
                self._selected = self._resource.selected()
            except RegistryRefusal:  # there is no such version
                self._selected = None
        self.is_known = True
        return self._selected


def _rules(rules: Iterable[HeldRule], *, denies: bool) -> Iterator[HeldRule]:
    return (rule for rule in rules if rule.denies is denies)
