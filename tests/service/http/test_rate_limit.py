"""How often one may ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.errors import TooManyRequests
from strongroom_service.http.application import Application
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.http.stages import rate_limit
from strongroom_service.http.stages.rate_limit import RateLimit
from strongroom_service.ip_addresses import network_of
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings


class Hand:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    hand = Hand()
    limit = RateLimit(2.0, 3, hand)
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.take("b") == 0
    hand.now += 0.5
    assert [limit.take("a") for _ in range(2)] == [0, 0.5]
    hand.now += 3600
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(0, 1)
    assert not any(limit.take("a") for _ in range(100))


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=60))
def test_never_more_than_burst_and_rate(rate: float, burst: int, pauses: list[float]) -> None:
    hand = Hand()
    limit, begun, allowed = RateLimit(rate, burst, hand), hand.now, 0
    for pause in pauses:
        hand.now += pause
        wait = limit.take("a")
        if not wait:
            allowed += 1
        else:
            hand.now += wait + 1e-6
            assert limit.take("a") == 0, "who waits as long as he is told is let in"
            allowed += 1
        assert allowed <= burst + (hand.now - begun) * rate + 1e-3


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "BUCKETS_MAX", 10)
    limit = RateLimit(1, 1)
    for number in range(100):
        limit.take(str(number))
    assert len(limit._buckets) == 10


def test_the_error_says_how_long_to_wait() -> None:
    limit = RateLimit(0.1, 1, Hand())
    limit.check("a", "user:a")
    with pytest.raises(TooManyRequests, match="Try again in 10 seconds") as refused:
        limit.check("a", "user:a")
    assert refused.value.retry_after == 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_host(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch, service: Service) -> Iterator[TestClient]:
    def answer(_call: Call) -> Answer:
        return Answer({"data": None})

    service.settings = ServerSettings(identity_rate=0.001, identity_burst=2, address_rate=0.001, address_burst=2)
    routes = [
        Route(method="GET", path="/api/v1/thing", handler=answer),
        Route(method="GET", path="/v1/thing", handler=answer, vault=True),
        Route(method="POST", path="/api/v1/login", handler=answer, is_open=True),
    ]
    with TestClient(Application(service, routes=routes)) as client:
        yield client


def test_an_identity_is_limited_however_many_tokens_it_has(strict: TestClient, token_for: TokenFor) -> None:
    alice = [bearer(token_for("default", identity="user:alice")) for _ in range(3)]
    assert [strict.get("/api/v1/thing", headers=one).status_code for one in alice] == [200, 200, 429]
    answer = strict.get("/v1/thing", headers=alice[0])
    assert answer.status_code == 429
    assert answer.json()["errors"]
    assert int(answer.headers["Retry-After"]) > 1
    assert strict.get("/api/v1/thing", headers=bearer(token_for("default", identity="user:bob"))).status_code == 200


def test_logins_are_limited_by_address(strict: TestClient, token_for: TokenFor) -> None:
    token, other = (bearer(token_for("default", identity=f"user:{name}")) for name in ("alice", "bob"))
    statuses = [strict.post("/api/v1/login", headers=token).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = strict.get("/api/v1/thing")
    assert refused.status_code == 429, "without a token neither"
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) > 1
    assert strict.get("/api/v1/thing", headers=other).status_code == 200, "with a token of its own as ever"


def test_who_tries_tokens_is_told_to_wait_and_does_not_fill_the_audit(service: Service, token_for: TokenFor) -> None:
    route = Route(method="GET", path="/api/v1/thing", handler=lambda call: Answer({"ok": True}), records="")
    gates = (rate_limit.AddressLimit(RateLimit(0.001, 3)),)
    with TestClient(Application(service, routes=[route], gates=gates)) as client:
        answers = [client.get("/api/v1/thing", headers=bearer("tried")) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 3
        assert answers[-1].headers["retry-after"]
        assert client.get("/api/v1/thing", headers=bearer(token_for("x"))).status_code == 200
    refused = [entry for entry in service.workspaces.own.audit() if entry.outcome == "Unauthenticated"]
    assert len(refused) == 3
