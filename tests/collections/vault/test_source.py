"""Secrets that stay in Vault: references resolved by the source, and through blocks."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from canaries import Plant
from pydantic import SecretStr
from servers.hostile import answering, hanging, raw
from servers.vault import FakeVault
from strongroom import Block, secret_from
from strongroom.sources import (
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SecretSource,
    SourceMisconfigured,
    SourceProblem,
    SourceUnreachable,
)
from strongroom.testing import SecretSourceContract
from strongroom_aws import AwsCredentials
from strongroom_blocks.sources import registered
from strongroom_vault import AppRoleAuth, TokenAuth, TransitKey, VaultCredentials, VaultSource


class VaultCrm(Block):
    """Two fields of one secret, and one of another."""

    user: SecretStr
    token: SecretStr
    other: SecretStr


class TestContract(SecretSourceContract):
    absent = "secret/none#token"
    malformed = ("", "secret", "secret/crm#", "secret/crm@0")

    @pytest.fixture
    def source(self, login: VaultCredentials, vault: FakeVault) -> SecretSource:
        vault.put("secret/crm", user="reader-of-crm", token="of-the-reader")
        vault.put("kv/old", token="of-the-old-engine")
        return VaultSource(credentials=login)

    @pytest.fixture
    def secrets(self) -> Mapping[str, str | bytes]:
        return {
            "secret/crm#user": "reader-of-crm",
            "secret/crm@1#token": "of-the-reader",
            "kv/old#token": "of-the-old-engine",
        }


def problem(source: VaultSource, reference: str, *, timeout: float = 5) -> SourceProblem:
    answer = source.fetch([reference], timeout=timeout)[reference]
    assert isinstance(answer, SourceProblem), "it was found"
    return answer


@pytest.fixture
def source(login: VaultCredentials) -> VaultSource:
    return VaultSource(credentials=login)


def test_it_is_found_by_its_scheme(at_vault: FakeVault) -> None:
    at_vault.put("secret/crm", token="t")
    found = registered.source_for("vault")
    assert isinstance(found, VaultSource)
    assert isinstance(found, SecretSource)
    assert found.fetch(["secret/crm#token"], timeout=5) == {"secret/crm#token": "t"}


def test_fields_of_one_secret_are_one_read_and_one_login_serves_all(vault: FakeVault, canary: Plant) -> None:
    vault.put("secret/crm", user="me", token=canary("token"), port=5432, more={"a": [1]})
    vault.put("secret/crm", user="you", token="new", port=5433, more={"a": [2]})
    vault.put("kv/old", token="v1")
    vault.put("team/kv/deep/down", token="in a mount of two parts")
    role_id, secret_id = vault.app_role()
    auth = AppRoleAuth(role_id=role_id, secret_id=SecretStr(secret_id))
    source = VaultSource(credentials=VaultCredentials(url=vault.address, auth=auth))
    references = {
        "secret/crm#user": "you",
        "secret/crm#token": "new",
        "secret/crm#port": "5433",
        "secret/crm#more": '{"a": [2]}',
        "secret/crm#/more/a/0": "2",
        "secret/crm@1#user": "me",
        "kv/old#token": "v1",
        "team/kv/deep/down#token": "in a mount of two parts",
    }
    assert source.fetch(list(references), timeout=5) == references
    whole = source.fetch(["secret/crm"], timeout=5)["secret/crm"]
    assert json.loads(str(whole)) == {"user": "you", "token": "new", "port": 5433, "more": {"a": [2]}}
    assert vault.count("POST auth/approle/login") == 1
    assert vault.count("GET secret/data/crm") == 3  # the newest and version 1, then the newest again
    assert vault.count("GET sys/internal/ui/mounts") == 3  # once for each engine


def test_a_block_that_points_at_vault_reveals_what_stands_there_and_stores_none_of_it(
    at_vault: FakeVault, canary: Plant
) -> None:
    token = canary("token")
    at_vault.put("secret/crm", user="me", token=token)
    at_vault.put("kv/other", value="v")
    VaultCrm(
        user=secret_from("vault:secret/crm#user"),
        token=secret_from("vault:secret/crm#token"),
        other=secret_from("vault:kv/other#value"),
    ).save("crm")
    assert at_vault.seen == []
    loaded = VaultCrm.load("crm")
    assert loaded.token.get_secret_value() == token
    assert (loaded.user.get_secret_value(), loaded.other.get_secret_value()) == ("me", "v")
    assert at_vault.count("GET secret/data/crm") == 1


def test_the_key_and_the_secrets_of_a_process_share_one_login(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    role_id, secret_id = vault.app_role()
    for name, value in {"ADDR": vault.address, "ROLE_ID": role_id, "SECRET_ID": secret_id}.items():
        monkeypatch.setenv(f"VAULT_{name}", value)
    vault.transit.create("one")
    vault.put("secret/crm", token="t")
    key = TransitKey.from_uri("vault-transit:transit/one")
    assert key.unwrap(key.wrap(bytes(32), b""), b"") == bytes(32)
    assert VaultSource().fetch(["secret/crm#token"], timeout=5) == {"secret/crm#token": "t"}
    assert vault.count("POST auth/approle/login") == 1


def test_a_named_block_logs_in(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.put("secret/crm", token="t")
    role_id, secret_id = vault.app_role({"secret/data/crm": {"read"}})
    auth = AppRoleAuth(role_id=role_id, secret_id=SecretStr(secret_id))
    VaultCredentials(url=vault.address, auth=auth).save("our-vault")
    monkeypatch.setenv("STRONGROOM_SOURCE_VAULT", "our-vault")
    assert registered.source_for("vault").fetch(["secret/crm#token"], timeout=5) == {"secret/crm#token": "t"}
    with pytest.raises(SourceMisconfigured, match=r"VaultCredentials, not AwsCredentials.*STRONGROOM_SOURCE_VAULT"):
        VaultSource(credentials=AwsCredentials())


def test_absent_denied_and_unreachable_are_three_answers(
    vault: FakeVault, source: VaultSource, nobody_there: str
) -> None:
    vault.put("secret/crm", token="t")
    for reference, said in {
        "secret/none#a": 'The secret "vault:secret/none#a" is absent: Vault at .* has nothing at secret/data/none',
        "secret/crm#none": "There is no field 'none' in the secret \"vault:secret/crm#none\"",
        "secret/crm@7#token": "nothing at secret/data/crm",
        "nowhere/crm#token": "nothing at nowhere/",
        "transit/crm#token": "holds no secrets: its kind is transit",
    }.items():
        absent = problem(source, reference)
        assert isinstance(absent, SecretAbsent)
        assert absent.remedy
        with pytest.raises(SecretAbsent, match=said):
            raise absent
    stranger = VaultSource(
        credentials=VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.token({"secret/data/x": {"read"}})))
    )
    denied = problem(stranger, "secret/crm#token")
    assert isinstance(denied, SecretDenied)
    assert "denies GET secret/data/crm" in denied.problem
    away = VaultSource(credentials=VaultCredentials(url=nobody_there, auth=TokenAuth(token="some-token")))
    assert isinstance(problem(away, "secret/crm#token"), SourceUnreachable)
    vault.sealed = True
    sealed = problem(source, "secret/crm#token")
    assert isinstance(sealed, SourceUnreachable)
    assert "is sealed" in sealed.problem


def test_deleted_and_destroyed_versions_are_told_apart_from_what_never_was(
    vault: FakeVault, source: VaultSource, login: VaultCredentials
) -> None:
    for token in ("one", "two", "three"):
        vault.put("secret/crm", token=token)
    kv = login.get_client().secrets.kv.v2
    kv.delete_secret_versions("crm", [3])
    kv.destroy_secret_versions("crm", [2])
    assert "was deleted. Name another version" in str(problem(source, "secret/crm#token"))
    assert "was destroyed" in str(problem(source, "secret/crm@2#token"))
    assert source.fetch(["secret/crm@1#token"], timeout=5) == {"secret/crm@1#token": "one"}
    vault.put("kv/old", token="v1")
    assert "keeps no versions" in str(problem(source, "kv/old@1#token"))


def test_one_problem_does_not_keep_others_from_arriving(vault: FakeVault, source: VaultSource) -> None:
    vault.put("secret/crm", token="t")
    answers = source.fetch(["secret/none#a", "secret/crm#token", "secret/crm#none"], timeout=5)
    assert answers["secret/crm#token"] == "t"
    assert [type(answers[it]) for it in ("secret/none#a", "secret/crm#none")] == [SecretAbsent, SecretAbsent]


@pytest.mark.parametrize(("engine", "area"), [("secret", "secret/data"), ("kv", "kv")])
def test_a_policy_that_forbids_to_ask_where_things_are_is_enough(vault: FakeVault, engine: str, area: str) -> None:
    vault.put(f"{engine}/crm", token="t")
    vault.preflight = False
    token = vault.token({f"{area}/crm": {"read"}})
    source = VaultSource(credentials=VaultCredentials(url=vault.address, auth=TokenAuth(token=token)))
    for _ in range(2):
        assert source.fetch([f"{engine}/crm#token"], timeout=5) == {f"{engine}/crm#token": "t"}
    assert vault.count("GET sys/internal/ui/mounts") == 1
    assert vault.count(f"GET {area}/crm") == 2
    for path, kind in {f"{engine}x/crm": SecretDenied, f"{engine}/crm#none": SecretAbsent}.items():
        assert isinstance(problem(source, path), kind)


def test_what_is_absent_is_told_from_what_is_denied_where_the_engine_is_not_known(vault: FakeVault) -> None:
    vault.preflight = False
    policy = {"secret/data/*": {"read"}, "kv/team/*": {"read"}}
    source = VaultSource(VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.token(policy))))
    kinds = {
        "secret/none#a": SecretAbsent,
        "kv/team/none#a": SecretAbsent,
        "kv/other#a": SecretDenied,
        "team/kv/x#a": SecretDenied,
    }
    answers = source.fetch(list(kinds), timeout=5)
    assert {reference: type(answer) for reference, answer in answers.items()} == kinds


def test_without_a_login_every_reference_is_denied_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = problem(VaultSource(), "secret/crm#token")
    assert isinstance(answer, SecretDenied)
    assert "Set VAULT_ADDR" in str(answer)


def test_malformed_references_are_refused_before_anything_is_sent(vault: FakeVault, source: VaultSource) -> None:
    for ask in (source.check, lambda it: source.fetch([it], timeout=5)):
        with pytest.raises(InvalidSecretReference):
            ask("secret")
    source.check("secret/crm#token")
    assert vault.seen == []


def at(address: str) -> VaultSource:
    return VaultSource(credentials=VaultCredentials(url=address, auth=TokenAuth(token="some-token")))


def test_hanging_and_dripping_servers_are_given_up_within_the_time() -> None:
    many = [f"secret/{number}#a" for number in range(50)]
    with hanging() as address:
        answers = at(address).fetch(many, timeout=0.3)
        assert {type(answer) for answer in answers.values()} == {SourceUnreachable}
    half = raw(200, b'{"data": ', size=1000)
    with answering(half, then_hang=True) as address:
        assert isinstance(problem(at(address), "secret/crm#a", timeout=0.3), SourceUnreachable)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raw(200, b"<html>log in</html>", "text/html"), "no JSON object"),
        (raw(200, b'{"data": ', size=1000), "broke off|makes no sense"),
        (raw(200, b'{"data": {"data": ["x"]}}'), "makes no sense|no 'data'"),
        (raw(200, b'{"data": {"path": 7}}'), "makes no sense"),
        (raw(200, b"{" * 50_000), "no JSON|makes no sense"),
        (raw(302, b"", location="http://127.0.0.1:1/"), "sends on"),
        (raw(200, b" " * (17 << 20)), "more than 16 MiB"),
        (raw(500, b'{"errors": {"a": 1}}'), "could not answer"),
        (raw(429, b'{"errors": ["too many"]}'), "too many"),
        (b"not http at all\r\n\r\n", "Nobody answers|broke off|makes no sense"),
    ],
)
def test_hostile_answers_are_unreachable_and_nothing_of_them_is_shown(answer: bytes, said: str) -> None:
    with answering(answer) as address:
        found = problem(at(address), "secret/crm#a")
        assert isinstance(found, SourceUnreachable), found
        with pytest.raises(SourceUnreachable, match=said):
            raise found
        assert "<html>" not in str(found)


def test_threads_share_one_source(vault: FakeVault, source: VaultSource) -> None:
    vault.put("secret/crm", token="t")
    answers: list[Any] = []

    def ask() -> None:
        answers.append(source.fetch(["secret/crm#token"], timeout=5)["secret/crm#token"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["t"] * 8
    assert vault.count("GET auth/token/lookup-self") == 1
