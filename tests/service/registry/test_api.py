"""The registry over HTTP as any client sees it: rights, conditions, pages, and what is never told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from servers.service import TokenFor, bearer
from strongroom_service.policies.policy import Effect, Policy, Rule

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from strongroom_service.service import Service

DOCS = "/api/v1/workspaces/default/documents"
ONE = "/api/v1/workspaces/default"


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def draft(payload: bytes = b"water", **more: object) -> dict[str, object]:
    return {"type": "lake", "schema": "s1", "payload": text(payload), **more}


@pytest.fixture
def lake(client: TestClient) -> str:
    """A document with two versions, the first of which is stable."""
    assert client.put(f"{DOCS}/lake", json=draft(labels=["stable"], public=text(b'{"host":"db"}'))).status_code == 200
    assert (
        client.put(f"{DOCS}/lake", json=draft(b"more", overwrite=True, public=text(b'{"host":"db"}'))).status_code
        == 200
    )
    return "lake"


Allowed = Callable[..., dict[str, str]]


@pytest.fixture
def allowed(service: Service, token_for: TokenFor) -> Allowed:
    """The headers of somebody who may do that: ``allowed("default/lake", "view", deny=("default/x", "view"))``."""
    made: list[str] = []

    def make(path: str, *verbs: str, deny: tuple[str, str] | None = None) -> dict[str, str]:
        name = f"p{len(made)}"
        made.append(name)
        rules: list[Any] = [Rule(effect=Effect.ALLOW, paths=(path,), verbs=verbs)]  # type: ignore[arg-type]
        if deny is not None:
            rules.append(Rule(effect=Effect.DENY, paths=(deny[0],), verbs=(deny[1],)))  # type: ignore[arg-type]
        service.policies.write(name, Policy(rules=tuple(rules)))
        return bearer(token_for(name))

    return make


class TestRights:
    """Each verb stands alone."""

    REQUESTS = (
        ("view", "GET", "/lake", None),
        ("view", "GET", "/lake/versions", None),
        ("view", "GET", "/lake/users", None),
        ("reveal", "GET", "/lake/payload", None),
        ("reveal", "GET", "/lake/payload?version=1", None),
        ("write", "PUT", "/lake", draft(overwrite=True)),
        ("write", "POST", "/lake/promote", {"version": 1}),
        ("label", "PUT", "/lake/labels/new", {}),
        ("label", "DELETE", "/lake/labels/stable", None),
        ("delete", "DELETE", "/lake", None),
        ("delete", "POST", "/lake/undelete", None),
        ("destroy", "POST", "/lake/destroy", {"version": 1}),
    )

    @pytest.mark.parametrize(("verb", "method", "path", "body"), REQUESTS, ids=lambda value: str(value)[:20])
    def test_one_verb_allows_what_it_says_and_all_others_together_do_not(
        self, client: TestClient, lake: str, allowed: Allowed, verb: str, method: str, path: str, body: object
    ) -> None:
        others = sorted(
            {"list", "view", "reveal", "write", "label", "delete", "destroy", "rotate", "administer"} - {verb}
        )
        refused = client.request(method, f"{DOCS}{path}", json=body, headers=allowed("default/**", *others))
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        answer = client.request(method, f"{DOCS}{path}", json=body, headers=allowed("default/lake", verb))
        assert answer.status_code == 200, answer.text

    def test_who_may_change_and_not_view_is_not_shown_what_became_of_it(
        self, client: TestClient, lake: str, allowed: Allowed
    ) -> None:
        answer = client.put(f"{DOCS}/lake/labels/new", json={}, headers=allowed("default/lake", "label")).json()
        assert (answer["name"], answer["current"], answer["public"], answer["labels"]) == ("lake", 2, "", {})

    def test_labels_of_a_draft_ask_for_the_right_to_label(
        self, client: TestClient, lake: str, allowed: Allowed
    ) -> None:
        writer = allowed("default/*", "write")
        body = draft(overwrite=True, labels=["stable"])
        assert client.put(f"{DOCS}/lake", json=body, headers=writer).status_code == 403
        assert client.get(f"{DOCS}/lake").json()["current"] == 2

    def test_a_rule_about_a_version_is_about_the_one_that_is_handed_out(
        self, client: TestClient, lake: str, allowed: Allowed
    ) -> None:
        stable = allowed("default/lake@stable", "reveal")
        assert client.get(f"{DOCS}/lake/payload?label=stable", headers=stable).json()["version"]["number"] == 1
        assert client.get(f"{DOCS}/lake/payload?version=1", headers=stable).status_code == 200
        assert client.get(f"{DOCS}/lake/payload", headers=stable).status_code == 403
        but_first = allowed("default/lake", "reveal", deny=("default/lake@1", "reveal"))
        assert client.get(f"{DOCS}/lake/payload", headers=but_first).status_code == 200
        assert client.get(f"{DOCS}/lake/payload?label=stable", headers=but_first).status_code == 403

    def test_listings_have_what_may_be_listed_and_of_that_what_may_be_viewed(
        self, client: TestClient, lake: str, allowed: Allowed
    ) -> None:
        client.put(f"{DOCS}/sea", json=draft(public=text(b'{"host":"db"}'), references=["lake"]))
        who = allowed("default/*", "list", deny=("default/lake", "list"))
        assert [one["name"] for one in client.get(DOCS, headers=who).json()["documents"]] == ["sea"]
        (sea,) = client.get(DOCS, headers=who).json()["documents"]
        assert (sea["public"], sea["references"], sea["type"]) == ("", [], "lake")
        assert client.get(f"{ONE}/names", headers=who).json()["names"] == ["sea"]
        assert client.get(f"{DOCS}?search=db", headers=who).json()["documents"] == []
        viewer = allowed("default/sea", "view")
        assert [one["name"] for one in client.get(f"{DOCS}?search=db", headers=viewer).json()["documents"]] == ["sea"]
        assert client.get(f"{DOCS}/lake/users", headers=allowed("default/lake", "view")).json()["users"] == []

    def test_a_cascade_asks_for_the_right_to_delete_each(self, client: TestClient, lake: str, allowed: Allowed) -> None:
        client.put(f"{DOCS}/sea", json=draft(references=["lake"]))
        client.put(f"{DOCS}/river", json=draft(references=["sea"]))
        one = allowed("default/*", "delete", deny=("default/river", "delete"))
        assert client.delete(f"{DOCS}/lake?cascade=true", headers=one).status_code == 403
        assert client.get(f"{DOCS}/lake").json()["state"] == "live"
        assert client.delete(f"{DOCS}/lake?cascade=true", headers=allowed("default/*", "delete")).status_code == 200
        assert client.get(DOCS).json()["documents"] == []

    @pytest.mark.parametrize(
        ("what", "verb", "method", "path", "body"),
        [
            (":audit", "view", "GET", "/audit", None),
            (":audit", "view", "GET", "/audit/verification", None),
            (":verification", "view", "GET", "/verification", None),
            (":anchor", "view", "GET", "/anchor", None),
            (":keys", "view", "GET", "/keys", None),
            (":keys", "view", "GET", "/keys/check", None),
            (":keys", "rotate", "POST", "/keys/rotation", {"level": "workspace"}),
            (":sealing/results", "write", "POST", "/sealing/results", None),
            (":sealing/results", "view", "POST", "/sealing/results/names", {"data": ""}),
        ],
        ids=str,
    )
    def test_other_things_of_a_workspace_have_rights_of_their_own(
        self, client: TestClient, allowed: Allowed, what: str, verb: str, method: str, path: str, body: object
    ) -> None:
        for refused in (allowed("default/*", "*"), allowed("default/:other/**", "*")):
            assert client.request(method, f"{ONE}{path}", json=body, headers=refused).status_code == 403
        answer = client.request(method, f"{ONE}{path}", json=body, headers=allowed(f"default/{what}", verb))
        assert answer.status_code == 200, answer.text

    def test_the_key_of_a_session_is_for_who_may_reveal(self, client: TestClient, allowed: Allowed) -> None:
        begun = client.post(f"{ONE}/sealing/results").json()
        asked = {"start": begun["start"]}
        writer, reader = (allowed("default/:sealing/results", verb) for verb in ("write", "reveal"))
        assert client.post(f"{ONE}/sealing/results/open", json=asked, headers=writer).status_code == 403
        assert client.post(f"{ONE}/sealing/results/open", json=asked, headers=reader).json() == {"key": begun["key"]}
        assert client.post(f"{ONE}/sealing/scan/open", json=asked, headers=reader).status_code == 403
        other = client.post(f"{ONE}/sealing/scan/open", json=asked).json()
        assert other["key"] != begun["key"]

    def test_a_workspace_is_there_for_who_has_a_right_in_it(
        self, client: TestClient, allowed: Allowed, service: Service
    ) -> None:
        client.post("/api/v1/workspaces", json={"name": "blue"})
        one, other, both = allowed("blue/lake", "reveal"), allowed("green/**", "*"), allowed("*/lake", "view")
        assert [client.get("/api/v1/workspaces/blue", headers=who).status_code for who in (one, other, both)] == [
            200, 403, 200
        ]  # fmt: skip
        unknown = client.get("/api/v1/workspaces/nowhere", headers=other)
        there = client.get("/api/v1/workspaces/blue", headers=other)
        assert unknown.json()["error"]["message"].replace("nowhere", "blue") == there.json()["error"]["message"]
        for path in ("documents", "names", "documents/x", "documents/x/payload", "audit", "events", "keys"):
            answers = [client.get(f"/api/v1/workspaces/{name}/{path}", headers=other) for name in ("blue", "nowhere")]
            assert [answer.status_code for answer in answers] == [403, 403], path
        for path, body in (("labels/x", {}), ("destroy", {"version": 1}), ("promote", {"version": 1})):
            for name in ("blue", "nowhere"):
                method = "PUT" if path == "labels/x" else "POST"
                place = f"/api/v1/workspaces/{name}/documents/x/{path}"
                assert client.request(method, place, json=body, headers=other).status_code == 403
        assert client.get("/api/v1/workspaces", headers=one).json()["workspaces"] == []
        lister = allowed(":service/workspaces/b*", "list")
        assert [w["name"] for w in client.get("/api/v1/workspaces", headers=lister).json()["workspaces"]] == ["blue"]
        assert client.delete("/api/v1/workspaces/blue", headers=one).status_code == 403
        assert client.delete("/api/v1/workspaces/blue").status_code == 200
        assert client.get("/api/v1/workspaces/blue").status_code == 404

    def test_the_services_own_workspace_is_not_there(self, client: TestClient) -> None:
        for path in ("", "/documents", "/audit", "/names", "/events"):
            assert client.get(f"/api/v1/workspaces/strongroom.service{path}").status_code == 404
        assert client.post("/api/v1/workspaces", json={"name": "strongroom.service"}).status_code in (404, 409)
        assert client.delete("/api/v1/workspaces/strongroom.service").status_code == 404

    def test_every_reveal_names_its_caller_in_the_audit(
        self, client: TestClient, lake: str, allowed: Allowed, service: Service
    ) -> None:
        who = allowed("default/lake", "reveal")
        first = client.get(f"{DOCS}/lake/payload", headers=who)
        again = client.get(f"{DOCS}/lake/payload", headers={**who, "If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        loads = [entry for entry in service.registry("default").audit(name="lake") if entry.action == "load"]
        assert [(entry.actor.partition("#")[0], entry.count) for entry in loads] == [("account:tester", 1)] * 2
        assert first.headers["strongroom-request-id"] in loads[-1].message


class TestConditions:
    def test_a_change_is_made_on_top_of_what_was_seen_or_not_at_all(self, client: TestClient, lake: str) -> None:
        tag = client.get(f"{DOCS}/lake").headers["etag"]
        reveal_tag = client.get(f"{DOCS}/lake/payload").headers["etag"]
        for seen in (tag, reveal_tag, '"2"'):
            assert tag.startswith('"2-')
            stale = client.put(f"{DOCS}/lake", json=draft(), headers={"If-Match": '"1"'})
            assert (stale.status_code, stale.json()["error"]["code"]) == (412, "stale_expectation")
            assert (
                client.post(f"{DOCS}/lake/promote", json={"version": 2}, headers={"If-Match": seen}).status_code == 200
            )
        assert client.put(f"{DOCS}/lake", json=draft(), headers={"If-Match": tag}).json()["number"] == 3
        assert client.put(f"{DOCS}/lake", json=draft(), headers={"If-None-Match": "*"}).status_code == 412
        assert client.put(f"{DOCS}/new", json=draft(), headers={"If-None-Match": "*"}).json()["number"] == 1

    @pytest.mark.parametrize("value", ["3", 'W/"3"', '"x"', "*", '"0"', '"1", "2"'])
    def test_a_condition_that_is_not_understood_is_refused(self, client: TestClient, lake: str, value: str) -> None:
        assert client.put(f"{DOCS}/lake", json=draft(), headers={"If-Match": value}).status_code == 400

    def test_a_tag_changes_with_whatever_can_be_seen(self, client: TestClient, lake: str) -> None:
        def tags() -> list[str]:
            return [client.get(f"{DOCS}/lake{what}").headers["etag"] for what in ("", "/payload", "/payload?version=1")]

        before = tags()
        assert tags() == before
        client.put(f"{DOCS}/lake/labels/x", json={"version": 1})
        after = tags()
        assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, False]
        assert client.get(f"{DOCS}/lake", headers={"If-None-Match": after[0]}).status_code == 304


class TestPages:
    def test_every_listing_comes_whole_page_by_page(self, client: TestClient) -> None:
        names = [f"lake-{number}" for number in range(7)]
        for name in names:
            client.put(f"{DOCS}/{name}", json=draft())
        for _ in range(4):
            client.put(f"{DOCS}/lake-0", json=draft(overwrite=True))
        for path, items, expected in (
            ("/documents?limit=3", lambda page: [one["name"] for one in page["documents"]], names),
            ("/names?limit=3", lambda page: page["names"], names),
            (
                "/documents/lake-0/versions?limit=2",
                lambda page: [v["number"] for v in page["versions"]],
                [5, 4, 3, 2, 1],
            ),
            (
                "/audit?limit=3&name=lake-0",
                lambda page: [e["version"] for e in page["entries"] if e["action"] == "put"],
                [5, 4, 3, 2, 1],
            ),
        ):
            found: list[object] = []
            after = ""
            while True:
                page = client.get(f"{ONE}{path}&after={after}").json()
                found += items(page)
                after = page["next"]
                if after is None:
                    break
            assert found == expected

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1001", "limit=x", "after=x&limit=1", "unknown=1", "limit=1&limit=2"]
    )
    def test_a_page_that_is_none_is_refused(self, client: TestClient, lake: str, query: str) -> None:
        assert client.get(f"{DOCS}/lake/versions?{query}").status_code == 400


class TestBodies:
    @pytest.mark.parametrize(
        "changed",
        [
            {"payload": "not base64!"},
            {"payload": None},
            {"payload": 7},
            {"type": "Not A Type"},
            {"schema": ""},
            {"message": "m" * 5000},
            {"labels": ["UPPER"]},
            {"labels": ["latest"]},
            {"references": ["a b"]},
            {"expires_at": "2030-01-01T00:00:00"},
            {"expect": -1},
            {"surplus": 1},
        ],
        ids=str,
    )
    def test_a_draft_that_is_none_is_refused_without_a_word_of_it(
        self, client: TestClient, canary: Callable[[str], str], changed: dict[str, object]
    ) -> None:
        secret = canary("payload")
        body = {**draft(secret.encode()), **changed}
        if changed.get("payload", "") == "not base64!":
            body["payload"] = f"{secret}!"
        answer = client.put(f"{DOCS}/lake", json=body)
        assert answer.status_code in (400, 413), answer.text
        assert secret not in answer.text
        assert client.get(f"{DOCS}/lake").status_code == 404

    def test_both_alphabets_of_base64_are_read(self, client: TestClient) -> None:
        payload = bytes(range(256))
        body = {**draft(), "payload": base64.b64encode(payload).decode()}
        client.put(f"{DOCS}/lake", json=body)
        told = client.get(f"{DOCS}/lake/payload").json()["payload"]
        assert base64.urlsafe_b64decode(told) == payload

    def test_a_version_and_a_label_at_once_are_refused(self, client: TestClient, lake: str) -> None:
        assert client.get(f"{DOCS}/lake/payload?version=1&label=stable").status_code == 400
        assert client.get(f"{DOCS}/lake/payload?label=latest").json()["version"]["number"] == 2
        assert client.get(f"{DOCS}/lake/payload?type=river").status_code == 409
        assert client.get(f"{DOCS}/lake/payload?version=9").status_code == 404

    @pytest.mark.parametrize("name", ["UPPER", "a b", ".a", "%2e%2e", "a%2fb", "x" * 129])
    def test_a_name_that_is_none_is_refused(self, client: TestClient, name: str) -> None:
        for path in (f"/documents/{name}", f"/documents/{name}/payload"):
            assert client.get(f"{ONE}{path}").status_code == 400

    def test_what_a_server_does_with_keys_of_its_own_is_not_asked_over_http(self, client: TestClient) -> None:
        assert client.post(f"{ONE}/keys/rotation", json={"level": "provider"}).status_code == 400
        assert client.post(f"{ONE}/keys/rotation", json={"level": "data", "to": "file:/tmp/k"}).status_code == 400

    def test_a_rotation_tells_of_its_progress_and_its_end(self, client: TestClient, lake: str) -> None:
        told = client.post(f"{ONE}/keys/rotation", json={"level": "data"})
        assert told.headers["content-type"].startswith("text/event-stream")
        events = [block.splitlines() for block in told.text.strip().split("\n\n") if not block.startswith(":")]
        assert {lines[0] for lines in events[:-1]} == {"event: progress"}
        assert events[-1][0] == "event: report"
        report = json.loads(events[-1][1].removeprefix("data: "))
        assert (report["level"], report["epoch"], report["versions"], report["resealed"]) == ("data", 2, 2, 2)


class TestChanges:
    """Streams that end at once: as if a quarter of an hour had gone by."""

    def follow(self, client: TestClient, **headers: str) -> list[dict[str, str]]:
        text = client.get(f"{ONE}/events", headers=headers).text
        blocks = [block for block in text.strip().split("\n\n") if not block.startswith(":")]
        return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]

    def test_who_follows_is_told_where_the_workspace_is_and_whether_it_changed(
        self, client: TestClient, lake: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("strongroom_service.api.events.FOLLOWED_SECONDS", 0.0)
        monkeypatch.setattr("strongroom_service.api.events.HEARTBEAT_SECONDS", 0.01)
        revision = client.get(ONE).json()["revision"]
        (first,) = self.follow(client)
        assert (first["event"], first["id"], json.loads(first["data"])) == ("at", revision, {"revision": revision})
        client.get(f"{DOCS}/lake/payload")
        assert [event["event"] for event in self.follow(client, **{"Last-Event-ID": revision})] == ["at"]
        client.put(f"{DOCS}/lake/labels/x", json={})
        (changed,) = self.follow(client, **{"Last-Event-ID": revision})
        assert (changed["event"], changed["id"]) == ("change", client.get(ONE).json()["revision"])
        assert client.get(f"{ONE}/events?revision={revision}").text.startswith(f"id: {changed['id']}\nevent: change")
