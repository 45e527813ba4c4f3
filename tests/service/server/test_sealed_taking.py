"""Requests that a server with a seal takes without a task of their own, and that it is sealed meanwhile: what was taken
is answered, nothing more is, and only then the registry is let go of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from servers.taking import Asking, scope_of
from starlette.testclient import TestClient
from strongroom_registry.errors import StrongroomError
from strongroom_registry.settings import RegistrySettings
from strongroom_service.http.application import Application
from strongroom_service.seal.shamir_key import HELD
from strongroom_service.seal.shamir_seal import ShamirSeal
from strongroom_service.server.sealed_application import SealedApplication
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings

ONE = "/api/v1/workspaces/default/documents/lake/payload"


class Opened:
    """A server that was unsealed, whose requests are taken on a loop of the test."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        made = self.put("sys/init", secret_shares=1, secret_threshold=1)
        self.keys, token = made["keys"], made["root_token"]
        self.client.headers["X-Vault-Token"] = token
        self.application: Any = client.app
        self.unseal()
        self.service.registry("default").put("lake", type="t", schema="s", payload=b"payload")
        self.loop = asyncio.new_event_loop()
        self.asking = Asking(self.application, self.loop, token)

    def put(self, path: str, **body: object) -> Any:
        answer = self.client.put(f"/v1/{path}", json=body)
        return answer.json() if answer.content else {}

    def unseal(self) -> None:
        assert self.put("sys/unseal", key=self.keys[0])["sealed"] is False

    def seal(self) -> None:
        assert self.client.put("/v1/sys/seal").status_code == 204

    @property
    def active(self) -> Any:
        return self.application._active

    @property
    def service(self) -> Service:
        service: Service = self.active.service
        return service

    def is_let_go(self, service: Service) -> bool:
        """Whether a service was closed, once what was to be done meanwhile is done."""
        self.application._threads.submit(lambda: None).result(60)
        try:
            service.registry("default").names()
        except StrongroomError:
            return True
        return False

    def takes(self) -> bool:
        async def take() -> bool:
            taken: bool = self.application.take(scope_of(ONE, self.asking.token), lambda *_: None)
            return taken

        return bool(self.asking._now(take()))


@pytest.fixture
def opened() -> Iterator[Opened]:
    seal = partial(ShamirSeal, ServerSettings(), RegistrySettings())
    with TestClient(SealedApplication(seal, Application)) as client:
        server = Opened(client)
        yield server
        server.loop.close()
    HELD.forget()


def test_what_was_taken_before_it_was_sealed_is_answered_and_nothing_after(opened: Opened) -> None:
    service, ask = opened.service, opened.asking
    waiting = [ask.take(ONE) for _ in range(3)]
    opened.seal()
    assert not opened.takes()
    assert not opened.is_let_go(service)
    assert {answer.status for answer in ask.answers(*waiting)} == {200}
    assert opened.is_let_go(service)
    assert opened.client.get(ONE).status_code == 503
    opened.unseal()
    assert ask.ask(ONE).status == 200
    loads = [entry for entry in opened.service.registry("default").audit() if entry.action == "load"]
    assert len(loads) == 4


def test_one_that_was_unsealed_again_meanwhile_answers_what_it_took_before_too(opened: Opened) -> None:
    before, ask = opened.service, opened.asking
    former = [ask.take(ONE) for _ in range(2)]
    opened.seal()
    opened.unseal()
    after = opened.service
    assert after is not before
    later = [ask.take(ONE) for _ in range(2)]
    assert {answer.status for answer in ask.answers(*former, *later)} == {200}
    assert opened.is_let_go(before)
    assert not opened.is_let_go(after)
    assert after.registry("default").verify_audit().ok


def test_an_answer_that_nobody_takes_counts_as_one(opened: Opened) -> None:
    def fails(_: object) -> None:
        raise ConnectionResetError

    service, ask = opened.service, opened.asking
    waiting = ask.take(ONE, told=fails)
    opened.seal()
    assert ask.answers(waiting)[0].status == 200
    assert opened.is_let_go(service)


def test_what_is_not_taken_is_not_counted(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    service, application = opened.service, opened.active.application
    assert not opened.application.take(scope_of("/api/v1/workspaces", ""), lambda *_: None)

    def fails(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(application, "take", fails)
    with pytest.raises(ZeroDivisionError):
        opened.takes()
    assert opened.active.requests == 0
    opened.seal()
    assert opened.is_let_go(service)


def test_one_that_is_sealed_takes_nothing(opened: Opened) -> None:
    assert opened.takes()
    opened.asking.turn(20)
    opened.seal()
    assert not opened.takes()
