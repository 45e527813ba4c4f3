"""What went wrong with the rights of other products, asked of this one over HTTP: each was an advisory."""

from __future__ import annotations

from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.service import Service

DOCUMENTS = "/api/v1/workspaces/default/documents"


def write(client: TestClient, name: str, *rules: tuple[str, str, list[str]]) -> None:
    body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs} for effect, path, verbs in rules]}
    answer = client.put(f"/api/v1/policies/{name}", json=body)
    assert answer.status_code == 200, answer.text


@pytest.fixture(autouse=True)
def blocks(service: Service) -> None:
    for name in ("open", "secret-db"):
        service.registry("default").put(name, type="secret", schema="1", payload=b"x")


@pytest.mark.parametrize("listing", [DOCUMENTS, f"{DOCUMENTS}?deleted=true", "/api/v1/workspaces/default/names"])
def test_a_listing_does_not_get_round_a_more_specific_deny(
    client: TestClient, token_for: TokenFor, listing: str
) -> None:
    write(client, "staff", ("allow", "**", ["list", "view"]), ("deny", "default/secret-*", ["*"]))
    answer = client.get(listing, headers=bearer(token_for("staff")))
    assert answer.status_code == 200
    assert "open" in answer.text
    assert "secret-db" not in answer.text


@pytest.mark.parametrize("search", ["x", "secret", ""])
def test_a_search_finds_nothing_that_may_not_be_seen(client: TestClient, token_for: TokenFor, search: str) -> None:
    write(client, "names", ("allow", "default/*", ["list"]), ("deny", "default/secret-*", ["*"]))
    answer = client.get(DOCUMENTS, params={"search": search}, headers=bearer(token_for("names")))
    assert "secret-db" not in answer.text


@pytest.mark.parametrize("name", ["*", "d*", "default/secret-db", "+", "{{identity.name}}", "default/**"])
def test_a_name_of_an_identity_is_no_glob(client: TestClient, token_for: TokenFor, name: str) -> None:
    write(client, "own", ("allow", "{{identity.name}}/*", ["list", "reveal"]))
    token = bearer(token_for("own", identity=f"account:{name}"))
    assert client.get(f"{DOCUMENTS}/secret-db/payload", headers=token).status_code == 403
    assert client.get(DOCUMENTS, headers=token).json().get("documents", []) == []


@pytest.mark.parametrize(
    "path",
    ["open/../secret-db/payload", "open%2f..%2fsecret-db/payload", "..%2fdocuments%2fsecret-db/payload",
     "open/%2e%2e/secret-db/payload", "./secret-db/payload", "//secret-db/payload", "open%00/payload",
     "open%5c..%5csecret-db/payload", "SECRET-DB/payload", "secret-db%20/payload", "Secret-db/payload"],
)  # fmt: skip
def test_a_path_has_one_form_and_that_is_the_one_which_is_asked_about(
    client: TestClient, token_for: TokenFor, path: str
) -> None:
    write(client, "staff", ("allow", "**", ["view", "reveal"]), ("deny", "default/secret-*", ["*"]))
    answer = client.request("GET", f"{client.base_url}{DOCUMENTS}/{path}", headers=bearer(token_for("staff")))
    assert answer.status_code in (400, 403, 404), answer.text
    assert "payload" not in answer.json()


@pytest.mark.parametrize("name", ["Root", "ROOT", "rooT", " root", "root ", "ｒｏｏｔ", "DEFAULT", "Default"])
def test_no_policy_is_root_in_other_letters(client: TestClient, token_for: TokenFor, name: str) -> None:
    body: dict[str, Any] = {"rules": [{"effect": "allow", "paths": ["**"], "verbs": ["*"]}]}
    assert client.put(f"/api/v1/policies/{name}", json=body).status_code == 400
    write(client, "maker", ("allow", ":service/tokens", ["write", "administer"]))
    maker = bearer(token_for("maker"))
    made = client.post("/api/v1/tokens", json={"policies": [name]}, headers=maker)
    if made.status_code < 400:
        child = bearer(made.json()["token"])
        assert client.get(f"{DOCUMENTS}/secret-db/payload", headers=child).status_code == 403
    assert client.post("/api/v1/tokens", json={"policies": ["root"]}, headers=maker).status_code == 403


def test_what_is_denied_is_not_given_up_by_giving_a_token_less(client: TestClient, token_for: TokenFor) -> None:
    write(client, "staff", ("allow", "default/*", ["reveal"]), ("allow", ":service/tokens", ["write"]))
    write(client, "contractor", ("deny", "default/secret-*", ["*"]))
    mine = bearer(token_for("staff", "contractor"))
    made = client.post("/api/v1/tokens", json={"policies": ["staff"]}, headers=mine)
    if made.status_code < 400:
        mine = bearer(made.json()["token"])
    assert client.get(f"{DOCUMENTS}/secret-db/payload", headers=mine).status_code == 403
    assert client.get(f"{DOCUMENTS}/open/payload", headers=mine).status_code == 200


def test_rights_in_one_workspace_are_none_in_another(client: TestClient, token_for: TokenFor, service: Service) -> None:
    service.workspaces.add("other")
    service.registry("other").put("open", type="secret", schema="1", payload=b"x")
    write(client, "here", ("allow", "default/**", ["*"]))
    here = bearer(token_for("here"))
    for workspace, status in (("default", 200), ("other", 403), ("strongroom.service", 403)):
        base = f"/api/v1/workspaces/{workspace}"
        assert client.get(f"{base}/documents/open/payload", headers=here).status_code == status
        assert client.get(f"{base}/anchor", headers=here).status_code == status


def test_the_services_own_workspace_is_served_to_nobody(client: TestClient) -> None:
    client.put("/api/v1/policies/p", json={"rules": []})
    for path in ("documents/policy.p/payload", "documents", "names", "anchor", "audit", "keys"):
        answer = client.get(f"/api/v1/workspaces/strongroom.service/{path}")
        assert answer.status_code == 404, path


def test_a_name_is_that_of_one_policy_alone(client: TestClient) -> None:
    vault = client.put("/v1/sys/policies/acl/ops", json={"policy": 'path "secret/*" { capabilities = ["read"] }'})
    assert vault.status_code == 204
    taken = client.put("/api/v1/policies/ops", json={"rules": []})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")
    asked = {"verb": "view", "path": "default/db", "subject": {"policies": ["ops", "gone"]}}
    assert client.post("/api/v1/policies/:explain", json=asked).json()["missing"] == ["gone"]


VAULT_ADMIN = """
path "auth/*" { capabilities = ["create", "update", "read", "sudo"] }
path "sys/*" { capabilities = ["create", "update", "sudo"] }
"""


@pytest.fixture
def vault_admin(client: TestClient, token_for: TokenFor) -> dict[str, str]:
    """Somebody who may do everything with tokens and roles beneath ``/v1``, and who is denied a block."""
    for kind in ("approle", "userpass"):
        client.post(f"/v1/sys/auth/{kind}", json={"type": kind})
    assert client.put("/v1/sys/policies/acl/vault-admin", json={"policy": VAULT_ADMIN}).status_code == 204
    write(client, "all", ("allow", "**", ["*"]))
    write(client, "staff", ("allow", "default/*", ["reveal"]))
    write(client, "contractor", ("deny", "default/secret-*", ["*"]))
    client.post("/v1/auth/token/roles/free", json={"allowed_policies_glob": ["*"]})
    client.post("/v1/auth/approle/role/boss", json={"token_policies": ["all"]})
    client.post("/v1/auth/userpass/users/boss", json={"password": "boss-" * 5, "policies": ["all"]})
    return {"X-Vault-Token": token_for("vault-admin", "staff", "contractor")}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("token/create", {"policies": ["all"]}),
        ("token/create", {"policies": ["staff"]}),
        ("token/create-orphan", {"policies": ["all"]}),
        ("token/create/free", {"policies": ["all"]}),
        ("token/create/free", {"policies": ["staff"]}),
        ("token/roles/mine", {"allowed_policies": ["all"]}),
        ("approle/role/mine", {"token_policies": ["all"]}),
        ("approle/role/boss/secret-id", {}),
        ("userpass/users/mine", {"password": "mine-" * 5, "policies": ["all"]}),
        ("userpass/users/boss/password", {"password": "mine-" * 5}),
        ("userpass/users/boss/policies", {"policies": ["staff"]}),
    ],
)
def test_rights_in_vaults_language_give_none_in_strongrooms(
    client: TestClient, vault_admin: dict[str, str], path: str, body: dict[str, Any]
) -> None:
    refused = client.post(f"/v1/auth/{path}", json=body, headers={"Authorization": ""} | vault_admin)
    assert refused.status_code in (400, 403), refused.text
    assert "You may not give" in refused.text or "goes with what you give" in refused.text, refused.text


def test_what_ones_own_policies_allow_is_given_in_vaults_way(client: TestClient, vault_admin: dict[str, str]) -> None:
    own = {"policies": ["staff", "contractor", "vault-admin"]}
    for path, body in (("token/create", own), ("approle/role/mine", {"token_policies": ["vault-admin"]})):
        made = client.post(f"/v1/auth/{path}", json=body, headers={"Authorization": ""} | vault_admin)
        assert made.status_code in (200, 204), made.text
