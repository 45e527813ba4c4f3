"""A fake of Cloud Storage that breaks where it is told to: it hangs up, is busy, damages what it sends, refuses tokens.

It speaks the part of the JSON API that transfers need, keeps what arrived of a resumable upload when the connection
breaks, and checks CRC32C and preconditions, as Google's own does and emulators do not.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

UPDATED = "2026-01-01T00:00:00.000000Z"
_BLOCK = 64 << 10


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next request of a kind.

    :param kind: ``download``, ``metadata``, ``list``, ``delete``, ``upload`` (at once), ``session`` (its begin),
        ``part`` (of a session) or ``question`` (how much of it has arrived).
    :param after: bytes that still pass before the connection breaks; ``None`` to answer with ``status``.
    :param damage: whether a byte of the body is another one on the way.
    :param late: break the connection when all is done, so that the answer is lost.
    """

    kind: str
    after: int | None = None
    status: int = 0
    said: str = ""
    damage: bool = False
    late: bool = False


@dataclass(slots=True)
class Session:
    """One resumable upload."""

    name: str
    metadata: dict[str, Any]
    query: dict[str, list[str]]
    received: bytearray = field(default_factory=bytearray)
    done: dict[str, Any] | None = None


@dataclass
class BreakingGcs:
    """The server's state: one bucket.

    :param tokens: the only ones that are accepted; ``None`` to accept any and none.
    :param keeps: whether the content of parts is kept; else they are only counted.
    """

    address: str = ""
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    rights: list[str] = field(default_factory=list)
    tokens: list[str] | None = None
    keeps: bool = True
    counted: int = 0
    sessions: dict[str, Session] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    generation: int = 1_000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, name: str, content: bytes) -> dict[str, Any]:
        with self.lock:
            self.generation += 1
            self.objects[name] = content, self.generation
            return self.resource(name)

    def resource(self, name: str) -> dict[str, Any]:
        content, generation = self.objects[name]
        return {
            "name": name,
            "bucket": "bucket",
            "size": str(len(content)),
            "generation": str(generation),
            "updated": UPDATED,
            "crc32c": crc(content),
        }

    def fault(self, kind: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.kind == kind:
                    self.faults.remove(fault)
                    return fault
        return None

    def refusal(self, name: str, query: dict[str, list[str]], metadata: dict[str, Any], content: bytes) -> str:
        """Why an object is not made, if so."""
        wanted = query.get("ifGenerationMatch")
        if wanted and int(wanted[0]) != self.objects.get(name, (b"", 0))[1]:
            return "412 conditionNotMet"
        if metadata.get("crc32c", crc(content)) != crc(content):
            return "400 Provided CRC32C doesn't match calculated CRC32C."
        return ""


def crc(content: bytes | bytearray) -> str:
    """A checksum as the service writes it."""
    value: int = google_crc32c.value(bytes(content))
    return base64.b64encode(value.to_bytes(4, "big")).decode()


class _Broken(Exception):
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    gcs: BreakingGcs

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        self.fault: Fault | None = None
        try:
            self._route(parts.path)
        except _Broken:
            self.close_connection = True

    def _route(self, path: str) -> None:
        gcs, name = self.gcs, unquote(path.rpartition("/o/")[2]) if "/o/" in path else ""
        with gcs.lock:
            gcs.seen.append(f"{self.command} {path.rpartition('/v1/b/')[2]} {self._span()}".strip())
        if gcs.tokens is not None and self.headers.get("Authorization", "").removeprefix("Bearer ") not in gcs.tokens:
            self._drain()
            self._say(401, {"error": {"code": 401, "message": "Invalid Credentials"}})
        elif path.endswith("/iam/testPermissions"):
            asked = self.query.get("permissions", [])
            self._say(200, {"permissions": [right for right in asked if right in gcs.rights]})
        elif self.command == "GET" and path.startswith("/download/"):
            self._meet("download") or self._download(name)
        elif path.startswith("/upload/"):
            self._upload()
        elif self.command == "GET" and name:
            self._meet("metadata") or self._metadata(name)
        elif self.command == "GET":
            self._meet("list") or self._list()
        elif self.command == "DELETE":
            self._meet("delete") or self._delete(name)

    def _span(self) -> str:
        return str(self.headers.get("Content-Range") or self.headers.get("Range") or "")

    def _meet(self, kind: str) -> bool:
        """Whether a planned fault has answered."""
        self.fault = self.gcs.fault(kind)
        if self.fault is None or not self.fault.status:
            return False
        self._drain()
        said = self.fault.said or "planned"
        self._say(self.fault.status, {"error": {"code": self.fault.status, "message": said}})
        return True

    def _list(self) -> None:
        names = sorted(self.gcs.objects)
        begin = int((self.query.get("pageToken") or ["0"])[0])
        end = begin + int((self.query.get("maxResults") or [len(names)])[0])
        page: dict[str, Any] = {"items": [self.gcs.resource(name) for name in names[begin:end]]}
        self._say(200, page | ({"nextPageToken": str(end)} if end < len(names) else {}))

    def _metadata(self, name: str) -> None:
        if name in self.gcs.objects:
            self._say(200, self.gcs.resource(name))
        else:
            self._say(404, {"error": {"code": 404, "message": f"No such object: bucket/{name}"}})

    def _delete(self, name: str) -> None:
        found = self.gcs.objects.pop(name, None)
        self._say(204 if found else 404, {})

    def _download(self, name: str) -> None:
        if name not in self.gcs.objects:
            self._say(404, {"error": {"code": 404, "message": f"No such object: bucket/{name}"}})
            return
        content, generation = self.gcs.objects[name]
        wanted = self.query.get("ifGenerationMatch") or self.query.get("generation")
        if wanted and int(wanted[0]) != generation:
            self._say(412, {"error": {"code": 412, "message": "conditionNotMet"}})
            return
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, len(content)
        if span:
            start, end = int(span[1]), min(int(span[2] or end) + 1, end)
        body = bytearray(content[start:end])
        if self.fault and self.fault.damage:
            body[len(body) // 2] ^= 1
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Goog-Generation", str(generation))
        self.send_header("X-Goog-Hash", f"crc32c={crc(content)}")
        self.end_headers()
        self.wfile.write(body if self.fault is None or self.fault.after is None else body[: self.fault.after])
        if self.fault and self.fault.after is not None:
            raise _Broken

    def _upload(self) -> None:
        session = self.gcs.sessions.get((self.query.get("upload_id") or [""])[0])
        if self.query.get("upload_id"):
            is_part = self.command == "PUT" and "*/" not in self.headers["Content-Range"]
            self._meet("part" if is_part else "question") or self._part(session)
        elif self.query["uploadType"] == ["resumable"]:
            self._meet("session") or self._begin()
        else:
            self._meet("upload") or self._at_once()

    def _begin(self) -> None:
        metadata = json.loads(self._body() or b"{}")
        identity = f"session-{len(self.gcs.sessions)}"
        self.gcs.sessions[identity] = Session(metadata["name"], metadata, self.query)
        place = f"{self.gcs.address}/upload/storage/v1/b/bucket/o?uploadType=resumable&upload_id={identity}"
        self._say(200, {}, Location=place)

    def _at_once(self) -> None:
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        assert boundary
        _, first, second, _ = self._body().split(b"--" + boundary[1].encode(), 3)
        metadata = json.loads(first.partition(b"\r\n\r\n")[2])
        self._make(metadata["name"], self.query, metadata, second.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"))

    def _part(self, session: Session | None) -> None:
        if session is None:
            self._drain()
            self._say(404, {"error": {"code": 404, "message": "no such session"}})
            return
        if self.command == "DELETE":
            self.gcs.cancelled.append(session.name)
            self._say(499, {})
            return
        span, _, total = self.headers["Content-Range"].removeprefix("bytes ").partition("/")
        if span != "*":
            self._receive(session, int(span.partition("-")[0]))
        if session.done is None and total.isdecimal() and self._size(session) == int(total):
            hashed = self.headers.get("X-Goog-Hash", "").removeprefix("crc32c=")
            metadata = session.metadata | ({"crc32c": hashed} if hashed else {})
            session.done = self._make(session.name, session.query, metadata, bytes(session.received))
        elif session.done is not None:
            self._say(200, session.done)
        else:
            size = self._size(session)
            self._say(308, {}, **({"Range": f"bytes=0-{size - 1}"} if size else {}))

    def _receive(self, session: Session, start: int) -> None:
        """What arrives is kept, also of a part that breaks off."""
        assert start == self._size(session), "a part that does not follow"
        left = int(self.headers.get("Content-Length", 0))
        pass_on = left if self.fault is None or self.fault.after is None else self.fault.after
        while left and pass_on:
            block = self.rfile.read(min(_BLOCK, left, pass_on))
            if not block:
                raise _Broken
            left, pass_on = left - len(block), pass_on - len(block)
            if self.gcs.keeps:
                session.received += block
            else:
                self.gcs.counted += len(block)
        if left:
            raise _Broken

    def _size(self, session: Session) -> int:
        return len(session.received) if self.gcs.keeps else self.gcs.counted

    def _make(self, name: str, query: Any, metadata: dict[str, Any], content: bytes) -> dict[str, Any] | None:
        gcs = self.gcs
        refusal = gcs.refusal(name, query, metadata, content) if gcs.keeps else ""
        if refusal:
            status = int(refusal.partition(" ")[0])
            self._say(status, {"error": {"code": status, "message": refusal.partition(" ")[2]}})
            return None
        made = gcs.put(name, content)
        if not gcs.keeps:
            made["crc32c"] = metadata["crc32c"]
        if self.fault and self.fault.damage:
            made["crc32c"] = crc(b"another content")
        if self.fault and self.fault.late:
            session = gcs.sessions.get((query.get("upload_id") or self.query.get("upload_id") or [""])[0])
            if session is not None:
                session.done = made
            raise _Broken
        self._say(200, made)
        return made

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _drain(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (block := self.rfile.read(min(_BLOCK, left))):
            left -= len(block)

    def _say(self, status: int, answer: dict[str, Any], **headers: str) -> None:
        content = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def breaking_gcs(certificate: Path | None = None) -> Iterator[BreakingGcs]:
    """Runs a server of its own while the block lasts; with a certificate, over TLS."""
    gcs = BreakingGcs()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gcs": gcs}))
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    gcs.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    try:
        yield gcs
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
