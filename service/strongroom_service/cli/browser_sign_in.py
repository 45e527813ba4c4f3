"""Waiting on this machine for a browser to come back from where somebody signed in."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from strongroom.cli.outcome import CommandError

SECONDS = 300.0
PATH = "/callback"
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Strongroom</title>"
    "<body style='font-family: sans-serif; margin: 4em'><h1>{title}</h1><p>{text}</p></body></html>"
)


class Back(NamedTuple):
    """What a browser brought back."""

    code: str
    state: str
    issuer: str | None


class Waiting:
    """A port of this machine where the browser is awaited.

    :param server: listens on it.
    """

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self.redirect_uri = f"http://127.0.0.1:{server.server_address[1]}{PATH}"

    def back(self, state: str, *, seconds: float = SECONDS) -> Back:
        """Wait for the browser. What comes for another sign-in is sent away.

        :raises CommandError: nobody comes in time, or the provider says no.
        """
        until, found = monotonic() + seconds, _Found(state)
        self._server.found = found  # type: ignore[attr-defined]
        while found.back is None:
            left = until - monotonic()
            if left <= 0:
                raise CommandError("Nobody signed in.", "Run it again, and open the address in a browser.")
            self._server.timeout = left
            self._server.handle_request()
            if found.refusal is not None:
                raise CommandError(f"The provider says no: {found.refusal:.200}.", "Run it again.")
        return found.back


class _Found:
    def __init__(self, state: str) -> None:
        self.state = state
        self.back: Back | None = None
        self.refusal: str | None = None


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        said = {name: values[0] for name, values in parse_qs(parts.query).items()}
        found: _Found = self.server.found  # type: ignore[attr-defined]
        if parts.path != PATH or said.get("state") != found.state:
            self._show(404, "Not here", "This is not what is waited for.")
        elif "code" in said:
            found.back = Back(said["code"], found.state, said.get("iss"))
            self._show(200, "Signed in", "You can close this page, and go on where you came from.")
        else:
            found.refusal = said.get("error", "no reason given")
            self._show(200, "Not signed in", "The provider said no. Where you came from tells more.")

    def _show(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """The address that a browser comes back to holds a code."""


@contextmanager
def waiting() -> Iterator[Waiting]:
    """Listen on a free port of this machine, which nobody else reaches."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    try:
        yield Waiting(server)
    finally:
        server.server_close()


def opened_in_browser(url: str) -> bool:
    """Open an address in the browser of whoever sits here; whether there is one."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
