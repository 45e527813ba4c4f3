"""Writing key-value engines of both versions, and listing what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom import redactor

from strongroom_vault import kv
from strongroom_vault.auth import field_of
from strongroom_vault.errors import VaultAbsent, VaultAnswerUnusable, VaultRefused
from strongroom_vault.faults import asked
from strongroom_vault.sessions import VaultSession


def write(session: VaultSession, path: str, data: Mapping[str, Any], cas: int | None = None) -> int | None:
    """Write a secret whole; returns its new version, None where the engine keeps none.

    :param cas: the version that must be the newest; 0 means that there must be none.
    :raises VaultStale: another version is the newest; nothing was written.
    """
    redactor.register(dict(data))
    mount, engine, rest = kv.place_of(session, path)
    if engine == 1:
        if cas is not None:
            raise VaultRefused(f"The engine at {mount} keeps no versions to check {path} by.", "Leave cas out.")
        asked(lambda: session.client.adapter.post(kv.url_of(mount, "", rest), json=dict(data)))
        return None
    body = {"data": dict(data), "options": {} if cas is None else {"cas": cas}}
    answer = asked(lambda: session.client.adapter.post(kv.url_of(mount, "data/", rest), json=body))
    version = field_of(answer, "data").get("version")
    if not isinstance(version, int):
        raise VaultAnswerUnusable(f"Vault's answer to writing {path} names no version.", "Check Vault's address.")
    return version


def names(session: VaultSession, path: str) -> list[str]:
    """The names directly below a mount or folder, sorted, folders with a slash; an empty list where there are none."""
    mount, engine, rest = kv.place_of(session, path, is_folder=True)
    try:
        return sorted(kv.names(session, engine, mount, f"{rest}/" if rest else ""))
    except VaultAbsent:
        return []


def delete(session: VaultSession, path: str, versions: Sequence[int] | None = None) -> None:
    """Delete versions of a secret, by default the newest; on an engine without versions it is gone for good."""
    if versions is not None:
        mark(session, "delete", path, versions)
        return
    mount, engine, rest = kv.place_of(session, path)
    asked(lambda: session.client.adapter.delete(kv.url_of(mount, "data/" if engine == 2 else "", rest)))


def mark(session: VaultSession, verb: str, path: str, versions: Sequence[int]) -> None:
    """Delete, undelete or destroy versions of a secret.

    :raises VaultRefused: the engine keeps no versions, or none is named.
    """
    if not versions:
        raise VaultRefused(f"No version of {path} is named to {verb}.", "Name at least one.")
    mount, rest = kv.versioned(session, path)
    body = {"versions": list(versions)}
    asked(lambda: session.client.adapter.post(kv.url_of(mount, f"{verb}/", rest), json=body))
