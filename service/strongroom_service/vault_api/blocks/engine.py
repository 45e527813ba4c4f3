"""The mount ``blocks/``: what other clients of Vault read blocks by.

``blocks/data/WORKSPACE/NAME`` is a block's fields, ``blocks/metadata/WORKSPACE/NAME`` its versions. Besides the
policies in Vault's language, those of Strongroom are asked as everywhere: ``reveal`` for the fields, ``view`` for the
versions, ``list`` for names. Blocks have types, so they are written by Strongroom's own clients alone.
"""

from __future__ import annotations

from typing import Any

from strongroom_registry import Registry
from strongroom_registry.document import Document, Head, Reference, Version, VersionState, is_name
from strongroom_registry.errors import (
    DocumentDeleted,
    RegistryRefusal,
    UnknownDocument,
    UnknownVersion,
    UnknownWorkspace,
    VersionDestroyed,
)

from strongroom_service.http.call import Answer
from strongroom_service.plain_fields import plain_fields
from strongroom_service.policies.resource import Selected, block, service
from strongroom_service.policies.verbs import Verb
from strongroom_service.policies.versions import selected
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, invalid, listed, timestamp
from strongroom_service.vault_api.kv.merge_patch import shape
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.workspaces import is_of_mount

_GONE = (UnknownDocument, UnknownVersion, DocumentDeleted, UnknownWorkspace)


class BlocksEngine(EngineDefaults):
    """Reads blocks, and lists them."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        word, _, path = rest.partition("/")
        workspace, _, name = path.partition("/")
        if call.operation not in (Operation.READ, Operation.LIST):
            raise invalid("blocks are read here; write them with Strongroom's own clients")
        if is_of_mount(workspace) or not all(not part or is_name(part) for part in (workspace, name)):
            raise absent()
        if call.operation is Operation.LIST:
            if word != "metadata" or name:
                raise absent()
            return _list_blocks(call, workspace) if workspace else _list_workspaces(call)
        if word == "config" and not path:
            return answered(call, {"max_versions": 0, "cas_required": False, "delete_version_after": "0s"})
        if not name:
            raise absent()
        if word == "data":
            return _read(call, workspace, name)
        if word == "subkeys":
            return _subkeys(call, workspace, name)
        if word == "metadata":
            return _read_metadata(call, workspace, name)
        raise absent()


def _read(call: VaultCall, workspace: str, name: str) -> Answer:
    document = _revealed(call, workspace, name)
    data = None if document is None else plain_fields(document.payload)
    if document is not None:
        return answered(call, {"data": data, "metadata": _version(document.version)})
    version = _destroyed(call, workspace, name)
    return answered(call, {"data": None, "metadata": _version(version)}, status=404)


def _subkeys(call: VaultCall, workspace: str, name: str) -> Answer:
    document = _revealed(call, workspace, name)
    if document is None:
        raise absent()
    depth = fields.integer(call.query, "depth", 0, most=1000) or 0
    subkeys = shape(plain_fields(document.payload), depth) or {}
    return answered(call, {"subkeys": subkeys, "metadata": _version(document.version)})


def _revealed(call: VaultCall, workspace: str, name: str) -> Document | None:
    """The version that is asked for, by default the current one; None where it is destroyed.

    :raises Forbidden: the caller may not reveal it.
    :raises UnknownThing: there is none.
    """
    reference = Reference(name, version=_number(call))
    decided: list[int] = []

    def chosen() -> Selected:
        found = selected(call.service.registry(workspace).head(name), reference)
        decided.append(found.version)
        return found

    try:
        call.service.require(call.caller, Verb.REVEAL, block(workspace, name, chosen))
        if decided:  # the version that was decided about is the one that is handed out
            reference = reference.pinned(decided[-1])
        return call.service.registry(workspace).get(reference)
    except VersionDestroyed:
        return None
    except _GONE:
        raise absent() from None


def _destroyed(call: VaultCall, workspace: str, name: str) -> Version:
    registry = call.service.registry(workspace)
    number = _number(call) or registry.head(name).current
    return next(version for version in registry.history(name) if version.number == number)


def _read_metadata(call: VaultCall, workspace: str, name: str) -> Answer:
    call.service.require(call.caller, Verb.VIEW, block(workspace, name))
    try:
        registry = call.service.registry(workspace)
        head, versions = registry.head(name), _of_now(registry, name)
    except _GONE:
        raise absent() from None
    if not versions:
        raise absent()
    call.service.record(call.caller, "view", name=name, workspace=workspace)
    return answered(call, _metadata(head, versions))


def _of_now(registry: Registry, name: str) -> list[Version]:
    """The versions of the present generation, the oldest first."""
    head = registry.head(name)
    return [version for version in reversed(registry.history(name)) if version.generation == head.generation]


def _metadata(head: Head, versions: list[Version]) -> dict[str, Any]:
    return {
        "cas_required": False,
        "created_time": timestamp(versions[0].created_at),
        "current_version": head.current,
        "custom_metadata": {"type": head.type},
        "delete_version_after": "0s",
        "max_versions": 0,
        "oldest_version": versions[0].number,
        "updated_time": timestamp(head.updated_at),
        "versions": {str(version.number): _status(version) for version in versions},
    }


def _list_workspaces(call: VaultCall) -> Answer:
    names = [name for name in call.service.workspaces.names() if not is_of_mount(name)]
    shown = [name for name in names if _may_list(call, name)]
    call.service.record(call.caller, "list", name="workspaces")
    return listed(call, [f"{name}/" for name in shown])


def _list_blocks(call: VaultCall, workspace: str) -> Answer:
    try:
        names = [head.name for head in call.service.registry(workspace).list()]
    except RegistryRefusal:
        raise absent() from None
    shown = call.service.policies.filter(call.caller, Verb.LIST, workspace, names)
    if shown:
        call.service.record(call.caller, "list", workspace=workspace)
    return listed(call, sorted(shown))


def _may_list(call: VaultCall, workspace: str) -> bool:
    return call.service.decide(call.caller, Verb.LIST, service("workspaces", workspace)).allowed


def _number(call: VaultCall) -> int | None:
    return fields.integer(call.query, "version", most=2**31) or None


def _version(version: Version) -> dict[str, Any]:
    return {**_status(version), "custom_metadata": {"type": version.type}, "version": version.number}


def _status(version: Version) -> dict[str, Any]:
    return {
        "created_time": timestamp(version.created_at),
        "deletion_time": "",
        "destroyed": version.state is VersionState.DESTROYED,
    }
