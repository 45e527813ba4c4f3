"""Asking a server from outside whether it is ready."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from strongroom_registry.errors import StoreUnavailable

from strongroom_service.settings import ServerSettings

_SECONDS = 10.0


def local_address(settings: ServerSettings) -> str:
    """Where the server with these settings is reached from its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http{'s' if settings.tls_cert else ''}://{shown}:{settings.port}"


def ask(url: str, authority: Path | None = None, *, is_trusted: bool = False) -> dict[str, Any]:
    """What a server's ``/readyz`` answers: ``ready`` and ``checks``.

    :param authority: a PEM file with the certificate of whoever signed the server's.
    :param is_trusted: whether any certificate will do.
    :raises StoreUnavailable: nobody answers there, or it is no Strongroom.
    """
    if not url.startswith(("http://", "https://")):
        raise StoreUnavailable(
            f"{url!r} is no address of a server.", "Give one such as https://strongroom.example.com."
        )
    try:
        context = ssl.create_default_context(cafile=authority)
        if is_trusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        handler = urllib.request.HTTPSHandler(context=context)
        with urllib.request.build_opener(handler).open(f"{url.rstrip('/')}/readyz", timeout=_SECONDS) as answer:
            return _understood(url, answer.read())
    except urllib.error.HTTPError as error:
        return _understood(url, error.read())
    except urllib.error.URLError as error:
        raise StoreUnavailable(
            f"Nobody answers at {url}: {error.reason}.", "See whether the server runs there."
        ) from None
    except OSError as error:
        raise StoreUnavailable(f"Nobody answers at {url}: {error}.", "See whether the server runs there.") from None


def _understood(url: str, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
        return {
            "ready": bool(found["ready"]),
            "checks": {str(name): str(text) for name, text in found["checks"].items()},
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreUnavailable(f"What answers at {url} is no Strongroom server.", "Give the address of one.") from None
