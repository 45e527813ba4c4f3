"""The one way into ``/v1``: every request comes by here, is found what answers it, and is let pass or not.

The path was brought into one form before; nothing here decodes or shortens it. The caller's policies are asked before
anything is said of whether a mount or a secret is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from strongroom_service.durations import parse_duration
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.sign_in_name import canonical_name
from strongroom_service.service import Service
from strongroom_service.vault_api.acl.acl import Wanted
from strongroom_service.vault_api.acl.capability import Capability
from strongroom_service.vault_api.acl.policies import POLICIES
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import AUTH, SECRETS, auth_engines, secret_engines
from strongroom_service.vault_api.envelope import absent, denied, invalid
from strongroom_service.vault_api.mount import Engine, MountTable
from strongroom_service.vault_api.sys import tables

_OPERATIONS = {
    "GET": Operation.READ,
    "HEAD": Operation.READ,
    "LIST": Operation.LIST,
    "POST": Operation.UPDATE,
    "PUT": Operation.UPDATE,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.DELETE,
}
_ACTIONS = {
    Operation.READ: "view",
    Operation.LIST: "list",
    Operation.CREATE: "write",
    Operation.UPDATE: "write",
    Operation.PATCH: "write",
    Operation.DELETE: "delete",
}
"""What the audit calls them."""
_CASELESS = frozenset({"approle", "userpass"})
"""The types of mounts in the names of which case does not count."""
_WRAP_HEADERS = ("x-vault-wrap-ttl", "strongroom-wrap-ttl")


@dataclass(frozen=True, slots=True)
class Target:
    """What answers a request.

    :param answer: gives the answer, once the request was let pass.
    :param exists: tells ``create`` from ``update``, where that makes a difference.
    :param is_recorded: whether what is asked is to be in the audit of the service, whatever it does; a mount of secrets
        has an audit of its own.
    :param plain: the path with its names in the one form that they are looked for in, where case does not count in
        them: what is denied of that is denied, however it was written.
    """

    answer: Callable[[VaultCall], Answer]
    exists: Callable[[Service], bool | None]
    is_open: bool = False
    is_sudo: bool = False
    is_recorded: bool = False
    plain: str = ""


def enter(request: Call) -> Answer:
    """Answer a request.

    :raises Forbidden: the caller's policies do not allow it.
    :raises UnknownThing: nothing answers at this path.
    """
    call = _understood(request)
    target = _target(call)
    if target is None or not target.is_open:
        call = _let_pass(call, target)
    if target is None:
        raise absent(f"no handler for route {call.path!r:.200}")
    answer = target.answer(call)
    if target.is_recorded and not target.is_open:  # what is open writes down itself who was let in
        call.service.record(call.caller, _ACTIONS[call.operation], name=call.path, message=_made(answer))
    return answer


def allows(call: VaultCall, path: str, capability: Capability) -> bool:
    """Whether the caller may do something at another path than the one that is answered."""
    if call.caller.is_root:
        return True
    return POLICIES.acl(call.service, call.caller).allows(path, Wanted(capability, {}))


def _made(answer: Answer) -> str:
    """The public name of a credential that an answer holds, for the audit."""
    value = answer.value if isinstance(answer.value, Mapping) else {}
    auth, data = value.get("auth") or {}, value.get("data") or {}
    if accessor := auth.get("accessor"):
        return f"token {accessor}"
    return f"secret id {data['secret_id_accessor']}" if data.get("secret_id_accessor") else ""


def _understood(request: Call) -> VaultCall:
    operation = _OPERATIONS[request.method]
    query = request.query or {}
    if operation is Operation.READ and query.get("list", "").lower() in ("true", "t", "1"):
        operation = Operation.LIST
    if not isinstance(request.body, dict):
        raise invalid("the body is an object")
    if request.headers.get("x-vault-namespace", "").strip("/") not in ("", "root"):
        raise invalid("there are no namespaces here; leave the header X-Vault-Namespace out")
    return VaultCall(
        service=request.service,
        caller=request.caller,
        operation=operation,
        path=request.params["path"],
        body=request.body,
        query=query,
        headers=request.headers,
        is_head=request.method == "HEAD",
    )


def _target(call: VaultCall) -> Target | None:
    root, _, rest = call.path.partition("/")
    if root == "sys":
        return _sys_target(call.operation, rest)
    if root == "auth":
        found = _mounted(call, AUTH, auth_engines(), rest)
        return None if found is None else replace(found, is_recorded=True)
    return _mounted(call, SECRETS, secret_engines(), call.path)


def _sys_target(operation: Operation, path: str) -> Target | None:
    found = tables.find(path)
    if found is None:
        return None
    route, values = found
    handler = route.operations.get(operation)

    def answer(call: VaultCall) -> Answer:
        if handler is None:
            raise invalid("unsupported operation")
        return handler(call, values)

    names = path if path.startswith(("policy/", "policies/acl/")) else ""
    return Target(
        answer,
        lambda service: None,
        plain=f"sys/{_plain(names)}" if names else "",
        is_open=route.is_open,
        is_sudo=operation in route.sudo,
        is_recorded=not route.is_open,
    )


def _mounted(call: VaultCall, mounts: MountTable, engines: Mapping[str, Engine], path: str) -> Target | None:
    found = mounts.find(call.service, path)
    if found is None:
        return None
    mount, rest = found
    engine = engines.get(mount.type)
    if engine is None:
        return None
    place = f"auth/{mount.path}" if mounts is AUTH else mount.path
    return Target(
        plain=f"{place}/{_plain(rest)}" if mount.type in _CASELESS else "",
        answer=lambda passed: engine.handle(passed, mount, rest),
        exists=lambda service: engine.exists(service, mount, rest),
        is_open=call.operation is Operation.UPDATE and engine.is_open(mount, rest),
    )


def _let_pass(call: VaultCall, target: Target | None) -> VaultCall:
    """The call, if the caller may make it; a write as ``CREATE`` or ``UPDATE``, by what it is."""
    if not call.caller.accessor and not call.caller.is_root:
        raise denied()
    acl = None if call.caller.is_root else POLICIES.acl(call.service, call.caller)
    paths = {call.path, target.plain or call.path} if target is not None else {call.path}

    def allowed(wanted: Wanted) -> bool:
        return acl is None or all(acl.allows(path, wanted) for path in paths)

    wanted = Wanted(
        capability=Capability(call.operation.value),
        parameters=call.body,
        is_sudo=target is not None and target.is_sudo,
        wrapping=_wrapping(call.headers),
    )
    if call.operation is Operation.UPDATE:
        created = replace(wanted, capability=Capability.CREATE)
        if not allowed(wanted) and not allowed(created):
            raise denied()
        if target is not None and target.exists(call.service) is False:
            call, wanted = replace(call, operation=Operation.CREATE), created
    if not allowed(wanted):
        raise denied()
    return call


def _plain(path: str) -> str:
    return "/".join(map(canonical_name, path.split("/")))


def _wrapping(headers: Mapping[str, str]) -> timedelta | None:
    """For how long the answer is asked to be wrapped; None where it is to be answered plainly, as for zero."""
    for name in _WRAP_HEADERS:
        if headers.get(name):
            return parse_duration(headers[name]) or None
    return None


def _route(method: str) -> Route:
    return Route(
        method=method,
        path="/v1/{path:path}",
        handler=enter,
        summary="Vault's API.",
        is_open=True,
        records="",
        vault=True,
    )


ROUTES = tuple(_route(method) for method in ("GET", "LIST", "POST", "PUT", "PATCH", "DELETE"))
