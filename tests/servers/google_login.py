"""A fake of where Google gives tokens: for a service account's signed assertion, and to act as another account."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

EMAIL = "etl@acme.iam.gserviceaccount.com"


@dataclass
class GoogleLogin:
    """The server's state. ``info`` is the JSON of a service account's key whose assertions it accepts."""

    address: str = ""
    info: dict[str, str] = field(default_factory=dict)
    public: bytes = b""
    refuses: bool = False
    tokens: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.info = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": secrets.token_hex(20),
            "private_key": private.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{self.address}/token",
        }

    def answer(self, path: str, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        self.seen.append(path)
        if path == "/token":
            return self._for_assertion(parse_qs(body.decode()))
        if path == "/sts":
            issued = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"}
            return 200, issued | {"access_token": self._token(), "expires_in": 3599}
        if path.endswith(":generateAccessToken") and authorization.removeprefix("Bearer ") in self.tokens:
            self.scopes += json.loads(body)["scope"]
            return 200, {"accessToken": self._token(), "expireTime": "2999-01-01T00:00:00Z"}
        return 403, {"error": {"code": 403, "message": "Permission iam.serviceAccounts.getAccessToken denied"}}

    def _for_assertion(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        verify: Any = jwt.decode
        try:
            claims = verify(form["assertion"][0], certs=self.public)
        except Exception:
            claims = None
        if claims is None or self.refuses or claims["iss"] != EMAIL:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        self.scopes += claims["scope"].split()
        return 200, {"access_token": self._token(), "expires_in": 3599, "token_type": "Bearer"}

    def _token(self) -> str:
        self.tokens.append(f"ya29.{secrets.token_urlsafe(32)}")
        return self.tokens[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    login: GoogleLogin

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.login.answer(self.path, body, self.headers.get("Authorization", ""))
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_google_login() -> Iterator[GoogleLogin]:
    """Runs a server of its own while the block lasts."""
    login = GoogleLogin()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"login": login}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    login.address = f"http://127.0.0.1:{server.server_address[1]}"
    login.prepare()
    try:
        yield login
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
