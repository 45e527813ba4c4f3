"""Audit devices over ``sys``.

Every request is in the registry's audit, whether a device is enabled or not, and nothing that is said over HTTP leads
it anywhere else: a path or an address in the options of a device is answered with a warning, and not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import answered, done, invalid
from strongroom_service.vault_api.sys.route import SysRoute, sudo

KIND = "audit-device"
_TYPES = ("file", "syslog", "socket")
_PLACE = "strongroom.service"


class AuditDevice(BaseModel):
    """The name of a device, and what people know it by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    type: str
    description: str = ""


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    devices = {
        f"{device.path}/": {
            "path": f"{device.path}/",
            "type": device.type,
            "description": device.description,
            "local": False,
            "options": {"registry_audit": _PLACE},
        }
        for device in call.service.directory.all(KIND, AuditDevice).values()
    }
    return answered(call, devices, on_top=True)


def _enable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    type_ = fields.text(call.body, "type", longest=32)
    if type_ not in _TYPES:
        raise invalid(f"unknown backend type: {type_!r:.40}")
    path = values["path"].strip("/")
    if call.service.directory.get(KIND, _record(path), AuditDevice) is not None:
        raise invalid(f"path already in use: {path!r:.200}")
    device = AuditDevice(path=path, type=type_, description=fields.text(call.body, "description", "", longest=1024))
    call.service.directory.put(KIND, _record(path), device)
    warning = f"entries go to the audit of the registry (workspace {_PLACE}); what the options name is not used"
    return answered(call, None, warnings=[warning])


def _disable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    call.service.directory.remove(KIND, _record(values["path"].strip("/")))
    return done()


def _hash(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """A keyed hash of a text, the same each time until the registry's keys are rotated."""
    path = values["path"].strip("/")
    if call.service.directory.get(KIND, _record(path), AuditDevice) is None:
        raise invalid(f"unknown audit backend: {path!r:.200}")
    text = fields.text(call.body, "input")
    name = call.service.records.name(f"audit-hash:{path}:{text}".encode("utf-8", "surrogatepass"))
    return answered(call, {"hash": f"hmac-sha256:{name}"}, on_top=True)


def _record(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:48]


ROUTES = (
    SysRoute("audit", {Operation.READ: _list}, sudo=sudo(Operation.READ)),
    SysRoute(
        "audit/{path:path}",
        {Operation.UPDATE: _enable, Operation.DELETE: _disable},
        sudo=sudo(Operation.UPDATE, Operation.DELETE),
    ),
    SysRoute("audit-hash/{path:path}", {Operation.UPDATE: _hash}),
)
