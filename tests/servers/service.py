"""The service: in this process with a clock of its own, and as a server in another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from strongroom_service.service import Service

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
_SERVE = """
import sys
import uvicorn
from strongroom_service.http.application import Application
from strongroom_service.service import Service

service = Service.open()
print(service.tokens.make_root().token.text, flush=True)
application, port = Application(service), int(sys.argv[1])
config = uvicorn.Config(application, http="h11", lifespan="on", log_level="warning", port=port)
socket = config.bind_socket()
socket.listen(100)  # who comes before the loop runs waits
print(socket.getsockname()[1], flush=True)
uvicorn.Server(config).run([socket])
service.close()
"""


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        """Move it on, by days, hours, minutes or seconds."""
        self.now += timedelta(**duration)


@dataclass
class Served:
    """A server in a process of its own."""

    url: str
    token: str
    process: subprocess.Popen[str]

    def stop(self, signal_: int = signal.SIGTERM) -> int:
        """End it, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal_)
        code = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return code


@pytest.fixture
def clock() -> Clock:
    """The clock of ``service``."""
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    """A service over an embedded registry, in this process."""
    from strongroom_service.service import Service

    with Service.open(clock=clock) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def each_service(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service over a registry of each kind that there is."""
    from strongroom_service.service import Service

    if request.param == "postgres":
        monkeypatch.setenv("STRONGROOM_REGISTRY", request.getfixturevalue("postgres").url)
    with Service.open(clock=clock) as opened:
        yield opened


TokenFor = Callable[..., str]


@pytest.fixture
def token_for(service: Service) -> TokenFor:
    """Make a token: ``token_for("reader", identity="user:bob")`` has the policy ``reader``."""

    def make(*policies: str, identity: str = "account:tester", **more: object) -> str:
        from strongroom_service.identity.grant import Grant

        grant = Grant(identity=identity, policies=policies, facts={"name": identity.rpartition(":")[2]}, **more)  # type: ignore[arg-type]
        return service.tokens.issue(grant).token.text

    return make


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """Asks the service as root. Another token: ``client.get(…, headers=bearer(token))``."""
    from starlette.testclient import TestClient
    from strongroom_service.http.application import Application

    token = service.tokens.make_root().token.text
    application = Application(service)
    with TestClient(application, headers=bearer(token), raise_server_exceptions=True) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    """The header of a request with a token."""
    return {"Authorization": f"Bearer {token}"}


def serve(environment: dict[str, str] | None = None, *, port: int = 0) -> Served:
    """Start a server over the registry of the environment, on a free port by default; end it with
    :meth:`Served.stop`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout
    token, bound = process.stdout.readline().strip(), process.stdout.readline().strip()
    return Served(f"http://127.0.0.1:{bound}", token, process)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server over the test's own registry."""
    server = serve()
    yield server
    server.stop()
