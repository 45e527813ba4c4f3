"""Secrets that stay in Parameter Store: what references mean, how few calls they take, and every way to say no."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from servers.aws_api import AwsApi, aws_api, mute_server
from servers.s3 import S3Server
from strongroom import Block, secret_from
from strongroom.sources import (
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SourceMisconfigured,
    SourceProblem,
    SourceUnreachable,
)
from strongroom_aws.parameter_name import ParameterName
from strongroom_aws.parameter_store import BATCH, AwsParameterStore

pytestmark = pytest.mark.usefixtures("at_once")
ARN = "arn:aws:ssm:{}:123456789012:parameter/{}"


class Crm(Block, slug="crm-for-aws-ssm"):
    """A block whose secrets stay elsewhere."""

    tokens: list[SecretStr]


@pytest.fixture
def store(aws: Callable[[str], Any]) -> Any:
    return aws("ssm")


@pytest.fixture
def put(store: Any) -> Callable[..., str]:
    """Makes a parameter with a new name, which it returns."""

    def put(value: str, name: str = "", kind: str = "SecureString") -> str:
        name = name or f"/crm/{secrets.token_hex(6)}"
        store.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)
        return name

    return put


@pytest.fixture
def api(moto: S3Server, store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsApi]:
    """Stands before moto, counts, and can say something else."""
    with aws_api(moto.endpoint_url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
        yield server


def fetch(*references: str, timeout: float = 10.0) -> list[Any]:
    answers = AwsParameterStore().fetch(references, timeout=timeout)
    assert set(answers) == set(references)
    return [answers[reference] for reference in references]


class TestReferences:
    def test_a_path_is_the_latest_value_decrypted(self, put: Callable[..., str], canary: Plant) -> None:
        secure, plain, listed = canary("secure"), canary("plain"), "a,b"
        names = [put(secure), put(plain, kind="String"), put(listed, kind="StringList"), put("x", secrets.token_hex(5))]
        assert fetch(*names) == [secure, plain, listed, "x"]

    def test_versions_go_by_their_number_or_label(self, store: Any, put: Callable[..., str]) -> None:
        name = put("first")
        put("second", name)
        store.label_parameter_version(Name=name, ParameterVersion=1, Labels=["stable"])
        assert fetch(name, f"{name}:1", f"{name}:2", f"{name}:stable") == ["second", "first", "second", "first"]
        for gone in fetch(f"{name}:7", f"{name}:nope"):
            assert isinstance(gone, SecretAbsent)
            assert f'no secret "aws-ssm:{name}:' in str(gone)

    def test_a_field_is_one_value_of_a_json_object(self, put: Callable[..., str]) -> None:
        name = put(json.dumps({"token": "t", "db": {"port": 5432}}))
        assert fetch(f"{name}#token", f"{name}:1#/db/port") == ["t", "5432"]
        [gone] = fetch(f"{name}#nope")
        assert isinstance(gone, SecretAbsent)

    def test_an_arn_names_its_region_too(self, store: Any, put: Callable[..., str]) -> None:
        import boto3

        path = secrets.token_hex(6)
        boto3.client("ssm", region_name="us-east-1").put_parameter(Name=f"/{path}", Value="far", Type="String")
        put("near", f"/{path}")
        assert fetch(f"/{path}", ARN.format("us-east-1", path), ARN.format("eu-central-1", f"{path}:1")) == [
            "near", "far", "near"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("reference", "expected", "field"),
        [
            ("/a/b.c_d-e", ParameterName("/a/b.c_d-e"), None),
            ("a:3#b#c", ParameterName("a", "3"), "b#c"),
            ("/a:my.label_1", ParameterName("/a", "my.label_1"), None),
            (ARN.format("eu-west-1", "a/b:3#/x"), ParameterName(ARN.format("eu-west-1", "a/b"), "3"), "/x"),
        ],
    )
    def test_they_read_as_they_are_written(self, reference: str, expected: ParameterName, field: str | None) -> None:
        assert ParameterName.parse(reference) == (expected, field)

    @pytest.mark.parametrize(
        "reference",
        ["", "#f", ":3", "/a#", "/a:", "/a:b:c", "/a b", "/a\n", "/ä", "a" * 1012, "/a//b", "/a:b c", "/a#b\n",
         "arn:aws:ssm:eu:1:parameter/a", "arn:aws:s3:::bucket", ARN.format("eu", ""), "/a@b"],
    )  # fmt: skip
    def test_what_is_none_is_refused_without_asking_or_repeating_it(self, reference: str) -> None:
        with pytest.raises(InvalidSecretReference, match="aws-ssm:/PATH:VERSION") as caught:
            AwsParameterStore().check(reference)
        assert len(reference) < 10 or reference not in str(caught.value)

    @given(st.text(max_size=40) | st.from_regex(r"[a-z/:#.-]{1,20}") | st.from_regex(r"arn:[a-z:/0-9]{1,40}"))
    def test_any_text_is_a_reference_or_is_refused_by_name(self, reference: str) -> None:
        try:
            parameter, field = ParameterName.parse(reference)
        except InvalidSecretReference:
            return
        assert parameter.text + (f"#{field}" if field is not None else "") == reference


class TestCalls:
    def test_many_come_ten_at_a_time(self, api: AwsApi, put: Callable[..., str]) -> None:
        names = [put(f"value {number}") for number in range(BATCH + 2)]
        api.calls.clear()
        assert fetch(*names, f"{names[0]}#x")[:-1] == [f"value {number}" for number in range(BATCH + 2)]
        assert api.calls == ["GetParameters"] * 2

    def test_versions_of_one_parameter_go_apart(self, api: AwsApi, put: Callable[..., str]) -> None:
        name, other = put("first"), put("other")
        put("second", name)
        api.calls.clear()
        assert fetch(name, f"{name}:1", f"{name}:2", other) == ["second", "first", "second", "other"]
        assert [call["Names"] for call in api.parameters[-3:]] == [[name, other], [f"{name}:1"], [f"{name}:2"]]

    def test_one_that_is_absent_leaves_the_others_alone(self, put: Callable[..., str]) -> None:
        one, two = put("one"), put("two")
        first, gone, second = fetch(one, "/no/such", two)
        assert (first, second) == ("one", "two")
        assert isinstance(gone, SecretAbsent)
        assert 'no secret "aws-ssm:/no/such"' in str(gone)

    def test_a_call_that_is_denied_is_made_one_by_one(self, api: AwsApi, put: Callable[..., str]) -> None:
        one, two = put("one"), put("two")

        def answer(_operation: str, parameters: dict[str, Any]) -> Any:
            denied = two in parameters["Names"]
            return (400, {"__type": "AccessDeniedException", "message": "not authorized"}) if denied else None

        api.answer = answer
        first, second = fetch(one, two)
        assert first == "one"
        assert isinstance(second, SecretDenied)
        assert f'"aws-ssm:{two}"' in str(second)

    def test_a_block_asks_for_all_its_secrets_at_once(self, api: AwsApi, put: Callable[..., str]) -> None:
        names = [put(str(number)) for number in range(5)]
        api.calls.clear()
        crm = Crm(tokens=[secret_from(f"aws-ssm:{name}") for name in names])
        assert api.calls == []
        assert [token.get_secret_value() for token in crm.tokens] == ["0", "1", "2", "3", "4"]
        assert api.calls == ["GetParameters"]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ParameterNotFound", 400, SecretAbsent),
        ("ParameterVersionNotFound", 400, SecretAbsent),
        ("AccessDeniedException", 400, SecretDenied),
        ("InvalidKeyId", 400, SecretDenied),
        ("UnrecognizedClientException", 400, SecretDenied),
        ("ThrottlingException", 400, SourceUnreachable),
        ("InternalServerError", 500, SourceUnreachable),
        ("Whatever", 503, SourceUnreachable),
    ],
)
@pytest.mark.parametrize("names", [["/crm"], ["/crm", "/erp"]])
def test_every_refusal_has_its_word(
    api: AwsApi, code: str, status: int, kind: type[SourceProblem], names: list[str]
) -> None:
    api.refuse(code, "because", status)
    for answer in fetch(*names):
        assert type(answer) is kind
        assert code in str(answer)
        assert answer.remedy
    assert len(api.calls) <= 4


@pytest.mark.parametrize(
    "content",
    [{}, b"", b"<html>", b"[]", {"Parameters": 7}, {"Parameters": [{}]}, {"Parameters": [{"Name": "/a", "Value": 5}]},
     {"Parameters": [{"Name": "/a"}]}, {"Parameters": [], "InvalidParameters": []}],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_no_secret(api: AwsApi, content: Any) -> None:
    api.answer = lambda _operation, _parameters: (200, content)
    for names in (["/a"], ["/a", "/b"]):
        assert all(isinstance(answer, SourceProblem) for answer in fetch(*names))


def test_a_server_that_never_answers_is_given_up(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with mute_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        for answer in fetch("/a", "/b", timeout=0.1):
            assert isinstance(answer, SourceUnreachable)
            assert address in str(answer)


def test_one_malformed_reference_leaves_the_others_alone(put: Callable[..., str]) -> None:
    malformed, found = fetch("/a b", put("value"))
    assert isinstance(malformed, SecretAbsent)
    assert found == "value"


def test_only_credentials_of_aws_may_ask() -> None:
    with pytest.raises(SourceMisconfigured, match=r'"aws-ssm" takes AwsCredentials'):
        AwsParameterStore(Crm(tokens=[]))  # type: ignore[arg-type]
