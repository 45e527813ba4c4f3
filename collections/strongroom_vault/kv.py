"""Reading key-value engines of both versions: one secret, or all below a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from strongroom_vault.auth import field_of
from strongroom_vault.errors import VaultAbsent, VaultAnswerUnusable, VaultDenied, VaultError, VaultRefused
from strongroom_vault.faults import asked
from strongroom_vault.sessions import VaultSession

Secret = dict[str, Any]
_DEEPEST = 32


def read(session: VaultSession, path: str, version: int | None = None) -> Secret:
    """The fields of the secret at ``path``, which begins with the engine's mount: ``secret/crm``.

    :param version: of the secret, on an engine that keeps versions; the newest by default.
    :raises VaultAbsent: there is none, or this version is gone.
    :raises VaultError: Vault does not answer, or says no.
    """
    path = _checked(path)
    problems: list[VaultError] = []
    for mount, engine in _candidates(session, path):
        try:
            found = _read_from(session, engine, mount, path[len(mount) :], version)
        except (VaultAbsent, VaultDenied) as exc:
            problems.append(exc)
            continue
        session.mounts[mount] = engine
        return found
    # The path of the other engine version is denied as well where a policy names what it allows.
    problem = next((it for it in problems if isinstance(it, VaultAbsent)), problems[0])
    raise type(problem)(problem.problem, problem.remedy)


def walk(session: VaultSession, prefix: str) -> Iterator[tuple[str, Secret | VaultError]]:
    """Every secret below ``prefix`` (a mount, or a folder in it), by its path, or why it could not be read.

    Folders come in the order in which Vault lists them.

    :raises VaultAbsent: there is no such folder.
    :raises VaultDenied: it may not be listed.
    """
    prefix = _checked(prefix)
    mount, engine = _mount_to_walk(session, f"{prefix}/")
    yield from _below(session, engine, mount, f"{prefix}/"[len(mount) :], 0)


def _below(
    session: VaultSession, engine: int, mount: str, folder: str, depth: int
) -> Iterator[tuple[str, Secret | VaultError]]:
    if depth > _DEEPEST:
        yield mount + folder, VaultAnswerUnusable(f"Folders lie deeper than {_DEEPEST} levels.")
        return
    for name in names(session, engine, mount, folder):
        if name.endswith("/"):
            try:
                yield from _below(session, engine, mount, folder + name, depth + 1)
            except (VaultDenied, VaultAbsent) as exc:
                yield mount + folder + name, exc
            continue
        try:
            yield mount + folder + name, _read_from(session, engine, mount, folder + name, None)
        except (VaultDenied, VaultAbsent) as exc:
            yield mount + folder + name, exc


def names(session: VaultSession, engine: int, mount: str, folder: str) -> list[str]:
    """What lies directly in a folder. ``LIST`` as a parameter of ``GET``, since proxies refuse the method."""
    area = "metadata/" if engine == 2 else ""
    answer = asked(lambda: session.client.adapter.get(url_of(mount, area, folder), params={"list": "true"}))
    names = field_of(answer, "data").get("keys")
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip("/.") for name in names):
        raise VaultAnswerUnusable(f"Vault's list of {mount}{folder} makes no sense.", "Check Vault's address.")
    return names


def _read_from(session: VaultSession, engine: int, mount: str, path: str, version: int | None) -> Secret:
    if engine == 1 and version is not None:
        raise VaultRefused(
            f"The engine at {mount} keeps no versions, so there is no version {version} of {mount}{path}.",
            "Leave the version out.",
        )
    params = {} if version is None else {"version": version}
    area = "data/" if engine == 2 else ""
    answer = asked(lambda: session.client.adapter.get(url_of(mount, area, path), params=params))
    data = field_of(answer, "data")
    return field_of(data, "data") if engine == 2 else data


def _candidates(session: VaultSession, path: str) -> list[tuple[str, int]]:
    """Where the path may be: where Vault says, as its own command line asks it; else the first part, either way."""
    known = _known(session, path) or _told(session, path)
    if known:
        return [known]
    mount = path.partition("/")[0] + "/"
    return [(mount, 2), (mount, 1)]


def place_of(session: VaultSession, path: str, *, is_folder: bool = False) -> tuple[str, int, str]:
    """Mount, engine version and the path below it, for what changes something: nothing is guessed.

    :param is_folder: whether it may be the mount itself.
    :raises VaultDenied: Vault does not say where the path is.
    """
    path = _checked(path)
    found = _known(session, f"{path}/") or _told(session, path)
    if found is None:
        raise VaultDenied(
            f"Vault does not say in which engine {path} is.",
            "Grant the token's policy a right below the mount, or 'read' on sys/internal/ui/mounts/*.",
        )
    mount, engine = found
    rest = f"{path}/"[len(mount) :].rstrip("/")
    if not rest and not is_folder:
        raise VaultRefused(f"{path} is an engine's mount, and no secret.", "Write the secret's path below it too.")
    return mount, engine, rest


def versioned(session: VaultSession, path: str) -> tuple[str, str]:
    """Mount and the path below it, on an engine that keeps versions.

    :raises VaultRefused: it keeps none.
    """
    mount, engine, rest = place_of(session, path)
    if engine == 1:
        raise VaultRefused(
            f"The engine at {mount} keeps no versions of {path}.", "Enable versions: vault kv enable-versioning"
        )
    return mount, rest


def _mount_to_walk(session: VaultSession, path: str) -> tuple[str, int]:
    known = _known(session, path) or _told(session, path.strip("/"))
    if known:
        return known
    mount = path.partition("/")[0] + "/"
    try:
        names(session, 2, mount, path[len(mount) :])
    except (VaultAbsent, VaultDenied):
        return mount, 1
    return mount, 2


def _known(session: VaultSession, path: str) -> tuple[str, int] | None:
    return next(((mount, engine) for mount, engine in tuple(session.mounts.items()) if path.startswith(mount)), None)


def _told(session: VaultSession, path: str) -> tuple[str, int] | None:
    """Vault's own word; ``None`` where it gives none: policies may forbid the question, and old ones do not know it."""
    try:
        answer = asked(lambda: session.client.adapter.get(f"/v1/sys/internal/ui/mounts/{quote(path)}"))
    except (VaultAbsent, VaultDenied):
        return None
    data = field_of(answer, "data")
    mount, kind, options = data.get("path"), data.get("type"), data.get("options") or {}
    if not isinstance(mount, str) or not f"{path}/".startswith(mount) or not isinstance(options, dict):
        raise VaultAnswerUnusable(f"Vault's answer to where {path} is makes no sense.", "Check Vault's address.")
    if kind not in {"kv", "generic"}:
        raise VaultAbsent(f"The engine at {mount} holds no secrets: its kind is {kind!s:.40}.", "Check the path.")
    session.mounts[mount] = 2 if str(options.get("version")) == "2" else 1
    return mount, session.mounts[mount]


def url_of(mount: str, area: str, path: str) -> str:
    return f"/v1/{quote(mount)}{area}{quote(path)}".rstrip("/")


def _checked(path: str) -> str:
    parts = path.strip("/").split("/")
    if any(part in {"", ".", ".."} or not part.isprintable() for part in parts):
        raise VaultRefused(f"{path!r} is no path in Vault.", "Write the engine's mount and the path: secret/crm")
    return "/".join(parts)
