"""What a token may do, over ``sys``."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.identity.caller import ROOT
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.acl.acl import Acl
from strongroom_service.vault_api.acl.policies import POLICIES
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import answered, invalid
from strongroom_service.vault_api.sys.route import SysRoute, sudo

PATHS_MAX = 100


def _of_self(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return _answered(call, None if call.caller.is_root else POLICIES.acl(call.service, call.caller))


def _of_token(call: VaultCall, values: Mapping[str, str]) -> Answer:
    _, record = call.service.tokens.lookup(fields.text(call.body, "token", longest=512))
    return _answered(call, _acl(call, record))


def _of_accessor(call: VaultCall, values: Mapping[str, str]) -> Answer:
    record = call.service.tokens.of(fields.text(call.body, "accessor", longest=128))
    return _answered(call, _acl(call, record))


def _acl(call: VaultCall, record: TokenRecord) -> Acl | None:
    names = call.service.tokens.policies_of(record)
    return None if ROOT in names else POLICIES.of(call.service, names, record.facts)


def _answered(call: VaultCall, acl: Acl | None) -> Answer:
    """:param acl: what the token's policies come to; None for that of root."""
    paths = fields.texts(call.body, "paths", most=PATHS_MAX, longest=4096) or ()
    if not paths:
        paths = fields.texts(call.body, "path", most=PATHS_MAX, longest=4096) or ()
    if not paths:
        raise invalid("paths must be supplied")
    found = {path: ["root"] if acl is None else acl.capabilities(path.removeprefix("/")) for path in paths}
    return answered(call, {**found, "capabilities": found[paths[0]]}, on_top=True)


ROUTES = (
    SysRoute("capabilities-self", {Operation.UPDATE: _of_self}),
    SysRoute("capabilities", {Operation.UPDATE: _of_token}),
    SysRoute("capabilities-accessor", {Operation.UPDATE: _of_accessor}, sudo=sudo(Operation.UPDATE)),
)
