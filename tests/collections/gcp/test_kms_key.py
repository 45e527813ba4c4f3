"""Workspace keys wrapped by Cloud KMS, asked through Google's client over gRPC."""

from __future__ import annotations

import secrets
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import kms_v1
from hypothesis import given
from hypothesis import strategies as st
from servers.gcp import FakeKms, crc
from strongroom.keys import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyServiceUnreachable,
    KeyUnavailable,
    SealBroken,
    WrongKey,
)
from strongroom_gcp import GcpCredentials, GcpKmsKey, kms_key
from strongroom_registry import open_registry
from strongroom_registry.keys import EnvKey, KeyProvider, resolve
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.testing_keys import CONTEXT, KeyProviderContract

KEY = bytes(range(32))


class TestGcpKmsKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _keys(self, at_kms: FakeKms) -> None:
        self.names = [at_kms.key(name) for name in ("one", "other")]

    def make(self) -> KeyProvider:
        return resolve(f"gcpkms:{self.names[0]}")

    def make_other(self) -> KeyProvider:
        return resolve(f"gcpkms:{self.names[1]}")


@pytest.fixture
def one(at_kms: FakeKms) -> GcpKmsKey:
    """A provider of the key ``one``."""
    return GcpKmsKey.from_uri(f"gcpkms:{at_kms.key('one')}")


@contextmanager
def impatience() -> Iterator[None]:
    """Not the patience of a user, for a server that is away or hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kms_key, "SECONDS", 0.4)
        yield


def test_many_loads_are_one_call_for_the_workspace_key(at_kms: FakeKms, tmp_path: Path) -> None:
    url, uri = f"sqlite:///{tmp_path / 'r.db'}", f"gcpkms:{at_kms.key()}"
    with open_registry(url, key=uri) as registry:
        for number in range(20):
            registry.put(f"doc-{number}", type="secret", schema="1", payload=b"payload")
    at_kms.behaviour.seen.clear()
    with open_registry(url, key=uri) as registry:
        for _ in range(5):
            for number in range(20):
                assert registry.get(f"doc-{number}").payload == b"payload"
    assert [call.partition(" ")[0] for call in at_kms.behaviour.seen] == ["Decrypt"]


def test_a_registry_moves_to_kms(at_kms: FakeKms, tmp_path: Path) -> None:
    url, file, uri = (
        f"sqlite:///{tmp_path / 'r.db'}",
        f"file:{tmp_path / 'keys' / 'first.key'}",
        f"gcpkms:{at_kms.key()}",
    )
    with open_registry(url, key=file) as registry:
        registry.put("doc", type="secret", schema="1", payload=b"payload")
        registry.rotate("provider", to=uri)
    (tmp_path / "keys" / "first.key").unlink()
    with open_registry(url, key=uri) as registry:
        assert registry.get("doc").payload == b"payload"
        registry.rotate("workspace")
        assert registry.get("doc").payload == b"payload"


def test_the_endpoint_of_the_uri_and_of_the_block_lead_to_kms(kms: FakeKms) -> None:
    name = kms.key()
    by_uri = resolve(f"gcpkms:{name}?endpoint={kms.address}")
    assert by_uri.uri == f"gcpkms:{name}?endpoint={kms.address}"
    wrapped = by_uri.wrap(KEY, CONTEXT)
    assert by_uri.fingerprint_for(wrapped) == GcpKmsKey(name).fingerprint  # how it is reached does not count
    client: Any = GcpCredentials(kms_endpoint=kms.address).get_kms_client()
    assert client is GcpCredentials(kms_endpoint=kms.address).get_kms_client()
    assert client.encrypt(request={"name": name, "plaintext": b"x", "plaintext_crc32c": crc(b"x"),
                                   "additional_authenticated_data_crc32c": crc(b"")}).ciphertext  # fmt: skip


def test_rotation_in_kms_changes_nothing_until_a_version_is_disabled(at_kms: FakeKms, one: GcpKmsKey) -> None:
    old = one.wrap(KEY, CONTEXT)
    at_kms.rotate(one.name)
    new = one.wrap(KEY, CONTEXT)
    assert one.fingerprint_for(old) == one.fingerprint_for(new)
    assert one.unwrap(old, CONTEXT) == one.unwrap(new, CONTEXT) == KEY
    for state in ("DISABLED", "DESTROYED", "DESTROY_SCHEDULED"):
        at_kms.states[one.name, 1] = state
        with pytest.raises(KeyAbsent, match=rf"state of the key projects/.* is {state}.*enable or restore"):
            one.unwrap(old, CONTEXT)
    assert one.unwrap(new, CONTEXT) == KEY


@pytest.mark.parametrize(
    ("status", "said", "kind", "shown"),
    [
        ("NOT_FOUND", "no", KeyAbsent, "There is no key projects/acme/"),
        ("PERMISSION_DENIED", "Permission denied (or it may not exist)", KeyDenied, "cryptoKeyEncrypterDecrypter"),
        ("UNAUTHENTICATED", "no", KeyDenied, "does not accept the credentials"),
        ("UNAVAILABLE", "gone", KeyServiceUnreachable, "Nobody answers"),
        ("RESOURCE_EXHAUSTED", "too many", KeyServiceUnreachable, "quota"),
        ("INTERNAL", "oops", KeyServiceUnreachable, "could not answer"),
        ("UNIMPLEMENTED", "what", KeyServiceUnreachable, "could not answer"),
        ("UNKNOWN", "<html>proxy</html>", KeyServiceUnreachable, "could not answer"),
    ],
)
def test_each_way_in_which_kms_says_no_has_its_own_error(
    at_kms: FakeKms, one: GcpKmsKey, status: str, said: str, kind: type[Exception], shown: str
) -> None:
    wrapped = one.wrap(KEY, CONTEXT)
    at_kms.behaviour.failure, at_kms.behaviour.said = grpc.StatusCode[status], said
    for ask in (lambda: one.unwrap(wrapped, CONTEXT), lambda: one.wrap(KEY, CONTEXT)):
        hurry = impatience() if status == "UNAVAILABLE" else nullcontext()
        with hurry, pytest.raises(kind, match=shown) as caught:
            ask()
        assert "<html>" not in str(caught.value)
    at_kms.behaviour.failure = None
    assert one.unwrap(wrapped, CONTEXT) == KEY


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
def test_a_key_of_another_purpose_cannot_wrap(at_kms: FakeKms, one: GcpKmsKey, status: str) -> None:
    at_kms.behaviour.failure, at_kms.behaviour.said = grpc.StatusCode[status], "purpose is ASYMMETRIC_SIGN"
    with pytest.raises(KeyUnavailable, match=r"ASYMMETRIC_SIGN. Name a symmetric key") as caught:
        one.wrap(KEY, CONTEXT)
    assert type(caught.value) is KeyUnavailable


def test_a_server_that_hangs_and_one_that_is_not_there_are_given_up(at_kms: FakeKms, one: GcpKmsKey) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with impatience(), pytest.raises(KeyServiceUnreachable, match="Nobody answers"):
            resolve(f"gcpkms:{one.name}?endpoint={nobody}").wrap(KEY, CONTEXT)
    at_kms.behaviour.hangs = True
    with impatience(), pytest.raises(KeyServiceUnreachable, match="within the time"):
        one.wrap(KEY, CONTEXT)


def test_what_is_away_for_a_moment_is_asked_again(at_kms: FakeKms, one: GcpKmsKey) -> None:
    wrapped = one.wrap(KEY, CONTEXT)
    before = at_kms.behaviour.before

    def stumble(call: str, context: grpc.ServicerContext) -> None:
        before(call, context)
        if at_kms.behaviour.seen.count(call) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "one moment")

    at_kms.behaviour.before = stumble  # type: ignore[method-assign]
    assert one.unwrap(wrapped, CONTEXT) == KEY


def test_damage_on_the_way_is_noticed_on_both_ways(at_kms: FakeKms, one: GcpKmsKey) -> None:
    wrapped = one.wrap(KEY, CONTEXT)

    def spoilt(**changes: Any) -> Any:
        def change(answer: Any) -> Any:
            for name, value in changes.items():
                setattr(answer, name, value)
            return answer

        return change

    for changes in (
        {"ciphertext": b"something else"},
        {"ciphertext_crc32c": None},
        {"verified_plaintext_crc32c": False},
        {"verified_additional_authenticated_data_crc32c": False},
        {"name": "projects/other/locations/x/keyRings/y/cryptoKeys/z/cryptoKeyVersions/1"},
    ):
        at_kms.behaviour.change = spoilt(**changes)
        with pytest.raises(KeyServiceUnreachable, match=r"checksum|about another one"):
            one.wrap(KEY, CONTEXT)
    for changes in ({"plaintext": bytes(32)}, {"plaintext_crc32c": 1}, {"plaintext_crc32c": None}):
        at_kms.behaviour.change = spoilt(**changes)
        with pytest.raises(KeyServiceUnreachable, match="checksum"):
            one.unwrap(wrapped, CONTEXT)
    at_kms.behaviour.change = spoilt(plaintext=b"short", plaintext_crc32c=crc(b"short"))
    with pytest.raises(SealBroken):
        one.unwrap(wrapped, CONTEXT)
    at_kms.behaviour.change = lambda _: kms_v1.DecryptResponse(plaintext=bytes(5 << 20))
    with pytest.raises(KeyServiceUnreachable):
        one.unwrap(wrapped, CONTEXT)


def test_bytes_of_other_providers_are_refused_without_a_call(
    at_kms: FakeKms, one: GcpKmsKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", new_key_text())
    with pytest.raises(WrongKey):
        one.fingerprint_for(EnvKey("A_KEY").wrap(KEY, CONTEXT))
    assert at_kms.behaviour.seen == []


def test_a_failed_wrap_shows_no_key(at_kms: FakeKms, one: GcpKmsKey) -> None:
    key = secrets.token_bytes(32)
    at_kms.behaviour.failure, at_kms.behaviour.said = grpc.StatusCode.PERMISSION_DENIED, repr(key)
    with pytest.raises(KeyDenied) as caught:
        one.wrap(key, CONTEXT)
    assert caught.value.__context__ is None
    assert caught.tb.tb_next
    below = traceback.TracebackException(KeyDenied, caught.value, caught.tb.tb_next, capture_locals=True)
    assert f"'plaintext': {key!r}" not in "".join(below.format())
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb.tb_next)]
    assert not [frame for frame in frames if key in frame.f_locals.values()]


def test_without_a_login_the_remedy_is_named(one: GcpKmsKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS")
    with pytest.raises(KeyDenied, match=r"No usable credentials .*GOOGLE_APPLICATION_CREDENTIALS"):
        one.wrap(KEY, CONTEXT)
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", "http://kms.example.com")
    with pytest.raises(KeyDenied, match="CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS says http of another machine"):
        one.wrap(KEY, CONTEXT)


PART = st.from_regex(r"[A-Za-z0-9_-]{1,63}", fullmatch=True)


@given(
    st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True),
    st.sampled_from(["global", "europe-west1"]),
    PART,
    PART,
    st.none() | st.sampled_from(["kms.example.com", "kms.example.com:443", "http://127.0.0.1:9", "https://[::1]:8"]),
)
def test_a_uri_names_the_same_key_again(project: str, place: str, ring: str, key: str, endpoint: str | None) -> None:
    name = f"projects/{project}/locations/{place}/keyRings/{ring}/cryptoKeys/{key}"
    one = GcpKmsKey(name, endpoint=endpoint)
    again = GcpKmsKey.from_uri(one.uri)
    assert (again.uri, again.name, again.fingerprint) == (one.uri, name, one.fingerprint)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_without_being_repeated(text: str) -> None:
    good = "projects/acme/locations/global/keyRings/ring/cryptoKeys/key"
    for uri in (f"gcpkms:{text}", f"gcpkms:{good}?{text}", f"gcpkms:{good}/{text}", f"gcpkms:{good}?endpoint=-{text}"):
        with pytest.raises(InvalidKeyUri) as caught:
            GcpKmsKey.from_uri(uri)
        assert caught.value.problem.startswith(("A key URI that starts", "The endpoint in a key URI that starts"))
        assert caught.value.problem in REFUSALS


REFUSALS = {
    "A key URI that starts with 'gcpkms:' names no key of Cloud KMS.",
    "A key URI that starts with 'gcpkms:' has parameters that it cannot have.",
    "The endpoint in a key URI that starts with 'gcpkms:' is no host with a port, such as cloudkms.example.com:443.",
}


@pytest.mark.parametrize(
    "uri",
    [
        "gcpkms:",
        "gcpkms:projects/acme",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key/cryptoKeyVersions/1",
        "gcpkms:projects/../locations/global/keyRings/ring/cryptoKeys/key",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key?",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key?endpoint=",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key?endpoint=http://kms.example.com",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key?endpoint=me:password@host",
        "gcpkms:projects/acme/locations/global/keyRings/ring/cryptoKeys/key?endpoint=a&endpoint=b",
    ],
)
def test_malformed_uris_are_refused_with_the_grammar(uri: str) -> None:
    with pytest.raises(InvalidKeyUri, match="Write gcpkms:projects/PROJECT") as caught:
        resolve(uri)
    assert "password" not in str(caught.value)
