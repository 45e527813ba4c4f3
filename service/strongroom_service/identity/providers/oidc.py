"""People sign in with their browser at an OpenID provider: authorization code with PKCE (RFC 6749, 7636, 9700).

The service starts a sign-in and keeps what belongs to it: nonce, verifier, where the browser is sent back. Whoever
began it gets a secret beside the address to open, and finishes with both the code that the browser brought and that
secret. So a code that somebody else caught, or somebody else's code that was slipped in, is good for nothing.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from strongroom_service.errors import InvalidRequest, ProviderUnavailable
from strongroom_service.identity.providers.claims import refused
from strongroom_service.identity.providers.key_source import KeySource
from strongroom_service.identity.providers.outward import as_object, fetched, scheme_and_host
from strongroom_service.identity.providers.provider import OidcProvider
from strongroom_service.identity.providers.signed_claims import check_claims
from strongroom_service.state.records import Records

KIND = "oidc-sign-in"
LASTS = timedelta(minutes=10)
CALLBACK = "/callback"
_LOOPBACK = ("127.0.0.1", "::1")
_PAGES = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignInRecord(BaseModel):
    """A sign-in that was started and not finished."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provider: str
    issuer: str
    redirect_uri: str
    nonce: str = Field(repr=False)
    verifier: str = Field(repr=False)
    digest: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that was started.

    :param url: for the browser.
    :param state: what the browser brings back, besides a code.
    :param secret: for whoever began it alone.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    secret: str = field(repr=False)


class Oidc:
    """Sign-ins at OpenID providers. Safe to use from several threads and processes.

    :param keys: those of issuers.
    """

    def __init__(self, records: Records, keys: KeySource) -> None:
        self._records = records
        self._keys = keys

    def start(self, name: str, provider: OidcProvider, redirect_uri: str) -> Started:
        """Begin a sign-in.

        :param redirect_uri: where the browser is sent back: ``http://127.0.0.1:<port>/callback``, or one of those that
            the provider's settings name.
        :raises InvalidRequest: it is another one.
        :raises ProviderUnavailable: the provider does not say where its pages are.
        """
        if redirect_uri not in provider.redirect_uris and not _is_callback(redirect_uri):
            raise InvalidRequest(
                "The browser cannot be sent back there.",
                f"Use http://127.0.0.1:<port>{CALLBACK}, or add the address to the provider's redirect_uris.",
            )
        page = self._pages(provider)["authorization_endpoint"]
        state, secret, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        with self._records.changing() as session:
            record = SignInRecord(
                provider=name,
                issuer=provider.issuer,
                redirect_uri=redirect_uri,
                nonce=nonce,
                verifier=verifier,
                digest=self._records.name(b"oidc secret " + secret.encode()),
                until=session.now() + LASTS,
            )
            session.put(KIND, self._id(state), record, expires=record.until)
        said = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *provider.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": _unpadded(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return Started(f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(said)}", state, secret)

    def finish(
        self, name: str, provider: OidcProvider, *, state: str, secret: str, code: str, issuer: str | None
    ) -> dict[str, Any]:
        """The claims of whoever signed in. A sign-in is finished once, however it ends.

        :param issuer: what came back as ``iss`` (RFC 9207), if anything did.
        :raises Unauthenticated: something does not belong together, or the provider does not vouch for it.
        :raises ProviderUnavailable: the provider is away.
        """
        begun = self._taken(state)
        if begun is None or begun.provider != name or begun.issuer != provider.issuer:
            raise refused("no such sign-in was started here, or it is over")
        if not self._is_named(begun.digest, b"oidc secret " + secret.encode("utf-8", "surrogatepass")):
            raise refused("the sign-in was started by somebody else")
        pages = self._pages(provider)
        wants_issuer = pages.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or wants_issuer) and issuer != provider.issuer:
            raise refused("the code is of another issuer")
        token = self._exchanged(provider, pages["token_endpoint"], begun, code)
        now = self._records.now()
        claims = self._keys.verified(token, lambda: str(pages["jwks_uri"]), ca=provider.ca, now=now)
        check_claims(claims, issuer=provider.issuer, audiences=[provider.client_id], now=now)
        _check_party(claims, provider.client_id)
        if not isinstance(nonce := claims.get("nonce"), str) or not hmac.compare_digest(
            nonce.encode("utf-8", "surrogatepass"), begun.nonce.encode()
        ):
            raise refused("the signed token belongs to another sign-in")
        return claims

    def tidy(self, *, limit: int = 1000) -> int:
        """Remove sign-ins that nobody finished in time; how many."""
        with self._records.changing() as session:
            expired = session.expired(KIND, SignInRecord, limit=limit)
            for id, _ in expired:
                session.remove(KIND, id)
            return len(expired)

    def _taken(self, state: str) -> SignInRecord | None:
        id = self._id(state)
        with self._records.changing() as session:
            found = session.get(KIND, id, SignInRecord)
            session.remove(KIND, id)
            return found if found is not None and session.now() < found.until else None

    def _pages(self, provider: OidcProvider) -> Mapping[str, Any]:
        document = self._keys.discovered(provider.issuer, ca=provider.ca, now=self._records.now())
        scheme, _ = scheme_and_host(provider.issuer)
        pages = [scheme_and_host(str(document.get(page, ""))) for page in _PAGES]
        if not all(of_page == scheme and host for of_page, host in pages):
            raise ProviderUnavailable("The identity provider does not say where its pages are.", "Look at its issuer.")
        return document

    def _exchanged(self, provider: OidcProvider, url: str, begun: SignInRecord, code: str) -> str:
        """The ID token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun.redirect_uri,
            "client_id": provider.client_id,
            "code_verifier": begun.verifier,
        }
        headers = {"accept": "application/json"}
        if provider.client_secret:
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        status, content = fetched("POST", url, form=form, headers=headers, ca=provider.ca)
        token = (as_object(content) or {}).get("id_token") if status == 200 else None
        if not isinstance(token, str):
            raise refused(f"the provider gives nothing for the code (status {status})")
        return token

    def _id(self, state: str) -> str:
        return self._records.name(b"oidc state " + state.encode("utf-8", "surrogatepass"))

    def _is_named(self, digest: str, data: bytes) -> bool:
        names = (self._records.name(data), *self._records.former_names(data))
        return any(hmac.compare_digest(name, digest) for name in names)


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """A token for several audiences says which of them it was made for (OpenID Connect Core 1.0, section 3.1.3.7)."""
    party, audience = claims.get("azp"), claims.get("aud")
    is_shared = isinstance(audience, list) and len(audience) > 1
    if (party is not None or is_shared) and party != client_id:
        raise refused("the signed token was made for another client")


def _is_callback(url: str) -> bool:
    """Whether an address is that of a program on the machine of whoever signs in (RFC 8252, section 7.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if parts.hostname == "::1" else parts.hostname
    return parts.hostname in _LOOPBACK and url == f"http://{host}:{port}{CALLBACK}"


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
