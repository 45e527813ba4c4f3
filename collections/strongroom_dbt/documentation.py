"""The documentation of a project, served to this machine alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from strongroom_dbt.errors import DbtProjectInvalid

_TYPES = {"index.html": "text/html; charset=utf-8", "manifest.json": "application/json"} | {
    "catalog.json": "application/json"
}


class Documentation:
    """A server of dbt's documentation at 127.0.0.1, for as long as the ``with`` lasts; ``url`` is where it is.

    It serves the page and the two files that the page reads, and answers only to this machine's own names: a web page
    that somebody opens elsewhere cannot read the project through the reader's browser.

    :param folder: of the artifacts of ``docs generate``, with or without ``--static``.
    :raises DbtProjectInvalid: there is no documentation in it.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        static = folder / "static_index.html"
        pages = {"index.html": static} if static.is_file() else {name: folder / name for name in _TYPES}
        missing = [path.name for path in pages.values() if not path.is_file()]
        if missing:
            raise DbtProjectInvalid(
                f"There is no documentation in {folder}: no {' and no '.join(missing)}.",
                "The task dbt_docs_generate writes it.",
            )
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Pages", (_Pages,), {"pages": pages}))
        self._thread = threading.Thread(target=self._server.serve_forever, name="dbt documentation", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Documentation:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Pages(BaseHTTPRequestHandler):
    pages: Mapping[str, Path]

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].lstrip("/") or "index.html"
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "This is served to this machine alone")
        elif name not in self.pages:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            content = self.pages[name].read_bytes()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _TYPES[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a page that is read is no news."""
