"""Asking a server of its seal, from outside."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom_registry.errors import StoreUnavailable

from strongroom_service.errors import InvalidRequest

_SECONDS = 60.0
_RUNS = "See whether the server runs there."


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
    :raises StoreUnavailable: nobody answers there, or it is no Strongroom.
    :raises InvalidRequest: the server says no.
    """
    if not url.startswith(("http://", "https://")):
        raise StoreUnavailable(
            f"{url!r} is no address of a server.", "Give one such as https://strongroom.example.com."
        )
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"X-Vault-Token": token} if token else {})}
    request = urllib.request.Request(f"{url.rstrip('/')}/v1/sys/{path}", data, headers, method=method)  # noqa: S310
    try:
        context = ssl.create_default_context(cafile=authority)
        handler = urllib.request.HTTPSHandler(context=context)
        with urllib.request.build_opener(handler).open(request, timeout=_SECONDS) as answer:
            return _understood(url, answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        errors = _understood(url, error.read()).get("errors")
        told = ", ".join(map(str, errors)) if isinstance(errors, list) and errors else f"status {error.code}"
        raise InvalidRequest(f"The server says no: {told}") from None
    except urllib.error.URLError as error:
        raise StoreUnavailable(f"Nobody answers at {url}: {error.reason}.", _RUNS) from None
    except OSError as error:
        raise StoreUnavailable(f"Nobody answers at {url}: {error}.", _RUNS) from None


def _understood(url: str, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreUnavailable(f"What answers at {url} is no Strongroom server.", "Give the address of one.")
    return found
