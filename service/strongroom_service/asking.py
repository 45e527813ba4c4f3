"""Asking a server from outside, at an address and under a certificate that the caller names."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strongroom_registry.errors import StoreUnavailable


def ask_at(
    url: str,
    path: str,
    *,
    seconds: float,
    method: str = "GET",
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    authority: Path | None = None,
    any_certificate: bool = False,
) -> tuple[int, dict[str, Any]]:
    """What a server answers: the status, and the object in the body.

    :param url: the address of the server, to which the path is added.
    :param seconds: how long it may take.
    :param body: sent as JSON; it never stands in an error.
    :param authority: a PEM file with the certificate of whoever signed the server's.
    :param any_certificate: whether any certificate will do.
    :raises StoreUnavailable: nobody answers there, or it is no Strongroom.
    """
    if not url.startswith(("http://", "https://")):
        raise StoreUnavailable(
            f"{url!r} is no address of a server.", "Give one such as https://strongroom.example.com."
        )
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url.rstrip('/')}{path}", data, dict(headers or {}), method=method)  # noqa: S310
    try:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_trust(authority, any_certificate)))
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, _read(url, answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(url, error.read())
    except urllib.error.URLError as error:
        raise _away(url, error.reason) from None
    except OSError as error:
        raise _away(url, error) from None


def no_strongroom(url: str) -> StoreUnavailable:
    """The error that somebody else answers there."""
    return StoreUnavailable(f"What answers at {url} is no Strongroom server.", "Give the address of one.")


def _trust(authority: Path | None, any_certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if any_certificate:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read(url: str, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise no_strongroom(url)
    return found


def _away(url: str, why: object) -> StoreUnavailable:
    return StoreUnavailable(f"Nobody answers at {url}: {why}.", "See whether the server runs there.")
