"""A server as an operator starts it, asked with bytes: quick requests, which it takes without a task, among others."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers.guarded import everything
from servers.started import Started, started
from strongroom_registry import open_registry

ALL = "/api/v1/workspaces/default/documents"
ONE = f"{ALL}/lake/payload"
LARGE = 150_000


@dataclass
class Wire:
    """A server, and how it is asked."""

    server: Started
    home: Path
    keys: Path
    some: str = ""

    @property
    def token(self) -> str:
        return self.server.token

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=60)

    def request(
        self,
        path: str,
        *headers: str,
        method: str = "GET",
        token: str | None = None,
        body: bytes = b"",
        version: str = "1.1",
    ) -> bytes:
        token = self.token if token is None else token
        lines = [f"{method} {path} HTTP/{version}", "Host: x", *headers]
        lines += [f"Authorization: Bearer {token}"] if token else []
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    def ask(self, path: str, *headers: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers in their order, and the body of an answer."""
        with self.connect() as connection:
            connection.sendall(self.request(path, *headers, "Connection: close", **more))
            return split(everything(connection))

    def put(self, name: str, payload: bytes) -> None:
        draft = {"type": "t", "schema": "s", "payload": urlsafe_b64encode(payload).decode(), "overwrite": True}
        status, _, body = self.ask(f"{ALL}/{name}", method="PUT", body=json.dumps(draft).encode())
        assert status == 200, body

    def loads(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What the audit says was loaded; its chain is as it was written."""
        monkeypatch.setenv("STRONGROOM_HOME", str(self.home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(self.keys))
        with open_registry(create=False) as registry:
            assert registry.verify_audit().ok
            return [entry.name for entry in registry.audit() if entry.action == "load" and entry.outcome == "done"]


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def answers(received: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """All answers on a connection, each with as much of a body as it says."""
    found = []
    while received:
        status, headers, rest = split(received)
        size = int(headers.get("content-length", 0)) if status not in (204, 304) else 0
        found.append((status, headers, rest[:size]))
        received = rest[size:]
    return found


def payload(answer: tuple[int, dict[str, str], bytes]) -> bytes:
    assert answer[0] == 200, answer
    return urlsafe_b64decode(json.loads(answer[2])["payload"])


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("wire")
    home, keys = folder / "home", folder / "config"
    with started(folder, STRONGROOM_HOME=str(home), XDG_CONFIG_HOME=str(keys)) as server:
        wire = Wire(server, home, keys)
        wire.put("lake", b"payload")
        wire.put("river", b"other")
        wire.put("large", b"x" * LARGE)
        rules = {"rules": [{"effect": "allow", "paths": ["default/lake"], "verbs": ["reveal", "view", "list"]}]}
        assert wire.ask("/api/v1/policies/some", method="PUT", body=json.dumps(rules).encode())[0] in (200, 201)
        made = wire.ask("/api/v1/tokens", method="POST", body=json.dumps({"policies": ["some"]}).encode())
        wire.some = json.loads(made[2])["token"]
        yield wire


# -- the same answers as others get


@pytest.mark.parametrize(
    ("path", "headers", "who", "status"),
    [
        (ONE, (), "root", 200),
        (ONE, (), "some", 200),
        (f"{ONE}?version=1", (), "some", 200),
        (f"{ALL}/lake", (), "some", 200),
        (ALL, (), "root", 200),
        (f"{ALL}?limit=1", (), "some", 200),
        (f"{ALL}/river/payload", (), "some", 403),
        (f"{ALL}/absent/payload", (), "root", 404),
        (f"{ALL}/lake/payload?version=9", (), "root", 404),
        (f"{ALL}/lake/payload?nonsense=1", (), "root", 400),
        (f"{ALL}/No%20Name/payload", (), "root", 400),
        (ONE, (), "", 401),
        (ONE, (), "wrong", 401),
        (ONE, ("Connection: close",), "root", 200),
        (ONE, ("Cookie: a=b", "Accept: text/html"), "root", 200),
    ],
)
def test_what_is_taken_is_answered_as_what_is_not(
    wire: Wire, path: str, headers: tuple[str, ...], who: str, status: int
) -> None:
    token = {"root": wire.token, "some": wire.some}.get(who, who)
    found = []
    for more in ((), ("Content-Length: 0",), ("Expect: nothing",)):  # with either of these it is not taken
        with wire.connect() as connection:
            connection.sendall(wire.request(path, *headers, *more, token=token) + wire.request("/livez"))
            connection.sendall(wire.request("/livez", "Connection: close"))
            code, named, body = answers(everything(connection))[0]
        assert code == status, body
        named["date"] = named["strongroom-request-id"] = "its own"
        assert len(body) == int(named["content-length"])
        found.append((list(named.items()), re.sub(rb'"request_id":"[^"]*"', b"", body)))
    assert found[0] == found[1] == found[2]


def test_what_is_known_already_is_not_sent_again(wire: Wire) -> None:
    tag = wire.ask(ONE)[1]["etag"]
    found = []
    for more in ((), ("Content-Length: 0",)):
        status, named, body = wire.ask(ONE, f"If-None-Match: {tag}", *more)
        assert (status, body, named["etag"]) == (304, b"", tag)
        found.append(list(named))
    assert found[0] == found[1]
    assert "content-length" not in found[0]


# -- many on one connection


def test_requests_of_all_kinds_are_answered_in_their_order(wire: Wire) -> None:
    kinds = [
        (wire.request(ONE), 200),
        (wire.request(f"{ALL}/lake/versions"), 200),
        (wire.request(f"{ALL}/absent/payload"), 404),
        (wire.request(ONE, method="POST", body=b"{}"), 405),
        (wire.request("/v1/sys/mounts"), 200),
        (wire.request("/v1/nothing/metadata", method="LIST"), 404),
        (wire.request(ONE, token=""), 401),
        (wire.request(ALL), 200),
        (wire.request(ONE, body=b"hello"), 200),
        (wire.request(f"{ALL}/river"), 200),
        (wire.request("/livez"), 200),
        (wire.request(ONE, "Strongroom-Wrap-TTL: 60"), 200),
    ]
    order = [number * 5 % len(kinds) for number in range(36)]
    with wire.connect() as connection:
        connection.sendall(b"".join(kinds[number][0] for number in order))
        connection.sendall(wire.request(f"{ALL}/river/payload", "Connection: close"))
        *found, last = answers(everything(connection))
    assert [status for status, _, _ in found] == [kinds[number][1] for number in order]
    assert payload(last) == b"other"
    assert last[1]["connection"] == "close"
    for number, answer in zip(order, found, strict=True):
        if number in (0, 8):
            assert payload(answer) == b"payload"
        assert "connection" not in answer[1]


def test_one_connection_after_the_other_request(wire: Wire) -> None:
    with wire.connect() as connection:
        for number in range(12):
            name = ("lake", "river")[number % 2]
            connection.sendall(wire.request(f"{ALL}/{name}/payload", *(["Content-Length: 0"] if number % 3 else [])))
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(65536)
            assert payload(split(received)) == {"lake": b"payload", "river": b"other"}[name]


def test_head_tells_the_size_and_sends_nothing(wire: Wire) -> None:
    got, asked = wire.ask(f"{ALL}/lake"), wire.ask(f"{ALL}/lake", method="HEAD")
    assert asked[2] == b""
    assert {**asked[1], "date": "", "strongroom-request-id": ""} == {**got[1], "date": "", "strongroom-request-id": ""}


def test_who_waits_to_be_asked_for_a_body_is(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(wire.request(ONE, "Expect: 100-continue", "Content-Length: 5", "Connection: close"))
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        received += everything(connection)
    assert payload(split(received.partition(b"\r\n\r\n")[2])) == b"payload"


@pytest.mark.parametrize("headers", [(), ("Connection: keep-alive",)])
def test_of_an_older_version_each_connection_is_for_one_request(wire: Wire, headers: tuple[str, ...]) -> None:
    with wire.connect() as connection:
        connection.sendall(wire.request(ONE, *headers, version="1.0"))
        [answer] = answers(everything(connection))
    assert payload(answer) == b"payload"
    assert answer[1]["connection"] == "close"


# -- clients that are gone, or slow


def test_clients_that_go_away_are_nobodys_trouble(wire: Wire) -> None:
    for number in range(40):
        connection = wire.connect()
        connection.sendall(wire.request(ONE) * (1 + number % 4))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert payload(wire.ask(ONE)) == b"payload"


def test_who_reads_late_gets_all_and_keeps_nobody_waiting(wire: Wire) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(60)
        slow.connect(("127.0.0.1", wire.server.port))
        slow.sendall(wire.request(f"{ALL}/large/payload") * 40 + wire.request(ONE, "Connection: close"))
        for _ in range(5):
            assert payload(wire.ask(ONE)) == b"payload"
        *many, last = answers(everything(slow))
    assert len(many) == 40
    assert {len(payload(answer)) for answer in many} == {LARGE}
    assert payload(last) == b"payload"


# -- the end


def test_what_was_taken_is_answered_and_written_down_before_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, keys = tmp_path / "stopped" / "home", tmp_path / "stopped" / "config"
    with started(tmp_path, STRONGROOM_HOME=str(home), XDG_CONFIG_HOME=str(keys)) as server:
        wire = Wire(server, home, keys)
        wire.put("lake", b"payload")
        assert payload(wire.ask(ONE)) == b"payload"
        writing = sqlite3.connect(home / "registry.db", isolation_level=None)
        writing.execute("BEGIN IMMEDIATE")
        taken = [wire.connect() for _ in range(3)]
        for connection in taken:
            connection.sendall(wire.request(ONE))
        assert wire.ask("/livez")[0] == 200  # what was sent before that has come
        server.signal(signal.SIGTERM)
        while server.process.poll() is None:
            try:
                wire.connect().close()
            except OSError:
                break
        writing.execute("ROLLBACK")
        writing.close()
        for connection in taken:
            answer = split(everything(connection))
            assert payload(answer) == b"payload"
            assert answer[1]["connection"] == "close"
            connection.close()
        assert server.end() == 0
    assert wire.loads(monkeypatch) == ["lake"] * 4
