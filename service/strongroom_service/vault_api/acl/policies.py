"""The policies in Vault's language, kept in the directory; and what those of a caller come to."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from pydantic import ConfigDict
from strongroom_registry.document import is_name

from strongroom_service.identity.caller import ROOT, Caller
from strongroom_service.policies.policies import KIND_OF_VAULT as KIND
from strongroom_service.policies.policies import OfVault
from strongroom_service.service import Service
from strongroom_service.vault_api.acl.acl import Acl, facts_asked
from strongroom_service.vault_api.acl.policy_text import parse_policy
from strongroom_service.vault_api.envelope import invalid

DEFAULT = "default"
_KEPT = 1024

DEFAULT_TEXT = """\
# What concerns a token itself.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/mounts" { capabilities = ["read"] }
path "sys/internal/ui/mounts/*" { capabilities = ["read"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/renew" { capabilities = ["update"] }
path "sys/tools/hash" { capabilities = ["update"] }
path "sys/tools/hash/*" { capabilities = ["update"] }
path "sys/tools/random" { capabilities = ["update"] }
path "sys/tools/random/*" { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
path "sys/wrapping/wrap" { capabilities = ["update"] }
"""
"""The policy that every token has, where nobody wrote another one of its name."""


class PolicyRecord(OfVault):
    """A policy as it was written, and what others have to know of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str

    @staticmethod
    def of(text: str) -> PolicyRecord:
        """The record of a text.

        :raises InvalidRequest: it is no policy.
        """
        rules = parse_policy(text)
        asks = dict.fromkeys(fact for path, _ in rules for fact in facts_asked(path))
        denies = any(rule.denies or not rule.capabilities for _, rule in rules)
        return PolicyRecord(text=text, denies=denies, asks=tuple(asks))


class VaultPolicies:
    """The policies of a service. Safe to use from several threads."""

    def __init__(self) -> None:
        self._acls: OrderedDict[tuple[tuple[str, ...], frozenset[tuple[str, str]]], Acl] = OrderedDict()
        self._lock = Lock()

    def names(self, service: Service) -> list[str]:
        """All of them, sorted; ``root`` and ``default`` are always there."""
        found = service.directory.all(KIND, PolicyRecord)
        return sorted({ROOT, DEFAULT, *(name for name, record in found.items() if not record.removed)})

    def text(self, service: Service, name: str) -> str | None:
        """A policy as it was written; None where there is none. That of ``root`` is empty: it has no rules."""
        if name == ROOT:
            return ""
        record = service.directory.get(KIND, name, PolicyRecord)
        if record is not None and not record.removed:
            return record.text
        return DEFAULT_TEXT if name == DEFAULT else None

    def write(self, service: Service, name: str, text: str) -> None:
        """Make a policy, or write it anew.

        :raises InvalidRequest: it is none; or the name is ``root``, none, or that of a policy of Strongroom.
        """
        if name == ROOT:
            raise invalid("cannot update root policy")
        if not is_name(name) or len(name) > 96:
            raise invalid("a policy's name has 1 to 96 of a-z, 0-9, '-', '_', '.', a letter or a digit at both ends")
        if name != DEFAULT and service.policies.found(name) is not None:
            raise invalid("a policy of this name is written in Strongroom's own language; use another name")
        service.directory.put(KIND, name, PolicyRecord.of(text))

    def remove(self, service: Service, name: str) -> None:
        """Remove a policy, if there is one. Tokens that name it go on without it, and its name stays one of this
        language, so that they get nothing by a later policy in Strongroom's.

        :raises InvalidRequest: it is one that is always there.
        """
        if name in (ROOT, DEFAULT):
            raise invalid(f"cannot delete {name} policy")
        if service.directory.get(KIND, name, PolicyRecord) is not None:
            service.directory.put(KIND, name, PolicyRecord(text="", removed=True, denies=False, asks=()))

    def acl(self, service: Service, caller: Caller) -> Acl:
        """What the policies of a caller come to; names of other kinds of policies say nothing here."""
        return self.of(service, caller.policies, caller.facts)

    def of(self, service: Service, names: tuple[str, ...], facts: Mapping[str, str]) -> Acl:
        """What policies come to for somebody of whom this is known."""
        texts = tuple(text for name in names if (text := self.text(service, name)))
        key = (texts, frozenset(facts.items()))
        with self._lock:
            known = self._acls.get(key)
            if known is None:
                known = self._acls[key] = Acl(map(parse_policy, texts), facts)
                while len(self._acls) > _KEPT:
                    self._acls.popitem(last=False)
        return known


POLICIES = VaultPolicies()
"""The policies in Vault's language; which service they are of is said each time."""


def folded(name: str) -> str:
    """A policy's name as it is looked for: in lower case, so that ``ROOT`` is not another one than ``root``."""
    return unicodedata.normalize("NFKC", name).casefold().strip()
