"""How requests to Vault travel: bounded in time and size, to one address alone, and told in our words when they fail.

This module imports the client library, so it is imported inside of functions alone, after ``require_extra``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import TYPE_CHECKING, Any

import hvac.adapters
import requests
import requests.adapters
import urllib3
from hvac.exceptions import Forbidden

from strongroom_vault.errors import VaultAnswerUnusable, VaultUnreachable
from strongroom_vault.faults import told

if TYPE_CHECKING:
    from strongroom_vault.sessions import VaultSession

LARGEST = 16 << 20
"""Bytes that an answer may have. A secret has at most one mebibyte; a listing may have more."""

_deadline: ContextVar[float | None] = ContextVar("vault_deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All requests inside together take no longer."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class BoundedTransport(requests.adapters.HTTPAdapter):
    """Reads an answer whole, within its time and size: a timeout of ``requests`` is one for each packet."""

    def send(self, request: requests.PreparedRequest, *args: Any, **keywords: Any) -> requests.Response:
        keywords["stream"] = True
        end = time.monotonic() + keywords["timeout"]
        response = super().send(request, *args, **keywords)
        raw = response.raw
        try:
            body = _read(raw, end)
        finally:
            raw.close()
        headers = {name: value for name, value in raw.headers.items() if name.lower() != "transfer-encoding"}
        response.raw = urllib3.HTTPResponse(BytesIO(body), headers, raw.status, preload_content=False)
        return response


def _read(raw: Any, end: float) -> bytes:
    if raw.headers.get("Content-Encoding", "identity") != "identity":
        raise VaultAnswerUnusable(
            "The answer is compressed, which was not asked for.", "Check what stands before Vault at this address."
        )
    parts, size = [], 0
    while part := raw.read1(65536, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise VaultAnswerUnusable(
                f"The answer has more than {LARGEST >> 20} MiB.", "Check that the address is Vault's."
            )
        if time.monotonic() > end:
            raise VaultUnreachable(
                "The answer did not arrive whole within the time.",
                "Check the network, or raise timeout_seconds of the Vault credentials.",
            )
    return b"".join(parts)


def plain_session() -> requests.Session:
    """A session of ``requests`` that travels as this module says."""
    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"
    session.mount("http://", BoundedTransport())
    session.mount("https://", BoundedTransport())
    return session


def _is_own(url: str) -> bool:
    """Whether it is a login, or what a token asks about itself: what keeping logged in is made of."""
    path = url.strip("/")
    return path.startswith("v1/auth/") and path.endswith(("/login", "/lookup-self", "/renew-self"))


class SessionAdapter(hvac.adapters.JSONAdapter):
    """hvac's adapter, which keeps its session logged in, follows no redirect, and raises our errors."""

    def __init__(self, *args: Any, owner: VaultSession, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._owner = owner

    def request(self, method: str, url: str, *args: Any, **keywords: Any) -> Any:
        with told(method, url, self.base_uri):
            if _is_own(url):
                return self._once(method, url, *args, **keywords)
            self._owner.keep_logged_in()
            used = self.token or ""
            try:
                return self._once(method, url, *args, **keywords)
            except Forbidden:
                if not self._owner.logged_in_again(used):
                    raise
            return self._once(method, url, *args, **keywords)

    def _once(self, method: str, url: str, *args: Any, **keywords: Any) -> Any:
        keywords["timeout"] = self._seconds()
        answer = super().request(method, url, *args, **keywords)
        if isinstance(answer, dict):
            return answer
        if isinstance(answer, requests.Response):
            if 300 <= answer.status_code < 400:
                raise VaultAnswerUnusable(
                    "The answer sends on to another address, which is not followed: it would be shown the token.",
                    "Set the address to that of Vault itself, or of its active node.",
                )
            if not answer.content:
                return answer
        raise VaultAnswerUnusable("The answer is no JSON object.", "Check that the address is Vault's.")

    def _seconds(self) -> float:
        end = _deadline.get()
        seconds = self._owner.login.timeout_seconds
        left = seconds if end is None else min(seconds, end - time.monotonic())
        if left <= 0:
            raise VaultUnreachable("There was no time left to ask.", "Allow more time, or ask for less at once.")
        return left
