"""Asking a server from outside: what is said where nobody answers, or somebody else; and what is never sent."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.certificates import certificate_in
from strongroom_registry.errors import InvalidConfiguration, ServerUntrusted, StoreUnavailable
from strongroom_service.asking import ask_at
from strongroom_service.seal.asking import ask_seal


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers everything alike; its address, and what it was asked."""
    heard: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            said = self.request.recv(65536)
            length = re.search(rb"Content-Length: (\d+)", said)
            while length and len(said.partition(b"\r\n\r\n")[2]) < int(length[1]):
                said += self.request.recv(65536)
            heard.append(said)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", heard
        finally:
            server.shutdown()
            thread.join()


def _answer(status: str, body: bytes, *headers: bytes) -> bytes:
    head = [f"HTTP/1.1 {status}".encode(), b"Content-Length: %d" % len(body), b"Connection: close", *headers]
    return b"\r\n".join([*head, b"", body])


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_where_nobody_answers_the_reason_is_told_in_words() -> None:
    url = f"http://127.0.0.1:{_closed_port()}"
    with pytest.raises(StoreUnavailable) as caught:
        ask_at(url, "/readyz", seconds=5)
    assert str(caught.value) == f"Nobody answers at {url}: connection refused. See whether the server runs there."


@pytest.mark.parametrize("answer", [b"220 mail.example.com ESMTP\r\n", _answer("200 OK", b"<html>"), b""])
def test_somebody_else_is_no_server_of_strongrooms(answer: bytes) -> None:
    with answering(answer) as (url, _), pytest.raises(StoreUnavailable):
        ask_at(url, "/readyz", seconds=5)


def test_who_does_not_answer_in_time_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("http", "https"):
            url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(StoreUnavailable) as caught:
                ask_at(url, "/readyz", seconds=0.05)
            assert caught.value.problem == f"Nobody answers at {url} in time."


def test_what_speaks_no_tls_is_said_to() -> None:
    with answering(_answer("400 Bad Request", b"{}")) as (url, _), pytest.raises(StoreUnavailable) as caught:
        ask_at(url.replace("http:", "https:"), "/readyz", seconds=5)
    assert str(caught.value).endswith("speaks no TLS. See whether it is to be http:// there.")


def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(InvalidConfiguration, match=re.escape(f"{path} is no file of certificates")):
            ask_at("https://127.0.0.1:1", "/readyz", seconds=5, authority=path)


def test_no_redirect_is_followed_and_no_proxy_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(_answer("200 OK", b"{}")) as (elsewhere, heard):
        monkeypatch.setenv("http_proxy", elsewhere)
        with answering(_answer("307 Temporary Redirect", b"", f"Location: {elsewhere}".encode())) as (url, _):
            assert ask_at(url, "/readyz", seconds=5) == (307, {})
    assert heard == []


def test_a_share_is_sent_in_clear_to_this_machine_alone() -> None:
    with pytest.raises(InvalidConfiguration, match="everybody on the way"):
        ask_seal("http://192.0.2.1:8200", "PUT", "unseal", {"key": "00"})
    with pytest.raises(InvalidConfiguration, match="everybody on the way"):
        ask_seal("http://192.0.2.1:8200", "PUT", "seal", token="none")
    with answering(_answer("200 OK", b'{"sealed": true}')) as (url, heard):
        assert ask_seal(url, "PUT", "unseal", {"key": "00"}) == {"sealed": True}
    assert b'{"key": "00"}' in heard[0]


def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    from ssl import PROTOCOL_TLS_SERVER, SSLContext

    tls = SSLContext(PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_in(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection, pytest.raises(OSError):
                tls.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ServerUntrusted, match="cannot prove who it is: self-signed certificate"):
            ask_at(f"https://127.0.0.1:{listening.getsockname()[1]}", "/readyz", seconds=5)
        thread.join()
