"""``sys``: mounts, policies, capabilities, audit devices, tools, health."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from servers.service import TokenFor
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.service import Service
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.engines import SECRETS

if TYPE_CHECKING:
    from conftest import Vault


def _workspaces(service: Service) -> list[str]:
    return [name for name in service.workspaces.names() if name.startswith("vault.")]


def test_a_mount_has_a_workspace_and_goes_with_it(vault: Vault, service: Service) -> None:
    vault.mount("team/kv", description="of the team")
    listed = vault.get("sys/mounts").json()["data"]
    assert listed["team/kv/"]["options"] == {"version": "2"}
    assert listed["team/kv/"]["description"] == "of the team"
    assert set(listed) == {"team/kv/", "blocks/", "sys/"}
    assert len(_workspaces(service)) == 1
    vault.put("team/kv/data/a", data={"n": 1})
    assert vault.delete("sys/mounts/team/kv").status_code == 204
    assert _workspaces(service) == []
    assert vault.get("team/kv/data/a").status_code == 404
    assert vault.delete("sys/mounts/team/kv").status_code == 204


def test_a_mount_at_the_path_of_a_former_one_is_empty(vault: Vault) -> None:
    for _ in range(2):
        vault.mount("kv")
        assert vault.get("kv/data/a").status_code == 404
        vault.put("kv/data/a", data={})
        vault.delete("sys/mounts/kv")


@pytest.mark.parametrize("path", ["kv", "kv/x", "kv/x/y", "blocks", "blocks/x", "sys", "sys/x", "auth/x", "identity"])
def test_a_path_that_is_taken_is_refused(vault: Vault, service: Service, path: str) -> None:
    vault.mount("kv")
    vault.mount("deep/er")
    for taken in (path, "deep"):
        answer = vault.put(f"sys/mounts/{taken}", type="kv")
        assert answer.status_code == 400
    assert len(_workspaces(service)) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "pki"},
        {"type": "blocks"},
        {"type": "kv", "options": {"version": "3"}},
        {"type": "kv", "options": {"verzion": "2"}},
        {"type": "kv", "options": "2"},
        {"type": "kv-v2", "options": {"version": "1"}},
        {"type": "kv", "local": True},
        {"type": "kv", "config": {"max_lease_ttl": "long"}},
        {"type": "transit", "options": {"version": "2"}},
    ],
)
def test_a_mount_of_what_there_is_not_is_refused(vault: Vault, service: Service, body: dict[str, Any]) -> None:
    assert vault.put("sys/mounts/x", **body).status_code == 400
    assert _workspaces(service) == []


@pytest.mark.parametrize("path", ["a*", "a+b", "+", "a b/", "x" * 201])
def test_a_path_that_policies_could_not_name_is_refused(vault: Vault, path: str) -> None:
    answer = vault.put(f"sys/mounts/{path}", type="kv")
    assert answer.status_code in (204, 400)
    assert (answer.status_code == 204) is (path == "a b/")


def test_what_has_no_effect_is_said(vault: Vault) -> None:
    answer = vault.put("sys/mounts/kv", type="kv", config={"force_no_cache": True, "max_lease_ttl": "1h"})
    assert answer.json()["warnings"] == ["has no effect here: force_no_cache"]
    assert vault.get("sys/mounts/kv/tune").json()["data"]["max_lease_ttl"] == 3600


def test_a_mount_is_tuned_and_moved_with_what_it_has(vault: Vault) -> None:
    vault.mount("kv")
    vault.put("kv/data/a", data={"n": 1})
    assert vault.put("sys/mounts/kv/tune", default_lease_ttl="1h", description="new").status_code == 204
    assert vault.ask("POST", "sys/remount", json={"from": "kv", "to": "moved/kv"}).status_code == 204
    assert vault.get("kv/data/a").status_code == 404
    assert vault.get("moved/kv/data/a").json()["data"]["data"] == {"n": 1}
    tuned = vault.get("sys/mounts/moved/kv/tune").json()
    assert (tuned["data"]["default_lease_ttl"], tuned["description"]) == (3600, "new")
    for body in ({"from": "none", "to": "x"}, {"from": "moved/kv", "to": "sys/x"}, {"from": "blocks", "to": "x"}, {}):
        assert vault.ask("POST", "sys/remount", json=body).status_code == 400


def test_a_removal_that_broke_off_is_finished_by_the_next_change(
    vault: Vault, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.mount("kv")
    vault.put("kv/data/a", data={"n": 1})
    with monkeypatch.context() as broken:
        broken.setattr(service.workspaces, "remove", _crash)
        with pytest.raises(KeyboardInterrupt):
            mounting.disable(service, SECRETS, "kv")
    assert vault.get("kv/data/a").status_code == 404
    assert "kv/" not in vault.get("sys/mounts").json()["data"]
    assert len(_workspaces(service)) == 1
    vault.mount("kv")
    assert len(_workspaces(service)) == 1
    assert vault.get("kv/data/a").status_code == 404


def test_files_that_cannot_be_cleaned_now_do_not_keep_a_mount(
    vault: Vault, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.mount("kv")
    remove = service.workspaces.remove

    def removed(name: str, *, force: bool) -> None:
        remove(name, force=force)
        raise StoreUnavailable("It is removed, and bytes may still stand in the files.")

    monkeypatch.setattr(service.workspaces, "remove", removed)
    assert vault.delete("sys/mounts/kv").status_code == 204
    assert "kv/" not in vault.get("sys/mounts").json()["data"]


def test_clients_find_the_version_of_a_mount(vault: Vault, token_for: TokenFor) -> None:
    vault.mount("team/kv")
    found = vault.get("sys/internal/ui/mounts/team/kv/a/b").json()["data"]
    assert (found["path"], found["type"], found["options"]) == ("team/kv/", "kv", {"version": "2"})
    vault.policy("team", 'path "team/kv/data/*" { capabilities = ["read"] }')
    reader, nobody = vault.of(token_for("team", "default")), vault.of(token_for("default"))
    assert reader.get("sys/internal/ui/mounts/team/kv").status_code == 200
    assert set(reader.get("sys/internal/ui/mounts").json()["data"]["secret"]) == {"team/kv/"}
    assert nobody.get("sys/internal/ui/mounts/team/kv").status_code == 403
    assert nobody.get("sys/internal/ui/mounts").json()["data"]["secret"] == {}


def test_a_policy_is_kept_as_it_was_written(vault: Vault) -> None:
    text = '# mine\n  path "secret/*"   { capabilities = ["read"] }\n'
    assert vault.put("sys/policy/mine", policy=text).status_code == 204
    old, new = vault.get("sys/policy/mine").json(), vault.get("sys/policies/acl/mine").json()
    assert (old["rules"], old["data"]["rules"], new["data"]["policy"]) == (text, text, text)
    assert vault.get("sys/policy").json()["policies"] == ["default", "mine", "root"]
    assert vault.list("sys/policies/acl").json()["data"]["keys"] == ["default", "mine", "root"]
    assert vault.delete("sys/policy/mine").status_code == 204
    assert vault.get("sys/policy/mine").status_code == 404


def test_what_is_always_there_stays(vault: Vault) -> None:
    for name in ("root", "default"):
        assert vault.delete(f"sys/policy/{name}").status_code == 400
        assert vault.get(f"sys/policy/{name}").status_code == 200
    assert vault.put("sys/policy/bad name", policy="").status_code == 400
    assert vault.put("sys/policy/bad", policy='path "a" {').status_code == 400
    assert vault.delete("sys/mounts/blocks").status_code == 400
    assert vault.delete("sys/auth/token").status_code == 400


def test_a_changed_policy_holds_from_the_next_request_on(secret: Vault, token_for: TokenFor) -> None:
    secret.put("secret/data/a", data={})
    token = secret.of(token_for("p"))
    assert token.get("secret/data/a").status_code == 403
    secret.policy("p", 'path "secret/*" { capabilities = ["read"] }')
    assert token.get("secret/data/a").status_code == 200
    secret.delete("sys/policy/p")
    assert token.get("secret/data/a").status_code == 403


def test_capabilities_are_told(vault: Vault, token_for: TokenFor, service: Service) -> None:
    vault.policy("p", 'path "secret/*" { capabilities = ["read", "list"] }')
    text = token_for("p", "default")
    found = vault.of(text).put("sys/capabilities-self", paths=["secret/a", "sys/seal"]).json()["data"]
    assert found == {"secret/a": ["list", "read"], "sys/seal": ["deny"], "capabilities": ["list", "read"]}
    of_token = vault.put("sys/capabilities", token=text, path="secret/a").json()["data"]
    accessor = service.tokens.lookup(text)[0]
    of_accessor = vault.put("sys/capabilities-accessor", accessor=accessor, paths=["secret/a"]).json()["data"]
    assert of_token == of_accessor == {"secret/a": ["list", "read"], "capabilities": ["list", "read"]}
    assert vault.put("sys/capabilities-self", paths=["x"]).json()["data"]["x"] == ["root"]
    assert vault.put("sys/capabilities-self").status_code == 400
    assert vault.put("sys/capabilities", token="s.none", paths=["x"]).status_code in (400, 404)


def test_an_audit_device_leads_nothing_to_a_file(vault: Vault, tmp_path: Any) -> None:
    place = tmp_path / "audit.log"
    answer = vault.put("sys/audit/mine", type="file", options={"file_path": str(place)})
    assert "not used" in answer.json()["warnings"][0]
    listed = vault.get("sys/audit").json()["data"]
    assert listed["mine/"]["options"] == {"registry_audit": "strongroom.service"}
    first, second = (vault.put("sys/audit-hash/mine", input="x").json()["data"]["hash"] for _ in range(2))
    assert first == second
    assert first.startswith("hmac-sha256:")
    assert vault.put("sys/audit/mine", type="file").status_code == 400
    assert vault.put("sys/audit/other", type="exec").status_code == 400
    assert vault.delete("sys/audit/mine").status_code == 204
    assert vault.put("sys/audit-hash/mine", input="x").json()["errors"] == ["unknown audit backend: 'mine'"]
    assert not place.exists()


def test_tools_make_bytes_and_hashes(vault: Vault) -> None:
    assert len(base64.b64decode(vault.put("sys/tools/random/24").json()["data"]["random_bytes"])) == 24
    assert len(vault.put("sys/tools/random", bytes=3, format="hex").json()["data"]["random_bytes"]) == 6
    text = base64.b64encode(b"text").decode()
    assert vault.put("sys/tools/hash", input=text).json()["data"]["sum"] == hashlib.sha256(b"text").hexdigest()
    sum_ = vault.put("sys/tools/hash/sha2-512", input=text, format="base64").json()["data"]["sum"]
    assert base64.b64decode(sum_) == hashlib.sha512(b"text").digest()
    for path, body in (
        ("random/0", {}),
        ("random/x", {}),
        ("random", {"format": "x"}),
        ("hash", {"input": "?"}),
        ("hash/md5", {"input": text}),
        ("hash", {}),
    ):
        assert vault.put(f"sys/tools/{path}", **body).status_code == 400


def test_health_has_the_status_that_is_asked_for(vault: Vault) -> None:
    assert vault.get("sys/health", activecode=299).status_code == 299
    assert vault.get("sys/health", sealedcode=299).status_code == 200
    assert vault.get("sys/health", activecode="x").status_code == 400
    body = vault.get("sys/health").json()
    assert (body["initialized"], body["sealed"], body["standby"]) == (True, False, False)


def test_keys_are_rotated_and_all_is_read_as_before(secret: Vault) -> None:
    secret.put("secret/data/a", data={"n": 1})
    before = secret.get("sys/key-status").json()["data"]["term"]
    assert secret.put("sys/rotate").status_code == 204
    assert secret.get("sys/key-status").json()["term"] == before + 1
    assert secret.get("secret/data/a").json()["data"]["data"] == {"n": 1}


def test_a_server_whose_key_a_provider_has_is_not_sealed_over_http(vault: Vault) -> None:
    assert vault.get("sys/seal-status").json()["sealed"] is False
    for path in ("sys/seal", "sys/init", "sys/rekey/init", "sys/generate-root/attempt"):
        assert vault.put(path, secret_shares=1, secret_threshold=1).status_code == 400
    assert vault.get("sys/rekey/init").json()["started"] is False
    assert vault.get("sys/init").json() == {"initialized": True}
    assert vault.get("sys/rekey/backup").json() == {"errors": ["no backed-up keys found"]}


def test_auth_methods_are_mounted_and_tuned(vault: Vault) -> None:
    assert vault.put("sys/auth/machines", type="approle").status_code == 204
    assert set(vault.get("sys/auth").json()["data"]) == {"machines/", "token/"}
    assert vault.put("sys/auth/machines/tune", max_lease_ttl=7, description="x").status_code == 204
    assert vault.get("sys/auth/machines/tune").json()["data"]["max_lease_ttl"] == 7
    assert vault.put("sys/auth/other", type="github").status_code == 400
    assert vault.delete("sys/auth/machines").status_code == 204
    assert set(vault.get("sys/auth").json()["data"]) == {"token/"}


def _crash(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
