"""Policies over HTTP: read, written with preconditions, asked what they come to."""

from __future__ import annotations

from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.service import Service

READERS = {"description": "Read.", "rules": [{"effect": "allow", "paths": ["default/*"], "verbs": ["list", "view"]}]}


def allow(path: str, *verbs: str) -> dict[str, Any]:
    return {"rules": [{"effect": "allow", "paths": [path], "verbs": list(verbs)}]}


def test_a_policy_is_written_read_changed_and_removed(client: TestClient) -> None:
    made = client.put("/api/v1/policies/readers", json=READERS, headers={"If-None-Match": "*"})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    read = client.get("/api/v1/policies/readers")
    assert read.json() == made.json()
    assert read.json()["rules"][0]["paths"] == ["default/*"]
    changed = client.put("/api/v1/policies/readers", json={"rules": []}, headers={"If-Match": read.headers["etag"]})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = client.put("/api/v1/policies/readers", json=READERS, headers={"If-Match": read.headers["etag"]})
    assert (late.status_code, late.json()["error"]["code"]) == (412, "stale_expectation")
    assert client.delete("/api/v1/policies/readers").status_code == 204
    assert client.get("/api/v1/policies/readers").status_code == 404
    assert client.delete("/api/v1/policies/readers").status_code == 404


def test_a_policy_is_not_replaced_by_nothing(client: TestClient) -> None:
    client.put("/api/v1/policies/readers", json=READERS)
    refused = client.put("/api/v1/policies/readers")
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "The request has no body."
    assert client.get("/api/v1/policies/readers").json()["version"] == 1


@pytest.mark.parametrize(
    "headers",
    [{"If-Match": "*"}, {"If-Match": "1"}, {"If-Match": 'W/"1"'}, {"If-Match": '"1", "2"'}, {"If-Match": '"0"'},
     {"If-None-Match": '"1"'}, {"If-Match": '"1"', "If-None-Match": "*"}],
)  # fmt: skip
def test_a_precondition_is_heeded_or_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.put("/api/v1/policies/readers", json=READERS, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert client.delete("/api/v1/policies/readers", headers={"If-Match": '"1"'}).status_code == 400


def test_reserved_policies_are_there_and_stay(client: TestClient) -> None:
    assert client.get("/api/v1/policies/root").json()["reserved"] is True
    for name in ("root", "default", "Root", "DEFAULT"):
        assert client.put(f"/api/v1/policies/{name}", json=READERS).status_code == 400
        assert client.delete(f"/api/v1/policies/{name}").status_code == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"rules": [{"effect": "allow", "paths": ["A/b"], "verbs": ["view"]}]}, "rules.0.paths.0: names are in lower"),
        ({"rules": [{"effect": "allow", "paths": ["a/b@3"], "verbs": ["write"]}]}, "rules.0: a path with a selector"),
        ({"rules": [{"effect": "allow", "paths": ["a/b"], "verbs": ["sudo"]}]}, "rules.0.verbs.0"),
        ({"rule": []}, "field that is not known"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(client: TestClient, body: dict[str, Any], said: str) -> None:
    answer = client.put("/api/v1/policies/p", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_only_what_may_be_listed_is_listed_page_by_page(client: TestClient, token_for: TokenFor) -> None:
    for name in ("team-a", "team-b", "team-c", "other"):
        client.put(f"/api/v1/policies/{name}", json=READERS)
    client.put("/api/v1/policies/lister", json=allow(":service/policies/team-*", "list"))
    mine = bearer(token_for("lister"))
    seen, after = [], ""
    while after is not None:
        page = client.get(f"/api/v1/policies?limit=2&after={after}", headers=mine).json()
        seen += [line["name"] for line in page["policies"]]
        after = page["next"]
    assert seen == ["team-a", "team-b", "team-c"]
    names = [line["name"] for line in client.get("/api/v1/policies").json()["policies"]]
    assert names == ["default", "lister", "other", "root", "team-a", "team-b", "team-c"]


def test_each_verb_is_asked_for(client: TestClient, token_for: TokenFor) -> None:
    client.put("/api/v1/policies/viewer", json=allow(":service/policies/*", "view"))
    viewer = bearer(token_for("viewer"))
    assert client.get("/api/v1/policies/viewer", headers=viewer).status_code == 200
    assert client.put("/api/v1/policies/viewer", json=READERS, headers=viewer).status_code == 403
    assert client.delete("/api/v1/policies/viewer", headers=viewer).status_code == 403
    nobody = bearer(token_for("default"))
    assert client.get("/api/v1/policies/viewer", headers=nobody).status_code == 403
    assert client.get("/api/v1/policies", headers=nobody).json() == {"policies": [], "next": None}


def test_nobody_writes_himself_more_than_he_has(client: TestClient, token_for: TokenFor) -> None:
    client.put("/api/v1/policies/team-lead", json=allow(":service/policies/team-*", "administer", "view"))
    lead = bearer(token_for("team-lead"))
    grab = client.put("/api/v1/policies/team-lead", json=allow("**", "*"), headers=lead)
    assert (grab.status_code, grab.json()["error"]["code"]) == (403, "forbidden")
    assert client.put("/api/v1/policies/other", json={"rules": []}, headers=lead).status_code == 403
    fine = client.put("/api/v1/policies/team-x", json=allow(":service/policies/team-x", "view"), headers=lead)
    assert fine.status_code == 200


def test_one_may_ask_what_one_may_do_oneself(client: TestClient, token_for: TokenFor, service: Service) -> None:
    client.put("/api/v1/policies/readers", json=READERS)
    reader = bearer(token_for("readers", "gone"))
    checks = [{"verb": "view", "path": "default/db"}, {"verb": "reveal", "path": "default/db"}]
    results = client.post("/api/v1/policies/:test", json={"checks": checks}, headers=reader).json()["results"]
    assert [(one["allowed"], one["why"]) for one in results] == [
        (True, "allowed by rule 1 of policy readers"),
        (False, "no rule allows it"),
    ]
    told = client.post("/api/v1/policies/:explain", json=checks[1], headers=reader).json()
    assert told["missing"] == ["gone"]
    assert [(rule["policy"], rule["applies"]) for rule in told["rules"]] == [("readers", False)]
    assert "is about list, view here, not reveal" in told["remedy"]
    paths = {"paths": ["default/db", ":service/policies/readers"]}
    found = client.post("/api/v1/policies/:capabilities", json=paths, headers=reader).json()["capabilities"]
    assert found == {"default/db": ["list", "view"], ":service/policies/readers": []}
    entry = next(service.workspaces.own.audit(limit=1))
    assert (entry.actor.partition("#")[0], entry.action) == ("account:tester", "view")


def test_asking_about_others_takes_administer(client: TestClient, token_for: TokenFor) -> None:
    client.put("/api/v1/policies/readers", json=READERS)
    client.put("/api/v1/policies/auditor", json=allow(":service/policies", "administer"))
    question = {"verb": "view", "path": "default/db", "subject": {"policies": ["readers"]}}
    for name, status in (("readers", 403), ("auditor", 200)):
        answer = client.post("/api/v1/policies/:explain", json=question, headers=bearer(token_for(name)))
        assert answer.status_code == status
    assert answer.json()["allowed"] is True


def test_a_draft_is_tried_before_it_is_written(client: TestClient) -> None:
    draft = {
        "rules": [
            {"effect": "allow", "paths": ["{{identity.name}}/*"], "verbs": ["view"]},
            {"effect": "deny", "paths": ["**"], "verbs": ["*"], "when": {"addresses": ["192.0.2.0/24"]}},
        ]
    }
    subject = {"draft": draft, "facts": {"name": "alice"}, "address": "10.0.0.1"}
    question = {"verb": "view", "path": "alice/db"}
    assert client.post("/api/v1/policies/:explain", json={**question, "subject": subject}).json()["allowed"] is True
    there = {**subject, "address": "192.0.2.7"}
    told = client.post("/api/v1/policies/:explain", json={**question, "subject": there}).json()
    assert (told["allowed"], told["why"]) == (False, "denied by rule 2 of policy draft")
    assert client.get("/api/v1/policies/draft").status_code == 404


def test_questions_about_versions_are_about_the_labels_of_now(client: TestClient, service: Service) -> None:
    registry = service.registry("default")
    for _ in range(3):
        registry.put("db", type="t", schema="1", payload=b"x", overwrite=True)
    registry.label("db", "stable", 2)
    subject = {"draft": allow("default/db@stable", "reveal", "view")}

    def answers(*paths: str, verb: str = "reveal") -> list[bool]:
        checks = [{"verb": verb, "path": f"default/{path}"} for path in paths]
        told = client.post("/api/v1/policies/:test", json={"checks": checks, "subject": subject})
        return [one["allowed"] for one in told.json()["results"]]

    assert answers("db@stable", "db@2", "db@3", "db", "db@none", "other") == [True, True, False, False, False, False]
    registry.label("db", "stable", 3)
    assert answers("db@stable", "db@2", "db@3", "db") == [True, False, True, True]
    assert answers("db", "db@3", verb="view") == [False, True]


@pytest.mark.parametrize(
    "path", ["", "a", "a/../b", "A/b", "a/b@@1", "a/:audit@3", "a/b/c", "../b", ":service", "a/b@t/x"]
)
def test_what_is_no_path_is_no_question(client: TestClient, path: str) -> None:
    assert client.post("/api/v1/policies/:explain", json={"verb": "view", "path": path}).status_code == 400


def test_what_somebody_may_do_whom_the_service_knows(client: TestClient) -> None:
    client.put("/api/v1/policies/team", json=allow("team-{{identity.metadata.team}}/*", "view"))
    made = client.put("/api/v1/identities/accounts/etl", json={"policies": ["team"], "metadata": {"team": "data"}})
    assert made.status_code == 200
    question = {"verb": "view", "path": "team-data/db", "subject": {"identity": "account:etl"}}
    assert client.post("/api/v1/policies/:explain", json=question).json()["allowed"] is True
    other = {**question, "path": "team-web/db"}
    assert client.post("/api/v1/policies/:explain", json=other).json()["allowed"] is False
    unknown = {**question, "subject": {"identity": "user:etl"}}
    assert client.post("/api/v1/policies/:explain", json=unknown).status_code == 404
