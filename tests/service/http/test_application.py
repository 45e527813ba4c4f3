"""What every request goes through, whatever answers it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import BaseModel, ConfigDict, Field
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_registry.errors import DocumentDeleted, StaleExpectation, StoreUnavailable, UnknownDocument
from strongroom_service.errors import TooManyRequests
from strongroom_service.http.application import Application
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.exchange import Exchange
from strongroom_service.http.route import Route, RouteTree
from strongroom_service.policies.resource import block
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    text: str = Field(max_length=100)
    number: int = 0


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=100)


def _echo(call: Call) -> Answer:
    return Answer({"text": call.body.text, "who": call.caller.identity})


def _who(call: Call) -> Answer:
    return Answer({"who": call.caller.identity, "name": call.params.get("name", ""), "address": call.caller.address})


def _listed(call: Call) -> Answer:
    return Answer({"limit": call.query.limit})


def _secret(call: Call) -> Answer:
    call.require(Verb.REVEAL, block(call.params["workspace"], call.params["name"]))
    return Answer({"ok": True})


def _failing(call: Call) -> Answer:
    errors = {
        "unknown": UnknownDocument("There is none.", "Make one."),
        "deleted": DocumentDeleted("It was deleted."),
        "stale": StaleExpectation("Another one."),
        "often": TooManyRequests("Too often.", retry_after=7),
        "away": StoreUnavailable("The disk is full."),
        "bug": RuntimeError(f"text of {call.caller.accessor}"),
    }
    raise errors[call.params["name"]]


def _events(_call: Call) -> Answer:
    async def told() -> AsyncIterator[str]:
        for number in range(2):
            yield f"data: {number}\n\n"

    return Answer(events=told())


ROUTES = [
    Route(method="POST", path="/api/v1/echo", handler=_echo, body=Body),
    Route(method="GET", path="/api/v1/who/{name}", handler=_who),
    Route(method="GET", path="/api/v1/open", handler=_who, is_open=True),
    Route(method="GET", path="/api/v1/listed", handler=_listed, query=Query),
    Route(method="GET", path="/api/v1/workspaces/{workspace}/secret/{name}", handler=_secret, records="look"),
    Route(method="GET", path="/api/v1/failing/{name}", handler=_failing),
    Route(method="GET", path="/api/v1/events", handler=_events),
    Route(method="DELETE", path="/api/v1/who/{name}", handler=lambda call: Answer(), status=204),
]


@pytest.fixture
def told() -> list[Exchange]:
    return []


@pytest.fixture
def client(service: Service, told: list[Exchange]) -> Iterator[TestClient]:
    token = service.tokens.make_root().token.text
    with TestClient(Application(service, routes=ROUTES, observers=[told.append]), headers=bearer(token)) as opened:
        yield opened


def entries(service: Service) -> list[tuple[str, str, str, str]]:
    return [(e.actor.partition("#")[0], e.action, e.outcome, e.name) for e in service.workspaces.own.audit()]


def test_an_answer_says_which_request_it_is_of_and_is_not_kept(client: TestClient) -> None:
    answer = client.get("/api/v1/who/bob")
    assert answer.json() == {"who": "root", "name": "bob", "address": "testclient"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.headers["strongroom-request-id"]) == 16
    assert client.head("/api/v1/who/bob").content == b""
    gone = client.delete("/api/v1/who/bob")
    assert (gone.status_code, gone.content) == (204, b"")


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"Authorization": ""}, "no token"),
        ({"Authorization": "Basic abc"}, "no token"),
        ({"Authorization": "Bearer abc"}, "shape"),
        ({"Authorization": "", "X-Vault-Token": "abc"}, "shape"),
    ],
)
def test_who_has_no_token_that_counts_learns_nothing_and_the_audit_knows_why(
    client: TestClient, service: Service, sent: dict[str, str], why: str
) -> None:
    answer = client.get("/api/v1/who/bob", headers=sent)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"
    newest = next(iter(service.workspaces.own.audit()))
    assert (newest.actor, newest.outcome) == ("anonymous", "Unauthenticated")
    assert why in newest.message
    assert answer.json()["error"]["request_id"] in newest.message


def test_an_open_route_needs_no_token_and_takes_one(client: TestClient, token_for: TokenFor) -> None:
    assert client.get("/api/v1/open", headers={"Authorization": ""}).json()["who"] == "anonymous"
    assert client.get("/api/v1/open", headers=bearer("wrong")).json()["who"] == "anonymous"
    assert client.get("/api/v1/open", headers=bearer(token_for("x"))).json()["who"] == "account:tester"


def test_what_no_policy_allows_is_refused_and_in_the_audit_once(
    client: TestClient, service: Service, token_for: TokenFor
) -> None:
    path = "/api/v1/workspaces/default/secret/prod"
    assert client.get(path).status_code == 200
    answer = client.get(path, headers=bearer(token_for("absent")))
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "account:tester may not reveal default/prod."
    told = [(e.actor.partition("#")[0], e.action, e.outcome) for e in service.registry("default").audit(limit=2)]
    assert told == [("account:tester", "reveal", "Forbidden"), ("root", "look", "done")]


def test_what_was_read_is_in_the_audit(client: TestClient, service: Service) -> None:
    client.get("/api/v1/who/bob")
    assert entries(service)[0] == ("root", "view", "done", "/who/bob")


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("unknown", 404, "unknown_document"),
        ("deleted", 410, "document_deleted"),
        ("stale", 412, "stale_expectation"),
        ("often", 429, "too_many_requests"),
        ("away", 503, "store_unavailable"),
        ("bug", 500, "internal_error"),
    ],
)
def test_an_error_has_one_shape(client: TestClient, name: str, status: int, code: str) -> None:
    answer = client.get(f"/api/v1/failing/{name}")
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], error["request_id"]) == (code, answer.headers["strongroom-request-id"])
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_what_nobody_foresaw_is_told_without_its_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/api/v1/failing/bug")
    assert answer.json()["error"]["message"] == "The service made a mistake."
    assert "RuntimeError" in caplog.text
    assert "text of" not in caplog.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "text is missing"),
        (b"{", "is no JSON"),
        (b'{"text": "a", "number": NaN}', "is no JSON"),
        (b'{"text": 7}', "text has to be a text"),
        (b'{"text": "a", "number": "hidden"}', "number has to be a whole number"),
        (b'{"text": "a", "hidden": 1}', "a field that is not known"),
        (b'["hidden"]', "it has to be an object"),
        (b"\xff\xfe", "is no JSON"),
        (b'{"text": ' + b"[" * 50 + b"]" * 50 + b"}", "nested deeper than 32"),
        (b"[" * 100_000, "is no JSON"),
        (json.dumps({"text": [0] * 100_001}).encode(), "more than 100000 values"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_without_repeating_it(client: TestClient, body: bytes, says: str) -> None:
    answer = client.post("/api/v1/echo", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    assert "hidden" not in answer.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SERVER_MAX_JSON_BYTES", "100")
    with Service.open() as small, TestClient(Application(small, routes=ROUTES)) as client:
        headers = bearer(service.tokens.make_root().token.text)
        assert client.post("/api/v1/echo", json={"text": "a"}, headers=headers).status_code == 200
        assert client.post("/api/v1/echo", json={"text": "a" * 100}, headers=headers).status_code == 413

        def parts() -> Iterator[bytes]:
            for _ in range(20):
                yield b"          "

        assert client.post("/api/v1/echo", content=parts(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 200), ("limit=7", 200), ("limit=0", 400), ("limit=x", 400), ("other=1", 400), ("limit=1&limit=2", 400)],
)
def test_a_query_has_to_fit(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/api/v1/listed?{query}").status_code == status


def test_a_route_without_a_query_takes_none(client: TestClient) -> None:
    assert client.get("/api/v1/who/bob?all=1").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        b"/api/v1/who/..",
        b"/api/v1/who/%2e%2e",
        b"/api/v1//who/bob",
        b"/api/v1/./who/bob",
        b"/api/v1/who/a%2fb",
        b"/api/v1/who/a%5cb",
        b"/api/v1/who/a%00b",
        b"/api/v1/who/%ff",
        b"/api/v1/who/" + b"a" * 5000,
    ],
)
def test_a_path_that_can_be_read_in_two_ways_is_refused(service: Service, path: bytes) -> None:
    sent: list[dict[str, object]] = []
    scope = {"type": "http", "method": "GET", "raw_path": path, "path": "", "headers": [], "query_string": b""}

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    import asyncio

    asyncio.run(Application(service, routes=ROUTES)(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 400


def test_a_path_that_nothing_answers_at_and_a_method_that_it_does_not_take(client: TestClient) -> None:
    assert client.get("/api/v1/absent").json()["error"]["code"] == "unknown_thing"
    answer = client.put("/api/v1/who/bob")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET"
    assert client.get("/").status_code == 404


def test_events_come_as_they_are_made(client: TestClient) -> None:
    answer = client.get("/api/v1/events")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text == "data: 0\n\ndata: 1\n\n"


def test_what_is_told_of_an_exchange_holds_nothing_that_was_sent(client: TestClient, told: list[Exchange]) -> None:
    client.post("/api/v1/echo", json={"text": "a text of mine"})
    client.get("/api/v1/who/bob", headers=bearer("wrong"))
    client.get("/api/v1/absent")
    assert [(one.template, one.status, one.error) for one in told] == [
        ("/api/v1/echo", 200, ""),
        ("/api/v1/who/{name}", 401, "unauthenticated"),
        ("", 404, "unknown_thing"),
    ]
    assert told[0].identity == "root"
    assert told[0].accessor
    assert "mine" not in repr(told)


def test_an_address_behind_a_trusted_proxy_is_believed_and_no_other(service: Service) -> None:
    from strongroom_service.http.addresses import ClientAddresses

    none, some = ClientAddresses(()), ClientAddresses(("10.0.0.0/8", "::1/128"))
    forwarded = {"x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.0.0.9"}
    assert none.of(("10.0.0.7", 1), forwarded) == "10.0.0.7"
    assert some.of(("10.0.0.7", 1), forwarded) == "1.2.3.4"
    assert some.of(("::1", 1), {"x-forwarded-for": "1.2.3.4"}) == "1.2.3.4"
    assert some.of(("9.9.9.9", 1), forwarded) == "9.9.9.9"
    assert some.of(("10.0.0.7", 1), {"x-forwarded-for": "1.2.3.4, nonsense"}) == "10.0.0.7"
    assert some.of(("10.0.0.7", 1), {}) == "10.0.0.7"
    assert some.of(None, {}) == ""


def test_the_tree_of_routes_prefers_names_to_parameters_to_rests() -> None:
    def route(path: str) -> Route:
        return Route(method="GET", path=path, handler=_who)

    tree = RouteTree([route("/a/{x}/c"), route("/a/b/c"), route("/a/{rest:path}"), route("/{y}/b")])

    def found(path: str) -> tuple[str, tuple[str, ...]] | None:
        match = tree.find(tuple(path.split("/")))
        return (match.routes["GET"].path, match.values) if match else None

    assert found("a/b/c") == ("/a/b/c", ())
    assert found("a/z/c") == ("/a/{x}/c", ("z",))
    assert found("a/z/d") == ("/a/{rest:path}", ("z/d",))
    assert found("a/b") == ("/a/{rest:path}", ("b",))
    assert found("q/b") == ("/{y}/b", ("q",))
    assert found("q/c") is None
    with pytest.raises(ValueError, match="Two routes"):
        RouteTree([route("/a/{x}"), route("/a/{y}")])


def test_a_stream_that_is_broken_off_in_the_middle_of_waiting_is_closed(service: Service) -> None:
    import asyncio

    closed: list[bool] = []

    async def told() -> AsyncIterator[str]:
        try:
            yield "data: 0\n\n"
            await asyncio.sleep(3600)
        finally:
            closed.append(True)

    route = Route(method="GET", path="/events", handler=lambda call: Answer(events=told()), is_open=True, records="")
    scope = {"type": "http", "method": "GET", "raw_path": b"/events", "path": "", "headers": [], "query_string": b""}
    application = Application(service, routes=[route])

    async def broken_off() -> None:
        begun = asyncio.Event()

        async def send(message: dict[str, object]) -> None:
            if message.get("body"):
                begun.set()

        async def receive() -> dict[str, object]:
            await asyncio.sleep(3600)
            return {}

        task = asyncio.ensure_future(application(scope, receive, send))  # type: ignore[arg-type]
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(broken_off())
    application.close()
    assert closed == [True]
