"""Row 21: clients that mean no good, at a server as it is started.

Heads and bodies that come in drops, that are too large, nested too deep or cut off, requests with changed bytes, and
requests that two readers could take for different ones. Each sort holds that is answered by an error of the client, or
by nothing, while an honest client is served beside it, before and after. All that was sent held a planted secret: at
the end every answer, the access log, what the server said and its metrics are searched for it.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faults.figure import Figure, Work

ROW = 21
HONEST = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
_PATIENCE = 60
_SECONDS = "1"
"""How long a head or a body may take here."""


@dataclass
class Target:
    """The server that is tried."""

    port: int
    token: str
    canary: str
    answers: list[bytes] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE)

    def serves(self) -> bool:
        """Whether an honest request is answered, over a new connection."""
        with self.connect() as connection:
            connection.sendall(HONEST)
            return connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    def head(self, line: str, *headers: str) -> bytes:
        told = (
            f"{line} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self.token}",
            f"X-Note: {self.canary}",
            *headers,
        )
        return "".join(f"{one}\r\n" for one in (*told, "")).encode()

    def post(self, body: bytes) -> bytes:
        return self.head("PUT /api/v1/policies/hostile", f"Content-Length: {len(body)}", "Connection: close") + body


Sort = Callable[[Target, random.Random], bytes]


def run(work: Work) -> Iterator[Figure]:
    """One sort after another; then the search."""
    with _server(work.folder) as (target, said):
        for name, (sort, tries) in SORTS.items():
            figure = Figure(ROW, name)
            dice = work.dice(ROW, name)
            for _ in range(work.count(tries, least=4)):
                _try(figure, target, sort(target, dice))
            yield figure
        yield _beside_slow_ones(work, target)
        metrics = _asked(target, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    yield _searched(target, [metrics, *(path.read_bytes() for path in said)])


def _try(figure: Figure, target: Target, sent: bytes) -> None:
    try:
        answer = _asked(target, sent)
    except TimeoutError:
        figure.add("hung", f"neither answer nor end: {sent[:120]!r}")
        return
    target.answers.append(answer)
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
    status = statuses[0].decode() if statuses else "closed"
    if any(one.startswith(b"5") for one in statuses):
        figure.add(status, f"{status}: {sent[:120]!r}")
    elif not target.serves():
        figure.add(status, f"an honest client was not served after {sent[:120]!r}")
    else:
        figure.add(status)


def _asked(target: Target, sent: bytes) -> bytes:
    """All that comes back until the server closes; what is no whole request ends with this side's end."""
    parts = []
    with target.connect() as connection:
        try:
            connection.sendall(sent)
            if b"\r\nConnection: close\r\n" not in sent:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                parts.append(part)
        except (ConnectionError, BrokenPipeError):
            pass
    return b"".join(parts)


def _beside_slow_ones(work: Work, target: Target) -> Figure:
    """Connections whose heads and bodies do not end, all at once, and honest requests meanwhile."""
    figure = Figure(ROW, "honest requests beside heads and bodies that come in drops")
    begun = [target.head("GET /readyz")[:-2], target.head("PUT /api/v1/policies/a", "Content-Length: 99") + b'{"ru']
    slow = [target.connect() for _ in range(work.count(1000, least=40))]
    for number, connection in enumerate(slow):
        connection.sendall(begun[number % 2])
    stop = threading.Event()
    drips = threading.Thread(target=_drip, args=(slow, stop))
    drips.start()
    for _ in range(work.count(2000, least=40)):
        served = target.serves()
        figure.add("served" if served else "refused", None if served else "an honest client was not served")
    stop.set()
    drips.join()
    for connection in slow:
        connection.settimeout(_PATIENCE)
        try:
            while part := connection.recv(65536):
                target.answers.append(part)
        except TimeoutError:
            figure.add("hung", "a slow client was not let go")
        except ConnectionError:
            pass
        connection.close()
    figure.remark = f"{len(slow):,} slow clients at once, all of them let go"
    return figure


def _drip(connections: list[socket.socket], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        for connection in connections:
            try:
                connection.sendall(b"x")
            except OSError:
                continue


def _searched(target: Target, texts: list[bytes]) -> Figure:
    figure = Figure(ROW, "the planted secret and the token, in all answers, logs and metrics")
    for text in (*target.answers, *texts):
        found = target.canary.encode() in text or target.token.encode() in text
        figure.add("searched", f"found in {text[:80]!r}" if found else None)
    return figure


def _large_head(target: Target, dice: random.Random) -> bytes:
    kind = dice.randrange(3)
    if kind == 0:
        return target.head(f"GET /{target.canary * dice.randrange(700, 3000)}")
    if kind == 1:
        return target.head("GET /a", "X-Large: " + target.canary * dice.randrange(2500, 9000))
    return target.head("GET /a", *(f"X-{number}: {target.canary}" for number in range(dice.randrange(130, 900))))


def _large_body(target: Target, dice: random.Random) -> bytes:
    size = dice.randrange(17, 2000) * 1024 * 1024
    if dice.random() < 0.5:
        return target.head("PUT /api/v1/policies/a", f"Content-Length: {size}") + b"[" * 1000
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    return target.head("PUT /api/v1/policies/a", "Transfer-Encoding: chunked") + chunk * 18


def _deep_body(target: Target, dice: random.Random) -> bytes:
    depth = dice.choice([33, 34, 100, 500, 5_000, 100_000])
    opens, closes = dice.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"rules":', b"}]")])
    return target.post(opens * depth + b'"' + target.canary.encode() + b'"' + closes * depth)


def _wide_body(target: Target, dice: random.Random) -> bytes:
    count = dice.randrange(100_001, 150_000)
    return target.post(dice.choice([b"[" + b"0," * count + b"0]", b'{"a":[' + b"{}," * count + b"{}]}"]))


def _malformed_body(target: Target, dice: random.Random) -> bytes:
    text = bytearray(
        b'{"description": "%s", "rules": [{"effect": "allow", "paths": ["a/*"], "verbs": ["list"], "when": '
        b'{"addresses": ["10.0.0.0/8"]}}], "x": 1e5}' % target.canary.encode()
    )
    put = [b'"', b"\\u0000", b"\xff\xfe", b"NaN", b"1e999", b"{", b"]", b"\\ud800", b"null"]
    for _ in range(dice.randrange(1, 6)):
        _garble(text, dice, longest_cut=8, put=put)
    return target.post(bytes(text))


def _malformed_head(target: Target, dice: random.Random) -> bytes:
    text = bytearray(target.head("GET /api/v1/policies?limit=2", "Accept: */*", "connection: close"))
    put = [b"\r", b"\n", b"\0", b"\r\n\r\n", b" ", b"%", b"\t", b":", b"HTTP/1.1", b"\x80"]
    for _ in range(dice.randrange(1, 5)):
        _garble(text, dice, longest_cut=11, put=put)
    return bytes(text)


def _garble(text: bytearray, dice: random.Random, *, longest_cut: int, put: list[bytes]) -> None:
    """Change a byte, cut some out, or put something in."""
    at = dice.randrange(len(text))
    kind = dice.randrange(3)
    if kind == 0:
        text[at] = dice.randrange(256)
    elif kind == 1:
        del text[at : at + dice.randrange(1, longest_cut + 1)]
    else:
        text[at:at] = dice.choice(put)


def _smuggled(target: Target, dice: random.Random) -> bytes:
    lengths = [
        "Content-Length: 5",
        "Content-Length: 0",
        "Content-Length: +5",
        "Content-Length: 5,5",
        "Content-Length : 5",
    ]
    codings = ["chunked", "identity", "chunked, identity", "x", "\x0bchunked", "chunked;q=1", "CHUNKED ", " chunked"]
    headers = dice.sample([*lengths, *(f"Transfer-Encoding:{one}" for one in codings)], dice.randrange(2, 4))
    behind = target.head("DELETE /api/v1/policies/smuggled")
    return target.head("POST /api/v1/policies/:test", *headers) + dice.choice([b"0\r\n\r\n", b"5\r\n", b""]) + behind


def _broken_off(target: Target, dice: random.Random) -> bytes:
    size = dice.randrange(2, 100_000)
    whole = target.head("PUT /api/v1/policies/a", f"Content-Length: {size}") + b" " * size
    return whole[: dice.randrange(1, len(whole))]


SORTS: dict[str, tuple[Sort, int]] = {
    "heads that are too large": (_large_head, 500),
    "bodies that are too large": (_large_body, 200),
    "bodies nested too deep": (_deep_body, 1_000),
    "bodies with too many values": (_wide_body, 200),
    "bodies with changed bytes": (_malformed_body, 5_000),
    "heads with changed bytes": (_malformed_head, 10_000),
    "requests with two lengths": (_smuggled, 3_000),
    "uploads that break off": (_broken_off, 1_000),
}


@contextmanager
def _server(folder: Path) -> Iterator[tuple[Target, list[Path]]]:
    log, said, token = (folder / name for name in ("access.log", "said", "token"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")} | {
        "STRONGROOM_HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "STRONGROOM_SERVER_HEAD_SECONDS": _SECONDS,
        "STRONGROOM_SERVER_REQUEST_SECONDS": _SECONDS,
        "STRONGROOM_SERVER_ADDRESS_RATE": "0",
        "STRONGROOM_SERVER_IDENTITY_RATE": "0",
    }
    command = [sys.executable, "-m", "strongroom", "server", "start", "--port", "0", "--token-file", str(token)]
    with said.open("w") as err:
        process = subprocess.Popen([*command, "--access-log", str(log)], stderr=err, env=environment)
    try:
        while (found := re.search(r"serves .* at http://127\.0\.0\.1:(\d+)", said.read_text())) is None:
            assert process.poll() is None, said.read_text()
            threading.Event().wait(0.05)
        yield Target(int(found[1]), token.read_text().strip(), f"canary{secrets.token_hex(8)}"), [log, said]
    finally:
        process.terminate()
        assert process.wait(_PATIENCE) == 0
