"""A bucket that has many objects and does nothing but list them: pages that are made beforehand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

_PAGE = 1000


@contextmanager
def listing_server(keys: Sequence[str], size: int) -> Iterator[str]:
    """Runs a server that lists these keys, of ``size`` bytes each, while the block lasts; its address."""
    pages = [_page(keys, begin, size) for begin in range(0, len(keys), _PAGE)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("continuation-token", ["0"])[0]
            page = pages[int(token)]
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(keys: Sequence[str], begin: int, size: int) -> bytes:
    more = begin + _PAGE < len(keys)
    token = f"<NextContinuationToken>{begin // _PAGE + 1}</NextContinuationToken>" if more else ""
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f'<ETag>"d41d8cd98f00b204e9800998ecf8427e"</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        for key in keys[begin : begin + _PAGE]
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>bucket</Name><IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
    )
    return text.encode()
