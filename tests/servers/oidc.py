"""A small OpenID provider on loopback: authorization code with PKCE, RS256, keys that rotate, and ways to do it wrong.

It speaks the real protocol, checks what a provider has to check, and asks nobody: whoever opens its page is signed in
as the user that the test says.
"""

from __future__ import annotations

import functools
import json
import secrets
import ssl
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import urllib3
from joserfc import jwt
from joserfc.jwk import RSAKey

Claims = dict[str, Any]
Sign = Callable[["OpenIdProvider", Claims], str]


@dataclass
class Granted:
    """What a code stands for, until it is exchanged."""

    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str


@dataclass
class OpenIdProvider:
    """The provider's state, for tests to look at and to change.

    :param user: the claims of whoever is signed in.
    :param sign: makes the ID token; by default as it should be.
    :param document: what its discovery document says otherwise.
    """

    address: str = ""
    client_id: str = "strongroom"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    user: Claims = field(default_factory=lambda: {"sub": "alice", "email": "alice@example.com", "email_verified": True})
    keys: list[RSAKey] = field(default_factory=list)
    sign: Sign | None = None
    document: Claims = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    codes: dict[str, Granted] = field(default_factory=dict)
    is_away: bool = False
    rotations: int = 0

    def rotate(self, *, keep: bool = False) -> RSAKey:
        """Sign with a new key from now on; the former ones are gone unless they are kept."""
        key = _key(self.rotations)
        self.rotations += 1
        self.keys = [key, *self.keys] if keep else [key]
        return key

    def claims(self, nonce: str = "", **more: Any) -> Claims:
        """What an ID token says, as it should be."""
        now = int(self.clock().timestamp())
        said = {"iss": self.address, "aud": self.client_id, "iat": now, "exp": now + 300, **self.user}
        return {**said, **({"nonce": nonce} if nonce else {}), **more}

    def signed(self, claims: Claims, *, key: RSAKey | None = None, **header: Any) -> str:
        """A token with these claims."""
        key = key or self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of an answer."""
        path, query = urlsplit(target).path, _single(urlsplit(target).query)
        self.seen.append(path)
        if self.is_away:
            return 503, {}, {"error": "temporarily_unavailable"}
        if path == "/.well-known/openid-configuration":
            return 200, {}, self._document()
        if path == "/jwks":
            return 200, {}, {"keys": [key.as_dict(private=False) for key in self.keys]}
        if path == "/authorize" and method == "GET":
            return self._authorize(query)
        if path == "/token" and method == "POST":
            return self._token(headers.get("authorization", ""), _single(body.decode()))
        return 404, {}, {"error": "not_found"}

    def _document(self) -> Claims:
        pages = {
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
        }
        supported = {"authorization_response_iss_parameter_supported": True, "response_types_supported": ["code"]}
        return {"issuer": self.address, **pages, **supported, **self.document}

    def _authorize(self, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            return 400, {}, {"error": "invalid_request"}
        if query.get("code_challenge_method") != "S256" or "openid" not in query.get("scope", "").split():
            return 400, {}, {"error": "invalid_request"}
        code = secrets.token_urlsafe(24)
        self.codes[code] = Granted(
            query["client_id"], query["redirect_uri"], query["code_challenge"], query.get("nonce", "")
        )
        back = urlencode({"code": code, "state": query["state"], "iss": self.address})
        return 302, {"Location": f"{query['redirect_uri']}?{back}"}, None

    def _token(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        id_, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(id_), unquote(secret)) != (self.client_id, self.client_secret):
            return 401, {}, {"error": "invalid_client"}
        granted = self.codes.pop(form.get("code", ""), None)
        if granted is None or form.get("grant_type") != "authorization_code":
            return 400, {}, {"error": "invalid_grant"}
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if challenge != granted.challenge or form.get("redirect_uri") != granted.redirect_uri:
            return 400, {}, {"error": "invalid_grant"}
        claims = self.claims(granted.nonce)
        token = self.sign(self, claims) if self.sign else self.signed(claims)
        return 200, {}, {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": token}


def new_key() -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})


@functools.cache
def _key(number: int) -> RSAKey:
    """Making keys takes long; each provider goes through the same ones."""
    return new_key()


def browse(url: str) -> dict[str, str]:
    """What a browser that opens a page of the provider is sent back with; it does not go there."""
    answer = urllib3.request("GET", url, redirect=False, retries=False)
    assert answer.status == 302, answer.data
    return _single(urlsplit(answer.headers["Location"]).query)


@contextmanager
def open_id_provider(*, certificate: Path | None = None, **state: Any) -> Iterator[OpenIdProvider]:
    """A provider that runs, on a port of its own.

    :param certificate: a file with key and certificate, to speak TLS.
    """
    provider = OpenIdProvider(**state)
    provider.rotate()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status, headers, value = provider.answer(self.command, self.path, self.headers, body)
            content = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody reads along."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.address = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
