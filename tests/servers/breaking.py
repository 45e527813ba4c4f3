"""A server that hangs up: it promises an object, and breaks the connection half-way through it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Plan:
    """What the server does.

    :param content: the object that every key has.
    :param failures: how many answers break off before one is whole.
    :param swallow: bytes of an upload that are read before the connection is closed; ``None`` to read all.
    :param headers: of every answer that has the object.
    :param refusals: how many requests are answered with ``refused`` before one is served.
    :param refused: a status and the code that goes with it in S3's own words.
    :param etag: what the object has as long as it is the first one.
    :param damaged: how many answers hold another content of the same length.
    :param checksum: what the last upload came with, of SHA-256.
    :param ranges: whether it knows what a range is.
    :param etags: after how many answers the object is another one; ``None`` for never. Conditions are heeded.
    """

    content: bytes
    failures: int
    swallow: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    refusals: int = 0
    refused: tuple[int, str] = (503, "SlowDown")
    etags: int | None = None
    etag: str = '"one"'
    damaged: int = 0
    checksum: str | None = None
    ranges: bool = True
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fails(self, what: str) -> bool:
        """Notes a request, and says whether it shall break off."""
        with self.lock:
            self.seen.append(what)
            self.failures -= 1
            return self.failures >= 0

    def damages(self) -> bool:
        """Whether an answer shall hold something else."""
        with self.lock:
            self.damaged -= 1
            return self.damaged >= 0

    def refuses(self, what: str) -> bool:
        """Notes a request that shall be refused, and says whether it is one."""
        with self.lock:
            if self.refusals <= 0:
                return False
            self.seen.append(what)
            self.refusals -= 1
            return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    plan: Plan

    def do_HEAD(self) -> None:
        if self._refused():
            return
        self._begin(200, len(self.plan.content))

    def do_GET(self) -> None:
        if self._refused():
            return
        content, status = self.plan.content, 200
        asked = self.headers.get("Range", "")
        if asked and self.plan.ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last or len(content) - 1), len(content) - 1)
            content, status = content[int(first) : end + 1], 206
        broken = self.plan.fails(f"GET {asked}".strip())
        if self.headers.get("If-Match", self._etag()) != self._etag():
            self._begin(412, 0)
            return
        if self.plan.damages():
            content = bytes(byte ^ 1 for byte in content)
        self._begin(status, len(content))
        self.wfile.write(content[: len(content) // 2] if broken else content)
        self.close_connection = broken

    def do_PUT(self) -> None:
        if self._refused():
            return
        length = int(self.headers.get("Content-Length", 0))
        self.plan.checksum = self.headers.get("x-amz-checksum-sha256")
        if self.plan.fails("PUT"):
            self.rfile.read(min(length, self.plan.swallow or 0))
            self.close_connection = True
            return
        self.rfile.read(length)
        self._begin(200, 0)

    def do_POST(self) -> None:
        """A deletion of many, of which the last is refused as the plan says."""
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        keys = re.findall("<Key>(.*?)</Key>", asked)
        errors = ""
        if self.plan.refuses(f"DELETE {' '.join(keys)}"):
            errors = f"<Error><Key>{keys[-1]}</Key><Code>{self.plan.refused[1]}</Code><Message>no</Message></Error>"
        else:
            self.plan.fails(f"DELETE {' '.join(keys)}")
        body = f"<DeleteResult>{errors}</DeleteResult>".encode()
        self._begin(200, len(body))
        self.wfile.write(body)

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _refused(self) -> bool:
        if not self.plan.refuses(f"{self.command} refused"):
            return False
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, code = self.plan.refused
        body = f"<Error><Code>{code}</Code><Message>Reduce your request rate.</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def _begin(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", self._etag())
        for name, value in self.plan.headers.items() if status == 200 else ():
            self.send_header(name, value)
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()

    def _etag(self) -> str:
        changed = self.plan.etags is not None and len(self.plan.seen) > self.plan.etags
        return '"another"' if changed else self.plan.etag

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def breaking_server(plan: Plan) -> Iterator[str]:
    """Runs a server by this plan while the block lasts; its address."""
    handler = type("Handler", (_Handler,), {"plan": plan})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
