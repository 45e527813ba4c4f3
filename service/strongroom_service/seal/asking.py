"""Asking a server of its seal, from outside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom_service.asking import ask_at
from strongroom_service.errors import InvalidRequest

_SECONDS = 60.0
_OWN_WORDS = {
    "Vault is already initialized": "it has a registry, whose key was split before",
    "Vault is sealed": "it is sealed",
    "server is not yet initialized": "it has no registry yet, which `strongroom seal init` makes",
}
"""What clients of Vault look for in an answer, as it is said to people."""


def ask_seal(
    url: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    token: str = "",
    authority: Path | None = None,
) -> dict[str, Any]:
    """What a server answers beneath ``/v1/sys``.

    :param body: sent as JSON; it never stands in an error.
    :param authority: a PEM file with the certificate of whoever signed the server's.
    :raises InvalidConfiguration: the address is none, or others would read the share or the token along.
    :raises StoreUnavailable: nobody answers there, or it is no Strongroom.
    :raises InvalidRequest: the server says no.
    """
    headers = {"Content-Type": "application/json", **({"X-Vault-Token": token} if token else {})}
    status, found = ask_at(
        url,
        f"/v1/sys/{path}",
        seconds=_SECONDS,
        method=method,
        body=body,
        headers=headers,
        authority=authority,
        is_secret=bool(body or token),
    )
    if status >= 400:
        errors = found.get("errors")
        errors = errors if isinstance(errors, list) else []
        told = ", ".join(_OWN_WORDS.get(str(one), str(one)) for one in errors) if errors else f"status {status}"
        may_not = "Ask with the token of an administrator, in STRONGROOM_TOKEN."
        remedy = may_not if status == 403 else "`strongroom seal status` tells how it stands."
        raise InvalidRequest(f"The server says no: {told.rstrip('.')}.", remedy)
    return found
