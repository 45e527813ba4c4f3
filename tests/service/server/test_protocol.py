"""The HTTP of the service, tried with bytes: the method LIST, and what clients send that mean no good."""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.guarded import Guarded, everything, guarded
from strongroom_service.server.limits import Limits

LIMITS = Limits(
    connections=40,
    target_bytes=2000,
    head_bytes=8000,
    headers=50,
    pipelined=10,
    head_seconds=1.0,
    body_seconds=1.0,
    idle_seconds=5.0,
    write_seconds=1.0,
)
END = b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Guarded]:
    with guarded(LIMITS) as running:
        yield running


def head(line: str, *headers: str) -> bytes:
    return "".join(f"{one}\r\n" for one in (f"{line} HTTP/1.1", "Host: x", *headers, "")).encode()


def asked(answers: bytes) -> list[str]:
    return re.findall("<([^>]*)>", answers.decode())


def status(answers: bytes) -> int:
    return int(answers.split(b" ", 2)[1])


def code(answers: bytes) -> str:
    return str(json.loads(answers.partition(b"\r\n\r\n")[2])["error"]["code"])


# -- LIST


def test_list_is_a_method(server: Guarded) -> None:
    assert asked(server.answers(head("LIST /v1/kv", "Connection: close"))) == ["LIST /v1/kv 0"]


def test_link_stays_what_it_is(server: Guarded) -> None:
    assert asked(server.answers(head("LINK /v1/kv", "Connection: close"))) == ["LINK /v1/kv 0"]


def test_list_in_a_body_a_header_or_a_path_is_not_read_as_a_method(server: Guarded) -> None:
    request = head("POST /LIST%20/a", "X-Note: LIST /b", "Content-Length: 16") + b"LIST /c HTTP/1.1"
    assert asked(server.answers(request + END)) == ["POST /LIST /a 16", "GET /end 0"]


def test_methods_that_nobody_knows_are_refused(server: Guarded) -> None:
    for method in ("LISTEN", "LISTS", "list", "FROB"):
        answer = server.answers(head(f"{method} /a"))
        assert (status(answer), code(answer)) == (400, "unknown_method"), method


def test_what_is_no_http_is_malformed(server: Guarded) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET /a SMTP/1.1\r\n\r\n"):
        answer = server.answers(sent)
        assert (status(answer), code(answer)) == (400, "malformed_request"), sent


MESSAGES = st.sampled_from(
    [
        (head("LIST /v1/kv", "X-A: LIST 1"), "LIST /v1/kv 0"),
        (head("LINK /a"), "LINK /a 0"),
        (head("GET /LIST"), "GET /LIST 0"),
        (head("LIST /b", "Content-Length: 9") + b"LIST /c L", "LIST /b 9"),
        (head("POST /d", "Content-Length: 5") + b"LIST ", "POST /d 5"),
        (head("PUT /e", "Content-Length: 3") + b"LIS", "PUT /e 3"),
        (head("POST /f", "Transfer-Encoding: chunked") + b"5\r\nLIST \r\n4\r\nLIST\r\n0\r\n\r\n", "POST /f 9"),
        (b"\r\n\r\n" + head("LIST /g"), "LIST /g 0"),
        (head("DELETE /L"), "DELETE /L 0"),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=8), cuts=st.lists(st.integers(0, 700), max_size=12))
def test_pipelined_requests_cut_anywhere_are_read_as_they_were_meant(
    server: Guarded, messages: list[tuple[bytes, str]], cuts: list[int]
) -> None:
    sent = b"".join(message for message, _ in messages) + END
    places = [0, *sorted(cut for cut in set(cuts) if cut < len(sent)), len(sent)]
    parts = [sent[start:end] for start, end in itertools.pairwise(places)]
    assert asked(server.answers(*parts)) == [*(meant for _, meant in messages), "GET /end 0"]


# -- what is malformed


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX\x00: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
    ],
)
def test_malformed_requests_are_answered_with_an_error(server: Guarded, request_: bytes) -> None:
    before = len(server.seen)
    answered = server.answer(request_)
    assert status(answered) == 400
    assert code(answered) == "malformed_request"
    assert b"connection: close" in answered
    assert len(server.seen) == before
    assert server.serves()


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Content-Length: 0x5"],
        ["Content-Length: +5"],
        ["Content-Length : 5"],
    ],
)
def test_a_second_request_cannot_be_smuggled_in_the_body_of_the_first(server: Guarded, headers: list[str]) -> None:
    before = len(server.seen)
    answered = server.answer(head("POST /first", *headers) + b"0\r\n\r\n" + SMUGGLED)
    assert status(answered) == 400
    assert not [one for one in server.seen[before:] if "smuggled" in one]
    assert server.serves()


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-1\r\nx", b"5;\x00\r\nhello", b"5\r\nhelloX0\r\n\r\n", b"5\nhello\n0\n\n"]
)
def test_a_chunk_that_is_none_ends_the_request(server: Guarded, chunk: bytes) -> None:
    answered = server.answer(head("POST /chunks", "Transfer-Encoding: chunked") + chunk + SMUGGLED)
    assert status(answered) == 400
    assert server.serves()


def test_what_is_wrong_behind_a_good_request_does_not_answer_in_its_place(server: Guarded) -> None:
    with server.connect() as connection:
        server.asked.clear()
        connection.sendall(head("GET /slow"))
        assert server.asked.wait(30)
        connection.sendall(b"\x00\x00\x00 nonsense\r\n\r\n")
        server.go_on.set()
        answered = everything(connection)
        server.go_on.clear()
    assert asked(answered) == ["GET /slow 0"]
    assert answered.count(b"HTTP/1.1") == 1


def test_an_upgrade_is_not_taken_up_and_what_follows_it_is_not_read(server: Guarded) -> None:
    for upgrade in ("websocket", "h2c"):
        request = head("GET /up", "Connection: Upgrade, close", f"Upgrade: {upgrade}")
        assert asked(server.answers(request + head("GET /after"))) == ["GET /up 0"]


# -- what is too much


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (head("GET /" + "a" * 2100), 414),
        (b"GET /" + b"a" * 40000, 414),
        (head("GET /", "X: " + "a" * 9000), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 300_000, 431),
        (head("GET /", *(f"X-{number}: 1" for number in range(60))), 431),
    ],
)
def test_heads_have_a_size(server: Guarded, request_: bytes, expected: int) -> None:
    assert status(server.answers(request_)) == expected
    assert server.serves()


def test_only_so_many_requests_wait_on_a_connection(server: Guarded) -> None:
    before = len(server.seen)
    answered = server.answers(head("GET /p") * 500)
    assert 1 <= answered.count(b" 200 ") <= LIMITS.pipelined + 1
    assert len(server.seen) - before <= LIMITS.pipelined + 1
    assert server.serves()


def test_only_so_many_connections_are_taken(server: Guarded) -> None:
    opened = [server.connect() for _ in range(LIMITS.connections)]
    try:
        for connection in opened:
            connection.sendall(head("GET /one"))
            assert connection.recv(65536)
        refused = server.answers()
        assert status(refused) == 503
        assert b"retry-after: 1" in refused
    finally:
        for connection in opened:
            connection.close()
    while not server.serves():
        pass


# -- what is too slow


@pytest.mark.parametrize(
    "begun",
    [b"G", b"LIS", b"LIST", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGE"],
)
def test_a_head_that_does_not_end_is_given_up(server: Guarded, begun: bytes) -> None:
    assert b"HTTP/1.1 408 " in server.answers(begun)
    assert server.serves()


def test_a_head_that_comes_in_drops_is_given_up(server: Guarded) -> None:
    """Each byte is recent, and still it ends: the whole of it has one deadline."""
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        connection.settimeout(0.05)
        answered = b""
        while not answered:
            try:
                connection.sendall(b"X: y\r\n")
                answered = connection.recv(65536)
            except TimeoutError:
                continue
    assert status(answered) == 408


def test_a_connection_that_says_nothing_is_closed_without_an_answer(server: Guarded) -> None:
    assert server.answers() == b""
    assert server.answers(b"\r\n\r\n") == b""


def test_a_body_that_does_not_come_is_given_up(server: Guarded) -> None:
    server.gone.clear()
    assert status(server.answers(head("POST /b", "Content-Length: 100") + b"begun")) == 408
    assert server.gone.wait(30)
    assert status(server.answers(head("POST /b", "Transfer-Encoding: chunked") + b"5\r\nhel")) == 408
    assert server.serves()


def test_a_connection_is_closed_some_time_after_its_last_answer(server: Guarded) -> None:
    assert asked(server.answers(head("GET /one"))) == ["GET /one 0"]


def test_an_answer_that_nobody_takes_is_given_up(server: Guarded) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(head("GET /large"))
        while server.seen[-1:] != ["GET /large 0"]:
            pass
        _wait_for_reset(connection)
    assert server.serves()


def _wait_for_reset(connection: socket.socket) -> None:
    """Until the other side gave the connection up, which only a write can tell."""
    connection.settimeout(0.05)
    while True:
        try:
            connection.sendall(b" ")
            connection.recv(0)
        except TimeoutError:
            continue
        except OSError:
            return


# -- clients that go away


def test_uploads_that_break_off_leave_the_server_serving(server: Guarded) -> None:
    server.gone.clear()
    connection = server.connect()
    connection.sendall(head("POST /upload", "Content-Length: 1000000") + b"x" * 5000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert server.gone.wait(30)
    assert server.serves()
