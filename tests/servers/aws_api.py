"""A server that speaks the JSON protocol of AWS' services: it says what a test wants, or hands on and counts."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any] | bytes]


@dataclass(slots=True)
class AwsApi:
    """What the server says, and what it was asked: operations such as ``Decrypt``, and their parameters."""

    answer: Callable[[str, dict[str, Any]], Answer | None] = lambda _operation, _parameters: None
    behind: str | None = None
    endpoint_url: str = ""
    calls: list[str] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, code: str, message: str = "", status: int = 400) -> None:
        """From now on, say no."""
        self.answer = lambda _operation, _parameters: (status, {"__type": code, "message": message})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    api: AwsApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.api.calls.append(operation)
        self.api.parameters.append(json.loads(body) if body.startswith(b"{") else {})
        status, content = self.api.answer(operation, self.api.parameters[-1]) or self._handed_on(body)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _handed_on(self, body: bytes) -> Answer:
        assert self.api.behind, "the test has no answer for this"
        names = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date")
        headers = {name: value for name in names if (value := self.headers.get(name))}
        request = urllib.request.Request(self.api.behind, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def aws_api(behind: str | None = None) -> Iterator[AwsApi]:
    """Runs a server while the block lasts. What it has no answer for goes to the one ``behind``."""
    api = AwsApi(behind=behind)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    api.endpoint_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def mute_server() -> Iterator[str]:
    """The address of a server that lets everybody connect and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
