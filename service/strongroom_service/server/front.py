"""What stands before the application: whether the process lives, which takes nothing but its event loop to answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_ALIVE = b'{"alive":true}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ALIVE))]


def with_liveness(app: ASGIApp) -> ASGIApp:
    """The application, and ``/livez``."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/livez" and scope["method"] in ("GET", "HEAD"):
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _ALIVE})
        else:
            await app(scope, receive, send)

    return front
