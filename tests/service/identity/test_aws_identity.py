"""Identities of AWS log in: botocore signs, moto's STS checks the signature as AWS does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import urllib3
from botocore.credentials import Credentials
from servers.s3 import S3Server
from strongroom_service.cli.aws_signature import signed_request
from strongroom_service.errors import ProviderUnavailable, Unauthenticated
from strongroom_service.identity.providers import aws_identity
from strongroom_service.identity.providers.aws_identity import SignedRequest, principal
from strongroom_service.identity.providers.provider import AwsProvider, ClaimRule, ProviderRecord
from strongroom_service.service import Service

from .conftest import Clock

SERVER = "strongroom.example.com"
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}


@pytest.fixture
def clock() -> Clock:
    """Signatures are made by botocore with the clock of this machine."""
    clock = Clock()
    clock.time = datetime.now(UTC)
    return clock


@pytest.fixture(scope="module")
def deploy(moto: S3Server) -> Credentials:
    """A user of IAM, and his keys."""
    place: dict[str, Any] = {"endpoint_url": moto.endpoint_url, "region_name": "us-east-1"}
    iam = boto3.client("iam", aws_access_key_id="x", aws_secret_access_key="x", **place)
    iam.create_user(UserName="deploy")
    iam.put_user_policy(UserName="deploy", PolicyName="sts", PolicyDocument=json.dumps(ALLOWED))
    key = iam.create_access_key(UserName="deploy")["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture
def strict(moto: S3Server) -> Iterator[None]:
    """Have moto check signatures, as AWS does."""
    reset = f"{moto.endpoint_url}/moto-api/reset-auth"
    urllib3.request("POST", reset, body=b"0")
    yield
    urllib3.request("POST", reset, body=b"inf")


@pytest.fixture
def provider(service: Service, moto: S3Server) -> AwsProvider:
    rule = ClaimRule(claims={"principal": ("arn:aws:iam::123456789012:user/*",)}, policies=("reader",))
    provider = AwsProvider(sts=f"{moto.endpoint_url}/", server=SERVER, rules=(rule,))
    service.directory.put("provider", "aws", ProviderRecord(settings=provider))
    return provider


def sign(credentials: Credentials, provider: AwsProvider, **other: str) -> SignedRequest:
    said = {"sts": provider.sts, "region": provider.region, "server": provider.server, **other}
    return signed_request(credentials, **said)


def why(service: Service, signed: SignedRequest) -> str:
    with pytest.raises(Unauthenticated) as refused:
        service.logins.aws("aws", signed)
    return refused.value.why


def test_who_signs_is_let_in(service: Service, provider: AwsProvider, deploy: Credentials, strict: None) -> None:
    issued = service.logins.aws("aws", sign(deploy, provider))
    assert issued.record.identity == "aws:aws/arn:aws:iam::123456789012:user/deploy"
    assert issued.record.policies == ("default", "reader")


def test_a_signature_is_taken_once(service: Service, provider: AwsProvider, deploy: Credentials, strict: None) -> None:
    signed = sign(deploy, provider)
    service.logins.aws("aws", signed)
    assert why(service, signed) == "the signature of AWS was taken before"


def test_a_signature_by_other_keys_is_refused(
    service: Service, provider: AwsProvider, deploy: Credentials, strict: None
) -> None:
    forged = Credentials(deploy.access_key, "not the key")
    assert why(service, sign(forged, provider)) == "STS does not believe the signature (status 403)"


def test_a_signature_for_another_service_is_refused(
    service: Service, provider: AwsProvider, deploy: Credentials, strict: None
) -> None:
    assert "does not believe" in why(service, sign(deploy, provider, server="other.example.com"))


def test_a_signature_that_does_not_cover_this_service_is_refused(
    service: Service, provider: AwsProvider, deploy: Credentials
) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    plain = AWSRequest(
        method="POST", url=provider.sts, data=aws_identity.BODY, headers={"Content-Type": aws_identity.CONTENT_TYPE}
    )
    SigV4Auth(deploy, "sts", provider.region).add_auth(plain)
    signed = SignedRequest(plain.headers["Authorization"], plain.headers["X-Amz-Date"])
    assert why(service, signed) == "the signature of AWS does not cover what it has to"


def test_a_session_token_has_to_be_covered_too(service: Service, provider: AwsProvider, deploy: Credentials) -> None:
    signed = sign(deploy, provider)
    assert "does not cover" in why(service, replace(signed, session_token="AAAA"))
    with_session = sign(Credentials(deploy.access_key, deploy.secret_key, "AAAA"), provider)
    assert "x-amz-security-token" in with_session.authorization
    assert "does not cover" in why(service, replace(with_session, session_token=""))


@pytest.mark.parametrize(
    "change",
    [
        {"authorization": ""},
        {"authorization": "Bearer x"},
        {"date": "yesterday"},
        {"date": "20260101T120000Z\r\nHost: attacker"},
        {"date": "20261301T120000Z"},
        {"session_token": "a\r\nHost: attacker.example.com"},
    ],
)
def test_what_is_no_signature_is_never_sent(
    service: Service,
    provider: AwsProvider,
    deploy: Credentials,
    change: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aws_identity, "fetched", None)
    assert why(service, replace(sign(deploy, provider), **change))


@pytest.mark.parametrize("inject", ["\r\nX: y", "\n", ", SignedHeaders=host", "é"])
def test_nothing_is_slipped_into_the_header(
    service: Service, provider: AwsProvider, deploy: Credentials, inject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_identity, "fetched", None)
    signed = sign(deploy, provider)
    assert why(service, replace(signed, authorization=signed.authorization + inject)) == "the signature of AWS is none"


def test_another_region_is_refused(service: Service, provider: AwsProvider, deploy: Credentials) -> None:
    assert "another region" in why(service, sign(deploy, provider, region="eu-west-1"))


def test_an_old_signature_is_refused(
    service: Service, provider: AwsProvider, deploy: Credentials, clock: Clock
) -> None:
    signed = sign(deploy, provider)
    clock.forward(minutes=6)
    assert why(service, signed) == "the signature of AWS is too old, or of the future"


ANSWER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>{arn}</Arn><UserId>U</UserId><Account>{account}</Account></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<",
        "{}",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + ANSWER.format(arn="&a;", account="1"),
        ANSWER.format(arn="", account="1"),
        ANSWER.format(arn="arn:aws:iam::1:user/x", account="x"),
        ANSWER.replace("GetCallerIdentityResult", "AssumeRoleResult").format(arn="arn:aws:iam::1:user/x", account="1"),
        f"<a>{ANSWER.format(arn='arn:aws:iam::1:user/x', account='1')}</a>",
    ],
)
def test_an_answer_of_another_shape_is_nobodys(
    service: Service, provider: AwsProvider, deploy: Credentials, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_identity, "fetched", lambda *_, **__: (200, content.encode()))
    with pytest.raises(ProviderUnavailable):
        service.logins.aws("aws", sign(deploy, provider))


def test_the_request_is_the_services_own(
    service: Service, provider: AwsProvider, deploy: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, ...]] = []

    def fetched(method: str, url: str, *, body: bytes, headers: dict[str, str], ca: str) -> tuple[int, bytes]:
        sent.append((method, url, body, sorted(headers)))
        return 200, ANSWER.format(arn="arn:aws:iam::123456789012:user/deploy", account="123456789012").encode()

    monkeypatch.setattr(aws_identity, "fetched", fetched)
    service.logins.aws("aws", sign(deploy, provider))
    names = ["Authorization", "Content-Type", "X-Amz-Date", "X-Strongroom-Server"]
    assert sent == [("POST", provider.sts, b"Action=GetCallerIdentity&Version=2011-06-15", names)]


@pytest.mark.parametrize(
    ("arn", "role"),
    [
        ("arn:aws:sts::1:assumed-role/etl/session", "arn:aws:iam::1:role/etl"),
        ("arn:aws-cn:sts::1:assumed-role/etl/a/b", "arn:aws-cn:iam::1:role/etl"),
        ("arn:aws:iam::1:user/assumed-role/etl", "arn:aws:iam::1:user/assumed-role/etl"),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
    ],
)
def test_the_role_behind_a_session_is_found(arn: str, role: str) -> None:
    assert principal(arn) == role
