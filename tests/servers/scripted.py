"""A server of a registry that says what a test has it say, also what no server should, over HTTP or HTTPS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

ABOUT = {"name": "default", "id": str(uuid4()), "store_id": str(uuid4()), "revision": "00"}


@dataclass(slots=True)
class Said:
    """One answer. ``size`` is how long it claims to be; ``hangs`` has the connection stay open after it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    hangs: bool = False


@dataclass(slots=True)
class Script:
    """What is answered, one after the other, to all but the question what the workspace is; the last one stays."""

    url: str = ""
    answers: list[Said] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self) -> list[str]:
        """The paths that were asked for, but for that of the workspace."""
        return [path for _, path, _ in self.seen if not path.endswith("/workspaces/default")]

    def next(self, path: str) -> Said:
        """What is said to a request."""
        if path.endswith("/workspaces/default"):
            return Said(body=json.dumps(ABOUT).encode())
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Said, certificate: Path | None = None) -> Iterator[Script]:
    """A server that says this.

    :param certificate: key and certificate, for HTTPS.
    """
    script = Script(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            said = script.next(self.path)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body) if said.size is None else said.size))
            self.end_headers()
            self.wfile.write(said.body)
            if said.hangs:
                self.wfile.flush()
                script.over.wait(60)
            if said.size is not None or said.hangs:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    script.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
