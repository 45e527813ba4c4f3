"""Secrets that stay in AWS Secrets Manager: what references mean, how few calls they take, and every way to say no."""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from canaries import Plant
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from servers.aws_api import AwsApi, aws_api, mute_server
from servers.s3 import S3Server
from strongroom import Block, MissingExtra, secret_from
from strongroom.sources import (
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SecretSource,
    SourceMisconfigured,
    SourceProblem,
    SourceUnreachable,
    field_of,
)
from strongroom_aws import AwsClientParameters, AwsCredentials
from strongroom_aws.secret_id import SecretId
from strongroom_aws.secrets_manager import BATCH, AwsSecretsManager
from strongroom_registry import open_registry, using

pytestmark = pytest.mark.usefixtures("at_once")
ARN = "arn:aws:secretsmanager:{}:123456789012:secret:{}"


class Crm(Block, slug="crm-for-aws-sm"):
    """A block whose secrets stay elsewhere."""

    token: SecretStr
    password: SecretStr


@pytest.fixture
def manager(aws: Callable[[str], Any]) -> Any:
    return aws("secretsmanager")


@pytest.fixture
def put(manager: Any) -> Callable[..., str]:
    """Makes a secret with a new name, which it returns."""

    def put(value: str | bytes, name: str = "") -> str:
        name = name or f"crm/{secrets.token_hex(6)}"
        kind = "SecretString" if isinstance(value, str) else "SecretBinary"
        manager.create_secret(Name=name, **{kind: value})
        return name

    return put


@pytest.fixture
def api(moto: S3Server, manager: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsApi]:
    """Stands before moto, counts, and can say something else."""
    with aws_api(moto.endpoint_url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
        yield server


def fetch(*references: str, source: SecretSource | None = None, timeout: float = 10.0) -> list[Any]:
    answers = (source or AwsSecretsManager()).fetch(references, timeout=timeout)
    assert set(answers) == set(references)
    return [answers[reference] for reference in references]


class TestReferences:
    def test_a_name_is_the_current_value_in_whole(self, put: Callable[..., str], canary: Plant) -> None:
        text, binary = canary("text"), secrets.token_bytes(20) + b"\xff"
        assert fetch(put(text)) == [text]
        assert fetch(put(binary)) == [binary]

    def test_a_field_is_one_value_of_a_json_object(self, put: Callable[..., str], canary: Plant) -> None:
        token = canary("token")
        name = put(json.dumps({"token": token, "port": 5432, "db": {"users": ["a", "b~/"], "": True}, "a/b": "c"}))
        fields = ["token", "port", "/db/users/1", "/db/", "a/b", "/a~1b", "/db/users"]
        assert fetch(*(f"{name}#{field}" for field in fields)) == [
            token, "5432", "b~/", "true", "c", "c", '["a", "b~/"]'
        ]  # fmt: skip

    @pytest.mark.parametrize("field", ["gone", "/db/users/7", "/db/users/x", "/db/users/-1", "/token/0", "none", "/"])
    def test_a_field_that_is_not_there_is_absent(self, put: Callable[..., str], field: str) -> None:
        name = put(json.dumps({"token": "t", "none": None, "db": {"users": ["a"]}}))
        [answer] = fetch(f"{name}#{field}")
        assert isinstance(answer, SecretAbsent)
        assert repr(field) in str(answer)
        assert f'"aws-sm:{name}"' in str(answer)

    @given(st.dictionaries(st.text(), st.dictionaries(st.text(), st.text() | st.integers(), min_size=1), min_size=1))
    def test_a_pointer_reaches_every_value(self, document: dict[str, dict[str, str | int]]) -> None:
        text = json.dumps(document)
        for name, inner in document.items():
            for key, value in inner.items():
                steps = (step.replace("~", "~0").replace("/", "~1") for step in (name, key))
                assert field_of(text, "/" + "/".join(steps), "it") == (value if isinstance(value, str) else str(value))

    @pytest.mark.parametrize(
        "value", ["plain text", "[1]", '"text"', "", "[" * 100_000, '{"a":', "NaN", b"\xff\xfe", b'["x"]']
    )
    def test_a_field_of_what_is_no_object_is_refused_without_showing_it(self, value: str | bytes) -> None:
        answer = field_of(value, "token", "the secret x")
        assert isinstance(answer, SecretDenied)
        assert str(answer) == (
            "The field 'token' cannot be had of the secret x, which is no JSON object. "
            "Leave the field out of the reference."
        )

    def test_versions_go_by_their_stage_or_their_id(self, manager: Any, put: Callable[..., str]) -> None:
        name = put("first")
        second = manager.put_secret_value(SecretId=name, SecretString="second")["VersionId"]
        manager.put_secret_value(SecretId=name, SecretString="third", VersionStages=["trial"])
        references = [name, f"{name}@AWSCURRENT", f"{name}@AWSPREVIOUS", f"{name}@{second}", f"{name}@trial"]
        assert fetch(*references) == ["second", "second", "first", "second", "third"]
        [gone] = fetch(f"{name}@AWSPENDING")
        assert isinstance(gone, SecretAbsent)

    def test_an_arn_names_its_region_too(
        self, aws: Callable[[str], Any], manager: Any, put: Callable[..., str]
    ) -> None:
        import boto3

        elsewhere = boto3.client("secretsmanager", region_name="us-east-1").create_secret(
            Name=f"far/{secrets.token_hex(4)}", SecretString="far away"
        )["ARN"]
        near = manager.describe_secret(SecretId=put("near"))["ARN"]
        assert fetch(near, elsewhere, f"{elsewhere}@AWSCURRENT") == ["near", "far away", "far away"]

    def test_a_name_with_an_at_is_written_with_its_version(self, put: Callable[..., str]) -> None:
        name = put("value", f"{secrets.token_hex(4)}@example.com")
        assert fetch(f"{name}@AWSCURRENT") == ["value"]

    @pytest.mark.parametrize(
        ("reference", "expected", "field"),
        [
            ("a", SecretId("a"), None),
            ("a/b_+=.-c#d", SecretId("a/b_+=.-c"), "d"),
            ("a@AWSPREVIOUS#d@e#f", SecretId("a", "AWSPREVIOUS"), "d@e#f"),
            ("me@example.com@one", SecretId("me@example.com", "one"), None),
            (ARN.format("eu-west-1", "a/b-AbCdEf#/x/y"), SecretId(ARN.format("eu-west-1", "a/b-AbCdEf")), "/x/y"),
        ],
    )
    def test_they_read_as_they_are_written(self, reference: str, expected: SecretId, field: str | None) -> None:
        assert SecretId.parse(reference) == (expected, field)

    @pytest.mark.parametrize(
        "reference",
        ["", "#field", "@stage", "a#", "a@", "a@#b", "a b", "a\n", "ä", "a" * 513, "a#b\n", "a@b c", "a:b",
         "arn:aws:secretsmanager:x:1:secret:a", "arn:aws:s3:::bucket", ARN.format("eu", "")],
    )  # fmt: skip
    def test_what_is_none_is_refused_without_asking_or_repeating_it(self, reference: str) -> None:
        with pytest.raises(InvalidSecretReference, match="aws-sm:NAME@STAGE") as caught:
            AwsSecretsManager().check(reference)
        assert len(reference) < 10 or reference not in str(caught.value)

    @given(st.text(max_size=40) | st.from_regex(r"[a-z/@#=.-]{1,20}"))
    def test_any_text_is_a_reference_or_is_refused_by_name(self, reference: str) -> None:
        try:
            secret, field = SecretId.parse(reference)
        except InvalidSecretReference:
            return
        version = "" if secret.version == "AWSCURRENT" and "@AWSCURRENT" not in reference else f"@{secret.version}"
        assert f"{secret.name}{version}" + (f"#{field}" if field is not None else "") == reference


class TestCalls:
    def test_one_secret_is_asked_for_by_itself_and_once_for_all_its_fields(
        self, api: AwsApi, put: Callable[..., str]
    ) -> None:
        name = put('{"a": "1", "b": "2"}')
        api.calls.clear()
        assert fetch(f"{name}#a", f"{name}#b", name) == ["1", "2", '{"a": "1", "b": "2"}']
        assert api.calls == ["GetSecretValue"]

    def test_many_come_twenty_at_a_time(self, api: AwsApi, put: Callable[..., str]) -> None:
        names = [put(f"value {number}") for number in range(BATCH + 3)]
        api.calls.clear()
        assert fetch(*names) == [f"value {number}" for number in range(BATCH + 3)]
        assert api.calls == ["BatchGetSecretValue"] * 2

    def test_one_that_is_absent_leaves_the_others_alone(self, api: AwsApi, put: Callable[..., str]) -> None:
        one, two = put("one"), put("two")
        first, gone, second = fetch(one, "no/such", two)
        assert (first, second) == ("one", "two")
        assert isinstance(gone, SecretAbsent)
        assert 'no secret "aws-sm:no/such" (ResourceNotFoundException' in str(gone)

    def test_one_that_is_being_deleted_is_absent(self, manager: Any, put: Callable[..., str]) -> None:
        one, two = put("one"), put("two")
        manager.delete_secret(SecretId=two)
        for answer in (fetch(one, two)[1], fetch(two)[0]):
            assert isinstance(answer, SecretAbsent)
            assert "aws-sm:" + two in str(answer)

    def test_who_may_not_batch_is_served_one_by_one(self, api: AwsApi, put: Callable[..., str]) -> None:
        one, two = put("one"), put("two")

        def answer(operation: str, parameters: dict[str, Any]) -> Any:
            refused = operation == "BatchGetSecretValue" or parameters["SecretId"] == two
            return (400, {"__type": "AccessDeniedException", "message": "not authorized"}) if refused else None

        api.answer, calls = answer, len(api.calls)
        first, second = fetch(one, two)
        assert first == "one"
        assert isinstance(second, SecretDenied)
        assert "not authorized" in str(second)
        assert api.calls[calls:] == ["BatchGetSecretValue", "GetSecretValue", "GetSecretValue"]

    def test_pages_and_what_the_batch_forgot(self, api: AwsApi, put: Callable[..., str]) -> None:
        names = [put(str(number)) for number in range(3)]

        def answer(operation: str, parameters: dict[str, Any]) -> Any:
            page = int(parameters.get("NextToken", 0))
            if operation != "BatchGetSecretValue":
                return None
            value = {"Name": names[page], "SecretString": str(page), "ARN": f"arn:{names[page]}-AbCdEf"}
            return 200, {"SecretValues": [value], "Errors": [], **({"NextToken": "1"} if page == 0 else {})}

        api.answer = answer
        assert fetch(*names) == ["0", "1", "2"]
        assert api.calls[-3:] == ["BatchGetSecretValue", "BatchGetSecretValue", "GetSecretValue"]

    def test_a_batch_whose_pages_never_end_does(self, api: AwsApi) -> None:
        api.answer = lambda operation, _parameters: (200, {"NextToken": "1"}) if operation[0] == "B" else None
        answers = fetch("a", "b")
        assert all(isinstance(answer, SecretAbsent) for answer in answers)


@pytest.mark.parametrize(
    ("code", "status", "kind", "said"),
    [
        ("ResourceNotFoundException", 400, SecretAbsent, "There is no secret"),
        ("InvalidRequestException", 400, SecretAbsent, "InvalidRequestException"),
        ("AccessDeniedException", 400, SecretDenied, "does not let these credentials"),
        ("DecryptionFailure", 400, SecretDenied, "does not let these credentials"),
        ("UnrecognizedClientException", 400, SecretDenied, "rejected"),
        ("ExpiredTokenException", 400, SecretDenied, "log in again"),
        ("InvalidParameterException", 400, SecretDenied, "InvalidParameterException"),
        ("ThrottlingException", 400, SourceUnreachable, "was asked again"),
        ("InternalServiceError", 500, SourceUnreachable, "InternalServiceError"),
        ("Whatever", 502, SourceUnreachable, "Whatever"),
    ],
)
@pytest.mark.parametrize("names", [["crm"], ["crm", "erp"]])
def test_every_refusal_has_its_word(
    api: AwsApi, code: str, status: int, kind: type[SourceProblem], said: str, names: list[str]
) -> None:
    api.refuse(code, "because", status)
    for name, answer in zip(names, fetch(*names), strict=True):
        assert type(answer) is kind
        assert said in str(answer)
        assert answer.remedy
        assert name in str(answer) or "2 secrets" in str(answer)
    assert len(api.calls) <= 6


@pytest.mark.parametrize(
    "content",
    [{}, b"", b"<html>", b"[]", {"SecretString": 5}, {"SecretBinary": "%"}, {"SecretValues": [{}], "Errors": [{}]},
     {"SecretValues": 7}, {"Errors": [{"SecretId": "a"}]}],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_no_secret(api: AwsApi, content: Any) -> None:
    api.answer = lambda _operation, _parameters: (200, content)
    for names in (["a"], ["a", "b"]):
        assert all(isinstance(answer, SourceProblem) for answer in fetch(*names))


def test_a_server_that_never_answers_is_given_up(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with mute_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        for answer in (*fetch("a", timeout=0.1), *fetch("a", "b", timeout=0.1)):
            assert isinstance(answer, SourceUnreachable)
            assert address in str(answer)


def test_what_no_time_is_left_for_is_not_asked(api: AwsApi) -> None:
    answers = fetch("a@one", "b@two", "c", timeout=-1.0)
    assert all(isinstance(answer, SourceUnreachable) and "No time was left" in str(answer) for answer in answers)
    assert api.calls == []


def test_one_malformed_reference_leaves_the_others_alone(put: Callable[..., str]) -> None:
    malformed, found = fetch("a b", put("value"))
    assert isinstance(malformed, SecretAbsent)
    assert found == "value"


def test_without_credentials_it_says_where_to_put_them(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for answer in fetch("a", "b"):
        assert isinstance(answer, SecretDenied)
        assert "AWS_PROFILE" in str(answer)


def test_a_missing_sdk_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtra, match=r"strongroom\[aws\]"):
        fetch("a")


class TestBlocks:
    def test_a_block_reveals_what_stays_in_the_manager(
        self, api: AwsApi, put: Callable[..., str], canary: Plant, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        token, password = canary("token"), canary("password")
        name = put(json.dumps({"token": token, "password": password}))
        caplog.clear()  # the arrangement's own client logs what it sends
        api.calls.clear()
        with open_registry("memory:") as registry, using(registry):
            Crm(token=secret_from(f"aws-sm:{name}#token"), password=secret_from(f"aws-sm:{name}#password")).save("crm")
            assert api.calls == []
            crm = Crm.load("crm")
            assert (crm.token.get_secret_value(), crm.password.get_secret_value()) == (token, password)
        assert api.calls == ["GetSecretValue"]

    def test_a_block_of_credentials_may_ask(
        self, moto: S3Server, put: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = put("value")
        for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(variable)
        credentials = AwsCredentials(
            aws_access_key_id=moto.access_key,
            aws_secret_access_key=moto.secret_key,  # type: ignore[arg-type]
            region_name="eu-central-1",
            aws_client_parameters=AwsClientParameters(endpoint_url=moto.endpoint_url, config={"user_agent_extra": "x"}),  # type: ignore[arg-type]
        )
        assert fetch(name, source=AwsSecretsManager(credentials)) == ["value"]
        with open_registry("memory:") as registry, using(registry):
            credentials.save("for-sm")
            monkeypatch.setenv("STRONGROOM_SOURCE_AWS_SM", "for-sm")
            crm = Crm(token=secret_from(f"aws-sm:{name}"), password="p")  # type: ignore[arg-type]
            assert crm.token.get_secret_value() == "value"

    def test_another_block_may_not(self) -> None:
        with pytest.raises(SourceMisconfigured, match=r'"aws-sm" takes AwsCredentials.*Crm'):
            AwsSecretsManager(Crm(token="t", password="p"))  # type: ignore[arg-type]
