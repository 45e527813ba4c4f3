"""A change of what is protected waits for a second person, and is then made once, as the one who asked."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from servers.service import Clock, Served, bearer
from strongroom_registry.errors import StoreUnavailable, UnknownDocument
from strongroom_service.approvals import approvals
from strongroom_service.service import Service

from .conftest import Office


def revoke(service: Service, headers: dict[str, str]) -> None:
    accessor, _ = service.tokens.lookup(headers["Authorization"].removeprefix("Bearer "))
    service.tokens.revoke(accessor)


def versions(service: Service, name: str = "prod-db") -> int:
    try:
        return service.registry("default").head(name).current
    except UnknownDocument:
        return 0


def test_a_protected_write_waits_and_is_made_when_somebody_else_approves(office: Office, service: Service) -> None:
    office.protect()
    alice, bob = office.as_("alice"), office.as_("bob", "owners")
    answer = office.save(alice, message="new password")
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == f"/api/v1/approvals/{told['approval']}"
    assert versions(service) == 0
    seen = office.client.get(answer.headers["location"], headers=bob).json()
    assert (seen["state"], seen["requester"], seen["note"]) == ("pending", "user:alice", "new password")
    assert (seen["verb"], seen["path"]) == ("write", "default/prod-db")
    done = office.approve(bob, told["approval"]).json()
    assert (done["state"], done["outcome"]["status"]) == ("done", 200)
    document = service.registry("default").get("prod-db")
    assert (document.payload, document.version.actor.partition("#")[0]) == (b"new", "user:alice")


def test_the_audit_names_who_asked_and_who_approved(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    office.approve(office.as_("bob", "owners"), id)
    entries = {entry.action: entry for entry in service.registry("default").audit(name="prod-db")}
    assert entries["put"].actor.startswith("user:alice#")
    assert f"approval {id} by user:bob" in entries["put"].message
    told = {entry.action: entry for entry in service.registry("default").audit() if id in entry.message}
    assert told["ask"].actor.startswith("user:alice#")
    assert told["approve"].actor.startswith("user:bob#")


def test_what_is_not_protected_is_done_at_once(office: Office) -> None:
    office.protect(verbs=["destroy"])
    alice = office.as_("alice")
    assert office.save(alice, "dev-db").status_code == 200
    assert office.save(alice).status_code == 200
    assert office.client.get("/api/v1/workspaces/default/documents/prod-db", headers=alice).status_code == 200
    gone = office.client.post("/api/v1/workspaces/default/documents/prod-db/destroy", json={}, headers=alice)
    assert gone.status_code == 202


def test_nobody_approves_his_own_change_with_whichever_token(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    for own in (office.as_("alice"), office.as_("alice", "owners", "writers")):
        answer = office.approve(own, id)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert versions(service) == 0


def test_root_needs_a_second_person_too(office: Office, service: Service) -> None:
    office.protect()
    answer = office.save({})
    assert answer.status_code == 202
    assert office.approve({}, answer.json()["approval"]).status_code == 403
    assert office.approve(office.as_("bob", "owners"), answer.json()["approval"]).json()["state"] == "done"


def test_who_may_not_approve_does_not_learn_of_it(office: Office) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    mallory = office.as_("mallory")
    for answer in (
        office.approve(mallory, id),
        office.refuse(mallory, id),
        office.client.get(f"/api/v1/approvals/{id}", headers=mallory),
    ):
        assert answer.status_code == 404
    assert office.client.get("/api/v1/approvals", headers=mallory).json()["approvals"] == []


def test_approvers_of_a_protection_need_no_other_right(office: Office) -> None:
    office.protect(approvers="approvers")
    id = office.ask(office.as_("alice"))
    assert office.approve(office.as_("carol", "approvers"), id).json()["state"] == "done"


def test_several_approvals_are_those_of_several_people(office: Office, service: Service) -> None:
    office.protect(approvals=2)
    id = office.ask(office.as_("alice"))
    bob = office.as_("bob", "owners")
    assert office.approve(bob, id).json()["state"] == "pending"
    assert office.approve(office.as_("bob", "owners"), id).status_code == 409
    assert versions(service) == 0
    assert office.approve(office.as_("carol", "owners"), id).json()["state"] == "done"
    assert versions(service) == 1


def test_a_protection_that_became_stricter_counts_for_what_waits(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    office.protect(approvals=2)
    assert office.approve(office.as_("bob", "owners"), id).json()["state"] == "pending"
    assert office.approve(office.as_("carol", "owners"), id).json()["state"] == "done"


def test_it_is_made_once(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    bob = office.as_("bob", "owners")
    assert office.approve(bob, id).json()["state"] == "done"
    for who in (bob, office.as_("carol", "owners")):
        again = office.approve(who, id)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert versions(service) == 1


def test_a_refused_change_is_not_made(office: Office, service: Service) -> None:
    office.protect()
    alice, bob = office.as_("alice"), office.as_("bob", "owners")
    id = office.ask(alice)
    refused = office.refuse(bob, id, "not on a Friday").json()
    assert (refused["state"], refused["reason"]) == ("refused", "not on a Friday")
    assert refused["ended_by"].startswith("user:bob#")
    assert office.approve(bob, id).status_code == 409
    assert office.client.get(f"/api/v1/approvals/{id}", headers=alice).json()["state"] == "refused"
    assert versions(service) == 0


def test_one_withdraws_ones_own(office: Office) -> None:
    office.protect()
    alice = office.as_("alice")
    id = office.ask(alice)
    assert office.refuse(alice, id).json()["state"] == "withdrawn"
    assert office.approve(office.as_("bob", "owners"), id).status_code == 409


def test_what_waits_too_long_is_dropped(office: Office, service: Service, clock: Clock) -> None:
    office.protect(ttl_seconds=3600)
    id = office.ask(office.as_("alice"))
    bob = office.as_("bob", "owners")
    clock.advance(seconds=3600)
    assert office.approve(bob, id).status_code == 409
    assert office.client.get(f"/api/v1/approvals/{id}", headers=bob).json()["state"] == "expired"
    assert versions(service) == 0
    assert service.approvals.tidy() == 1
    clock.advance(days=31)
    service.approvals.tidy()
    assert service.approvals.page(service.tokens.authenticate(service.tokens.make_root().token.text, ""),
                                  states=frozenset(), after="", limit=10) == []  # fmt: skip


def test_the_condition_that_came_with_it_holds_when_it_is_made(office: Office, service: Service) -> None:
    office.save(office.as_("alice"))
    office.protect()
    id = office.ask(office.as_("alice"), headers={"If-Match": '"1"'})
    other = office.ask(office.as_("dave"), payload=b"other")
    bob = office.as_("bob", "owners")
    assert office.approve(bob, other).json()["state"] == "done"
    late = office.approve(bob, id).json()
    assert (late["state"], late["outcome"]["status"], late["outcome"]["code"]) == ("failed", 412, "stale_expectation")
    assert versions(service) == 2


def test_policies_are_asked_again_when_it_is_made(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"))
    office.client.put("/api/v1/policies/writers", json={"rules": []})
    failed = office.approve(office.as_("bob", "owners"), id).json()
    assert (failed["state"], failed["outcome"]["code"]) == ("failed", "forbidden")
    assert versions(service) == 0


def test_a_revoked_token_changes_nothing_any_more_and_an_expired_one_does(office: Office, service: Service) -> None:
    office.protect()
    revoked, alice = office.as_("mallory"), office.as_("alice")
    stolen, fine = office.ask(revoked), office.ask(alice, payload=b"fine")
    revoke(service, revoked)
    bob = office.as_("bob", "owners")
    failed = office.approve(bob, stolen).json()
    assert (failed["state"], "revoked" in failed["outcome"]["message"]) == ("failed", True)
    assert office.approve(bob, fine).json()["state"] == "done"


def test_a_revoked_token_changes_nothing_either_when_its_record_is_gone(
    office: Office, service: Service, clock: Clock
) -> None:
    office.protect(ttl_seconds=30 * 86400)
    mallory = office.as_("mallory")
    first, second = office.ask(mallory), office.ask(mallory, payload=b"another")
    revoke(service, mallory)
    clock.advance(days=2)
    assert service.tokens.tidy() >= 1
    service.approvals.tidy()
    for id in (first, second):
        told = office.approve(office.as_("bob", "owners"), id).json()
        assert (told["state"], "revoked" in told["outcome"]["message"]) == ("failed", True)
    assert versions(service) == 0
    clock.advance(days=90)
    service.approvals.tidy()
    with service.records.reading() as session:
        assert session.count("approval-asker") == session.count("approval") == 0


def test_what_waits_of_one_requester_is_bounded_in_bytes(
    office: Office, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "PENDING_BYTES_MAX", 4000)
    office.protect()
    alice = office.as_("alice")
    office.ask(alice, payload=b"a" * 1000)
    office.ask(alice, payload=b"b" * 1000)
    assert office.save(alice, payload=b"c" * 1000, overwrite=True).status_code == 409
    office.ask(office.as_("carol"), payload=b"c" * 1000)


def test_a_workspace_goes_with_what_is_protected_in_it_when_somebody_else_approves(
    office: Office, service: Service
) -> None:
    for name in ("lake", "pond"):
        assert office.client.post("/api/v1/workspaces", json={"name": name}).status_code == 200
    office.protect(paths=["lake/prod-*"], verbs=["destroy"], approvers="approvers")
    waiting = office.client.delete("/api/v1/workspaces/lake?force=true")
    assert waiting.status_code == 202
    assert office.client.delete("/api/v1/workspaces/pond?force=true").status_code == 200
    assert "lake" in service.workspaces.names()
    told = office.approve(office.as_("bob", "approvers"), waiting.json()["approval"]).json()
    assert told["state"] == "done"
    assert "lake" not in service.workspaces.names()


def as_account(office: Office, who: dict[str, str], account: str) -> dict[str, str]:
    """A token of an account, that somebody makes."""
    made = office.client.post("/api/v1/tokens", json={"account": account}, headers=who)
    assert made.status_code == 201, made.text
    return bearer(made.json()["token"])


@pytest.fixture
def accounts(office: Office) -> Office:
    """Accounts ci and cd, which approve and write, and make tokens for each other."""
    rules = [{"effect": "allow", "paths": [":service/tokens", ":service/identities/*"], "verbs": ["write"]}]
    assert office.client.put("/api/v1/policies/makers", json={"rules": rules}).status_code == 200
    for name in ("ci", "cd"):
        body = {"policies": _ALL}
        assert office.client.put(f"/api/v1/identities/accounts/{name}", json=body).status_code == 200
    return office


_ALL = ["writers", "approvers", "makers"]


def test_nobody_approves_by_an_account_that_he_makes_tokens_for(accounts: Office) -> None:
    accounts.protect(approvers="approvers")
    alice = accounts.as_("alice", *_ALL)
    id = accounts.ask(alice)
    ci = as_account(accounts, alice, "ci")
    for own in (ci, as_account(accounts, ci, "cd")):  # and by one that this one makes tokens for
        answer = accounts.approve(own, id)
        assert (answer.status_code, "one person" in answer.text) == (403, True)
    of_others = as_account(accounts, accounts.as_("carol", *_ALL), "ci")
    assert accounts.approve(of_others, id).json()["state"] == "done"


def test_nobody_approves_what_he_asked_for_by_an_account(accounts: Office) -> None:
    accounts.protect(approvers="approvers")
    alice = accounts.as_("alice", *_ALL)
    id = accounts.ask(as_account(accounts, alice, "ci"))
    for own in (alice, as_account(accounts, alice, "cd")):
        assert accounts.approve(own, id).status_code == 403
    assert accounts.approve(as_account(accounts, {}, "cd"), id).json()["state"] == "done"  # root made that


def test_who_approves_by_an_account_too_counts_once(accounts: Office) -> None:
    accounts.protect(approvers="approvers", approvals=2)
    id, bob = accounts.ask(accounts.as_("alice", *_ALL)), accounts.as_("bob", *_ALL)
    assert accounts.approve(bob, id).json()["state"] == "pending"
    assert accounts.approve(as_account(accounts, bob, "ci"), id).status_code == 409
    assert accounts.approve(accounts.as_("carol", *_ALL), id).json()["state"] == "done"


def test_nobody_approves_by_a_role_whose_secret_id_he_made(accounts: Office) -> None:
    accounts.protect(approvers="approvers")
    role = {"token_policies": _ALL}
    assert accounts.client.put("/api/v1/identities/approles/etl", json=role).status_code == 200
    alice = accounts.as_("alice", *_ALL)
    id = accounts.ask(alice)
    path, logs_in = "/api/v1/identities/approles/etl/secret-ids", "/api/v1/auth/approle/login"
    for who, status in ((alice, 403), ({}, 200)):
        made = accounts.client.post(path, json={}, headers=who).json()
        both = {"role_id": made["role_id"], "secret_id": made["secret_id"]}
        token = accounts.client.post(logs_in, json=both, headers={"Authorization": ""}).json()["token"]
        assert accounts.approve(bearer(token), id).status_code == status


def test_an_expired_token_leaves_its_changes(office: Office, service: Service, clock: Clock) -> None:
    office.protect(ttl_seconds=30 * 86400)
    id = office.ask(office.as_("alice"))
    clock.advance(days=2)
    service.tokens.tidy()
    assert office.approve(office.as_("bob", "owners"), id).json()["state"] == "done"


def test_one_request_that_changes_a_thing_in_two_ways_waits_once(office: Office, service: Service) -> None:
    office.protect()
    id = office.ask(office.as_("alice"), labels=["stable"])
    assert office.approve(office.as_("bob", "owners"), id).json()["state"] == "done"
    assert service.registry("default").head("prod-db").labels["stable"] == 1


def test_an_approval_is_of_one_thing(office: Office, service: Service) -> None:
    office.save(office.as_("alice"))
    office.save(office.as_("alice"), "prod-user", references=["prod-db"])
    office.protect()
    alice, bob = office.as_("alice"), office.as_("bob", "owners")
    asked = office.client.delete("/api/v1/workspaces/default/documents/prod-db?cascade=true", headers=alice)
    failed = office.approve(bob, asked.json()["approval"]).json()
    assert (failed["state"], failed["outcome"]["code"]) == ("failed", "approval_needed")
    assert versions(service, "prod-user") == 1


def test_the_same_change_waits_once(office: Office) -> None:
    office.protect()
    alice = office.as_("alice")
    assert office.ask(alice) == office.ask(alice) == office.ask(office.as_("alice"))
    assert office.ask(alice, payload=b"another") != office.ask(alice)
    assert office.ask(office.as_("bob")) != office.ask(alice)


def test_no_one_fills_the_house(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom_service.approvals.approvals.PENDING_MAX", 2)
    office.protect()
    alice = office.as_("alice")
    for payload in (b"1", b"2"):
        office.ask(alice, payload=payload)
    assert office.save(alice, payload=b"3").status_code == 409
    assert office.save(office.as_("carol"), payload=b"3").status_code == 202


def test_a_payload_that_waits_shows_nowhere(office: Office, service: Service) -> None:
    office.protect()
    secret = ("canary" + "-in-waiting").encode()
    answer = office.save(office.as_("alice"), payload=secret)
    id = answer.json()["approval"]
    bob = office.as_("bob", "owners")
    texts = [answer.text, office.client.get("/api/v1/approvals", headers=bob).text, office.approve(bob, id).text]
    assert not [text for text in texts if secret.decode() in text]
    assert service.records.get("approval", id, _waiting()).body == ""


def _waiting() -> type:
    from strongroom_service.approvals.waiting import Waiting

    return Waiting


def test_listing_is_by_state_and_page(office: Office) -> None:
    office.protect()
    alice, bob = office.as_("alice"), office.as_("bob", "owners")
    ids = sorted(office.ask(alice, payload=bytes([n])) for n in range(5))
    office.refuse(bob, ids[2])
    seen, after = [], ""
    while after is not None:
        page = office.client.get(f"/api/v1/approvals?state=pending&limit=2&after={after}", headers=bob).json()
        seen += [one["id"] for one in page["approvals"]]
        after = page["next"]
    assert seen == ids[:2] + ids[3:]
    refused = office.client.get("/api/v1/approvals?state=refused", headers=alice).json()["approvals"]
    assert [one["id"] for one in refused] == [ids[2]]


def test_policies_and_protections_can_be_protected_themselves(office: Office) -> None:
    paths = {"paths": [":service/protections/**", ":service/policies/*"], "verbs": ["administer"]}
    assert office.client.put("/api/v1/protections/keepers", json=paths).status_code == 200
    office.client.put("/api/v1/protections/prod", json={"paths": ["default/prod-*"]})
    removal = office.client.delete("/api/v1/protections/keepers")
    assert removal.status_code == 202
    change = office.client.put("/api/v1/policies/writers", json={"rules": []})
    assert change.status_code == 202
    assert "keepers" in office.client.get("/api/v1/protections").text


def test_who_was_disabled_or_left_the_group_changes_nothing_any_more(office: Office, service: Service) -> None:
    from strongroom_service.identity.grant import Grant
    from strongroom_service.identity.people import Account

    office.protect()
    ids = {}
    for name in ("gone", "moved", "stays"):
        service.directory.put("account", name, Account(policies=("writers",)))
        grant = Grant(identity=f"account:{name}", origin=f"account.{name}", policies=None)
        ids[name] = office.ask(bearer(service.tokens.issue(grant).token.text), payload=name.encode())
    service.directory.put("account", "gone", Account(policies=("writers",), disabled=True))
    service.directory.put("account", "moved", Account(policies=()))
    bob = office.as_("bob", "owners")
    assert {name: office.approve(bob, id).json()["state"] for name, id in ids.items()} == {
        "gone": "failed",
        "moved": "failed",
        "stays": "done",
    }


def test_a_registry_over_http_says_that_the_change_waits(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from strongroom_registry import open_registry
    from strongroom_registry.errors import ApprovalPending
    from strongroom_service.approvals.protection import Protection
    from strongroom_service.client import opened_client

    monkeypatch.setenv("STRONGROOM_REGISTRY", served.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", served.token)
    with opened_client() as client:
        client.do("PUT", "/protections/prod", Protection(paths=("default/prod-*",)))
    with open_registry() as registry:
        assert registry.put("dev-db", type="t", schema="1", payload=b"x").number == 1
        with pytest.raises(ApprovalPending, match="until somebody else approves it"):
            registry.put("prod-db", type="t", schema="1", payload=b"x")
        assert not registry.exists("prod-db")


def test_what_waits_is_told_in_clear_though_the_answer_was_to_be_wrapped(office: Office) -> None:
    office.protect()
    alice = office.as_("alice")
    asked = {"If-None-Match": "*", "Idempotency-Key": "k1", "Strongroom-Wrap-TTL": "60"}
    first, again = (office.save(alice, headers=asked) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.json()["approval"] == again.json()["approval"]
    assert office.approve(office.as_("bob", "owners"), first.json()["approval"]).json()["state"] == "done"


def test_the_description_of_the_interface_says_that_changes_may_wait(office: Office) -> None:
    described = office.client.get("/api/v1/openapi.json").json()
    of_documents = described["paths"]["/api/v1/workspaces/{workspace}/documents/{name}"]
    assert of_documents["put"]["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "AskedForApproval"
    )
    assert "202" not in of_documents["get"]["responses"]


def shown(office: Office, who: dict[str, str], id: str) -> dict[str, Any]:
    told: dict[str, Any] = office.client.get(f"/api/v1/approvals/{id}", headers=who).json()["change"]
    return told


def test_an_approver_sees_what_would_be_written_and_no_secret(office: Office) -> None:
    office.protect()
    alice, bob, secret = office.as_("alice"), office.as_("bob", "owners"), "canary" + "-in-a-field"
    fields = {"host": "db", "password": {"$secret": "str", "$value": secret}, "port": 5432, "url": "b"}
    public = {"host": "db", "port": 5432, "url": "a", "more": 1}
    payload = json.dumps({"$exact": fields}).encode()
    id = office.ask(alice, payload=payload, public=base64.b64encode(json.dumps(public).encode()).decode(), labels=["x"])
    told = shown(office, bob, id)
    assert (told["values"]["public"], told["values"]["labels"], told["values"]["type"]) == (public, ["x"], "secret")
    assert told["hidden"] == ["payload.password"]
    assert told["unconfirmed"] == ["url", "more"]  # what counts is the payload
    assert secret not in json.dumps(told)
    assert "change" not in office.client.get("/api/v1/approvals", headers=bob).json()["approvals"][0]
    office.approve(bob, id)
    assert shown(office, bob, id) is None


@pytest.mark.parametrize("payload", [b"no json", b"[1]", b"\xff", b"[" * 5000])
def test_of_a_payload_that_is_no_block_nothing_is_told(office: Office, payload: bytes) -> None:
    office.protect()
    told = shown(office, office.as_("bob", "owners"), office.ask(office.as_("alice"), payload=payload))
    assert (told["hidden"], told["values"]["public"]) == (["payload"], {})


def test_of_other_changes_is_told_what_whoever_views_the_thing_sees(office: Office) -> None:
    rules = [{"effect": "allow", "paths": [":service/**"], "verbs": ["*"]}]
    assert office.client.put("/api/v1/policies/all", json={"rules": rules}).is_success
    office.protect(paths=[":service/**"], verbs=["administer", "write"])
    alice, bob, secret = office.as_("alice", "all"), office.as_("bob", "all"), "canary" + "-in-a-body"
    settings = {"type": "oidc", "issuer": "https://id.example.com", "client_id": "c", "client_secret": secret}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "policies/p": ("PUT", {"rules": rules, "description": "all of it"}),
        "identities/users/al": ("PUT", {"policies": ["p"]}),
        "identities/providers/id": ("PUT", {"settings": settings}),
        "wraps": ("POST", {"value": {"a": secret}}),
    }
    told = {}
    for path, (method, body) in bodies.items():
        asked = office.client.request(method, f"/api/v1/{path}", json=body, headers=alice)
        assert asked.status_code == 202, asked.text
        told[path] = shown(office, bob, asked.json()["approval"])
    assert secret not in json.dumps(told)
    assert told["policies/p"]["values"]["rules"][0]["paths"] == [":service/**"]
    assert told["identities/users/al"]["values"]["policies"] == ["p"]
    provider = told["identities/providers/id"]
    assert (provider["values"]["settings"]["issuer"], provider["hidden"]) == (
        "https://id.example.com",
        ["settings.client_secret"],
    )
    assert told["wraps"] == {"values": {}, "hidden": ["value"], "unconfirmed": []}


@pytest.mark.parametrize("fails", [False, True])
def test_keys_are_rotated_when_that_was_approved(
    office: Office, service: Service, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """It tells how far it is as it goes on, to nobody here."""
    rules = [{"effect": "allow", "paths": ["default/:keys"], "verbs": ["rotate", "administer"]}]
    assert office.client.put("/api/v1/policies/keys", json={"rules": rules}).is_success
    office.protect(paths=["default/:keys"], verbs=["rotate"])
    asked = office.client.post(
        "/api/v1/workspaces/default/keys/rotation", json={"level": "workspace"}, headers=office.as_("alice", "keys")
    )
    registry = service.registry("default")
    if fails:
        monkeypatch.setattr(type(registry), "rotate", _away)
    done = office.approve(office.as_("bob", "keys"), asked.json()["approval"]).json()
    assert done["state"] == ("failed" if fails else "done")
    assert done["outcome"]["code"] == ("store_unavailable" if fails else "")
    assert registry.keys()[0].epoch == (1 if fails else 2)
    if not fails:
        (entry, *_) = [one for one in registry.audit() if "rotat" in one.action]
        assert entry.actor.startswith("user:alice#")


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailable("The database is away.", "Try again later.")
