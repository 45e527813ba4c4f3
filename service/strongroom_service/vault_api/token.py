"""``auth/token``: tokens made, looked up, renewed and revoked, in Vault's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

from strongroom_service.errors import UnknownThing
from strongroom_service.http.call import Answer
from strongroom_service.http.exchange import token_of
from strongroom_service.identity.grant import Grant, Issued, policy_names
from strongroom_service.identity.token_record import DEFAULT, KIND, TokenRecord
from strongroom_service.vault_api import fields, token_roles
from strongroom_service.vault_api.acl.policies import VaultPolicies
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, denied, done, invalid, listed
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.vault_api.token_view import auth_of, shown

_LISTED_MOST = 100_000
_CREATED = frozenset(
    {"id", "policies", "meta", "no_parent", "no_default_policy", "renewable", "lease", "ttl", "explicit_max_ttl"}
    | {"display_name", "num_uses", "period", "type", "entity_alias", "role_name"}
)

T = TypeVar("T", int, timedelta)
Handler = Callable[["TokenAuth", VaultCall], Answer]


class TokenAuth(EngineDefaults):
    """Answers beneath ``auth/token``.

    :param policies: say who may give more than he has: whoever has ``sudo`` on the path.
    """

    def __init__(self, policies: VaultPolicies) -> None:
        self._policies = policies

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a request.

        :raises UnknownThing: it is no path of this.
        """
        first, _, more = rest.partition("/")
        if first == "roles" and "/" not in more:
            return token_roles.handle(call, more)
        if first == "create" and more and call.operation in WRITES:
            return self._create_with(call, more)
        handlers = PATHS.get(rest)
        if handlers is None:
            raise absent("no handler for route")
        handler = handlers.get(Operation.UPDATE if call.operation in WRITES else call.operation)
        if handler is None:
            raise invalid("unsupported operation")
        return handler(self, call)

    def create(self, call: VaultCall) -> Answer:
        """POST ``create``: a child of the caller's token, or with ``no_parent`` none."""
        return self._created(call, _grant(call), orphan=bool(fields.boolean(call.body, "no_parent", False)))

    def create_orphan(self, call: VaultCall) -> Answer:
        """POST ``create-orphan``."""
        return self._created(call, _grant(call), orphan=True)

    def lookup(self, call: VaultCall) -> Answer:
        """POST ``lookup``: the token whose text is in the body."""
        text = fields.text(call.body, "token", "") or token_of(call.headers)
        accessor, record = _known(call, text)
        return answered(call, shown(call.service, accessor, record, text))

    def lookup_self(self, call: VaultCall) -> Answer:
        """GET ``lookup-self``; the token may have used itself up by asking."""
        record = call.service.records.get(KIND, call.caller.accessor, TokenRecord)
        if record is None:
            raise denied()
        return answered(call, shown(call.service, call.caller.accessor, record, token_of(call.headers)))

    def lookup_accessor(self, call: VaultCall) -> Answer:
        """POST ``lookup-accessor``."""
        accessor = fields.text(call.body, "accessor")
        return answered(call, shown(call.service, accessor, _of_accessor(call, accessor)))

    def renew(self, call: VaultCall) -> Answer:
        """POST ``renew``."""
        text = fields.text(call.body, "token", "") or token_of(call.headers)
        return _renewed(call, _known(call, text)[0], text)

    def renew_self(self, call: VaultCall) -> Answer:
        """POST ``renew-self``."""
        return _renewed(call, call.caller.accessor, token_of(call.headers))

    def renew_accessor(self, call: VaultCall) -> Answer:
        """POST ``renew-accessor``."""
        accessor = fields.text(call.body, "accessor")
        _of_accessor(call, accessor)
        return _renewed(call, accessor, "")

    def revoke(self, call: VaultCall) -> Answer:
        """POST ``revoke``: a token, and those that were made with it."""
        return _revoked(call, _to_revoke(call))

    def revoke_self(self, call: VaultCall) -> Answer:
        """POST ``revoke-self``."""
        with suppress(UnknownThing):  # it has used itself up by asking
            call.service.tokens.revoke(call.caller.accessor)
        return done()

    def revoke_accessor(self, call: VaultCall) -> Answer:
        """POST ``revoke-accessor``."""
        accessor = fields.text(call.body, "accessor")
        _of_accessor(call, accessor)
        return _revoked(call, accessor)

    def revoke_orphan(self, call: VaultCall) -> Answer:
        """POST ``revoke-orphan``: a token, without those that were made with it."""
        if not self._may_more(call):
            raise denied()
        call.service.tokens.revoke(_to_revoke(call), with_children=False)
        return done()

    def accessors(self, call: VaultCall) -> Answer:
        """LIST ``accessors``: of all tokens."""
        if not self._may_more(call):
            raise denied()
        names: list[str] = []
        while len(names) < _LISTED_MOST:
            rows = call.service.tokens.page(after=names[-1] if names else "", limit=1000)
            names += [accessor for accessor, _ in rows]
            if len(rows) < 1000:
                break
        return listed(call, names)

    def tidy(self, call: VaultCall) -> Answer:
        """POST ``tidy``: remove the records of tokens whose time is over."""
        if not self._may_more(call):
            raise denied()
        while call.service.tokens.tidy() > 0:
            pass
        return done()

    def _create_with(self, call: VaultCall, name: str) -> Answer:
        """POST ``create/<role>``."""
        role = token_roles.found(call.service, name)
        if role is None:
            raise invalid("unknown role")
        grant = _grant(call)
        asked = fields.texts(call.body, "policies")
        names = role.chosen(None if asked is None else policy_names(asked))
        if names is not None and not role.is_free and not call.caller.is_root:
            own = {*call.caller.policies, DEFAULT}
            if not set(names) <= own:
                raise invalid("child policies must be subset of parent")
        if names is not None and not role.is_free:
            call.service.policies.check_kept(call.caller, names)
        if names is None and not all(map(role.allows, call.caller.policies)) and not call.caller.is_root:
            raise invalid("the role does not allow one of the policies")
        beyond_role = set(names or ()) - set(role.allowed_policies)  # those were asked about when the role was written
        call.service.policies.check_grant_beside(call.caller, beyond_role, call.caller.facts)
        default = role.no_default_policy or fields.boolean(call.body, "no_default_policy", False)
        orphan = bool(fields.boolean(call.body, "no_parent", False))
        if ((orphan and not role.orphan) or (grant.period and not role.period)) and not self._may_more(call):
            raise denied()
        suffix = f"/{role.path_suffix}" if role.path_suffix else ""
        grant = replace(
            grant,
            policies=None if names is None else _with_default(names, without=bool(default)),
            period=role.period or grant.period,
            max_ttl=_least(role.explicit_max_ttl, grant.max_ttl),
            uses=_least(role.uses, grant.uses),
            renewable=role.renewable and grant.renewable,
            bounds=role.bounds,
            path=f"auth/token/create/{name}{suffix}",
        )
        make = call.service.tokens.create_orphan if role.orphan or orphan else call.service.tokens.create
        return _issued(call, make(call.caller, grant, beyond=True))

    def _created(self, call: VaultCall, grant: Grant, *, orphan: bool) -> Answer:
        beyond = self._may_more(call)
        if grant.policies is not None and not beyond:
            call.service.policies.check_kept(call.caller, grant.policies)
        call.service.policies.check_grant_beside(call.caller, grant.policies or (), call.caller.facts)
        tokens = call.service.tokens
        make = tokens.create_orphan if orphan else tokens.create
        return _issued(call, make(call.caller, grant, beyond=beyond))

    def _may_more(self, call: VaultCall) -> bool:
        if call.caller.is_root:
            return True
        return "sudo" in self._policies.acl(call.service, call.caller).capabilities(call.path)


PATHS: Mapping[str, Mapping[Operation, Handler]] = MappingProxyType(
    {
        "create": {Operation.UPDATE: TokenAuth.create},
        "create-orphan": {Operation.UPDATE: TokenAuth.create_orphan},
        "lookup": {Operation.UPDATE: TokenAuth.lookup, Operation.READ: TokenAuth.lookup},
        "lookup-self": {Operation.READ: TokenAuth.lookup_self, Operation.UPDATE: TokenAuth.lookup_self},
        "lookup-accessor": {Operation.UPDATE: TokenAuth.lookup_accessor},
        "renew": {Operation.UPDATE: TokenAuth.renew},
        "renew-self": {Operation.UPDATE: TokenAuth.renew_self},
        "renew-accessor": {Operation.UPDATE: TokenAuth.renew_accessor},
        "revoke": {Operation.UPDATE: TokenAuth.revoke},
        "revoke-self": {Operation.UPDATE: TokenAuth.revoke_self},
        "revoke-accessor": {Operation.UPDATE: TokenAuth.revoke_accessor},
        "revoke-orphan": {Operation.UPDATE: TokenAuth.revoke_orphan},
        "accessors": {Operation.LIST: TokenAuth.accessors},
        "tidy": {Operation.UPDATE: TokenAuth.tidy},
    }
)


def _grant(call: VaultCall) -> Grant:
    """The token that the body asks for."""
    body = call.body
    for field in ("id", "entity_alias"):
        if body.get(field):
            raise invalid(f"{field} cannot be chosen here")
    if fields.text(body, "type", "") not in ("", "service", "default"):
        raise invalid("tokens are of type service")
    if unknown := sorted(set(body) - _CREATED):
        raise invalid(f"tokens here have no {', '.join(unknown)[:200]}")
    asked = fields.texts(body, "policies")
    without = bool(fields.boolean(body, "no_default_policy", False))
    meta = fields.mapping(body, "meta") or {}
    if not all(isinstance(value, str) and len(value) <= 512 for value in meta.values()) or len(meta) > 64:
        raise invalid("meta is an object of at most 64 texts of 512 characters")
    name = fields.text(body, "display_name", "", longest=128)
    return Grant(
        policies=_with_default(asked, without=without) if asked else None,
        metadata=meta,
        name=f"token-{name}" if name else "token",
        path=call.path,
        ttl=fields.duration(body, "ttl") or fields.duration(body, "lease") or None,
        max_ttl=fields.duration(body, "explicit_max_ttl") or None,
        period=fields.duration(body, "period") or None,
        renewable=bool(fields.boolean(body, "renewable", True)),
        uses=fields.integer(body, "num_uses") or None,
    )


def _least(*limits: T | None) -> T | None:
    """The narrowest of the limits that are set."""
    return min((limit for limit in limits if limit), default=None)


def _with_default(names: tuple[str, ...], *, without: bool) -> tuple[str, ...]:
    return names if without or names == ("root",) else (DEFAULT, *names)


def _issued(call: VaultCall, issued: Issued) -> Answer:
    auth = auth_of(call.service, issued.accessor, issued.record, issued.token.text)
    return answered(call, None, auth=auth)


def _renewed(call: VaultCall, accessor: str, text: str) -> Answer:
    record = call.service.tokens.renew(accessor, fields.duration(call.body, "increment") or None)
    return answered(call, None, auth=auth_of(call.service, accessor, record, text))


def _revoked(call: VaultCall, accessor: str) -> Answer:
    call.service.tokens.revoke(accessor)
    return done()


def _known(call: VaultCall, text: str) -> tuple[str, TokenRecord]:
    """The token with this text; Vault answers 403 where there is none."""
    try:
        return call.service.tokens.lookup(text)
    except UnknownThing:
        raise denied() from None


def _to_revoke(call: VaultCall) -> str:
    try:
        return call.service.tokens.lookup(fields.text(call.body, "token"))[0]
    except UnknownThing:
        raise invalid("token to revoke not found") from None


def _of_accessor(call: VaultCall, accessor: str) -> TokenRecord:
    """The token of an accessor; Vault answers 400 where there is none."""
    try:
        return call.service.tokens.of(accessor)
    except UnknownThing:
        raise invalid("invalid accessor") from None
