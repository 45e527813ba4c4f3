"""Idempotency keys: what was done once is not done again, and answered as it was."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from pydantic import BaseModel
from servers.service import Clock, TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.errors import Conflict
from strongroom_service.http.application import Application
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.http.stages import idempotency
from strongroom_service.service import Service


class Amount(BaseModel):
    by: int = 1


class Counter:
    """A handler that has an effect, and can be held up."""

    def __init__(self) -> None:
        self.count = 0
        self.may_go_on = Event()
        self.may_go_on.set()
        self.entered = Event()
        self.fails: Exception | None = None
        self.size = 0

    def add(self, call: Call) -> Answer:
        self.entered.set()
        self.may_go_on.wait(30)
        self.count += call.body.by
        if self.fails:
            raise self.fails
        return Answer({"count": self.count, "filler": "x" * self.size}, status=201, headers={"ETag": f'"{self.count}"'})

    def read(self, call: Call) -> Answer:
        return Answer({"count": self.count})

    def content(self, call: Call) -> Answer:
        self.count += 1
        return Answer(content=f"<{self.count}>".encode(), media_type="text/plain")


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def asking(service: Service, counter: Counter) -> Iterator[TestClient]:
    routes = [
        Route(method="POST", path="/api/v1/add", handler=counter.add, body=Amount),
        Route(method="GET", path="/api/v1/add", handler=counter.read),
        Route(method="POST", path="/api/v1/open", handler=counter.add, body=Amount, is_open=True),
        Route(method="PUT", path="/api/v1/content", handler=counter.content, content="text/plain"),
    ]
    token = service.tokens.make_root().token.text
    with TestClient(Application(service, routes=routes), headers=bearer(token)) as client:
        yield client


def add(client: TestClient, key: str = "k1", by: int = 1, **headers: str) -> Any:
    return client.post("/api/v1/add", json={"by": by}, headers={"Idempotency-Key": key, **headers})


def test_a_request_of_the_same_key_is_done_once(asking: TestClient, counter: Counter) -> None:
    first, second = add(asking), add(asking)
    assert counter.count == 1
    assert (second.status_code, second.json(), second.headers["ETag"]) == (201, first.json(), '"1"')
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert add(asking, "k2").json()["count"] == 2


def test_the_same_key_for_another_request_is_refused(asking: TestClient, counter: Counter) -> None:
    add(asking)
    for answer in (add(asking, by=2), add(asking, **{"If-Match": '"1"'})):
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert counter.count == 1


def test_keys_are_of_one_token(asking: TestClient, counter: Counter, token_for: TokenFor) -> None:
    add(asking)
    assert add(asking, **bearer(token_for("default", identity="root"))).json()["count"] == 2


def test_of_many_at_once_one_is_done(asking: TestClient, counter: Counter) -> None:
    counter.may_go_on.clear()
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(add, asking)
        assert counter.entered.wait(30)
        late = add(asking)
        assert (late.status_code, late.json()["error"]["code"]) == (409, "request_in_progress")
        counter.may_go_on.set()
        assert first.result().status_code == 201
    assert add(asking).json() == first.result().json()
    assert counter.count == 1


def test_a_race_for_a_key_has_one_winner(asking: TestClient, counter: Counter) -> None:
    start = Barrier(16)

    def ask(_: int) -> int:
        start.wait()
        return int(add(asking).status_code)

    with ThreadPoolExecutor(16) as threads:
        statuses = set(threads.map(ask, range(16)))
    assert statuses <= {201, 409}
    assert counter.count == 1


def test_what_was_refused_can_be_asked_again(asking: TestClient, counter: Counter) -> None:
    counter.fails = Conflict("Not now.", "Later.")
    assert add(asking).status_code == 409
    counter.fails = RuntimeError("broken")
    assert add(asking).status_code == 500
    counter.fails = None
    assert add(asking).status_code == 201


def test_a_process_that_died_blocks_its_key_for_a_while_alone(
    service: Service, asking: TestClient, counter: Counter, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    with monkeypatch.context() as dying:
        dying.setattr(idempotency._Once, "_end", lambda *_: None)
        add(asking)
    assert add(asking).status_code == 409
    clock.advance(minutes=5)
    assert add(asking).json()["count"] == 2


def test_answers_are_kept_for_a_day(service: Service, asking: TestClient, counter: Counter, clock: Clock) -> None:
    add(asking)
    clock.advance(hours=23, minutes=59)
    assert add(asking).json()["count"] == 1
    assert idempotency.tidy(service) == 0
    clock.advance(minutes=1)
    assert add(asking).json()["count"] == 2
    clock.advance(hours=24)
    assert idempotency.tidy(service) == 1


def test_an_answer_that_is_too_large_is_not_made_up(asking: TestClient, counter: Counter) -> None:
    counter.size = idempotency.ANSWER_MAX
    assert add(asking).status_code == 201
    assert add(asking).status_code == 409
    assert counter.count == 1


def test_bytes_come_again_as_they_were(asking: TestClient, counter: Counter) -> None:
    one, two = (asking.put("/api/v1/content", headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert one.content == two.content == b"<1>"
    assert two.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("key", ["", " ", "ü", "x" * 256, "a b"])
def test_keys_that_are_none(asking: TestClient, counter: Counter, key: str) -> None:
    answer = asking.post("/api/v1/add", json={}, headers={"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 400
    assert counter.count == 0


def test_where_no_key_is_taken_it_is_not_ignored(asking: TestClient, counter: Counter) -> None:
    assert asking.get("/api/v1/add", headers={"Idempotency-Key": "k"}).status_code == 400
    assert asking.post("/api/v1/open", json={}, headers={"Idempotency-Key": "k"}).status_code == 400


def test_a_stored_answer_is_sealed_and_each_reading_of_it_audited(
    service: Service, asking: TestClient, counter: Counter, canary, tmp_path
) -> None:
    canary(value=str(counter.count) + "x" * 40)
    counter.size = 64
    assert add(asking).json() == add(asking).json()
    with service.records.reading() as session:
        (id,) = session.ids(idempotency.KIND)
        rows = session._session.execute("SELECT sealed FROM service_records WHERE id = ?", id)
    assert b"x" * 16 not in bytes(rows[0][0])
    assert [entry.action for entry in service.workspaces.own.audit()].count("replay") == 1
