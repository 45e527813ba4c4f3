"""Why something is allowed or refused: each rule with what it had to say, and what would have to be another way."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom_service.policies.decision import Decision, RuleName
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.rights import HeldRule, Rights, VersionMeant
from strongroom_service.policies.verbs import Verb


@dataclass(frozen=True, slots=True)
class RuleHeard:
    """A rule that is about the path, and what it came to.

    :param applies: whether it counted.
    :param why: a phrase: that it is about this, or what keeps it from counting.
    """

    name: RuleName
    denies: bool
    applies: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its reasons.

    :param heard: the rules that are about the path, in order; those about other paths are left out.
    :param missing: policies that are named and not there.
    :param remedy: what would have to change for it to be allowed; empty where it is.
    """

    decision: Decision
    heard: tuple[RuleHeard, ...]
    policies: tuple[str, ...]
    missing: tuple[str, ...]
    remedy: str


def explain(rights: Rights, verb: Verb, resource: Resource, address: str) -> Explanation:
    """Decide as the rights do, and say why."""
    decision = rights.decide(verb, resource, address)
    version = VersionMeant(resource)
    heard = [_heard(rule, verb, resource, version, address) for rule in rights.rules]
    about = tuple(rule for rule in heard if rule is not None)
    remedy = "" if decision.allowed else _remedy(rights, decision, about)
    return Explanation(decision, about, rights.policies, rights.missing, remedy)


def of_root(verb: Verb, resource: Resource) -> Explanation:
    """Root is allowed everything, and no policy is asked."""
    return Explanation(Decision(True, verb, resource), (), ("root",), (), "")


def _heard(rule: HeldRule, verb: Verb, resource: Resource, version: VersionMeant, address: str) -> RuleHeard | None:
    scopes = [scope for scope in rule.scopes if scope.fits(resource.path)]
    if not scopes:
        if not rule.lacks or rule.denies or verb not in rule.verbs:
            return None
        return RuleHeard(rule.name, False, False, f"asks for {', '.join(rule.lacks)}, which is not known of the caller")
    if verb not in rule.verbs:
        why = f"is about {_listed(rule.verbs)} here, not {verb}"
        return RuleHeard(rule.name, rule.denies, False, why)
    if not rule.applies_from(address):
        why = f"is for requests from {', '.join(rule.bounds)}, not from {address or 'elsewhere'}"
        return RuleHeard(rule.name, rule.denies, False, why)
    selects = version.is_denied_by if rule.denies else version.is_allowed_by
    if not any(scope.selector is None or selects(scope) for scope in scopes):
        return RuleHeard(rule.name, rule.denies, False, "is about other versions alone")
    return RuleHeard(rule.name, rule.denies, True, f"{'denies' if rule.denies else 'allows'} {verb} here")


def _remedy(rights: Rights, decision: Decision, about: tuple[RuleHeard, ...]) -> str:
    verb, resource = decision.verb, decision.resource
    if decision.rule is not None:
        return f"A deny wins over every allow: take {resource} out of {decision.rule}, or that policy from the caller."
    near = next((rule for rule in about if not rule.denies), None)
    if near is not None:
        return f"{str(near.name).capitalize()} {near.why}: widen it, or add a rule that allows {verb} on {resource}."
    held = f"none of {', '.join(rights.policies)} is about it" if rights.policies else "the caller has no policy"
    return f"Give the caller a policy that allows {verb} on {resource}: {held}."


def _listed(verbs: frozenset[Verb]) -> str:
    return ", ".join(verb for verb in Verb if verb in verbs)
