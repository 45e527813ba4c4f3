"""Policies over ``sys``: in the old place, and in the new one."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.acl.policies import POLICIES, folded
from strongroom_service.vault_api.acl.policy_text import TEXT_MAX
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done
from strongroom_service.vault_api.sys.route import SysRoute


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    names = POLICIES.names(call.service)
    return answered(call, {"policies": names, "keys": names}, on_top=True)


def _read(call: VaultCall, values: Mapping[str, str]) -> Answer:
    name, text = _text(call, values)
    return answered(call, {"name": name, "rules": text}, on_top=True)


def _list_acl(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, {"keys": POLICIES.names(call.service)}, on_top=True)


def _read_acl(call: VaultCall, values: Mapping[str, str]) -> Answer:
    name, text = _text(call, values)
    return answered(call, {"name": name, "policy": text}, on_top=True)


def _write(call: VaultCall, values: Mapping[str, str]) -> Answer:
    text = fields.text(call.body, "policy" if "policy" in call.body else "rules", longest=TEXT_MAX)
    POLICIES.write(call.service, folded(values["name"]), text)
    return done()


def _delete(call: VaultCall, values: Mapping[str, str]) -> Answer:
    POLICIES.remove(call.service, folded(values["name"]))
    return done()


def _text(call: VaultCall, values: Mapping[str, str]) -> tuple[str, str]:
    name = folded(values["name"])
    text = POLICIES.text(call.service, name)
    if text is None:
        raise absent()
    return name, text


ROUTES = (
    SysRoute("policy", {Operation.READ: _list, Operation.LIST: _list}),
    SysRoute("policy/{name}", {Operation.READ: _read, Operation.UPDATE: _write, Operation.DELETE: _delete}),
    SysRoute("policies/acl", {Operation.READ: _list_acl, Operation.LIST: _list_acl}),
    SysRoute("policies/acl/{name}", {Operation.READ: _read_acl, Operation.UPDATE: _write, Operation.DELETE: _delete}),
)
