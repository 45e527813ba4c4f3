"""Making, tuning, moving and removing mounts, with the workspaces that belong to them.

A mount that is removed answers no more at once; what it kept is then removed for good. Where that breaks off, the next
change of mounts finishes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from strongroom_registry.errors import StaleExpectation, StoreUnavailable, UnknownWorkspace

from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.engines import AUTH, SECRETS, auth_engines, secret_engines
from strongroom_service.vault_api.envelope import invalid
from strongroom_service.vault_api.mount import Mount, MountTable, new_mount

_PATH = re.compile(r"[\w.~@-]+(?:[ /]?[\w.~@-]+)*")
PATH_MAX = 200
_RESERVED = frozenset({"sys", "auth", "audit", "cubbyhole", "identity", "v1"})
_TYPES = {"kv": None, "generic": "1", "kv-v1": "1", "kv-v2": "2"}
_LEASES = ("default_lease_ttl", "max_lease_ttl")
_TUNABLE = frozenset({*_LEASES, "description", "options", "listing_visibility"})


def found(service: Service, mounts: MountTable, path: str) -> Mount:
    """The mount of a path.

    :raises InvalidRequest: there is none.
    """
    mount = mounts.get(service, path.strip("/"))
    if mount is None:
        raise invalid(f"No mount at {path!r:.200}")
    return mount


def enable_secrets(service: Service, path: str, body: Mapping[str, Any]) -> list[str]:
    """Make a mount of secrets, with a workspace of its own; warnings of what has no effect.

    :raises InvalidRequest: there is no such engine, or the path is taken or none.
    """
    type_ = fields.text(body, "type", longest=64)
    options = _options(body)
    if type_ in _TYPES:
        version = _TYPES[type_] or options.get("version", "1")
        if version not in ("1", "2") or options.get("version", version) != version:
            raise invalid("the version of a KV mount is 1 or 2")
        type_, options = "kv", {"version": version}
    elif type_ not in secret_engines() or type_ == "blocks":
        raise invalid(f"plugin not found in the catalog: {type_!r:.80}")
    elif options:
        raise invalid(f"a mount of the type {type_} has no options")
    return _enable(service, SECRETS, path, new_mount(path, type_, options=options), body)


def enable_auth(service: Service, path: str, body: Mapping[str, Any]) -> list[str]:
    """Make a mount of an auth method; warnings of what has no effect. Raises as :func:`enable_secrets`."""
    type_ = fields.text(body, "type", longest=64)
    if type_ not in auth_engines() or type_ == "token":
        raise invalid(f"plugin not found in the catalog: {type_!r:.80}")
    if _options(body):
        raise invalid(f"an auth method of the type {type_} has no options")
    return _enable(service, AUTH, path, new_mount(path, type_), body)


def disable(service: Service, mounts: MountTable, path: str) -> None:
    """Remove a mount and all that it keeps, for good; none at this path is no error.

    :raises InvalidRequest: it is one that is always there.
    """
    mount = mounts.get(service, path.strip("/"))
    if mount is None:
        return
    if mounts.is_built_in(mount):
        raise invalid(f"the mount {mount.path}/ is always there")
    mounts.update(service, mount.path, lambda now: now.model_copy(update={"removing": True}))
    _finish_removals(service, mounts)


def tune(service: Service, mounts: MountTable, path: str, body: Mapping[str, Any]) -> list[str]:
    """Change what can be tuned of a mount; warnings of what has no effect.

    :raises InvalidRequest: there is no such mount, or a value is none.
    """
    mount = found(service, mounts, path)
    if mounts.is_built_in(mount):
        raise invalid(f"the mount {mount.path}/ stays as it is")
    options = _options(body)
    if options and (mount.type != "kv" or options != {"version": "2"}):
        raise invalid("of options, the version of a KV mount alone can be changed, from 1 to 2")
    changes = {**_tuned(body), **({"options": options} if options else {})}
    mounts.update(service, mount.path, lambda now: now.model_copy(update=changes))
    return _unknown(body)


def move(service: Service, mounts: MountTable, source: str, target: str) -> None:
    """Have a mount answer at another path, with all that it keeps.

    :raises InvalidRequest: there is no such mount, or the other path is taken or none.
    """
    source, target = source.strip("/"), target.strip("/")
    mount = found(service, mounts, source)
    if mounts.is_built_in(mount):
        raise invalid(f"the mount {mount.path}/ stays where it is")
    _check_free(service, mounts, target, but=source)
    with _taken(target):
        mounts.add(service, mount.model_copy(update={"path": target}))
    mounts.remove(service, mount)


def _enable(service: Service, mounts: MountTable, path: str, mount: Mount, body: Mapping[str, Any]) -> list[str]:
    path = path.strip("/")
    for name in ("local", "seal_wrap", "external_entropy_access"):
        if fields.boolean(body, name, False):
            raise invalid(f"{name} is not possible here")
    config = fields.mapping(body, "config") or {}
    described = {**config, "description": fields.text(body, "description", "", longest=1024)}
    mount = mount.model_copy(update={"path": path, **_tuned(described)})
    _finish_removals(service, mounts)
    _check_free(service, mounts, path)
    if mounts is SECRETS:
        service.workspaces.add(mount.workspace)
    try:
        with _taken(path):
            mounts.add(service, mount)
    except BaseException:
        _drop_workspace(service, mount)
        raise
    return _unknown(config)


def _tuned(body: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in _LEASES:
        ttl = fields.duration(body, name)
        if ttl is not None:
            changes[name] = int(ttl.total_seconds())
    if body.get("description") is not None:
        changes["description"] = fields.text(body, "description", longest=1024)
    visibility = fields.text(body, "listing_visibility", "", longest=32)
    if visibility not in ("", "hidden", "unauth"):
        raise invalid("listing_visibility is hidden or unauth")
    return changes


def _options(body: Mapping[str, Any]) -> dict[str, str]:
    options = fields.mapping(body, "options") or {}
    if options.keys() - {"version"}:
        raise invalid("of options, version alone is known")
    version = options.get("version")
    if version is None:
        return {}
    if isinstance(version, bool) or not isinstance(version, int | str):
        raise invalid("the version of a KV mount is 1 or 2")
    return {"version": str(version)}


def _unknown(body: Mapping[str, Any]) -> list[str]:
    ignored = sorted(name for name, value in body.items() if value and name not in _TUNABLE and name.isidentifier())
    ignored += ["listing_visibility"] if body.get("listing_visibility") else []
    return [f"has no effect here: {', '.join(name[:64] for name in ignored[:20])}"] if ignored else []


def _check_free(service: Service, mounts: MountTable, path: str, *, but: str = "") -> None:
    if len(path) > PATH_MAX or not _PATH.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
        raise invalid(f"the path of a mount has 1 to {PATH_MAX} letters, digits, '-', '_', '.', '/', and spaces inside")
    if mounts is SECRETS and path.partition("/")[0] in _RESERVED:
        raise invalid(f"cannot mount under existing path {path!r:.200}")
    other = mounts.overlapping(service, path, but=but)
    if other is not None:
        raise invalid(f"path is already in use at {other}/")


@contextmanager
def _taken(path: str) -> Iterator[None]:
    """Say that a path is taken where somebody else was faster."""
    try:
        yield
    except StaleExpectation:
        raise invalid(f"path is already in use at {path}/") from None


def _finish_removals(service: Service, mounts: MountTable) -> None:
    engines = secret_engines() if mounts is SECRETS else auth_engines()
    for mount in mounts.removing(service):
        engine = engines.get(mount.type)
        if engine is not None:
            engine.unmounted(service, mount)
        if mounts is SECRETS:
            _drop_workspace(service, mount)
        mounts.remove(service, mount)


def _drop_workspace(service: Service, mount: Mount) -> None:
    with suppress(UnknownWorkspace, StoreUnavailable):  # gone already; or gone, and its files are cleaned later
        service.workspaces.remove(mount.workspace, force=True)
