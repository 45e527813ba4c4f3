"""The keys that an issuer signs with, asked for when one is unknown, since issuers rotate them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

from strongroom_service.identity.providers.claims import refused
from strongroom_service.identity.providers.outward import fetched_json
from strongroom_service.identity.providers.signed_claims import (
    PublicKey,
    UnknownKey,
    parsed_jwks,
    public_keys,
    verified,
)

FRESH = timedelta(minutes=10)
"""How long keys are used without asking again, which is how long one that was withdrawn is believed."""
PAUSE = timedelta(seconds=30)
"""How long after asking for keys an unknown one is not asked for again, whoever sends what."""


class _Kept(NamedTuple):
    keys: list[PublicKey]
    since: datetime


class KeySource:
    """The keys of issuers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._documents: dict[tuple[str, str], tuple[dict[str, Any], datetime]] = {}
        self._lock = Lock()

    def verified(self, text: str, jwks_url: Callable[[], str], *, ca: str, now: datetime) -> dict[str, Any]:
        """The claims of a token signed with a key at ``jwks_url``.

        :raises Unauthenticated: it is not.
        :raises ProviderUnavailable: the keys cannot be had.
        """
        url = jwks_url()
        kept = self._keys(url, ca, now)
        try:
            return verified(text, kept.keys)
        except UnknownKey:
            if now - kept.since >= PAUSE:
                kept = self._asked(url, ca, now)
        try:
            return verified(text, kept.keys)
        except UnknownKey:
            raise refused("the signed token is by a key that its issuer does not have") from None

    def discovered(self, issuer: str, *, ca: str, now: datetime) -> dict[str, Any]:
        """What an issuer says of itself (OpenID Connect Discovery 1.0, section 4).

        :raises ProviderUnavailable: it says nothing, or is another one.
        """
        known = self._documents.get((issuer, ca))
        if known is not None and now - known[1] < FRESH:
            return known[0]
        document = fetched_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration", ca=ca)
        if document.get("issuer") != issuer:
            raise refused("the discovery document is of another issuer")
        with self._lock:
            self._documents[issuer, ca] = document, now
        return document

    def _keys(self, url: str, ca: str, now: datetime) -> _Kept:
        kept = self._kept.get((url, ca))
        return kept if kept is not None and now - kept.since < FRESH else self._asked(url, ca, now)

    def _asked(self, url: str, ca: str, now: datetime) -> _Kept:
        kept = _Kept(public_keys(fetched_json(url, ca=ca)), now)
        with self._lock:
            self._kept[url, ca] = kept
        return kept


def verified_offline(text: str, jwks: str) -> dict[str, Any]:
    """The claims of a token signed with a key that stands in the settings.

    :raises Unauthenticated: it is not.
    """
    try:
        return verified(text, parsed_jwks(jwks))
    except UnknownKey:
        raise refused("the signed token is by a key that the provider's settings do not have") from None
