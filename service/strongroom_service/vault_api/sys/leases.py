"""Leases over ``sys``: those that the service made, whose ids begin with a workspace and a role."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from strongroom_registry.document import is_name

from strongroom_service.http.call import Answer
from strongroom_service.leases.lease import Lease, LeaseState
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed, timestamp
from strongroom_service.vault_api.sys.route import SysRoute, sudo

_ID_MAX = 512


def _lookup(call: VaultCall, values: Mapping[str, str]) -> Answer:
    lease_id = _id(call, values)
    lease = call.service.leases.show(call.caller, lease_id)
    return answered(call, _told(lease_id, lease, call.service.now()), on_top=True)


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """What stands beneath a prefix: roles of a workspace, or leases of a role."""
    workspace, role = _places(values["prefix"])
    if not role:
        names = sorted({one.id.split("/")[1] for one in _all(call, workspace, "")})
        return listed(call, [f"{name}/" for name in names])
    return listed(call, [one.id.split("/", 2)[2] for one in _all(call, workspace, role)])


def _renew(call: VaultCall, values: Mapping[str, str]) -> Answer:
    lease_id = _id(call, values)
    lease = call.service.leases.renew(call.caller, lease_id, fields.duration(call.body, "increment"))
    seconds = int((lease.until - call.service.now()).total_seconds())
    return answered(call, None, lease_id=lease_id, lease_duration=max(0, seconds), renewable=True)


def _revoke(call: VaultCall, values: Mapping[str, str]) -> Answer:
    call.service.leases.revoke(call.caller, _id(call, values))
    return done()


def _revoke_prefix(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """All leases of a role, or one."""
    prefix = values["prefix"].strip("/")
    workspace, role = _places(prefix)
    if not role:
        raise invalid("a prefix names a workspace and a role: analytics/readers")
    if prefix.count("/") > 1:
        call.service.leases.revoke(call.caller, prefix)
    else:
        call.service.leases.revoke_all(call.caller, workspace, role)
    return done()


def _revoke_force(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """Strike leases off without taking their credentials back."""
    prefix = values["prefix"].strip("/")
    workspace, role = _places(prefix)
    ids = [prefix] if prefix.count("/") > 1 else [one.id for one in _all(call, workspace, role)]
    for lease_id in ids:
        call.service.leases.forget(call.caller, lease_id)
    return done()


def _all(call: VaultCall, workspace: str, role: str) -> list[Any]:
    found, after = call.service.leases.page(call.caller, workspace, role=role, limit=1000)
    while after:
        more, after = call.service.leases.page(call.caller, workspace, role=role, after=after, limit=1000)
        found += more
    return found


def _id(call: VaultCall, values: Mapping[str, str]) -> str:
    return values.get("id") or fields.text(call.body, "lease_id", longest=_ID_MAX)


def _places(prefix: str) -> tuple[str, str]:
    workspace, _, rest = prefix.strip("/").partition("/")
    role = rest.partition("/")[0]
    if not is_name(workspace) or (role and not is_name(role)):
        raise absent()
    return workspace, role


def _told(lease_id: str, lease: Lease, now: datetime) -> dict[str, Any]:
    return {
        "id": lease_id,
        "issue_time": timestamp(lease.created),
        "expire_time": timestamp(lease.until),
        "last_renewal": None,
        "renewable": lease.state is LeaseState.ACTIVE and now < lease.latest,
        "ttl": max(0, int((lease.until - now).total_seconds())),
    }


_EITHER = {Operation.UPDATE: _renew}

ROUTES = (
    SysRoute("leases/lookup", {Operation.UPDATE: _lookup}),
    SysRoute("leases/lookup/{prefix:path}", {Operation.LIST: _list}, sudo=sudo(Operation.LIST)),
    SysRoute("leases/renew", _EITHER),
    SysRoute("leases/renew/{id:path}", _EITHER),
    SysRoute("renew", _EITHER),
    SysRoute("leases/revoke", {Operation.UPDATE: _revoke}),
    SysRoute("leases/revoke/{id:path}", {Operation.UPDATE: _revoke}),
    SysRoute("leases/revoke-prefix/{prefix:path}", {Operation.UPDATE: _revoke_prefix}, sudo=sudo(Operation.UPDATE)),
    SysRoute("leases/revoke-force/{prefix:path}", {Operation.UPDATE: _revoke_force}, sudo=sudo(Operation.UPDATE)),
    SysRoute("revoke", {Operation.UPDATE: _revoke}),
)
