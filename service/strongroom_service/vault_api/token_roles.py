"""Roles of ``auth/token``: what tokens may be like that are made with their name."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict
from strongroom_registry.document import is_name

from strongroom_service.http.call import Answer
from strongroom_service.identity.address_bounds import bounds_of
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.grant import policy_names
from strongroom_service.identity.token_record import DEFAULT
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed

KIND = "vault-token-role"
_FIELDS = frozenset(
    {"name", "allowed_policies", "disallowed_policies", "allowed_policies_glob", "disallowed_policies_glob", "orphan"}
    | {"renewable", "path_suffix", "token_period", "period", "token_explicit_max_ttl", "explicit_max_ttl"}
    | {"token_bound_cidrs", "bound_cidrs", "token_num_uses", "token_no_default_policy", "token_type"}
)


class TokenRole(BaseModel):
    """One role. Whoever may make tokens with it may give them the policies that it allows, whatever his own are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_policies: tuple[str, ...] = ()
    disallowed_policies: tuple[str, ...] = ()
    allowed_policies_glob: tuple[str, ...] = ()
    disallowed_policies_glob: tuple[str, ...] = ()
    orphan: bool = False
    renewable: bool = True
    path_suffix: str = ""
    period: timedelta = timedelta()
    explicit_max_ttl: timedelta = timedelta()
    bounds: tuple[str, ...] = ()
    uses: int = 0
    no_default_policy: bool = False

    @property
    def is_free(self) -> bool:
        """Whether it says which policies it gives; else they are among those of whoever asks."""
        return bool(self.allowed_policies or self.allowed_policies_glob)

    def allows(self, policy: str) -> bool:
        """Whether a token made with it may have a policy."""
        if policy in self.disallowed_policies or _fits(policy, self.disallowed_policies_glob) or policy == ROOT:
            return False
        allowed = policy in self.allowed_policies or _fits(policy, self.allowed_policies_glob)
        return allowed or policy == DEFAULT or not self.is_free

    def chosen(self, wanted: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The policies of a token, those asked for or all that are allowed by name; None for those of its parent.

        :raises InvalidRequest: one that the role does not allow.
        """
        names = wanted if wanted is not None else (self.allowed_policies or None)
        if names is None:
            return (DEFAULT,) if self.is_free else None
        if not all(map(self.allows, names)):
            raise invalid("the role does not allow one of the policies")
        return names


def found(service: Service, name: str) -> TokenRole | None:
    """The role of a name."""
    return service.directory.get(KIND, name, TokenRole)


def handle(call: VaultCall, name: str) -> Answer:
    """Answer a request for ``roles/<name>``, or with no name for all of them."""
    if not name:
        if call.operation is Operation.LIST:
            return listed(call, call.service.directory.names(KIND))
        raise invalid("unsupported operation")
    if call.operation is Operation.READ:
        return _read(call, name)
    if call.operation is Operation.DELETE:
        call.service.directory.remove(KIND, name)
        return done()
    if call.operation in WRITES:
        return _write(call, name)
    raise invalid("unsupported operation")


def _read(call: VaultCall, name: str) -> Answer:
    role = found(call.service, name)
    if role is None:
        raise absent()
    said: dict[str, Any] = {
        "name": name,
        "allowed_policies": list(role.allowed_policies),
        "disallowed_policies": list(role.disallowed_policies),
        "allowed_policies_glob": list(role.allowed_policies_glob),
        "disallowed_policies_glob": list(role.disallowed_policies_glob),
        "orphan": role.orphan,
        "renewable": role.renewable,
        "path_suffix": role.path_suffix,
        "token_period": int(role.period.total_seconds()),
        "token_explicit_max_ttl": int(role.explicit_max_ttl.total_seconds()),
        "token_bound_cidrs": list(role.bounds),
        "token_num_uses": role.uses,
        "token_no_default_policy": role.no_default_policy,
        "token_type": "default-service",
    }
    return answered(call, said)


def _write(call: VaultCall, name: str) -> Answer:
    body, had = call.body, found(call.service, name) or TokenRole()
    if unknown := sorted(set(body) - _FIELDS):
        raise invalid(f"roles here have no {', '.join(unknown)[:200]}")
    if not is_name(name) or len(name) > 96:
        raise invalid("the name of a role has a-z, 0-9, '-', '_' and '.', with a letter or a digit at both ends")
    if fields.text(body, "token_type", "default") not in ("default", "default-service", "service"):
        raise invalid("tokens are of type service")
    globs = {
        name: _or(fields.texts(body, name), getattr(had, name))
        for name in ("allowed_policies_glob", "disallowed_policies_glob")
    }
    names = {
        name: policy_names(_or(fields.texts(body, name), getattr(had, name)))
        for name in ("allowed_policies", "disallowed_policies")
    }
    call.service.policies.check_grant_beside(call.caller, names["allowed_policies"], None)
    role = TokenRole(
        **names,
        **globs,
        orphan=bool(fields.boolean(body, "orphan", had.orphan)),
        renewable=bool(fields.boolean(body, "renewable", had.renewable)),
        path_suffix=_suffix(fields.text(body, "path_suffix", had.path_suffix, longest=128)),
        period=_or(fields.duration(body, "token_period"), fields.duration(body, "period"), had.period),
        explicit_max_ttl=_or(
            fields.duration(body, "token_explicit_max_ttl"),
            fields.duration(body, "explicit_max_ttl"),
            had.explicit_max_ttl,
        ),
        bounds=bounds_of(_or(fields.texts(body, "token_bound_cidrs"), fields.texts(body, "bound_cidrs"), had.bounds)),
        uses=_or(fields.integer(body, "token_num_uses"), had.uses),
        no_default_policy=bool(fields.boolean(body, "token_no_default_policy", had.no_default_policy)),
    )
    call.service.directory.put(KIND, name, role)
    return done()


def _or(*values: Any) -> Any:
    """The first that is there."""
    return next(value for value in values if value is not None)


def _suffix(text: str) -> str:
    if not all(char.isascii() and (char.isalnum() or char in "-_.") for char in text):
        raise invalid("path_suffix has letters, digits, '-', '_' and '.'")
    return text


def _fits(policy: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(policy, glob) for glob in globs)
