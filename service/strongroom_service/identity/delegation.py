"""What whoever has a token may give away, as a token that is made with it."""

from __future__ import annotations

from dataclasses import replace

from strongroom_service.errors import Forbidden
from strongroom_service.identity.address_bounds import bounds_of, narrows
from strongroom_service.identity.caller import ROOT, Caller
from strongroom_service.identity.grant import Grant, policy_names
from strongroom_service.identity.token_record import DEFAULT, Rights, TokenRecord


def delegated(caller: Caller, grant: Grant, parent: TokenRecord, makers: tuple[str, ...], *, beyond: bool) -> Grant:
    """The grant with what comes from the caller filled in.

    :param parent: the caller's own token.
    :param makers: who could have kept the new one for themselves.
    :param beyond: the caller may give away what he does not have: other policies, another identity, a period.
    :raises Forbidden: it is more than the caller may give away.
    :raises InvalidRequest: a bound or a policy that is none.
    """
    if parent.uses is not None:
        raise Forbidden("A token with a use count cannot make others.", "Use one without.")
    names = None if grant.policies is None else policy_names(grant.policies)
    if ROOT in (names or ()) and not caller.is_root:
        raise not_yours("The policy root")
    if not (beyond or caller.is_root):
        _check_own(caller, grant, names)
    if not narrows(bounds := bounds_of(grant.bounds) or parent.bounds, parent.bounds):
        raise not_yours("A network that the parent cannot be used from")
    filled = replace(grant, policies=names, bounds=bounds, makers=makers)
    return _of_caller(filled, caller, parent) if not grant.identity else of_another(filled)


def _check_own(caller: Caller, grant: Grant, names: tuple[str, ...] | None) -> None:
    """Whoever may not give away what he does not have."""
    if grant.identity or grant.origin or grant.facts:
        raise not_yours("A token of another identity")
    if grant.period:
        raise not_yours("A token that can be renewed without end")
    if set(names or ()) - set(caller.policies) - {DEFAULT}:
        raise not_yours("A policy that your own token does not have")


def _of_caller(grant: Grant, caller: Caller, parent: TokenRecord) -> Grant:
    """A token that stands for whoever made it; one that root made for less stands for itself."""
    if caller.is_root and grant.policies is not None and ROOT not in grant.policies:
        return replace(grant, facts=_facts_of_itself(grant))
    grant = replace(grant, identity=parent.identity, origin=parent.origin, facts=parent.facts)
    if grant.policies is None:
        return replace(grant, policies=parent.policies, rights=parent.rights, beyond=parent.beyond)
    if parent.rights is Rights.GIVEN:
        return replace(grant, rights=Rights.GIVEN)
    own = {*caller.policies, DEFAULT} - set(parent.beyond)
    return replace(grant, rights=Rights.NARROWED, beyond=tuple(name for name in grant.policies if name not in own))


def of_another(grant: Grant) -> Grant:
    """A token for another identity: with policies of that, where it has a record of its own."""
    if not grant.identity:
        return replace(grant, facts=_facts_of_itself(grant))
    return replace(grant, rights=Rights.NARROWED) if grant.origin and grant.policies is not None else grant


def _facts_of_itself(grant: Grant) -> dict[str, str]:
    return {"kind": "token", **({"name": grant.name} if grant.name else {})}


def not_yours(what: str) -> Forbidden:
    """The refusal of whoever would give away what he may not."""
    return Forbidden(f"{what} is not yours to give.", "It takes the verb administer on :service/tokens.")
