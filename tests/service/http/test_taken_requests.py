"""Requests that are taken without a task of their own, over a file and over PostgreSQL: what came in one turn is worked
on together, and each is answered as if it had come alone."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from servers.service import Clock
from servers.taking import Asking, Taken, asking, scope_of
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.http import paths
from strongroom_service.http.application import Application
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.exchange import Exchange
from strongroom_service.http.lane import Lane
from strongroom_service.http.loop_lane import LoopLane
from strongroom_service.http.route import Route
from strongroom_service.http.stages.rate_limit import IdentityLimit, RateLimit
from strongroom_service.identity.grant import Grant
from strongroom_service.policies.policy import Policy
from strongroom_service.service import Service

ALL = "/api/v1/workspaces/default/documents"
DOCUMENTS = 5


@pytest.fixture
def filled(each_service: Service) -> Service:
    registry = each_service.registry("default")
    for number in range(DOCUMENTS):
        registry.put(f"d{number}", type="t", schema="s", payload=b"payload %d" % number)
    rules = [{"effect": "allow", "paths": ["default/d0", "default/d1"], "verbs": ["reveal", "view", "list"]}]
    each_service.directory.put("policy", "some", Policy.model_validate({"rules": rules}))
    return each_service


@pytest.fixture
def root(filled: Service) -> str:
    return filled.tokens.make_root().token.text


@pytest.fixture
def some(filled: Service) -> str:
    return filled.tokens.issue(Grant(identity="user:some", policies=("some",))).token.text


@pytest.fixture
def told() -> list[Exchange]:
    return []


@pytest.fixture
def asked(filled: Service, root: str, told: list[Exchange]) -> Iterator[Asking]:
    with asking(Application(filled, observers=[told.append]), root) as opened:
        yield opened


def payload(answer: Taken) -> bytes:
    assert answer.status == 200, answer
    return urlsafe_b64decode(json.loads(answer.body)["payload"])


def error(answer: Taken) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"]


def loads(service: Service, workspace: str = "default") -> list[tuple[str, str, str]]:
    """What the audit says of loads, the oldest first; its chain is as it was written."""
    registry = service.registry(workspace)
    assert registry.verify_audit().ok
    entries = [entry for entry in registry.audit() if entry.action in ("load", "reveal")]
    return [(entry.actor.partition("#")[0], entry.outcome, entry.name) for entry in entries][::-1]


def test_a_file_is_read_on_the_loop_and_a_server_by_threads(asked: Asking, request: pytest.FixtureRequest) -> None:
    is_file = "sqlite" in request.node.name
    assert type(asked.application._quick) is (LoopLane if is_file else Lane)


def test_many_of_a_turn_are_each_answered_and_each_in_the_audit_once(asked: Asking, filled: Service) -> None:
    count = 150
    waiting = [asked.take(f"{ALL}/d{number % DOCUMENTS}/payload") for number in range(count)]
    for number, answer in enumerate(asked.answers(*waiting)):
        assert payload(answer) == b"payload %d" % (number % DOCUMENTS)
    assert sorted(loads(filled)) == sorted(("root", "done", f"d{number % DOCUMENTS}") for number in range(count))


def test_each_of_a_turn_is_answered_as_if_it_had_come_alone(
    asked: Asking, filled: Service, some: str, told: list[Exchange]
) -> None:
    gone = filled.tokens.issue(Grant(identity="user:gone", policies=("some",)))
    filled.tokens.revoke(gone.accessor)
    cases: list[tuple[str, str, int]] = [
        (f"{ALL}/d0/payload", some, 200),
        (f"{ALL}/d2/payload", some, 403),
        (f"{ALL}/d1", some, 200),
        (f"{ALL}/absent/payload", asked.token, 404),
        (f"{ALL}/d0/payload", gone.token.text, 401),
        (f"{ALL}/d0/payload", "s.nonsense", 401),
        (f"{ALL}/d0/payload", "", 401),
        (f"{ALL}/d0/payload?version=7", asked.token, 404),
        (f"{ALL}/d0/payload?version=1&label=x", asked.token, 400),
        (f"{ALL}/d0/payload?what=1", asked.token, 400),
        (f"{ALL}/d0/payload?version=1", some, 200),
        ("/api/v1/workspaces/absent/documents/d0/payload", asked.token, 404),
        ("/api/v1/workspaces/absent/documents/d0/payload", some, 403),
        (f"{ALL}/Not-A-Name/payload", asked.token, 400),
        (f"{ALL}?limit=2", some, 200),
    ]
    together = asked.answers(*[asked.take(path, token=token) for path, token, _ in cases])
    assert [answer.status for answer in together] == [status for _, _, status in cases]
    assert [exchange.status for exchange in told] == [exchange.status for exchange in told if exchange.id]
    assert sorted(exchange.status for exchange in told) == sorted(status for _, _, status in cases)
    for (path, token, _), answer in zip(cases, together, strict=True):
        alone = asked.ask(path, token=token)
        assert alone.names == answer.names
        if answer.status == 200:
            assert alone.body == answer.body
        else:
            assert error(alone) == error(answer)
    assert loads(filled).count(("user:some", "Forbidden", "default/d2")) == 2


def test_what_was_done_before_a_turn_counts_in_it_though_it_was_asked_before(
    asked: Asking, filled: Service, some: str
) -> None:
    """The moment of a turn is after the last of its requests came."""
    assert asked.ask(f"{ALL}/d0/payload", token=some).status == 200
    waiting = [asked.take(f"{ALL}/d0/payload", token=some), asked.take(f"{ALL}/d0", token=some)]
    filled.tokens.revoke_identity("user:some")
    assert [error(answer) for answer in asked.answers(*waiting)] == [(401, "unauthenticated")] * 2
    waiting = [asked.take(f"{ALL}/d0/payload")]
    filled.registry("default").put("d0", type="t", schema="s", payload=b"later", overwrite=True)
    assert [payload(answer) for answer in asked.answers(*waiting)] == [b"later"]


def test_what_another_process_does_is_seen_in_the_next_turn(asked: Asking, some: str, clock: Clock) -> None:
    with Service.open(clock=clock) as other:
        assert asked.ask(f"{ALL}/d1/payload", token=some).status == 200
        other.registry("default").put("d1", type="t", schema="s", payload=b"later", overwrite=True)
        assert payload(asked.ask(f"{ALL}/d1/payload", token=some)) == b"later"
        other.directory.remove("policy", "some")
        assert asked.ask(f"{ALL}/d1/payload", token=some).status == 403
        other.tokens.revoke_identity("user:some")
        assert asked.ask(f"{ALL}/d1/payload", token=some).status == 401


def test_a_destroyed_version_is_revealed_in_no_turn(asked: Asking, filled: Service) -> None:
    assert payload(asked.ask(f"{ALL}/d0/payload")) == b"payload 0"
    waiting = [asked.take(f"{ALL}/d0/payload") for _ in range(3)]
    filled.registry("default").destroy("d0")
    assert {answer.status for answer in asked.answers(*waiting)} == {410}


def test_uses_are_taken_once_each(asked: Asking, filled: Service) -> None:
    counted = filled.tokens.issue(Grant(identity="user:x", policies=("some",), uses=3)).token.text
    waiting = [asked.take(f"{ALL}/d0/payload", token=counted) for _ in range(10)]
    assert sorted(answer.status for answer in asked.answers(*waiting)) == [200] * 3 + [401] * 7


def test_who_has_to_wait_is_counted_once(filled: Service, some: str, root: str) -> None:
    limit = IdentityLimit(RateLimit(1.0, 4, lambda: 0.0))
    with asking(Application(filled, stages=(limit,)), some) as asked:
        waiting = [asked.take(f"{ALL}?limit={number}") for number in range(1, 5)]
        assert [answer.status for answer in asked.answers(*waiting)] == [200] * 4
        assert error(asked.ask(f"{ALL}?limit=7")) == (429, "too_many_requests")


def test_a_document_that_is_read_while_others_have_to_wait_is_not_kept_from_anybody(asked: Asking) -> None:
    waiting = [asked.take(f"{ALL}?limit=3"), asked.take(f"{ALL}/d0/payload"), asked.take(f"{ALL}?glob=d1")]
    listed, revealed, globbed = asked.answers(*waiting)
    assert payload(revealed) == b"payload 0"
    assert [len(json.loads(one.body)["documents"]) for one in (listed, globbed)] == [3, 1]
    again = asked.answers(*[asked.take(f"{ALL}?limit=3") for _ in range(3)])
    assert {answer.body for answer in again} == {listed.body}
    views = [entry for entry in asked.application.service.registry("default").audit() if entry.action == "view"]
    assert len(views) == 5


def test_requests_of_many_turns_and_threads_are_all_in_the_audit(asked: Asking, filled: Service) -> None:
    """While others write into the same audit."""
    registry = filled.registry("default")

    def write(number: int) -> None:
        for n in range(10):
            registry.record("noted", f"{number}-{n}")

    with ThreadPoolExecutor(2) as threads:
        writing = [threads.submit(write, number) for number in range(2)]
        answers: list[Taken] = []
        while len(answers) < 60 or not all(one.done() for one in writing):
            answers += asked.answers(*[asked.take(f"{ALL}/d{n}/payload") for n in range(DOCUMENTS)])
        for one in writing:
            one.result(60)
    assert {answer.status for answer in answers} == {200}
    assert len(loads(filled)) == len(answers)
    assert sum(entry.action == "noted" for entry in registry.audit()) == 20


def test_where_the_audit_cannot_be_written_nothing_is_revealed(
    asked: Asking, filled: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    store = filled.registry("default")._access.store  # type: ignore[attr-defined]
    with monkeypatch.context() as full:
        full.setattr(store, "renew", fails)
        full.setattr(store, "writing", fails)
        for count in (1, 5):
            waiting = [asked.take(f"{ALL}/d{number % DOCUMENTS}/payload") for number in range(count)]
            answers = asked.answers(*waiting, asked.take(f"{ALL}/d0"), asked.take(f"{ALL}/absent/payload"))
            for answer in answers[:-1]:
                assert error(answer) == (503, "audit_unavailable")
                assert b"payload" not in answer.body
                assert b"etag" not in answer.names
            assert error(answers[-1]) == (404, "unknown_document")
    assert payload(asked.ask(f"{ALL}/d0/payload")) == b"payload 0"


def test_one_that_cannot_be_told_keeps_nothing_from_the_others(asked: Asking) -> None:
    def fails(_: Taken) -> None:
        raise ConnectionResetError

    waiting = [asked.take(f"{ALL}/d0/payload", told=fails if number == 1 else lambda _: None) for number in range(4)]
    assert {answer.status for answer in asked.answers(*waiting)} == {200}


def test_an_older_answer_is_confirmed(asked: Asking) -> None:
    answer = asked.ask(f"{ALL}/d0/payload")
    tag = next(line for line in answer.head.decode().splitlines() if line.startswith("etag: ")).removeprefix("etag: ")
    again = asked.ask(f"{ALL}/d0/payload", if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    assert b"content-length" not in again.names
    assert answer.names == [*again.names[:-1], *answer.names[len(again.names) - 1 :]] or b"etag" in again.names


# -- what is not taken


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"{ALL}/d0/payload", {"content-length": "0"}),
        (f"{ALL}/d0/payload", {"content-length": "5"}),
        (f"{ALL}/d0/payload", {"transfer-encoding": "chunked"}),
        (f"{ALL}/d0/payload", {"expect": "100-continue"}),
        (f"{ALL}/d0/payload", {"strongroom-wrap-ttl": "60"}),
        (f"{ALL}/d0/payload", {"x-vault-wrap-ttl": "60"}),
        (f"{ALL}/d0/versions", {}),
        ("/api/v1/nothing", {}),
        ("/api/v1//documents", {}),
        ("/api/v1/workspaces/default/documents/%2e%2e/payload", {}),
        ("/", {}),
    ],
)
def test_what_asks_for_more_is_left_to_others(asked: Asking, path: str, headers: dict[str, str]) -> None:
    def finish(*_: object) -> None:
        pytest.fail("it was answered")

    assert not asked.application.take(scope_of(path, asked.token, headers=headers), finish)
    for method in ("HEAD", "LIST", "LINK", "POST", "PUT", "DELETE"):
        assert not asked.application.take({**scope_of(f"{ALL}/d0/payload", asked.token), "method": method}, finish)
    asked.turn(10)


def test_what_was_large_is_left_to_others_until_it_is_small_again(asked: Asking, filled: Service) -> None:
    def put(size: int) -> None:
        filled.registry("default").put("big", type="t", schema="s", payload=bytes(size), overwrite=True)

    def is_taken() -> bool:
        scope, taken = scope_of(f"{ALL}/big/payload", asked.token), asked.loop.create_future()

        async def take() -> bool:
            return asked.application.take(scope, lambda *_: taken.set_result(None))

        if not asked._now(take()):
            return False
        asked.loop.run_until_complete(taken)
        return True

    put(300_000)
    assert len(payload(asked.ask(f"{ALL}/big/payload"))) == 300_000
    assert not is_taken()
    put(10)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        return

    asked.loop.run_until_complete(asked.application(scope_of(f"{ALL}/big/payload", asked.token), receive, send))
    assert is_taken()


def test_long_paths_are_not_kept(asked: Asking) -> None:
    """Anybody can ask for thousands of them."""
    caches = [asked.application._quick_at.cache_info, paths._kept_segments_of.cache_info]
    before = [info().currsize for info in caches]
    for number in range(20):
        path = f"{ALL}/{'x' * 3900}{number}/payload"
        assert asked.ask(path, token="").status == 401
    assert [info().currsize for info in caches] == before


# -- a route that answers with odd headers


def _odd(call: Call) -> Answer:
    headers = {"lines": "a\r\nset-cookie: x", "latin": "\xe9", "wide": "\u0142"}
    return Answer({}, headers={call.params["which"]: headers[call.params["which"]]})


ODD = Route(method="GET", path="/api/v1/odd/{which}", handler=_odd, is_open=True, is_quick=True, records="")


@pytest.mark.parametrize("which", ["lines", "latin", "wide"])
def test_a_header_that_cannot_be_sent_keeps_nobody_waiting(service: Service, which: str) -> None:
    with asking(Application(service, routes=[ODD]), "") as asked:
        answer = asked.ask(f"/api/v1/odd/{which}")
        assert (answer.status, answer.body) == (200, b"{}")
        assert b"set-cookie" not in answer.head
        assert (which.encode() in answer.names) is (which != "lines")
