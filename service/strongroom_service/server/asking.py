"""Asking a server from outside whether it is ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom_service.asking import ask_at, no_strongroom
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
    _status, found = ask_at(url, "/readyz", seconds=_SECONDS, authority=authority, any_certificate=is_trusted)
    try:
        return {
            "ready": bool(found["ready"]),
            "checks": {str(name): str(text) for name, text in found["checks"].items()},
        }
    except (KeyError, AttributeError):
        raise no_strongroom(url) from None
