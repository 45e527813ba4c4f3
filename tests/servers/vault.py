"""A fake Vault: a small HTTP server on loopback that speaks what hvac 2.4 asks of HashiCorp Vault and OpenBao.

No binary of either can be had from the package registries. Its answers have the shapes that their API documentation and
hvac's own tests give; the transit engine really encrypts. It has key-value engines (:mod:`servers.vault_kv`), transit
(:mod:`servers.vault_transit`), tokens that expire and are renewed, AppRole and Kubernetes logins, policies, namespaces,
a seal, and the ``LIST`` method. Its clock stands until a test moves it.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from servers.vault_answers import Refusal, denied, envelope, not_found
from servers.vault_databases import Databases
from servers.vault_kv import Body, Kv1, Kv2
from servers.vault_transit import Transit

DEFAULT = {"auth/token/lookup-self": {"read"}, "auth/token/renew-self": {"update"}}
"""What Vault's policy ``default`` lets every token do; that some tokens lack it is a test's choice."""
_CAPABILITIES = {"GET": "read", "LIST": "list", "POST": "update", "PUT": "update", "DELETE": "delete"}

Policy = dict[str, set[str]]


@dataclass
class Token:
    """A token. ``ttl`` 0 never expires; a renewal gives ``ttl`` seconds again, up to ``max_ttl`` after its making."""

    id: str
    policy: Policy | None
    """What it may do, by path with ``*``; ``None`` for root."""
    ttl: int
    created: float
    renewable: bool = True
    max_ttl: int = 0
    period_end: float = 0.0

    def expires(self) -> float:
        return self.period_end if self.ttl else float("inf")

    def auth(self, now: float) -> Body:
        left = int(self.expires() - now) if self.ttl else 0
        return {
            "client_token": self.id,
            "accessor": "accessor-of-it",
            "policies": ["default"],
            "token_policies": ["default"],
            "metadata": None,
            "lease_duration": left,
            "renewable": self.renewable and bool(self.ttl),
            "entity_id": "",
            "token_type": "service",
            "orphan": True,
            "num_uses": 0,
        }

    def described(self, now: float) -> Body:
        return {
            "accessor": "accessor-of-it",
            "creation_time": int(self.created),
            "creation_ttl": self.ttl,
            "display_name": "token",
            "entity_id": "",
            "expire_time": None,
            "explicit_max_ttl": self.max_ttl,
            "id": self.id,
            "num_uses": 0,
            "orphan": True,
            "path": "auth/token/create",
            "policies": ["default"],
            "renewable": self.renewable and bool(self.ttl),
            "ttl": int(self.expires() - now) if self.ttl else 0,
        }


@dataclass
class Role:
    """An AppRole, or a role of the Kubernetes login, with what its tokens are like."""

    policy: Policy | None
    ttl: int
    max_ttl: int = 0
    secret_id: str = ""
    jwt: str = ""


@dataclass
class FakeVault:
    """The server's state, which tests look at and change."""

    address: str = ""
    now: float = 1_700_000_000.0
    sealed: bool = False
    namespace: str = ""
    """Where everything is, tokens too; in another one nothing is found."""
    preflight: bool = True
    """Whether tokens other than root may ask which engine a path is in."""
    mounts: dict[str, Kv1 | Kv2 | Transit | Databases] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Each request as ``METHOD path``, in order."""
    connections: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    root: str = ""

    def __post_init__(self) -> None:
        self.mounts = {
            "secret/": Kv2(),
            "kv/": Kv1(),
            "transit/": Transit(),
            "team/kv/": Kv2(),
            "database/": Databases(),
        }
        self.root = self.token(None)

    @property
    def databases(self) -> Databases:
        mount = self.mounts["database/"]
        assert isinstance(mount, Databases)
        return mount

    @property
    def transit(self) -> Transit:
        mount = self.mounts["transit/"]
        assert isinstance(mount, Transit)
        return mount

    def put(self, path: str, **data: Any) -> None:
        """Write a secret: ``put("secret/crm", token="…")``."""
        mount, rest = self._mount(path)
        engine = self.mounts[mount]
        assert isinstance(engine, Kv1 | Kv2)
        engine.put(rest, data)

    def token(self, policy: Policy | None = None, *, ttl: int = 0, renewable: bool = True, max_ttl: int = 0) -> str:
        """A new token that may do what the policy says, besides looking at and renewing itself; root without one."""
        token = Token(f"hvs.{secrets.token_urlsafe(24)}", policy, ttl, self.now, renewable, max_ttl, self.now + ttl)
        self.tokens[token.id] = token
        return token.id

    def app_role(self, policy: Policy | None = None, *, ttl: int = 1200, max_ttl: int = 0) -> tuple[str, str]:
        """A new role that may log in; its role id and secret id."""
        role_id, secret_id = secrets.token_hex(16), secrets.token_urlsafe(24)
        self.roles[role_id] = Role(policy, ttl, max_ttl, secret_id=secret_id)
        return role_id, secret_id

    def kubernetes_role(self, name: str, policy: Policy | None = None, *, ttl: int = 1200) -> str:
        """A new role for pods; the service account's token that it accepts."""
        jwt = f"ey{secrets.token_urlsafe(48)}"
        self.roles[f"kubernetes/{name}"] = Role(policy, ttl, jwt=jwt)
        return jwt

    def jwt_role(self, name: str, policy: Policy | None = None, *, ttl: int = 1200) -> str:
        """A new role for who has a JSON web token; the one that it accepts."""
        jwt = f"ey{secrets.token_urlsafe(48)}"
        self.roles[f"jwt/{name}"] = Role(policy, ttl, jwt=jwt)
        return jwt

    def count(self, start: str) -> int:
        """How many requests began so, such as ``POST transit/decrypt``."""
        return sum(seen.startswith(start) for seen in self.seen)

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Body
    ) -> tuple[int, Body | None]:
        """Status and body of one request; raises :class:`Refusal` too."""
        self.seen.append(f"{method} {path}")
        if method == "GET" and query.get("list") == "true":
            method = "LIST"
        if any(part in {".", ".."} for part in path.split("/")):
            raise Refusal(400, "path cannot contain parent references")
        if path == "sys/health":
            status = 503 if self.sealed else 200
            return status, {"initialized": True, "sealed": self.sealed, "standby": False, "version": "1.17.0"}
        if path == "sys/seal-status":
            return 200, {"type": "shamir", "initialized": True, "sealed": self.sealed, "t": 3, "n": 5, "progress": 0}
        if self.sealed:
            raise Refusal(503, "Vault is sealed")
        if headers.get("X-Vault-Namespace", "").strip("/") != self.namespace:
            raise denied() if not path.startswith("auth/") else not_found()
        if path.startswith("auth/") and path.endswith("/login"):
            return 200, envelope(None, auth=self._login(path, body).auth(self.now))
        token = self.tokens.get(headers.get("X-Vault-Token", ""))
        if token is None or token.expires() <= self.now:
            raise denied()
        if path.startswith("auth/token/"):
            return self._own_token(token, method, path)
        if path.startswith("sys/internal/ui/mounts/"):
            return 200, envelope(self._preflight(token, path.removeprefix("sys/internal/ui/mounts/")))
        if path in {"sys/leases/renew", "sys/leases/revoke"} and method == "PUT":
            return self._lease(token, method, path, body)
        return self._engine(token, method, path, query, body)

    def _lease(self, token: Token, method: str, path: str, body: Body) -> tuple[int, Body | None]:
        if not self._may(token, _CAPABILITIES[method], path):
            raise denied()
        if path.endswith("/revoke"):
            self.databases.revoke(str(body.get("lease_id")))
            return 204, None
        return 200, self.databases.renewed(str(body.get("lease_id")), body.get("increment"), self.now)

    def _login(self, path: str, body: Body) -> Token:
        if path == "auth/approle/login":
            role = self.roles.get(str(body.get("role_id")))
            if role is None or not role.secret_id or role.secret_id != body.get("secret_id"):
                raise Refusal(400, "invalid role or secret ID")
        elif path == "auth/kubernetes/login":
            role = self.roles.get(f"kubernetes/{body.get('role')}")
            if role is None or not role.jwt or role.jwt != body.get("jwt"):
                raise denied()
        elif path == "auth/jwt/login":
            role = self.roles.get(f"jwt/{body.get('role')}")
            if role is None or role.jwt != body.get("jwt"):
                raise Refusal(400, "error validating token: invalid signature")
        else:
            raise Refusal(404, f'no handler for route "{path}". route entry not found.')
        return self.tokens[self.token(role.policy, ttl=role.ttl, max_ttl=role.max_ttl)]

    def _own_token(self, token: Token, method: str, path: str) -> tuple[int, Body]:
        action = path.removeprefix("auth/token/")
        if token.policy is not None and not self._may(token, _CAPABILITIES[method], path, default=True):
            raise denied()
        if action == "lookup-self":
            return 200, envelope(token.described(self.now))
        if action == "renew-self":
            if not token.renewable or not token.ttl:
                raise Refusal(400, "lease is not renewable")
            end = self.now + token.ttl
            token.period_end = min(end, token.created + token.max_ttl) if token.max_ttl else end
            return 200, envelope(None, auth=token.auth(self.now))
        if action == "revoke-self":
            del self.tokens[token.id]
            return 204, {}
        raise not_found()

    def _may(self, token: Token, capability: str, path: str, default: bool = False) -> bool:
        if token.policy is None:
            return True
        rules = (DEFAULT | token.policy) if default and "-default" not in token.policy else token.policy
        return any(fnmatchcase(path, pattern) and capability in allowed for pattern, allowed in rules.items())

    def _preflight(self, token: Token, path: str) -> Body:
        """As ``vault kv get`` asks which engine a path is in. Says denied where there is none, as Vault does."""
        try:
            mount, _ = self._mount(path)
        except Refusal:
            mount = ""
        allowed = token.policy is None or (self.preflight and any(rule.startswith(mount) for rule in token.policy))
        if not mount or not allowed:
            raise Refusal(
                403,
                "preflight capability check returned 403, please ensure client's policies grant access to path "
                f'"{path}/"',
            )
        engine = self.mounts[mount]
        if isinstance(engine, Transit | Databases):
            return {"path": mount, "type": "transit" if mount == "transit/" else "database", "options": None}
        return {"path": mount, "type": "kv", "options": {"version": str(engine.version)}}

    def _engine(
        self, token: Token, method: str, path: str, query: dict[str, str], body: Body
    ) -> tuple[int, Body | None]:
        if not self._may(token, _CAPABILITIES[method], path.rstrip("/")):
            raise denied()
        mount, rest = self._mount(path)
        engine = self.mounts[mount]
        if isinstance(engine, Databases):
            return 200, engine.answer(method, rest, self.now)
        if isinstance(engine, Transit):
            data = engine.answer(method, rest, body, self._may(token, "create", path))
        else:
            data = engine.answer(method, rest, body, query)
        return (204, None) if data is None else (200, envelope(data))

    def _mount(self, path: str) -> tuple[str, str]:
        for mount in sorted(self.mounts, key=len, reverse=True):
            if f"{path}/".startswith(mount):
                return mount, path[len(mount) :]
        raise Refusal(404, f'no handler for route "{path}". route entry not found.')


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    vault: FakeVault

    def setup(self) -> None:
        super().setup()
        self.vault.connections += 1

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else {}
            if not parts.path.startswith("/v1/"):
                raise not_found()
            path = unquote(parts.path.removeprefix("/v1/"))
            with self.vault.lock:
                status, answer = self.vault.answer(self.command, path, dict(parse_qsl(parts.query)), self.headers, body)
        except json.JSONDecodeError:
            status, answer = 400, {"errors": ["error parsing JSON"]}
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        content = b"" if answer is None or status == 204 else json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Cache-Control", "no-store")
        if content:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_vault(certificate: Path | None = None) -> Iterator[FakeVault]:
    """Runs a Vault of its own while the block lasts.

    :param certificate: the file with key and certificate to speak TLS with.
    """
    vault = FakeVault()
    handler = type("Handler", (_Handler,), {"vault": vault})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    vault.address = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """A new, unsealed Vault with ``secret/`` and ``team/kv/`` (version 2), ``kv/`` (version 1) and ``transit/``."""
    with fake_vault() as running:
        yield running
