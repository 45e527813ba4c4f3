"""A fake of the one part of a Kubernetes API server that reviews tokens of service accounts, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


@dataclass
class KubernetesApi:
    """The server's state.

    :param reviewers: the tokens that may ask for reviews.
    :param accounts: the user of each token that is good: name, uid and the audiences that it is for.
    """

    address: str = ""
    reviewers: set[str] = field(default_factory=set)
    accounts: dict[str, tuple[str, str, list[str]]] = field(default_factory=dict)
    knows_audiences: bool = True
    seen: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        if path != REVIEWS or authorization.removeprefix("Bearer ") not in self.reviewers:
            return 403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}
        review = json.loads(body)
        assert (review["apiVersion"], review["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
        self.seen.append(review["spec"])
        return 201, {**review, "status": self._status(review["spec"])}

    def _status(self, spec: dict[str, Any]) -> dict[str, Any]:
        account = self.accounts.get(spec["token"])
        if account is None:
            return {"error": "[invalid bearer token, token lookup failed]"}
        name, uid, audiences = account
        user = {"username": name, "uid": uid, "groups": ["system:serviceaccounts", "system:authenticated"]}
        shared = [audience for audience in spec["audiences"] if audience in audiences]
        if self.knows_audiences and not shared:
            return {"error": "[invalid bearer token, token audiences do not match]"}
        return {"authenticated": True, "user": user, **({"audiences": shared} if self.knows_audiences else {})}


@contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """A server that runs, on a port of its own."""
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status, value = api.answer(self.path, self.headers.get("authorization", ""), body)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody reads along."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
