"""``auth/approle`` and other mounts of its type: roles, secret ids and logins, in Vault's words.

Each mount has roles of its own. Role names go by lower case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from strongroom_registry.document import is_name
from strongroom_registry.errors import StaleExpectation

from strongroom_service.errors import Unauthenticated, UnknownThing
from strongroom_service.http.call import Answer
from strongroom_service.identity.app_role import AppRole, SecretIdRecord
from strongroom_service.identity.app_roles import AppRoles, SecretId
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed, timestamp
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.vault_api.token_view import auth_of

_READ, _LIST, _DELETE = (frozenset({one}) for one in (Operation.READ, Operation.LIST, Operation.DELETE))
_TRIES = 16


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """A request for a role.

    :param name: the role's, empty for all of them.
    """

    call: VaultCall
    mount: Mount
    roles: AppRoles
    name: str

    @property
    def body(self) -> Mapping[str, Any]:
        """The fields of the body."""
        return self.call.body


Handler = Callable[[RoleRequest], Answer]


class AppRoleAuth(EngineDefaults):
    """Answers beneath mounts of approle."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a request.

        :raises UnknownThing: it is no path of this.
        """
        parts = rest.split("/")
        if rest == "login" and call.operation in WRITES:
            return _login(call, mount)
        if parts[0] != "role" or (len(parts) == 1 and call.operation is not Operation.LIST):
            raise absent("no handler for route")
        name = parts[1].lower() if len(parts) > 1 else ""
        handlers = PATHS.get("/".join(parts[2:])) if name else {_LIST: _list}
        if handlers is None:
            raise absent("no handler for route")
        for operations, handler in handlers.items():
            if call.operation in operations:
                return handler(RoleRequest(call, mount, roles_of(call.service, mount), name))
        raise invalid("unsupported operation")

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """A role that is written is created, or updated."""
        parts = rest.split("/")
        if len(parts) != 2 or parts[0] != "role":
            return None
        return parts[1].lower() in roles_of(service, mount).names()

    def is_open(self, mount: Mount, rest: str) -> bool:
        """Logins are."""
        return rest == "login"

    def unmounted(self, service: Service, mount: Mount) -> None:
        """Remove the roles, their secret ids, and the tokens that they gave."""
        roles = roles_of(service, mount)
        for name in roles.names():
            roles.remove(name)


def roles_of(service: Service, mount: Mount) -> AppRoles:
    """The roles of a mount, which no other has."""
    return AppRoles(service.directory, service.records, service.tokens, kind=mount.accessor)


def _login(call: VaultCall, mount: Mount) -> Answer:
    role_id, secret_id = fields.text(call.body, "role_id"), fields.text(call.body, "secret_id", "")
    path = f"auth/{mount.path}/login"
    try:
        issued = roles_of(call.service, mount).login(role_id, secret_id, call.caller.address, path=path)
    except Unauthenticated as refusal:
        call.service.record(call.caller, "login", "Unauthenticated", path, message=refusal.why)
        made = invalid("invalid role or secret ID")
        made.is_recorded = True
        raise made from None
    call.service.record(call.caller, "login", name=path, message=f"{issued.record.identity}#{issued.accessor}")
    return answered(call, None, auth=auth_of(call.service, issued.accessor, issued.record, issued.token.text))


def _list(request: RoleRequest) -> Answer:
    return listed(request.call, request.roles.names())


def _write(request: RoleRequest) -> Answer:
    if not is_name(request.name) or len(request.name) > 96:
        raise invalid(
            "the name of a role has letters, digits, '-', '_' and '.', with one of the first two at both ends"
        )
    unknown = sorted(set(request.body) - _FIELDS)
    if unknown:
        raise invalid(f"roles here have no {', '.join(unknown)[:200]}")
    for _ in range(_TRIES):
        changed = _changed(request.body, _had(request))
        request.call.service.policies.check_grant_beside(
            request.call.caller, changed.token_policies, changed.facts(request.name)
        )
        try:
            request.roles.put(request.name, changed)
        except StaleExpectation:
            continue
        break
    else:
        raise invalid("the role is being changed by others; try again")
    if role_id := fields.text(request.body, "role_id", ""):
        request.roles.set_role_id(request.name, role_id)
    return done()


def _had(request: RoleRequest) -> AppRole:
    """The role as it is; one with nothing set where there is none. Whoever may not give what it gives may not change it
    either, or remove it and make it anew: with a secret id that he made meanwhile he would have that when it is back.

    :raises Forbidden: it gives more than the caller may give.
    """
    try:
        had = request.roles.found(request.name).value.role
    except UnknownThing:
        return AppRole()
    request.call.service.policies.check_grant_beside(request.call.caller, had.token_policies, had.facts(request.name))
    return had


def _changed(body: Mapping[str, Any], had: AppRole) -> AppRole:
    """What the role becomes: what the body does not name stays."""
    if fields.text(body, "token_type", "default") not in ("", "default", "service", "default-service"):
        raise invalid("tokens are of type service")
    said: dict[str, Any] = {
        "bind_secret_id": fields.boolean(body, "bind_secret_id"),
        "secret_id_bounds": _first(fields.texts(body, "secret_id_bound_cidrs"), fields.texts(body, "bound_cidr_list")),
        "secret_id_uses": fields.integer(body, "secret_id_num_uses"),
        "secret_id_ttl": fields.duration(body, "secret_id_ttl"),
        "local_secret_ids": _first(
            fields.boolean(body, "local_secret_ids"), fields.boolean(body, "enable_local_secret_ids")
        ),
        "token_policies": _first(fields.texts(body, "token_policies"), fields.texts(body, "policies")),
        "token_no_default_policy": fields.boolean(body, "token_no_default_policy"),
        "token_ttl": fields.duration(body, "token_ttl"),
        "token_max_ttl": fields.duration(body, "token_max_ttl"),
        "token_explicit_max_ttl": fields.duration(body, "token_explicit_max_ttl"),
        "token_period": _first(fields.duration(body, "token_period"), fields.duration(body, "period")),
        "token_uses": fields.integer(body, "token_num_uses"),
        "token_bounds": fields.texts(body, "token_bound_cidrs"),
    }
    try:
        return AppRole(**{**had.model_dump(), **{name: value for name, value in said.items() if value is not None}})
    except ValidationError as exc:
        places = ", ".join(sorted({str(error["loc"][0]) for error in exc.errors(include_input=False) if error["loc"]}))
        raise invalid(f"not a role: {places or 'one without secret ids needs bounds'}") from None


_FIELDS = frozenset(
    {"role_name", "role_id", "bind_secret_id", "secret_id_bound_cidrs", "bound_cidr_list", "secret_id_num_uses"}
    | {"secret_id_ttl", "local_secret_ids", "enable_local_secret_ids", "token_policies", "policies", "token_ttl"}
    | {"token_no_default_policy", "token_max_ttl", "token_explicit_max_ttl", "token_period", "period"}
    | {"token_num_uses", "token_bound_cidrs", "token_type"}
)


def _read(request: RoleRequest) -> Answer:
    role = request.roles.found(request.name).value
    said = {
        "bind_secret_id": role.bind_secret_id,
        "local_secret_ids": role.local_secret_ids,
        "secret_id_bound_cidrs": list(role.secret_id_bounds) or None,
        "secret_id_num_uses": role.secret_id_uses,
        "secret_id_ttl": int(role.secret_id_ttl.total_seconds()),
        "token_bound_cidrs": list(role.token_bounds),
        "token_explicit_max_ttl": int(role.token_explicit_max_ttl.total_seconds()),
        "token_max_ttl": int(role.token_max_ttl.total_seconds()),
        "token_no_default_policy": role.token_no_default_policy,
        "token_num_uses": role.token_uses,
        "token_period": int(role.token_period.total_seconds()),
        "token_policies": list(role.token_policies),
        "token_ttl": int(role.token_ttl.total_seconds()),
        "token_type": "default",
    }
    return answered(request.call, said)


def _remove(request: RoleRequest) -> Answer:
    _had(request)
    request.roles.remove(request.name)
    return done()


def _role_id(request: RoleRequest) -> Answer:
    return answered(request.call, {"role_id": request.roles.found(request.name).value.role_id})


def _set_role_id(request: RoleRequest) -> Answer:
    request.roles.set_role_id(request.name, fields.text(request.body, "role_id"))
    return done()


def _make_secret_id(request: RoleRequest) -> Answer:
    return _made(request, None)


def _keep_secret_id(request: RoleRequest) -> Answer:
    return _made(request, fields.text(request.body, "secret_id"))


def _made(request: RoleRequest, text: str | None) -> Answer:
    body = request.body
    role = request.roles.found(request.name).value.role
    request.call.service.policies.check_grant_beside(request.call.caller, role.token_policies, role.facts(request.name))
    made: SecretId = request.roles.make_secret_id(
        request.name,
        text=text,
        metadata=_metadata(body),
        bounds=fields.texts(body, "cidr_list") or (),
        token_bounds=fields.texts(body, "token_bound_cidrs") or (),
        uses=fields.integer(body, "num_uses"),
        ttl=fields.duration(body, "ttl"),
        makers=request.call.service.tokens.makers_of(request.call.caller),
        given=None if request.call.service.policies.gives_any(request.call.caller) else role.token_policies,
    )
    said = {
        "secret_id": made.text,
        "secret_id_accessor": made.accessor,
        "secret_id_num_uses": made.record.uses or 0,
        "secret_id_ttl": int(made.record.ttl.total_seconds()),
    }
    return answered(request.call, said)


def _metadata(body: Mapping[str, Any]) -> dict[str, str]:
    """What tokens of a secret id say of it: an object, or its text."""
    said = body.get("metadata")
    if isinstance(said, str) and said:
        try:
            said = json.loads(said)
        except ValueError:
            raise invalid("metadata is an object of texts, or its JSON") from None
    said = said or {}
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise invalid("metadata is an object of texts, or its JSON")
    if len(said) > 64 or any(len(key) > 128 or len(value) > 512 for key, value in said.items()):
        raise invalid("metadata has at most 64 texts of 512 characters")
    return said


def _list_secret_ids(request: RoleRequest) -> Answer:
    return listed(request.call, [accessor for accessor, _ in request.roles.secret_ids(request.name)])


def _lookup(request: RoleRequest) -> Answer:
    """That of a secret id; Vault says nothing where there is none of this text."""
    try:
        accessor = request.roles.accessor_of(request.name, fields.text(request.body, "secret_id"))
    except UnknownThing:
        request.roles.found(request.name)
        return done()
    return _secret_id_shown(request, accessor)


def _lookup_accessor(request: RoleRequest) -> Answer:
    return _secret_id_shown(request, fields.text(request.body, "secret_id_accessor"))


def _secret_id_shown(request: RoleRequest, accessor: str) -> Answer:
    record: SecretIdRecord = request.roles.secret_id(request.name, accessor)
    said = {
        "secret_id_accessor": accessor,
        "cidr_list": list(record.bounds),
        "token_bound_cidrs": list(record.token_bounds),
        "creation_time": timestamp(record.created),
        "expiration_time": timestamp(record.expires) or "0001-01-01T00:00:00Z",
        "last_updated_time": timestamp(record.updated),
        "metadata": dict(record.metadata),
        "secret_id_num_uses": record.uses or 0,
        "secret_id_ttl": int(record.ttl.total_seconds()),
    }
    return answered(request.call, said)


def _destroy(request: RoleRequest) -> Answer:
    try:
        accessor = request.roles.accessor_of(request.name, fields.text(request.body, "secret_id"))
        request.roles.remove_secret_id(request.name, accessor)
    except UnknownThing:
        request.roles.found(request.name)
    return done()


def _destroy_accessor(request: RoleRequest) -> Answer:
    request.roles.remove_secret_id(request.name, fields.text(request.body, "secret_id_accessor"))
    return done()


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


PATHS: Mapping[str, Mapping[frozenset[Operation], Handler]] = MappingProxyType(
    {
        "": {_READ: _read, WRITES: _write, _DELETE: _remove},
        "role-id": {_READ: _role_id, WRITES: _set_role_id},
        "secret-id": {WRITES: _make_secret_id, _LIST: _list_secret_ids},
        "custom-secret-id": {WRITES: _keep_secret_id},
        "secret-id/lookup": {WRITES: _lookup},
        "secret-id/destroy": {WRITES | _DELETE: _destroy},
        "secret-id-accessor/lookup": {WRITES: _lookup_accessor},
        "secret-id-accessor/destroy": {WRITES | _DELETE: _destroy_accessor},
    }
)
