"""What the guard of a connection says no to, in the error shape of the API."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Refusal(Enum):
    """A status, a code, a sentence and a remedy. None of them has a byte of the request in it."""

    MALFORMED = (400, "malformed_request", "This is no request of HTTP/1.1.", "Send one.")
    METHOD = (400, "unknown_method", "The method is not known here.", "Use GET, PUT, POST, DELETE or LIST.")
    HOST = (400, "malformed_request", "The request has no Host header, or several.", "Send one.")
    SLOW = (408, "request_timeout", "The request took too long to arrive.", "Send it at once.")
    TARGET = (414, "target_too_long", "The path of the request is too long.", "Send values in the body.")
    HEADERS = (431, "headers_too_large", "The request has too many headers.", "Send fewer.")
    HEAD = (431, "headers_too_large", "The headers of the request are too large.", "Send less.")
    PIPELINED = (429, "too_many_requests", "Too many requests wait on this connection.", "Wait for answers.")
    CONNECTIONS = (503, "too_many_connections", "The server has all the connections that it takes.", "Try again soon.")

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.value[0]

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer; ``errors`` is where clients of Vault look."""
        _status, code, problem, remedy = self.value
        error = {"code": code, "message": problem, "remedy": remedy, "request_id": ""}
        return {"error": error, "errors": [f"{problem} {remedy}"]}

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of the answer."""
        fixed = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"connection", b"close"))
        return (*fixed, (b"retry-after", b"1")) if self.status in (429, 503) else fixed
