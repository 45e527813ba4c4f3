"""The policies of a service: kept in its directory, and asked for every request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from strongroom_service.errors import Conflict, Forbidden
from strongroom_service.identity.caller import Caller
from strongroom_service.ip_addresses import read_address
from strongroom_service.policies import resource as resources
from strongroom_service.policies.decision import Decision
from strongroom_service.policies.explanation import Explanation, explain, of_root
from strongroom_service.policies.path_pattern import PathPattern, Scope
from strongroom_service.policies.policy import BUILT_IN, DEFAULT, ROOT, Effect, Policy, Rule, check_policy_name
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.rights import Rights
from strongroom_service.policies.templates import is_usable
from strongroom_service.policies.verbs import Verb
from strongroom_service.state.directory import Directory, Found

KIND = "policy"
KIND_OF_VAULT = "vault-policy"
_RIGHTS_KEPT = 2048
_ANY_POLICY = PathPattern.parse(":service/policies/*").widest()
_ANY_PROTECTION = PathPattern.parse(":service/protections/*").widest()

_Key = tuple[tuple[str, ...], frozenset[tuple[str, str]]]


class _Same(NamedTuple):
    """The rights of a caller, for the next request of the same one."""

    policies: tuple[str, ...]
    facts: Mapping[str, str]
    rights: Rights


class OfVault(BaseModel):
    """What is known here of a policy in Vault's language.

    :param removed: whether it is none any more. Its name stays: whoever it was given would have a later one of it.
    :param denies: whether it denies something.
    :param asks: the facts that its templates ask for; None where nobody wrote that down.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    removed: bool = False
    denies: bool = True
    asks: tuple[str, ...] | None = None


class Policies:
    """The policies of a service. Safe to use from several threads; as new as the directory that they are kept in."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._rights: tuple[bytes, dict[_Key, Rights]] = (b"", {})
        self._rights_of_same: tuple[bytes, dict[int, _Same]] = (b"", {})

    def found(self, name: str) -> Found[Policy] | None:
        """A policy and the number of its version, 0 of a reserved one; None where there is none."""
        if name in BUILT_IN:
            return Found(BUILT_IN[name], 0)
        return self._directory.found(KIND, name, Policy)

    def names(self) -> list[str]:
        """All of them, by name, with the reserved ones."""
        return sorted({*BUILT_IN, *self._directory.names(KIND)})

    def of_vault(self, name: str) -> OfVault | None:
        """What is known of a policy in Vault's language, which says something of ``/v1`` alone; None where there never
        was one of this name."""
        return self._directory.get(KIND_OF_VAULT, name, OfVault)

    def write(self, name: str, policy: Policy, *, expect: int | None = None) -> int:
        """Make a policy, or a new version of it; the number of that.

        :param expect: only if this is the number of the version that is there; 0: only where there is none.
        :raises InvalidRequest: the name is none, or reserved.
        :raises Conflict: a policy in Vault's language has it, or had.
        :raises StaleExpectation: another version is there.
        """
        known = self.of_vault(check_policy_name(name))
        if known is not None and known.removed:
            raise Conflict(
                f"There was a policy {name} in Vault's language, and whom it was given would have this one.",
                f"Use another name; or see that no token and no role names it, and 'strongroom policy rm {name}'.",
            )
        if known is not None:
            raise Conflict(f"There is a policy {name} in Vault's language.", "Use another name.")
        return self._directory.put(KIND, name, policy, expect=expect)

    def remove(self, name: str) -> bool:
        """Remove a policy; whether there was one. Tokens that name it go on without it.

        :raises InvalidRequest: the name is none, or reserved.
        """
        return self._directory.remove(KIND, check_policy_name(name))

    def free(self, caller: Caller, name: str) -> bool:
        """Have a name that a policy in Vault's language had be free for another one; whether there was such a name.
        Whoever it was given has what is written of that name then.

        :raises Forbidden: the caller may not administer all policies.
        """
        known = self.of_vault(name)
        if known is None or not known.removed:
            return False
        if not self._administers_all(caller):
            raise Forbidden(
                f"The name {name:.96} is not yours to free: a policy in Vault's language had it.",
                "Have it done by somebody who administers :service/policies/*.",
            )
        return self._directory.remove(KIND_OF_VAULT, name)

    def rights(self, caller: Caller) -> Rights:
        """What the caller's policies come to."""
        revision, seen = self._directory.revision(), self._rights_of_same
        if seen[0] != revision or len(seen[1]) >= _RIGHTS_KEPT:
            self._rights_of_same = seen = (revision, {})
        same = seen[1].get(id(caller.facts))
        if same is not None and same[:2] == (caller.policies, caller.facts):
            return same.rights
        rights = self._looked_up(caller, revision)
        seen[1][id(caller.facts)] = _Same(caller.policies, caller.facts, rights)
        return rights

    def _looked_up(self, caller: Caller, revision: bytes) -> Rights:
        key, seen = (caller.policies, frozenset(caller.facts.items())), self._rights
        if seen[0] != revision or len(seen[1]) >= _RIGHTS_KEPT:
            self._rights = seen = (revision, {})
        rights = seen[1].get(key)
        if rights is None:
            found = [(name, self.found(name)) for name in caller.policies]
            rights = Rights.of([(name, None if one is None else one.value) for name, one in found], caller.facts)
            seen[1][key] = rights
        return rights

    def decide(self, caller: Caller, verb: Verb, resource: Resource) -> Decision:
        """Whether the caller may do that with it. Root may do everything."""
        if caller.is_root:
            return Decision(True, verb, resource)
        return self.rights(caller).decide(verb, resource, caller.address)

    def filter(self, caller: Caller, verb: Verb, workspace: str, names: Sequence[str]) -> list[str]:
        """Those of the names of blocks in a workspace that the caller may do that with, in the same order: the same as
        asking :meth:`decide` of each, but quick for thousands."""
        if caller.is_root:
            return list(names)
        return self.rights(caller).filter(verb, workspace, names, caller.address)

    def explain(self, caller: Caller, verb: Verb, resource: Resource) -> Explanation:
        """What :meth:`decide` says, with the reasons."""
        if caller.is_root:
            return of_root(verb, resource)
        return explain(self.rights(caller), verb, resource, caller.address)

    def check_writable(self, caller: Caller, name: str, policy: Policy | None) -> None:
        """Whoever may write this policy, but not any policy, gives no more by it than what is allowed to himself, and
        takes away nothing that it denies him.

        That he may write a policy of that name at all is asked before, as ``administer`` on it.

        :param policy: what is to be written; None where the policy is to be removed.
        :raises Forbidden: a rule allows more than the caller may, or one that denies him something would go.
        """
        if self._administers_all(caller):
            return
        rights = self.rights(caller)
        rules = policy.rules if policy is not None else ()
        for number, rule in enumerate(rules, 1):
            if rule.effect is Effect.ALLOW and not _is_covered(rule, rights):
                raise Forbidden(
                    f"Rule {number} of this policy allows more than you may yourself.",
                    "Narrow it to what you may, or have it written by somebody who administers :service/policies/*.",
                )
        if name in caller.policies and not self._denials(name) <= set(rules):
            raise Forbidden(
                f"The policy {name:.96} denies you something, which you cannot take away.",
                "Leave these rules as they are, or have it done by somebody who administers :service/policies/*.",
            )

    def _administers_all(self, caller: Caller) -> bool:
        """Who may write any policy is as good as root."""
        return caller.is_root or self._covers(caller, _ANY_POLICY)

    def _covers(self, caller: Caller, scope: Scope) -> bool:
        """Whether the caller may ``administer`` all that is meant, from where he asks."""
        bounds = (caller.address,) if read_address(caller.address) else ()
        return self.rights(caller).cover(Verb.ADMINISTER, scope, bounds)

    def check_protects(self, caller: Caller, patterns: Iterable[PathPattern]) -> None:
        """Whoever may keep some protections, but not any, protects what he may ``administer`` alone: else he could have
        all that others do wait for him.

        :raises Forbidden: he may not administer all that the paths mean.
        """
        if caller.is_root or self._covers(caller, _ANY_PROTECTION):
            return
        for number, pattern in enumerate(patterns, 1):
            if not self._covers(caller, pattern.widest()):
                raise Forbidden(
                    f"Path {number} of this protection is about more than you may administer.",
                    "Narrow it, or have it written by somebody who administers :service/protections/*.",
                )

    def gives_any(self, caller: Caller) -> bool:
        """Whether the caller gives policies that he does not have himself: whoever may ``administer``
        ``:service/tokens``."""
        return caller.is_root or self.decide(caller, Verb.ADMINISTER, resources.service("tokens")).allowed

    def check_grant(
        self,
        caller: Caller,
        names: Collection[str],
        facts: Mapping[str, str] | None = None,
        *,
        beside: Collection[str] = (),
    ) -> None:
        """Whoever makes a token or an identity gives it policies of his own alone, and ``default``, and those of his
        that deny something come along; all else only as one who may ``administer`` ``:service/tokens``. Only root
        gives ``root``. A policy with a template is another one for somebody of whom other things are known: it is
        given to those alone for whom it is the same.

        :param names: the policies that are to be given.
        :param facts: what is known of whoever gets them; None where that may be anybody.
        :param beside: what is given with them, and was allowed otherwise.
        :raises Forbidden: the caller may not give these.
        """
        if caller.is_root:
            return
        if ROOT in names:
            raise Forbidden("Only root gives the policy root.", "Use a token of root.")
        if self.gives_any(caller):
            return
        if beyond := [name for name in names if name != DEFAULT and name not in caller.policies]:
            raise Forbidden(
                f"You may not give the policy {beyond[0]:.96}, which your own token does not have.",
                "Give some of your own, or have it done by somebody who may administer :service/tokens.",
            )
        self.check_kept(caller, {*names, *beside})
        if other := [name for name in names if not self._is_same(name, caller.facts, facts)]:
            raise Forbidden(
                f"The policy {other[0]:.96} has templates, which mean something else for others than for you.",
                "Have it done by somebody who may administer :service/tokens.",
            )

    def check_grant_beside(
        self, caller: Caller, names: Collection[str], facts: Mapping[str, str] | None = None
    ) -> None:
        """:meth:`check_grant` where policies in Vault's language are given too: whatever these let the caller do with
        tokens and roles, it is not to give rights in Strongroom's; nor those of a policy that is not written yet.

        :raises Forbidden: the caller may not give one that is among them, and none in Vault's language.
        """
        if caller.is_root:
            return
        own = [name for name in names if name != DEFAULT and not self._is_of_vault_alone(name)]
        if own:
            self.check_grant(caller, own, facts, beside=names)

    def check_taken(self, caller: Caller, names: Collection[str]) -> None:
        """Whoever removes what gives policies takes away none that deny him something, but as one who may
        ``administer`` ``:service/tokens``.

        :param names: the policies that it gives.
        :raises Forbidden: one of them denies the caller something.
        """
        if not self.gives_any(caller):
            self._check_lost([name for name in caller.policies if name in names])

    def check_kept(self, caller: Caller, names: Collection[str]) -> None:
        """What is denied to whoever gives policies goes with what he gives, unless he gives any.

        :param names: the policies that are to be given.
        :raises Forbidden: one of the caller's that denies something is not among them.
        """
        if not self.gives_any(caller):
            self._check_lost([name for name in caller.policies if name not in names])

    def _check_lost(self, lost: Collection[str]) -> None:
        if denying := [name for name in lost if self.denies(name)]:
            raise Forbidden(
                f"The policy {denying[0]:.96} denies you something, and so it goes with what you give.",
                f"Give {denying[0]:.96} as well.",
            )

    def _is_same(self, name: str, facts: Mapping[str, str], others: Mapping[str, str] | None) -> bool:
        """Whether a policy gives one of whom other things are known no more than it gives one of whom ``facts`` are.
        Where a fact is not known, an allow gives nothing and a deny denies all that it could."""
        asked = self._asked(name)
        if asked is None:
            return others == facts
        if others is None:
            return not asked
        return all(others.get(fact) == facts.get(fact) or not is_usable(others.get(fact, "")) for fact in asked)

    def _asked(self, name: str) -> set[str] | None:
        """The facts that the templates of a policy ask for; None where that is not known."""
        found, of_vault = self.found(name), self.of_vault(name)
        rules = found.value.rules if found is not None else ()
        segments = (segment for rule in rules for pattern in rule.patterns for segment in pattern.segments)
        asked = {fact for segment in segments for fact in segment.facts}
        if of_vault is None:
            return asked
        return None if of_vault.asks is None else asked | set(of_vault.asks)

    def _is_of_vault_alone(self, name: str) -> bool:
        """Whether it is there in Vault's language, and not in Strongroom's."""
        known = self.of_vault(name)
        return known is not None and not known.removed and self.found(name) is None

    def denies(self, name: str) -> bool:
        """Whether a policy denies something, in whichever language."""
        if self.found(name) is not None:
            return bool(self._denials(name))
        of_vault = self.of_vault(name)
        return of_vault is not None and of_vault.denies

    def _denials(self, name: str) -> set[Rule]:
        found = self.found(name)
        return set() if found is None else {rule for rule in found.value.rules if rule.effect is Effect.DENY}


def _is_covered(rule: Rule, rights: Rights) -> bool:
    bounds = rule.when.addresses if rule.when else ()
    return all(rights.cover(verb, pattern.widest(), bounds) for verb in rule.all_verbs for pattern in rule.patterns)
