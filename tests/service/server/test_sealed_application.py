"""A server whose key comes from shares: from nothing to a registry, sealed, unsealed, with new shares."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from canaries import Plant
from servers.postgres import PostgresDatabase
from starlette.testclient import TestClient
from strongroom_registry import open_registry
from strongroom_registry.errors import KeyUnavailable
from strongroom_registry.settings import RegistrySettings
from strongroom_service.errors import CannotServe
from strongroom_service.http.application import Application
from strongroom_service.seal.shamir_key import HELD, Generation
from strongroom_service.seal.shamir_seal import ShamirSeal
from strongroom_service.seal.share import split
from strongroom_service.server.sealed_application import SealedApplication
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings


class Server:
    """A server with a seal, and the shares that it handed out."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.keys: list[str] = []
        self.token = ""

    def ask(self, method: str, path: str, **body: Any) -> Any:
        headers = {"X-Vault-Token": self.token} if self.token else {}
        return self.client.request(method, f"/v1/{path}", json=body or None, headers=headers)

    def put(self, path: str, **body: Any) -> Any:
        return self.ask("PUT", path, **body)

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def init(self, shares: int = 5, threshold: int = 3) -> None:
        made = self.put("sys/init", secret_shares=shares, secret_threshold=threshold).json()
        self.keys, self.token = made["keys"], made["root_token"]

    def unseal(self, keys: list[str] | None = None) -> Any:
        answer = None
        for key in (keys or self.keys)[:3]:
            answer = self.put("sys/unseal", key=key)
        return answer

    def rekey(self, keys: list[str], **more: Any) -> Any:
        nonce = self.put("sys/rekey/init", secret_shares=3, secret_threshold=2, **more).json()["nonce"]
        return [self.put("sys/rekey/update", key=key, nonce=nonce) for key in keys][-1].json()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that was just started, over nothing."""
    with _started() as client:
        yield Server(client)
    HELD.forget()


@pytest.fixture
def opened(server: Server) -> Server:
    """One that was initialised and unsealed, with a secret in it."""
    server.init()
    server.unseal()
    server.put("sys/mounts/secret", type="kv", options={"version": "2"})
    server.put("secret/data/a", data={"n": 1})
    return server


def _started() -> TestClient:
    seal = partial(ShamirSeal, ServerSettings(), RegistrySettings())
    return TestClient(SealedApplication(seal, Application))


def _is_sealed(server: Server) -> bool:
    return bool(server.get("sys/seal-status").json()["sealed"])


def test_from_nothing_to_a_server_that_answers(server: Server) -> None:
    assert server.get("sys/init").json() == {"initialized": False}
    assert server.get("sys/health").status_code == 501
    assert server.put("sys/unseal", key="00").status_code == 400
    server.init()
    assert len(set(server.keys)) == 5
    status = server.get("sys/seal-status").json()
    assert (status["initialized"], status["sealed"], status["t"], status["n"], status["type"]) == (
        True,
        True,
        3,
        5,
        "shamir",
    )
    assert server.get("sys/health").status_code == 503
    assert server.get("secret/data/a").json() == {"errors": ["Vault is sealed"]}
    for progress, key in enumerate(server.keys[1:3], 1):
        assert server.put("sys/unseal", key=key).json()["progress"] == progress
    assert server.put("sys/unseal", key=server.keys[4]).json()["sealed"] is False
    assert server.get("sys/health").status_code == 200
    assert server.get("auth/token/lookup-self").json()["data"]["policies"] == ["root"]
    assert server.put("sys/init", secret_shares=1, secret_threshold=1).status_code == 400


def test_a_registry_in_postgresql_is_made_opened_and_given_new_shares(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_REGISTRY", postgres.url)
    with _started() as client:
        server = Server(client)
        server.init()
        server.unseal()
        made = server.rekey(server.keys[:3])
        server.put("sys/seal")
        assert server.unseal(made["keys"]).json()["sealed"] is False
        assert server.get("auth/token/lookup-self").status_code == 200
    HELD.forget()


def test_a_share_that_is_handed_in_twice_counts_once(server: Server) -> None:
    server.init()
    for _ in range(4):
        answer = server.put("sys/unseal", key=server.keys[0]).json()
    assert (answer["progress"], answer["sealed"]) == (1, True)
    assert server.put("sys/unseal", reset=True).json()["progress"] == 0


def test_what_is_no_share_is_refused_and_spoils_nothing(server: Server) -> None:
    server.init()
    for number, key in enumerate(server.keys[:2], 1):
        assert server.put("sys/unseal", key=key).json()["progress"] == number
        for bogus in (
            "01" + "ab" * 32,
            "05" + "ab" * 32,
            "ff" + "ab" * 32,
            key[:-2] + ("00" if key[-2:] != "00" else "01"),
        ):
            answer = server.put("sys/unseal", key=bogus)
            assert answer.status_code == 400
            assert bogus not in answer.text
        assert server.get("sys/seal-status").json()["progress"] == number
    assert server.put("sys/unseal", key=server.keys[4]).json()["sealed"] is False


def test_what_somebody_handed_in_is_forgotten_from_there_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for a token here."""
    server.init()
    elsewhere = TestClient(server.client.app, client=("203.0.113.9", 50000))
    assert server.put("sys/unseal", key=server.keys[0]).json()["progress"] == 1
    for _ in range(3):
        assert elsewhere.put("/v1/sys/unseal", json={"reset": True}).json()["progress"] == 1
    assert elsewhere.put("/v1/sys/unseal", json={"key": server.keys[1]}).json()["progress"] == 2
    assert server.put("sys/unseal", reset=True).json()["progress"] == 1
    assert elsewhere.put("/v1/sys/unseal", json={"reset": True}).json()["progress"] == 0


def test_what_is_sealed_answers_nothing_until_it_is_unsealed(opened: Server) -> None:
    assert opened.put("sys/seal").status_code == 204
    assert _is_sealed(opened)
    for path in ("secret/data/a", "sys/mounts", "auth/token/lookup-self"):
        assert opened.get(path).status_code == 503
    told = opened.client.get("/api/v1/workspaces", headers={"X-Vault-Token": opened.token})
    assert (told.status_code, told.json()["error"]["code"]) == (503, "sealed")
    assert told.json()["error"]["message"] == "The server is sealed."
    ready = opened.client.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["checks"] == {"seal": "closed: `strongroom seal open`"}
    opened.unseal(opened.keys[2:])
    assert opened.get("secret/data/a").json()["data"]["data"] == {"n": 1}


def test_a_server_that_was_started_again_is_sealed(opened: Server) -> None:
    HELD.forget()
    with _started() as client:
        again = Server(client)
        assert again.get("sys/init").json() == {"initialized": True}
        assert _is_sealed(again)
        again.token = opened.token
        again.unseal(opened.keys)
        assert again.get("secret/data/a").json()["data"]["data"] == {"n": 1}


def test_nothing_on_the_disk_opens_the_registry(opened: Server, tmp_path: Any, canary: Plant) -> None:
    for key in opened.keys:
        canary(value=key)
    opened.put("sys/seal")
    with pytest.raises(KeyUnavailable, match="shares"):
        open_registry(key="shamir:", create=False)


def test_sealing_takes_a_token_that_may(opened: Server) -> None:
    opened.token = ""
    assert opened.put("sys/seal").status_code == 403
    assert not _is_sealed(opened)


def test_new_shares_open_and_the_former_ones_go_when_they_first_do(opened: Server) -> None:
    made = opened.rekey(opened.keys[:3])
    assert (made["complete"], len(made["keys"]), made["verification_required"]) == (True, 3, False)
    assert opened.put("sys/mounts/late", type="kv").status_code == 204
    opened.put("sys/seal")
    assert opened.unseal(opened.keys).json()["sealed"] is False  # whoever lost the new ones is not locked out
    opened.put("sys/seal")
    assert opened.unseal(made["keys"]).json()["sealed"] is False
    assert opened.get("secret/data/a").json()["data"]["data"] == {"n": 1}
    assert opened.put("late/a", n=1).status_code == 204
    opened.put("sys/seal")
    opened.unseal(opened.keys)
    assert _is_sealed(opened)
    opened.put("sys/unseal", reset=True)
    assert (opened.get("sys/seal-status").json()["t"], opened.get("sys/seal-status").json()["n"]) == (2, 3)
    assert opened.unseal(made["keys"][1:]).json()["sealed"] is False


def test_verified_shares_replace_the_former_ones_at_once(opened: Server) -> None:
    made = opened.rekey(opened.keys[:3], require_verification=True)
    assert made["verification_required"] is True
    assert opened.put("sys/mounts/meanwhile", type="kv").status_code == 204
    restarted = opened.ask("DELETE", "sys/rekey/verify").json()
    assert restarted["nonce"] != made["verification_nonce"]
    assert opened.put("sys/rekey/verify", key=made["keys"][0], nonce=made["verification_nonce"]).status_code == 400
    wrong = [opened.put("sys/rekey/verify", key=key, nonce=restarted["nonce"]) for key in opened.keys[:2]][-1]
    assert wrong.status_code == 400
    done = [opened.put("sys/rekey/verify", key=key, nonce=restarted["nonce"]) for key in made["keys"][:2]][-1]
    assert done.json()["complete"] is True
    opened.put("sys/seal")
    opened.unseal(opened.keys)
    assert _is_sealed(opened)
    opened.put("sys/unseal", reset=True)
    assert opened.unseal(made["keys"]).json()["sealed"] is False
    assert opened.put("meanwhile/a", n=1).status_code == 204


def test_new_shares_that_are_given_up_open_nothing(opened: Server) -> None:
    made = opened.rekey(opened.keys[:3], require_verification=True)
    assert opened.ask("DELETE", "sys/rekey/init").status_code == 204
    assert opened.get("sys/rekey/init").json()["started"] is False
    opened.put("sys/seal")
    assert opened.unseal([*made["keys"], "09" + "11" * 32]).status_code == 400
    assert opened.unseal(opened.keys).json()["sealed"] is False


def test_new_shares_are_not_made_for_those_who_have_none(opened: Server) -> None:
    nonce = opened.put("sys/rekey/init", secret_shares=2, secret_threshold=2).json()["nonce"]
    assert opened.put("sys/rekey/init", secret_shares=2, secret_threshold=2).status_code == 400
    assert opened.put("sys/rekey/update", key=opened.keys[0], nonce="x").status_code == 400
    assert opened.put("sys/rekey/update", key=opened.keys[0], nonce=nonce).json()["progress"] == 1
    answers = [opened.put("sys/rekey/update", key=f"0{n}" + "00" * 32, nonce=nonce) for n in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert opened.get("sys/rekey/init").json()["progress"] == 1


def test_those_who_hold_shares_make_a_root_token(opened: Server) -> None:
    opened.token = ""
    begun = opened.put("sys/generate-root/attempt").json()
    assert opened.put("sys/generate-root/attempt").status_code == 400
    for key in opened.keys[:3]:
        answer = opened.put("sys/generate-root/update", key=key, nonce=begun["nonce"]).json()
    masked = base64.b64decode(answer["encoded_token"] + "=" * (-len(answer["encoded_token"]) % 4))
    opened.token = bytes(a ^ b for a, b in zip(masked, begun["otp"].encode(), strict=True)).decode()
    assert opened.get("auth/token/lookup-self").json()["data"]["policies"] == ["root"]
    assert opened.get("sys/generate-root/attempt").json()["started"] is False


def test_no_root_token_is_made_of_other_shares_or_a_short_password(opened: Server) -> None:
    assert opened.put("sys/generate-root/attempt", otp="short").status_code == 400
    nonce = opened.put("sys/generate-root/attempt").json()["nonce"]
    assert opened.put("sys/generate-root/update", key=opened.keys[0], nonce=nonce).json()["progress"] == 1
    for number in (1, 2, 3):
        bogus = opened.put("sys/generate-root/update", key=f"0{number}" + "00" * 32, nonce=nonce)
        assert bogus.status_code == 400
    assert opened.get("sys/generate-root/attempt").json()["progress"] == 1
    assert opened.ask("DELETE", "sys/generate-root/attempt").status_code == 204
    assert opened.put("sys/generate-root/update", key=opened.keys[0], nonce=nonce).status_code == 400


def test_a_registry_with_another_key_is_not_served_with_this_seal() -> None:
    Service.open().close()
    with pytest.raises(CannotServe, match="not split"):
        _started()


@pytest.mark.parametrize("uri", ["shamir:", "shamir:x", "shamir:3/5", "file:/x", "shamir:3/5/1/2", "shamir:0/5/1"])
def test_a_set_of_shares_has_one_uri(uri: str) -> None:
    assert Generation.parse(uri) is None
    shares = split(bytes(32), 5, 3)
    known = Generation.of(12, 3, shares)
    assert known.uri.startswith("shamir:3/5/12/")
    assert Generation.parse(known.uri) == known
    assert all(map(known.has, shares))
