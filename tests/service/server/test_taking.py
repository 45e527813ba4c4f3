"""Answers of requests that are taken without a task, tried with bytes: in their order, as the others are sent, and only
to those who are still there."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.certificates import certificate_in
from servers.guarded import Guarded, everything, guarded
from strongroom_service.http.exchange import Finish
from strongroom_service.server.certificates import Certificates
from strongroom_service.server.limits import Limits
from strongroom_service.server.protocol import GuardedProtocol

LIMITS = Limits(connections=60, pipelined=64, idle_seconds=600.0)
LARGE = 200_000
END = b"GET /quick/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Taker:
    """Answers what is beneath ``/quick`` in a later turn; ``/quick/held`` when it is told to."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []
        self.buffered: list[int] = []
        self.taken: list[str] = []
        self.left = 0
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, scope: Any, finish: Finish) -> bool:
        path = scope["path"]
        if scope["method"] != "GET" or not path.startswith("/quick"):
            self.left += 1
            return False
        self.taken.append(path)
        self.loop = asyncio.get_running_loop()
        body = b"x" * LARGE if path.endswith("large") else f"<{scope['method']} {path} 0>".encode()
        head = b"content-length: %d\r\n" % len(body)
        protocol = cast(GuardedProtocol, cast(Any, finish).func.__self__)
        self.buffered.append(protocol.transport.get_write_buffer_size())

        def answer() -> None:
            finish(200, head, body)

        if path.endswith("held"):
            self.held.append(answer)
        else:
            self.loop.call_soon(answer)
        return True

    def wait_for(self, count: int) -> None:
        """Until so many are held."""
        while len(self.held) < count:
            pass

    def let_go(self) -> list[str]:
        """Answer what is held; what went wrong."""
        held, self.held = self.held, []
        return [self.on_loop(answer) for answer in held if answer]

    def on_loop(self, work: Callable[[], object]) -> str:
        """Do something on the loop, and wait for it; what went wrong."""
        done, problem = threading.Event(), [""]

        def run() -> None:
            try:
                work()
            except Exception as error:
                problem[0] = f"{type(error).__name__}: {error}"
            done.set()

        assert self.loop
        self.loop.call_soon_threadsafe(run)
        assert done.wait(60)
        return problem[0]


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def server(taker: Taker) -> Iterator[Guarded]:
    with guarded(LIMITS, take=taker) as running:
        running.go_on.set()
        yield running


def head(line: str, *headers: str, version: str = "1.1") -> bytes:
    return "".join(f"{one}\r\n" for one in (f"{line} HTTP/{version}", "Host: x", *headers, "")).encode()


def asked(answers: bytes) -> list[str]:
    return re.findall("<([^>]*)>", answers.decode())


def connections(server: Guarded) -> list[GuardedProtocol]:
    return [cast(GuardedProtocol, one) for one in list(server.process.server_state.connections)]


def goes_away(connection: socket.socket, server: Guarded, *, others: int = 0) -> None:
    """The client resets the connection, and the server notices."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    while len(connections(server)) > others:
        pass


# -- in order


MESSAGES = st.sampled_from(
    [
        (head("GET /quick/a"), "GET /quick/a 0"),
        (head("GET /quick/b", "X: LIST 1"), "GET /quick/b 0"),
        (head("GET /slow"), "GET /slow 0"),
        (head("LIST /v1/kv"), "LIST /v1/kv 0"),
        (head("LIST /quick/kv"), "LIST /quick/kv 0"),
        (head("POST /quick/c", "Content-Length: 5") + b"LIST ", "POST /quick/c 5"),
        (b"\r\n" + head("GET /quick/d"), "GET /quick/d 0"),
    ]
)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Guarded]:
    with guarded(LIMITS, take=Taker()) as running:
        running.go_on.set()
        yield running


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=10), cuts=st.lists(st.integers(0, 500), max_size=8))
def test_quick_and_other_requests_are_answered_in_their_order(
    lasting: Guarded, messages: list[tuple[bytes, str]], cuts: list[int]
) -> None:
    sent = b"".join(message for message, _ in messages) + END
    places = [0, *sorted(cut for cut in set(cuts) if cut < len(sent)), len(sent)]
    parts = [sent[start:end] for start, end in itertools.pairwise(places)]
    assert asked(lasting.answers(*parts)) == [*(meant for _, meant in messages), "GET /quick/end 0"]


def test_one_that_is_held_holds_those_behind_it(server: Guarded, taker: Taker) -> None:
    with server.connect() as connection:
        connection.sendall(head("GET /quick/held") + head("GET /quick/a") + head("GET /other") + END)
        taker.wait_for(1)
        assert taker.taken == ["/quick/held"]
        assert server.seen == []
        assert taker.let_go() == [""]
        assert asked(everything(connection)) == [
            "GET /quick/held 0",
            "GET /quick/a 0",
            "GET /other 0",
            "GET /quick/end 0",
        ]


def test_as_many_as_may_wait_do_and_no_more(server: Guarded, taker: Taker) -> None:
    with server.connect() as connection:
        connection.sendall(head("GET /quick/held") * (LIMITS.pipelined + 100))
        answered = 0
        while answered < LIMITS.pipelined + 1:
            taker.wait_for(1)
            assert taker.let_go() == [""]
            answered += 1
        assert len(asked(everything(connection))) <= LIMITS.pipelined + 1
    assert server.serves()


# -- as the others are sent


@pytest.mark.parametrize(
    ("request_", "is_over"),
    [
        (head("GET {}"), False),
        (head("GET {}", "Connection: close"), True),
        (head("GET {}", "Connection: Keep-Alive"), False),
        (head("GET {}", "Connection: Upgrade", "Upgrade: websocket"), True),
        (head("GET {}", version="1.0"), True),
        (head("GET {}", "Connection: keep-alive", version="1.0"), True),
        (b"GET {} HTTP/1.0\r\n\r\n", True),
        (b"GET http://x{} HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (head("GET {}?a=b#c"), False),
    ],
)
def test_a_quick_answer_is_sent_as_another_one(server: Guarded, request_: bytes, is_over: bool) -> None:
    answers = []
    for path in (b"/quick/one", b"/other/one"):
        last = b"" if is_over else END
        answered = server.answers(request_.replace(b"{}", path) + last)
        first = answered.partition(b"HTTP/1.1 200 OK\r\ndate: ")[2].partition(b"HTTP/1.1")[0]
        assert asked(answered) == [f"GET {path.decode()} 0", *([] if is_over else ["GET /quick/end 0"])]
        answers.append(re.sub(rb"^[^\r]*", b"", first).replace(b"quick", b"other"))
        assert (b"connection: close\r\n" in first) is is_over
    assert answers[0] == answers[1]


def test_over_tls_it_is_the_same(tmp_path: Path) -> None:
    file = certificate_in(tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    taker = Taker()
    with guarded(LIMITS, Certificates(file, file), take=taker) as server:
        server.go_on.set()
        with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            connection.sendall(head("GET /quick/held") + head("GET /other") + head("GET /quick/large") + END)
            taker.wait_for(1)
            assert taker.let_go() == [""]
            answered = everything(connection)
    assert asked(answered) == ["GET /quick/held 0", "GET /other 0", "GET /quick/end 0"]
    assert answered.count(b"x" * LARGE) == 1


def test_a_connection_is_kept_for_one_after_the_other(server: Guarded) -> None:
    with server.connect() as connection:
        for number in range(20):
            path = f"/quick/{number}" if number % 3 else f"/other/{number}"
            connection.sendall(head(f"GET {path}"))
            answered = b""
            while not answered.endswith(b">"):
                answered += connection.recv(65536)
            assert asked(answered) == [f"GET {path} 0"]
        assert len(connections(server)) == 1


# -- who is not there any more, and who does not listen


def test_who_went_away_is_not_answered(server: Guarded, taker: Taker, caplog: pytest.LogCaptureFixture) -> None:
    connection = server.connect()
    connection.sendall(head("GET /quick/held"))
    taker.wait_for(1)
    goes_away(connection, server)
    assert taker.let_go() == [""]
    assert server.serves()
    assert caplog.text == ""


@pytest.mark.parametrize("before", [b"", head("GET /quick/a")])
def test_who_went_away_while_more_of_his_waited_is_not_answered(
    server: Guarded, taker: Taker, caplog: pytest.LogCaptureFixture, before: bytes
) -> None:
    """Once an answer was sent, the server reads on, and learns at once that somebody has gone."""
    connection = server.connect()
    connection.sendall(before + head("GET /quick/held") + head("GET /quick/b") + head("GET /quick/c"))
    taker.wait_for(1)
    while not connections(server) or len(connections(server)[0].pipeline) < 2:
        pass
    goes_away(connection, server, others=0 if before else 1)
    assert taker.let_go() == [""]
    while connections(server):
        pass
    assert server.serves()
    assert caplog.text == ""


def test_who_only_stopped_sending_is_answered(server: Guarded, taker: Taker) -> None:
    with server.connect() as connection:
        connection.sendall(head("GET /quick/held", "Connection: close"))
        connection.shutdown(socket.SHUT_WR)
        taker.wait_for(1)
        taker.let_go()
        assert asked(everything(connection)) in (["GET /quick/held 0"], [])
    assert server.serves()


def test_what_nobody_reads_is_not_put_together(server: Guarded, taker: Taker) -> None:
    """As soon as a client does not keep up, nothing is taken for it, and what is waiting to be sent is bounded."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(head("GET /quick/large") * 60 + END)
        while not server.seen:  # a request that was not taken, whose answer waits for the client
            pass
        assert len(taker.taken) < 60
        assert max(taker.buffered) <= 64 * 1024
        [protocol] = connections(server)
        assert protocol.transport.get_write_buffer_size() <= 64 * 1024 + 2 * LARGE
        answered = everything(connection)
    assert answered.count(b"HTTP/1.1 200 OK") == 61
    assert answered.count(b"x" * LARGE) + len(server.seen) == 60
    assert answered.endswith(b"<GET /quick/end 0>")


def test_who_reads_slowly_gets_it_all(server: Guarded) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(head("GET /quick/large") + END)
        parts = []
        while part := connection.recv(1777):
            parts.append(part)
    answered = b"".join(parts)
    assert answered.count(b"x" * LARGE) == 1
    assert answered.endswith(b"<GET /quick/end 0>")


# -- deadlines


def test_a_connection_is_idle_from_its_last_answer_on(server: Guarded, taker: Taker) -> None:
    """The deadlines are looked at as they are once a second, at times that are still to come."""
    with server.connect() as connection:
        connection.sendall(head("GET /quick/a") + head("GET /quick/held"))
        taker.wait_for(1)
        [protocol] = connections(server)
        later = protocol.loop.time() + LIMITS.idle_seconds * 3
        assert taker.on_loop(lambda: protocol.check(later)) == ""
        assert not protocol.transport.is_closing()
        assert taker.let_go() == [""]
        taker.on_loop(lambda: protocol.check(protocol.loop.time() + LIMITS.idle_seconds / 2))
        assert not protocol.transport.is_closing()
        connection.sendall(head("GET /quick/held"))
        taker.wait_for(1)
        taker.on_loop(lambda: protocol.check(later))
        assert not protocol.transport.is_closing()
        taker.let_go()
        taker.on_loop(lambda: protocol.check(protocol.loop.time() + LIMITS.idle_seconds + 1))
        assert asked(everything(connection)) == ["GET /quick/a 0", "GET /quick/held 0", "GET /quick/held 0"]


# -- the end of the server


def test_what_was_taken_is_answered_when_the_server_stops(taker: Taker) -> None:
    with guarded(LIMITS, take=taker) as server:
        taking, idle, waiting = server.connect(), server.connect(), server.connect()
        idle.sendall(head("GET /quick/a"))
        assert asked(idle.recv(65536)) == ["GET /quick/a 0"]
        taking.sendall(head("GET /quick/held"))
        waiting.sendall(head("GET /quick/held") + head("GET /quick/b"))
        taker.wait_for(2)
        while not any(one.pipeline for one in connections(server)):
            pass
        server.process.should_exit = True
        assert everything(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert taker.let_go() == ["", ""]
        for connection in (taking, waiting):
            answered = everything(connection)
            assert asked(answered)[:1] == ["GET /quick/held 0"]
        assert b"connection: close" in answered or asked(answered) == ["GET /quick/held 0", "GET /quick/b 0"]
        for connection in (taking, idle, waiting):
            connection.close()


# -- one who takes, and fails


class Failing(Taker):
    def __call__(self, scope: Any, finish: Finish) -> bool:
        if scope["path"] == "/quick/fails":
            raise RuntimeError("It cannot be taken.")
        return super().__call__(scope, finish)


def test_what_cannot_be_taken_is_answered_as_others_are(caplog: pytest.LogCaptureFixture) -> None:
    with guarded(LIMITS, take=Failing()) as server:
        answers = server.answers(head("GET /quick/a") + head("GET /quick/fails") + head("GET /quick/b") + END)
        paths = ["/quick/a", "/quick/fails", "/quick/b", "/quick/end"]
        assert asked(answers) == [f"GET {path} 0" for path in paths]
    assert "RuntimeError" in caplog.text
    assert "It cannot" not in caplog.text
