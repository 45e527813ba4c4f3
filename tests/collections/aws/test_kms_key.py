"""Keys in AWS KMS: the contract against moto, what goes over the wire, and what is said when KMS says no."""

from __future__ import annotations

import base64
import logging
import secrets
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.aws_api import AwsApi, aws_api, mute_server
from servers.s3 import S3Server
from strongroom.keys import (
    InvalidKeyUri,
    KeyAbsent,
    KeyDenied,
    KeyProblem,
    KeyProvider,
    KeyServiceUnreachable,
    KeyUnavailable,
    SealBroken,
    WrongKey,
)
from strongroom_aws.kms_key import AwsKmsKey
from strongroom_aws.kms_uri import KmsUri
from strongroom_registry import open_registry
from strongroom_registry.errors import IntegrityError
from strongroom_registry.keys import resolve
from strongroom_registry.keys.ephemeral import EphemeralKey
from strongroom_registry.testing_keys import KeyProviderContract

CONTEXT = b"store, workspace, epoch"
pytestmark = pytest.mark.usefixtures("at_once")
ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
REPLICA = "arn:aws:kms:{}:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"


@pytest.fixture
def kms(aws: Any) -> Any:
    """A client for the arrangements; the provider finds the same server in its environment."""
    return aws("kms")


@cache
def new_key(kms: Any, number: int) -> str:
    """The ARN of a key, which takes a while to make."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def arn(kms: Any) -> str:
    return new_key(kms, 0)


@pytest.fixture
def api(moto: S3Server, kms: Any) -> Iterator[AwsApi]:
    """Stands before moto, counts, and can say something else."""
    with aws_api(moto.endpoint_url) as server:
        yield server


def key_at(api: AwsApi, key: str = ARN, **options: str) -> AwsKmsKey:
    query = "&".join(f"{name}={value}" for name, value in {"endpoint": api.endpoint_url, **options}.items())
    return AwsKmsKey.from_uri(f"awskms:{key}?{query}")


class TestAwsKmsKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _keys(self, kms: Any) -> None:
        self.arns = [new_key(kms, number) for number in range(2)]

    def make(self) -> KeyProvider:
        return resolve(f"awskms:{self.arns[0]}")

    def make_other(self) -> KeyProvider:
        return resolve(f"awskms:{self.arns[1]}")


class TestAlias(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _aliases(self, kms: Any) -> None:
        self.aliases = [f"alias/strongroom/{secrets.token_hex(4)}" for _ in range(2)]
        for number, alias in enumerate(self.aliases):
            kms.create_alias(AliasName=alias, TargetKeyId=new_key(kms, number))

    def make(self) -> KeyProvider:
        return resolve(f"awskms:{self.aliases[0]}?context=app:strongroom")

    def make_other(self) -> KeyProvider:
        return resolve(f"awskms:{self.aliases[1]}?context=app:strongroom")


class TestNames:
    def test_all_names_of_a_key_are_the_same_key(self, kms: Any, arn: str) -> None:
        alias = f"alias/{secrets.token_hex(4)}"
        kms.create_alias(AliasName=alias, TargetKeyId=arn)
        account = arn.rpartition(":")[0]
        names = [arn, arn.rpartition("/")[2], alias, f"{account}:{alias}"]
        wrapped = resolve(f"awskms:{arn}").wrap(bytes(32), CONTEXT)
        assert len({resolve(f"awskms:{name}").fingerprint_for(wrapped) for name in names}) == 1
        assert [resolve(f"awskms:{name}").unwrap(wrapped, CONTEXT) for name in names] == [bytes(32)] * 4

    def test_an_alias_that_was_moved_is_another_key(self, kms: Any, arn: str) -> None:
        alias = f"alias/{secrets.token_hex(4)}"
        kms.create_alias(AliasName=alias, TargetKeyId=arn)
        wrapped = resolve(f"awskms:{alias}").wrap(bytes(32), CONTEXT)
        kms.update_alias(AliasName=alias, TargetKeyId=new_key(kms, 1))
        with pytest.raises(WrongKey, match="wrapped with the key"):
            resolve(f"awskms:{alias}").unwrap(wrapped, CONTEXT)

    def test_the_replicas_of_a_multi_region_key_are_one_key(self) -> None:
        here, there = (AwsKmsKey.from_uri(f"awskms:{REPLICA.format(region)}") for region in ("eu-west-1", "us-east-1"))
        other = AwsKmsKey.from_uri(f"awskms:{REPLICA.format('eu-west-1')[:-1]}c")
        assert here.fingerprint == there.fingerprint != other.fingerprint

    def test_keys_of_one_id_in_two_regions_are_two(self) -> None:
        one, two = (AwsKmsKey.from_uri(f"awskms:{a}") for a in (ARN, ARN.replace("eu-central-1", "us-east-1")))
        assert one.fingerprint != two.fingerprint


class TestWire:
    def test_a_registry_asks_once_for_each_process_whatever_it_loads(
        self, api: AwsApi, arn: str, tmp_path: Any
    ) -> None:
        url, key = f"sqlite:///{tmp_path / 'registry.db'}", key_at(api, arn).uri
        with open_registry(url, key=key) as registry:
            for number in range(5):
                registry.put(f"lake-{number}", type="lake", schema="s1", payload=b"water")
        assert api.calls == ["Encrypt", "Decrypt"]  # a key that may encrypt and not decrypt makes no registry
        for opened in range(2, 5):
            with open_registry(url, key=key) as registry:
                assert {registry.get(f"lake-{number % 5}").payload for number in range(50)} == {b"water"}
            assert api.calls == ["Encrypt", *["Decrypt"] * opened]

    def test_an_alias_costs_one_question_more(self, api: AwsApi, kms: Any, arn: str, tmp_path: Any) -> None:
        alias, url = f"alias/{secrets.token_hex(4)}", f"sqlite:///{tmp_path / 'registry.db'}"
        kms.create_alias(AliasName=alias, TargetKeyId=arn)
        with open_registry(url, key=key_at(api, alias).uri) as registry:
            registry.put("lake", type="lake", schema="s1", payload=b"water")
        api.calls.clear()
        with open_registry(url, key=key_at(api, alias).uri) as registry:
            assert registry.get("lake").payload == b"water"
        assert api.calls == ["DescribeKey", "Decrypt"]

    def test_a_key_file_and_kms_open_the_same_registry(self, api: AwsApi, arn: str, tmp_path: Any) -> None:
        url, uri = f"sqlite:///{tmp_path / 'registry.db'}", key_at(api, arn).uri
        with open_registry(url) as registry:
            registry.put("lake", type="lake", schema="s1", payload=b"water")
            registry.add_key(uri)
            assert set(api.calls) == {"Encrypt"}
        for key in (uri, None):
            with open_registry(url, key=key) as registry:
                assert registry.get("lake").payload == b"water"
        api.refuse("DisabledException", "It is disabled")
        with pytest.raises(KeyAbsent, match="enable-key"):
            open_registry(url, key=uri)
        with open_registry(url) as registry:
            assert registry.check_keys().ok is False
            registry.remove_key(uri)
            assert registry.check_keys().ok

    def test_after_rotations_a_process_still_asks_once(self, api: AwsApi, arn: str, tmp_path: Any) -> None:
        url, uri = f"sqlite:///{tmp_path / 'registry.db'}", key_at(api, arn).uri
        with open_registry(url, key=uri) as registry:
            registry.put("lake", type="lake", schema="s1", payload=b"water")
            for level in ("workspace", "data", "provider"):
                registry.rotate(level)
        api.calls.clear()
        with open_registry(url, key=uri) as registry:
            assert registry.get("lake").payload == b"water"
            assert registry.verify().ok
        assert api.calls == ["Decrypt"]

    def test_the_key_is_always_named_and_the_context_holds_the_ids_alone(self, api: AwsApi, arn: str) -> None:
        provider, key = key_at(api, arn, context="team:data"), secrets.token_bytes(32)
        provider.unwrap(provider.wrap(key, CONTEXT), CONTEXT)
        assert [sent["KeyId"] for sent in api.parameters] == [arn, arn]
        [context] = {tuple(sorted(sent["EncryptionContext"].items())) for sent in api.parameters}
        bound = dict(context)["strongroom"]
        assert dict(context) == {"strongroom": bound, "team": "data"}
        assert CONTEXT.hex() in bound
        assert key.hex() not in bound

    def test_another_context_in_the_uri_opens_nothing(self, api: AwsApi, arn: str) -> None:
        wrapped = key_at(api, arn, context="team:data").wrap(bytes(32), CONTEXT)
        with pytest.raises(SealBroken, match=r"\?context="):
            key_at(api, arn, context="team:crm").unwrap(wrapped, CONTEXT)

    def test_bytes_of_another_provider_are_refused_without_a_question(self, api: AwsApi) -> None:
        provider, wrapped = key_at(api), EphemeralKey().wrap(bytes(32), CONTEXT)
        for ask in (provider.fingerprint_for, lambda it: provider.unwrap(it, CONTEXT)):
            for strange in (wrapped, b"", b"no wrapped key"):
                with pytest.raises((KeyProblem, IntegrityError)):
                    ask(strange)
        assert api.calls == []

    def test_neither_the_sdk_nor_anything_else_logs_a_key(self, arn: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        provider, key = resolve(f"awskms:{arn}"), secrets.token_bytes(32)
        assert provider.unwrap(provider.wrap(key, CONTEXT), CONTEXT) == key
        texts = [key.hex(), repr(key)[2:-1], base64.b64encode(key).decode()]
        assert not [record.name for record in caplog.records if any(t in record.getMessage() for t in texts)]

    def test_the_sdk_logs_again_afterwards(self, kms: Any, arn: str, caplog: pytest.LogCaptureFixture) -> None:
        resolve(f"awskms:{arn}").wrap(bytes(32), CONTEXT)
        caplog.set_level(logging.DEBUG, logger="botocore")
        kms.list_keys()
        assert "botocore.parsers" in {record.name for record in caplog.records}


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "said"),
    [
        ("NotFoundException", "Key 'x' does not exist", 400, KeyAbsent, "no key '.*Check the key, its region"),
        ("DisabledException", f"{ARN} is disabled.", 409, KeyAbsent, "is disabled.*enable-key"),
        ("KMSInvalidStateException", "It is pending deletion", 409, KeyAbsent, "deletion.*cancel-key-deletion"),
        ("AccessDeniedException", "User: bob is not authorized", 400, KeyDenied, "User: bob.*Allow kms:Decrypt"),
        ("UnrecognizedClientException", "The security token is invalid", 400, KeyDenied, "rejected.*Renew"),
        ("ExpiredTokenException", "The security token is expired", 400, KeyDenied, "rejected.*log in again"),
        ("ThrottlingException", "Rate exceeded", 400, KeyServiceUnreachable, "Rate exceeded.*Try later"),
        ("KMSInternalException", "", 500, KeyServiceUnreachable, "KMSInternalException"),
        ("KeyUnavailableException", "", 500, KeyServiceUnreachable, "KeyUnavailableException"),
        ("SomethingNew", "", 503, KeyServiceUnreachable, "SomethingNew"),
        ("InvalidKeyUsageException", "is not for that", 400, KeyUnavailable, "is not for that.*symmetric key"),
        ("IncorrectKeyException", "The key ID does not match", 400, WrongKey, "another key than"),
        ("InvalidCiphertextException", "", 400, SealBroken, "does not open"),
        ("SomethingElse", "no", 400, KeyUnavailable, "SomethingElse: no"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_error_and_its_remedy(
    api: AwsApi, arn: str, code: str, message: str, status: int, kind: type[Exception], said: str
) -> None:
    wrapped = key_at(api, arn).wrap(bytes(32), CONTEXT)
    api.refuse(code, message, status)
    with pytest.raises(kind, match=said) as caught:
        key_at(api, arn).unwrap(wrapped, CONTEXT)
    assert type(caught.value) is kind
    assert arn in str(caught.value)
    assert caught.value.remedy  # type: ignore[attr-defined]
    assert caught.value.__context__ is None
    assert len(api.calls) <= 4


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("content", [{}, b"", b"<html>", b"[]", {"KeyId": 5}, {"KeyId": "k", "Plaintext": "%"}])
def test_an_answer_that_makes_no_sense_is_no_key(api: AwsApi, arn: str, status: int, content: Any) -> None:
    provider = key_at(api, arn)
    wrapped = provider.wrap(bytes(32), CONTEXT)
    api.answer = lambda _operation, _parameters: (status, content)
    for ask in (lambda: provider.unwrap(wrapped, CONTEXT), lambda: provider.wrap(bytes(32), CONTEXT)):
        with pytest.raises(KeyProblem):
            ask()


def test_an_answer_of_another_key_is_refused_and_does_not_show(api: AwsApi, arn: str) -> None:
    key, provider = secrets.token_bytes(32), key_at(api, arn)
    wrapped = provider.wrap(key, CONTEXT)
    content = {"KeyId": ARN, "Plaintext": base64.b64encode(key).decode(), "CiphertextBlob": "AAAA"}
    api.answer = lambda _operation, _parameters: (200, content)
    for ask in (lambda: provider.unwrap(wrapped, CONTEXT), lambda: provider.wrap(bytes(32), CONTEXT)):
        with pytest.raises(WrongKey, match="was asked to use") as caught:
            ask()
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
        assert not [frame.f_code.co_name for frame in frames if key in frame.f_locals.values()]


def test_a_server_that_never_answers_is_given_up(kms: Any) -> None:
    with mute_server() as address:
        provider = AwsKmsKey(KmsUri.parse(f"awskms:{ARN}?endpoint={address}"), seconds=0.02)
        with pytest.raises(KeyServiceUnreachable, match=f"from {address}.*Check the network"):
            provider.wrap(bytes(32), CONTEXT)


def test_nobody_there_is_said_so(kms: Any, nobody_there: str) -> None:
    with pytest.raises(KeyServiceUnreachable, match=nobody_there):
        resolve(f"awskms:{ARN}?endpoint={nobody_there}").wrap(bytes(32), CONTEXT)


def test_without_credentials_it_says_where_to_put_them(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(KeyDenied, match=r"No credentials.*AWS_PROFILE"):
        resolve(f"awskms:{ARN}").wrap(bytes(32), CONTEXT)
    with pytest.raises(KeyDenied, match=r"profile \(lab\)"):
        resolve(f"awskms:{ARN}?profile=lab").wrap(bytes(32), CONTEXT)


def test_without_a_region_it_says_how_to_name_one(arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = resolve(f"awskms:{arn}").wrap(bytes(32), CONTEXT)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(KeyUnavailable, match=r"No region.*AWS_DEFAULT_REGION"):
        resolve("awskms:alias/strongroom").fingerprint_for(wrapped)


def test_a_missing_sdk_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(KeyUnavailable, match=r'pip install "strongroom\[aws\]"'):
        resolve(f"awskms:{ARN}").wrap(bytes(32), CONTEXT)


def test_naming_a_key_loads_no_sdk() -> None:
    code = f"""if True:
        import sys
        from strongroom_registry.keys import resolve
        resolve("awskms:{ARN}").fingerprint
        print([name for name in sys.modules if name.split(".")[0] in {{"boto3", "botocore"}}])
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


class TestUris:
    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            (f"awskms:{ARN}", KmsUri(f"awskms:{ARN}", ARN, "eu-central-1")),
            ("awskms:alias/a/b_c-D", KmsUri("awskms:alias/a/b_c-D", "alias/a/b_c-D")),
            ("awskms:alias/a?region=us-east-1", KmsUri("awskms:alias/a?region=us-east-1", "alias/a", "us-east-1")),
            (
                "awskms:1234abcd-12ab-34cd-56ef-1234567890ab?endpoint=https%3A%2F%2Fkms.example&profile=lab&context=a:b:c&context=d:e",
                KmsUri(
                    "awskms:1234abcd-12ab-34cd-56ef-1234567890ab?endpoint=https%3A%2F%2Fkms.example&profile=lab&context=a:b:c&context=d:e",
                    "1234abcd-12ab-34cd-56ef-1234567890ab",
                    endpoint="https://kms.example",
                    profile="lab",
                    context={"a": "b:c", "d": "e"},
                ),
            ),
        ],
    )  # fmt: skip
    def test_it_names_a_key_and_how_it_is_reached(self, uri: str, expected: KmsUri) -> None:
        assert KmsUri.parse(uri) == expected
        assert AwsKmsKey.from_uri(uri).uri == uri

    @pytest.mark.parametrize(
        ("rest", "said"),
        [
            ("", "names no key"),
            ("strongroom", "names no key"),
            ("alias/", "names no key"),
            ("alias/ä", "names no key"),
            ("key/1234abcd-12ab-34cd-56ef-1234567890ab", "names no key"),
            (f"{ARN}\n", "names no key"),
            ("arn:aws:s3:::bucket", "names no key"),
            (f"{ARN}?", None),
            (f"{ARN}?region=us-east-1", "not that of the key's ARN"),
            ("alias/a?region=../..", "a region that is none"),
            ("alias/a?region", "cannot be read"),
            ("alias/a?region=", "empty"),
            ("alias/a?color=red", "unknown"),
            ("alias/a?profile=a&profile=b", "given twice"),
            ("alias/a?profile=a%00b", "an option"),
            (f"alias/a?profile={'x' * 300}", "too long"),
            ("alias/a?endpoint=kms.example", "no address"),
            ("alias/a?endpoint=http://kms.example", "not encrypted"),
            ("alias/a?endpoint=https://user:word@kms.example", "no address"),
            ("alias/a?endpoint=https://[", "no address"),
            ("alias/a?context=team", "no pair"),
            ("alias/a?context=:data", "no pair"),
            ("alias/a?context=a:b&context=a:c", "given twice"),
            ("alias/a?context=strongroom:x", "'strongroom'"),
            ("alias/a?" + "&".join(f"context=a{n}:b" for n in range(9)), "too many"),
            ("alias/a?" + "&".join(f"context=a{n}:b" for n in range(40)), "cannot be read"),
        ],
    )
    def test_what_names_none_is_refused_at_once(self, rest: str, said: str | None) -> None:
        if said is None:
            assert KmsUri.parse(f"awskms:{rest}").key == ARN
            return
        with pytest.raises(InvalidKeyUri, match=said) as caught:
            resolve(f"awskms:{rest}")
        assert "word" not in str(caught.value)

    @given(st.text(max_size=60) | st.from_regex(r"(alias/[a-z]{1,5}|[0-9a-f-]{30,40})(\?[a-z=&:%/]{0,40})?"))
    def test_any_text_is_a_uri_or_is_refused_by_name(self, rest: str) -> None:
        place = None
        with suppress(InvalidKeyUri):
            place = KmsUri.parse(f"awskms:{rest}")
        assert place is None or (rest.startswith(place.key) and place.text.isascii())
