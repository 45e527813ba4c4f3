"""Nobody fills the disk with what is kept for him without a right: wraps, and answers to idempotency keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from servers.service import Clock, TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.allowance import Kept, _id, keeper_of
from strongroom_service.errors import TooManyRequests, WrapOpened
from strongroom_service.http.stages import idempotency
from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings
from strongroom_service.wrapping import KIND, WrapRecord

MOST, BYTES = 3, 1000


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    """A service that keeps little for anybody."""
    with Service.open(ServerSettings(identity_kept=MOST, identity_kept_bytes=BYTES), clock=clock) as opened:
        yield opened


@pytest.fixture
def alice(client: TestClient, token_for: TokenFor) -> dict[str, str]:
    rules = [{"effect": "allow", "paths": [":service/**", "default/**"], "verbs": ["*"]}]
    assert client.put("/api/v1/policies/all", json={"rules": rules}).is_success
    return bearer(token_for("all", identity="user:alice", ttl=timedelta(days=30)))


def wrap(client: TestClient, who: dict[str, str], value: object = "v", **more: Any) -> Any:
    return client.post("/api/v1/wraps", json={"value": value, **more}, headers=who)


def test_so_many_wraps_are_kept_of_one_and_no_more(
    client: TestClient, alice: dict[str, str], token_for: TokenFor, clock: Clock, service: Service
) -> None:
    made = [wrap(client, alice, ttl_seconds=60) for _ in range(MOST)]
    assert [answer.status_code for answer in made] == [201] * MOST
    refused = wrap(client, bearer(token_for("all", identity="user:alice")))  # another token of hers
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "60"
    assert "user:alice" in refused.json()["error"]["message"]
    assert wrap(client, bearer(token_for("all", identity="user:bob"))).status_code == 201
    token = made[0].json()["token"]
    assert client.post("/api/v1/wraps/unwrap", json={"token": token}, headers=alice).status_code == 200
    assert wrap(client, alice).status_code == 429  # it is remembered who opened it
    clock.advance(seconds=61)
    assert service.wraps.tidy() == MOST - 1
    assert [wrap(client, alice).status_code for _ in range(MOST)] == [201] * (MOST - 1) + [429]
    clock.advance(days=7)
    service.wraps.tidy()
    assert wrap(client, alice).status_code == 201


def test_so_many_bytes_and_no_more(client: TestClient, alice: dict[str, str]) -> None:
    half = "x" * (BYTES // 2 - 2)
    first = wrap(client, alice, half).json()["token"]
    assert wrap(client, alice, half).status_code == 201
    assert wrap(client, alice, "x").status_code == 429
    assert client.post("/api/v1/wraps/unwrap", json={"token": first}, headers=alice).status_code == 200
    assert wrap(client, alice, "x").status_code == 201


def test_nothing_is_done_whose_answer_could_not_be_wrapped(client: TestClient, alice: dict[str, str]) -> None:
    for _ in range(MOST):
        wrap(client, alice)
    headers = {**alice, "Strongroom-Wrap-TTL": "60"}
    made = client.post("/api/v1/workspaces", json={"name": "lake"}, headers=headers)
    assert made.status_code == 429
    assert client.get("/api/v1/workspaces/lake").status_code == 404
    of_vault = {"X-Vault-Token": alice["Authorization"].removeprefix("Bearer "), "X-Vault-Wrap-TTL": "60"}
    wrapped = client.post("/v1/sys/wrapping/wrap", json={"a": 1}, headers={"Authorization": "", **of_vault})
    assert wrapped.status_code == 429


def test_whoever_moves_a_wrap_is_the_one_it_is_counted_to(client: TestClient, alice: dict[str, str]) -> None:
    token = wrap(client, alice).json()["token"]
    nobody = {"Authorization": ""}
    for _ in range(MOST):
        moved = client.post("/api/v1/wraps/rewrap", json={"token": token}, headers=nobody)
        assert moved.status_code == 200
        token = moved.json()["token"]
    refused = client.post("/api/v1/wraps/rewrap", json={"token": token}, headers=nobody)
    assert refused.status_code == 429
    opened = client.post("/api/v1/wraps/unwrap", json={"token": token}, headers=nobody)
    assert opened.json()["value"] == "v"  # it was not lost over that
    assert [wrap(client, alice).status_code for _ in range(MOST)] == [201] * (MOST - 1) + [429]


def test_answers_to_idempotency_keys_count_too(
    client: TestClient, alice: dict[str, str], service: Service, clock: Clock
) -> None:
    def ask(key: str, name: str) -> int:
        headers = {**alice, "Idempotency-Key": key}
        return client.post("/api/v1/workspaces", json={"name": name}, headers=headers).status_code

    assert [ask(f"k{number}", f"lake{number}") for number in range(MOST)] == [200] * MOST
    assert ask("k0", "lake0") == 200
    assert ask("one-more", "more") == 429
    assert client.get("/api/v1/workspaces/more").status_code == 404
    assert wrap(client, alice).status_code == 429
    assert client.post("/api/v1/workspaces", json={"name": "plain"}, headers=alice).status_code == 200
    clock.advance(hours=25)
    assert idempotency.tidy(service) == MOST
    assert ask("k0", "lake4") == 200


def test_an_answer_of_too_many_bytes_is_not_kept_and_the_request_not_done_again(
    client: TestClient, alice: dict[str, str], service: Service
) -> None:
    assert wrap(client, alice, "x" * (BYTES - 50)).status_code == 201
    headers = {**alice, "Idempotency-Key": "k"}
    assert client.post("/api/v1/workspaces", json={"name": "lake"}, headers=headers).status_code == 200
    again = client.post("/api/v1/workspaces", json={"name": "lake"}, headers=headers)
    assert (again.status_code, "done" in again.json()["error"]["message"]) == (409, True)


def test_a_request_that_failed_leaves_nothing(client: TestClient, alice: dict[str, str]) -> None:
    for number in range(MOST + 2):
        headers = {**alice, "Idempotency-Key": f"k{number}"}
        assert client.post("/api/v1/workspaces", json={"name": "default"}, headers=headers).status_code == 409


class AnyHistory(RuleBasedStateMachine):
    """What is counted is what is there, whatever was done."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        settings = ServerSettings(identity_kept=6, identity_kept_bytes=200, records="memory:")
        self.service = Service.open(settings, clock=self.clock)
        self.tokens: list[str] = []

    callers = st.sampled_from(
        [Caller("user:a", "A" * 12), Caller("user:b", "B" * 12), Caller("anonymous", address="::1")]
    )

    @rule(caller=callers, size=st.integers(0, 90), minutes=st.integers(1, 90))
    def wrap(self, caller: Caller, size: int, minutes: int) -> None:
        try:
            made = self.service.wraps.wrap("x" * size, timedelta(minutes=minutes), "/x", caller)
        except TooManyRequests:
            return
        self.tokens.append(made.token)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), caller=callers, moves=st.booleans())
    def use(self, data: st.DataObject, caller: Caller, moves: bool) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        try:
            if moves:
                self.tokens.append(self.service.wraps.rewrap(token, caller).token)
            else:
                self.service.wraps.unwrap(token, caller)
        except (WrapOpened, LookupError, TooManyRequests):
            return

    @rule(hours=st.sampled_from([1, 24 * 8]))
    def tidy(self, hours: int) -> None:
        self.clock.advance(hours=hours)
        self.service.wraps.tidy()

    @invariant()
    def is_right(self) -> None:
        with self.service.records.reading() as session:
            there = [record for _, record in session.page(KIND, WrapRecord, limit=1000)]
            for keeper in ("user:a", "user:b", keeper_of(Caller("anonymous", address="::1"))):
                own = [record for record in there if record.keeper == keeper]
                kept = session.get("kept", _id(keeper), Kept) or Kept()
                assert kept == Kept(count=len(own), size=sum(record.size for record in own))
                assert (kept.count, kept.size) <= (6, 200)

    def teardown(self) -> None:
        self.service.close()


def test_what_is_counted_is_what_is_there() -> None:
    run_state_machine_as_test(AnyHistory, settings=how(max_examples=25, stateful_step_count=25, deadline=None))
