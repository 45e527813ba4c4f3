"""Workspace keys wrapped by Vault's transit engine, asked through hvac over HTTP."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from servers.hostile import answering, hanging, raw
from servers.vault import FakeVault
from strongroom.keys import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyServiceUnreachable,
    KeyUnavailable,
    SealBroken,
    WrongKey,
)
from strongroom_registry import open_registry
from strongroom_registry.keys import EnvKey, KeyProvider, resolve
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.testing_keys import CONTEXT, KeyProviderContract
from strongroom_vault import TransitKey
from strongroom_vault.errors import TransitSealed

KEY = bytes(range(32))
USE = {"transit/encrypt/one": {"update"}, "transit/decrypt/one": {"update"}}
"""The smallest policy that a registry can work with."""


class TestTransitKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _keys(self, at_vault: FakeVault) -> None:
        for name in ("one", "other"):
            at_vault.transit.create(name)

    def make(self) -> KeyProvider:
        return resolve("vault-transit:transit/one")

    def make_other(self) -> KeyProvider:
        return resolve("vault-transit:transit/other")


class TestDerivedTransitKey(KeyProviderContract):
    """A derived, convergent key in a Vault that knows no associated data: the context alone binds."""

    @pytest.fixture(autouse=True)
    def _keys(self, at_vault: FakeVault) -> None:
        for name in ("one", "other"):
            at_vault.transit.create(name, derived=True, convergent=True, associated=False)

    def make(self) -> KeyProvider:
        return resolve("vault-transit:transit/one")

    def make_other(self) -> KeyProvider:
        return resolve("vault-transit:transit/other")


@pytest.fixture
def one(at_vault: FakeVault) -> TransitKey:
    """A provider of the key ``one``."""
    at_vault.transit.create("one")
    return TransitKey.from_uri("vault-transit:transit/one")


def test_many_loads_are_one_call_for_the_workspace_key(at_vault: FakeVault, tmp_path: Path) -> None:
    at_vault.transit.create("one")
    url, uri = f"sqlite:///{tmp_path / 'r.db'}", "vault-transit:transit/one"
    with open_registry(url, key=uri) as registry:
        for number in range(20):
            registry.put(f"doc-{number}", type="secret", schema="1", payload=b"payload")
    at_vault.seen.clear()
    with open_registry(url, key=uri) as registry:
        for _ in range(5):
            for number in range(20):
                assert registry.get(f"doc-{number}").payload == b"payload"
    assert at_vault.seen == ["POST transit/decrypt/one"]  # the login was that of the process


def test_a_wrap_is_three_calls_and_an_unwrap_one(at_vault: FakeVault, one: TransitKey) -> None:
    assert at_vault.seen == []
    wrapped = one.wrap(KEY, CONTEXT)
    asked = ["decrypt", "encrypt", "decrypt"]  # is it there, wrap, does it bind
    assert at_vault.seen == ["GET auth/token/lookup-self", *(f"POST transit/{verb}/one" for verb in asked)]
    at_vault.seen.clear()
    assert one.fingerprint_for(wrapped) == one.fingerprint
    assert one.unwrap(wrapped, CONTEXT) == KEY
    assert at_vault.seen == ["POST transit/decrypt/one"]


def test_the_smallest_policy_is_enough(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.transit.create("one")
    monkeypatch.setenv("VAULT_ADDR", vault.address)
    monkeypatch.setenv("VAULT_TOKEN", vault.token(USE))
    key = resolve("vault-transit:transit/one")
    assert key.unwrap(key.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_a_key_that_does_not_bind_is_refused_and_nothing_is_wrapped(at_vault: FakeVault, canary: Plant) -> None:
    at_vault.transit.create("old", associated=False)
    with pytest.raises(KeyUnavailable, match=r"does not bind .* derived=true, or Vault 1\.13"):
        resolve("vault-transit:transit/old").wrap(KEY, CONTEXT)


def test_a_mistyped_name_is_an_error_and_makes_no_key(at_vault: FakeVault) -> None:
    with pytest.raises(KeyAbsent, match="has no key for vault-transit:transit/strngroom"):
        resolve("vault-transit:transit/strngroom").wrap(KEY, CONTEXT)
    assert not at_vault.transit.keys
    assert not at_vault.count("POST transit/encrypt")


def test_rotation_in_vault_changes_nothing_until_old_versions_are_closed(at_vault: FakeVault, one: TransitKey) -> None:
    old = one.wrap(KEY, CONTEXT)
    at_vault.transit.keys["one"].rotate()
    new = one.wrap(KEY, CONTEXT)
    assert one.fingerprint_for(old) == one.fingerprint_for(new)
    assert one.unwrap(old, CONTEXT) == one.unwrap(new, CONTEXT) == KEY
    at_vault.transit.keys["one"].min_decryption_version = 2
    assert one.unwrap(new, CONTEXT) == KEY
    with pytest.raises(KeyAbsent, match=r"archived, or was trimmed.*min_decryption_version"):
        one.unwrap(old, CONTEXT)


def test_a_key_that_was_deleted_or_made_anew_opens_nothing(at_vault: FakeVault, one: TransitKey) -> None:
    at_vault.transit.keys["one"].rotate()
    wrapped = one.wrap(KEY, CONTEXT)
    del at_vault.transit.keys["one"]
    with pytest.raises(KeyAbsent, match="restore Vault's backup"):
        one.unwrap(wrapped, CONTEXT)
    at_vault.transit.create("one")
    with pytest.raises(KeyAbsent, match="made anew"):
        one.unwrap(wrapped, CONTEXT)
    at_vault.transit.keys["one"].rotate()
    with pytest.raises(SealBroken, match="does not open with vault-transit:transit/one"):
        one.unwrap(wrapped, CONTEXT)


def test_a_key_that_may_not_encrypt_says_so(at_vault: FakeVault, one: TransitKey) -> None:
    at_vault.transit.keys["one"].min_encryption_version = 5
    with pytest.raises(KeyUnavailable, match=r"cannot wrap a key: .* minimum encryption key version") as caught:
        one.wrap(KEY, CONTEXT)
    assert type(caught.value) is KeyUnavailable


def test_each_way_in_which_vault_says_no_has_its_own_error(
    at_vault: FakeVault, one: TransitKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = one.wrap(KEY, CONTEXT)
    with pytest.raises(KeyAbsent, match="no transit engine for vault-transit:elsewhere/one"):
        resolve("vault-transit:elsewhere/one").wrap(KEY, CONTEXT)
    at_vault.sealed = True
    for ask in (lambda: one.unwrap(wrapped, CONTEXT), lambda: one.wrap(KEY, CONTEXT)):
        with pytest.raises(TransitSealed, match=f"Vault at {at_vault.address} is sealed. Unseal it"):
            ask()
    at_vault.sealed = False
    monkeypatch.setenv("VAULT_TOKEN", at_vault.token({}))
    stranger = TransitKey.from_uri("vault-transit:transit/one")
    for ask in (lambda: stranger.unwrap(wrapped, CONTEXT), lambda: stranger.wrap(KEY, CONTEXT)):
        with pytest.raises(KeyDenied, match=r"denies POST transit/decrypt/one, so vault-transit.*Grant"):
            ask()
    assert one.unwrap(wrapped, CONTEXT) == KEY


def test_without_a_word_on_where_vault_is_or_how_to_log_in_the_variable_is_named(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyDenied, match="VAULT_ADDR"):
        resolve("vault-transit:transit/one").wrap(KEY, CONTEXT)
    with pytest.raises(KeyDenied, match="VAULT_TOKEN, or VAULT_ROLE_ID"):
        resolve(f"vault-transit:transit/one?address={vault.address}").wrap(KEY, CONTEXT)
    monkeypatch.setenv("VAULT_TOKEN", "hvs.unknown")
    with pytest.raises(KeyDenied, match="denies"):
        resolve(f"vault-transit:transit/one?address={vault.address}").wrap(KEY, CONTEXT)


def test_nobody_there_a_hanging_server_and_nonsense_are_unreachable_within_the_time(
    nobody_there: str, monkeypatch: pytest.MonkeyPatch, canary: Plant
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", canary("token"))
    with pytest.raises(KeyServiceUnreachable, match=f"Nobody answers at {nobody_there}"):
        resolve(f"vault-transit:transit/one?address={nobody_there}").wrap(KEY, CONTEXT)
    monkeypatch.setenv("VAULT_CLIENT_TIMEOUT", "1s")
    with hanging() as address, pytest.raises(KeyServiceUnreachable, match="did not answer within the time"):
        resolve(f"vault-transit:transit/one?address={address}").wrap(KEY, CONTEXT)
    monkeypatch.delenv("VAULT_CLIENT_TIMEOUT")
    answers = {
        "no JSON object": raw(200, b"<html>login here</html>", "text/html"),
        "none of Vault's": raw(418, b"<html>teapot</html>", "text/html"),
        "BadGateway": raw(502, b"<html>oops</html>", "text/html"),
        "sends on to another address": raw(307, b"", location="http://127.0.0.1:1/v1/transit/decrypt/one"),
        "no 'data'": raw(200, b'{"hello": [1]}'),
        "makes no sense": raw(200, b"[" * 100_000),
        "more than 16 MiB": raw(200, b" " * (17 << 20)),
        "compressed": raw(200, b"{}", encoding="gzip"),
    }
    for said, answer in answers.items():
        with answering(answer) as address, pytest.raises(KeyServiceUnreachable, match=said):
            resolve(f"vault-transit:transit/one?address={address}").wrap(KEY, CONTEXT)


def test_a_vault_that_decrypts_to_nonsense_breaks_the_seal(one: TransitKey, at_vault: FakeVault) -> None:
    wrapped = one.wrap(KEY, CONTEXT)
    with answering(raw(200, b'{"data": {"plaintext": "no base64"}}')) as address:
        other = TransitKey.from_uri(f"vault-transit:transit/one?address={address}&known-as={at_vault.address}")
        with pytest.raises(SealBroken, match="is no key"):
            other.unwrap(wrapped, CONTEXT)


def test_a_vault_that_moved_keeps_its_fingerprint_by_the_name_it_was_known_as(at_vault: FakeVault) -> None:
    at_vault.transit.create("one")
    before = TransitKey.from_uri("vault-transit:transit/one")
    wrapped = before.wrap(KEY, CONTEXT)
    moved = at_vault.address.replace("127.0.0.1", "localhost")
    stranger = TransitKey.from_uri(f"vault-transit:transit/one?address={moved}")
    with pytest.raises(WrongKey):
        stranger.unwrap(wrapped, CONTEXT)
    after = TransitKey.from_uri(f"vault-transit:transit/one?address={moved}&known-as={at_vault.address}")
    assert after.unwrap(wrapped, CONTEXT) == KEY
    assert after.uri == f"vault-transit:transit/one?address={moved}&known-as={at_vault.address}"


def test_a_namespace_is_part_of_what_the_key_is(at_vault: FakeVault) -> None:
    at_vault.transit.create("one")
    plain = TransitKey.from_uri("vault-transit:transit/one")
    wrapped = plain.wrap(KEY, CONTEXT)
    at_vault.namespace = "team"
    inside = TransitKey.from_uri("vault-transit:transit/one?namespace=team")
    assert inside.unwrap(inside.wrap(KEY, CONTEXT), CONTEXT) == KEY
    with pytest.raises(WrongKey):
        inside.unwrap(wrapped, CONTEXT)


def test_bytes_of_other_providers_are_refused_without_a_call(
    at_vault: FakeVault, one: TransitKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", new_key_text())
    wrapped = EnvKey("A_KEY").wrap(KEY, CONTEXT)
    at_vault.seen.clear()
    with pytest.raises(WrongKey):
        one.fingerprint_for(wrapped)
    assert at_vault.seen == []


def test_keys_are_sent_to_another_machine_by_tls_alone(at_vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyUnavailable, match=r"would travel in clear. Use https"):
        resolve("vault-transit:transit/one?address=http://vault.example.com:8200").wrap(KEY, CONTEXT)
    monkeypatch.setenv("VAULT_ADDR", "http://10.0.0.7:8200")
    with pytest.raises(KeyUnavailable, match="would travel in clear"):
        resolve("vault-transit:transit/one").wrap(KEY, CONTEXT)


def test_a_registry_moves_from_a_key_to_another_and_back(at_vault: FakeVault, tmp_path: Path) -> None:
    """A file's key, then Vault's beside it, then Vault's alone, then another of Vault's."""
    for name in ("one", "other"):
        at_vault.transit.create(name)
    url, uris = f"sqlite:///{tmp_path / 'r.db'}", [f"vault-transit:transit/{name}" for name in ("one", "other")]
    with open_registry(url, key=f"file:{tmp_path / 'keys' / 'first.key'}") as registry:
        registry.put("doc", type="secret", schema="1", payload=b"payload")
        registry.add_key(uris[0])
    with open_registry(url, key=uris[0]) as registry:
        assert registry.get("doc").payload == b"payload"
        registry.remove_key(f"file:{tmp_path / 'keys' / 'first.key'}")
        (only,) = registry.keys()
        assert only.provider == uris[0]
        at_vault.transit.keys["one"].rotate()
        registry.rotate("provider")
        at_vault.transit.keys["one"].min_decryption_version = 2
        registry.rotate("workspace")
    with open_registry(url, key=uris[0]) as registry:
        registry.rotate("provider", to=uris[1])
    del at_vault.transit.keys["one"]
    with open_registry(url, key=uris[1]) as registry:
        assert registry.get("doc").payload == b"payload"
        assert registry.check_keys()


def test_a_failed_wrap_shows_neither_the_key_nor_the_token(
    at_vault: FakeVault, one: TransitKey, canary: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = canary(value=at_vault.root)
    key = secrets.token_bytes(32)
    at_vault.sealed = True
    with pytest.raises(TransitSealed) as caught:
        one.wrap(key, CONTEXT)
    assert caught.value.__context__ is None
    assert caught.tb.tb_next
    below = traceback.TracebackException(TransitSealed, caught.value, caught.tb.tb_next, capture_locals=True)
    shown = "".join(below.format())
    assert "_encrypt" not in shown
    assert repr(key)[2:-1] not in shown
    assert token not in shown


REFUSALS = {
    "A key URI that starts with 'vault-transit:' names no key below a mount.",
    "A key URI that starts with 'vault-transit:' has parameters that it cannot have.",
    "The address in a key URI that starts with 'vault-transit:' is none, or holds a login.",
}
NAMES = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9_])?", fullmatch=True)


@given(
    st.lists(NAMES, min_size=1, max_size=3),
    NAMES,
    st.none() | st.sampled_from(["http://h:1", "https://vault.example.com:8200/inside"]),
    st.none() | st.text("abc/-", min_size=1),
    st.none() | st.text("abcü &=#?", min_size=1),
)
def test_a_uri_names_the_same_key_again(
    mount: list[str], name: str, address: str | None, namespace: str | None, known_as: str | None
) -> None:
    key = TransitKey("/".join(mount), name, address=address, namespace=namespace, known_as=known_as)
    again = TransitKey.from_uri(key.uri)
    assert again.uri == key.uri
    assert vars(again) | {"_identity": 0} == vars(key) | {"_identity": 0}


@given(st.text(max_size=60))
def test_any_text_is_a_uri_or_refused_without_being_repeated(text: str) -> None:
    try:
        key = TransitKey.from_uri(f"vault-transit:{text}")
    except InvalidKeyUri as exc:
        problem = exc.problem
    else:
        assert TransitKey.from_uri(key.uri).uri == key.uri
        return
    assert problem in REFUSALS


@pytest.mark.parametrize(
    "uri",
    [
        "vault-transit:",
        "vault-transit:key",
        "vault-transit:/key",
        "vault-transit:../key",
        "vault-transit:transit/a b",
        "vault-transit:transit/..",
        "vault-transit:transit/key?addres=http://h",
        "vault-transit:transit/key?address=http://h&address=http://g",
        "vault-transit:transit/key?address=ftp://h",
        "vault-transit:transit/key?address=https://me:password@h",
        "vault-transit:transit/key?address=",
        "vault-transit:transit/key?token=hvs.1234",
    ],
)
def test_malformed_uris_are_refused_with_the_grammar(uri: str) -> None:
    with pytest.raises(InvalidKeyUri, match="Write vault-transit:MOUNT/KEY") as caught:
        resolve(uri)
    assert "hvs.1234" not in str(caught.value)
    assert "password@" not in str(caught.value)
    assert isinstance(caught.value, KeyProblem)
