"""Leases of AWS keys, against moto."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from servers.s3 import S3Server
from servers.service import Clock
from strongroom_aws import AwsClientParameters, AwsCredentials
from strongroom_registry.current import using
from strongroom_service.errors import Conflict, EngineFailed, InvalidRequest
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseRole, LeaseState
from strongroom_service.service import Service

ROLE = "arn:aws:iam::123456789012:role/loader"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def credentials(moto: S3Server) -> AwsCredentials:
    return AwsCredentials(
        aws_access_key_id=moto.access_key,
        aws_secret_access_key=moto.secret_key,
        region_name="eu-central-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=moto.endpoint_url),
    )


@pytest.fixture
def define(service: Service, root: Caller, moto: S3Server, clock: Clock) -> Any:
    clock.now = datetime.now(UTC)
    with using(service.registry("default")):
        credentials(moto).save("aws")

    def make(**options: Any) -> None:
        times = {"default_ttl": options.pop("ttl", 900), "max_ttl": options.pop("max_ttl", 3600)}
        role = LeaseRole(engine="aws-sts", block="default/aws", options=options, **times)
        service.leases.roles.put(root, "default", "loader", role)

    return make


def who(moto: S3Server, credential: dict[str, str]) -> str:
    client = boto3.client(
        "sts",
        endpoint_url=moto.endpoint_url,
        region_name="eu-central-1",
        aws_access_key_id=credential["access_key_id"],
        aws_secret_access_key=credential["secret_access_key"],
        aws_session_token=credential["session_token"],
    )
    return str(client.get_caller_identity()["Arn"])


def test_keys_of_a_role(service: Service, root: Caller, moto: S3Server, define: Any) -> None:
    define(role_arn=ROLE, policy=POLICY, policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"], external_id="ext-1")
    made = service.leases.create(root, "default", "loader")
    assert who(moto, made.credential).endswith(f":assumed-role/loader/{made.lease.name}")
    assert made.lease.undo == {"access_key_id": made.credential["access_key_id"]}
    assert abs(made.lease.until - made.lease.created - timedelta(seconds=900)) < timedelta(seconds=60)


def test_keys_of_a_federated_user(service: Service, root: Caller, define: Any) -> None:
    define(action="federation_token", policy=POLICY)
    made = service.leases.create(root, "default", "loader", timedelta(seconds=1800))
    assert len(made.lease.name) <= 32
    assert set(made.credential) == {"access_key_id", "secret_access_key", "session_token"}


def test_revoking_stops_renewals_and_says_until_when_the_keys_work(
    service: Service, root: Caller, clock: Clock, define: Any
) -> None:
    define(role_arn=ROLE)
    made = service.leases.create(root, "default", "loader")
    with pytest.raises(Conflict, match="prolongs nothing"):
        service.leases.renew(root, made.id)
    lease = service.leases.revoke(root, made.id)
    assert lease is not None
    assert (lease.state, lease.until) == (LeaseState.LAPSING, made.lease.until)
    with pytest.raises(Conflict, match="over"):
        service.leases.renew(root, made.id)
    clock.now = made.lease.until
    service.leases.ending.end_due()
    assert service.leases.page(root, "default")[0] == []


def test_keys_that_may_have_been_made_are_listed_while_they_could_work(
    service: Service, root: Caller, clock: Clock, define: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(role_arn=ROLE)
    monkeypatch.setattr("strongroom_service.leases.leases.Leases._complete", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        service.leases.create(root, "default", "loader")
    clock.advance(seconds=120)
    service.leases.ending.end_due()
    ((_, lease, _),), _ = service.leases.page(root, "default")
    assert lease is not None
    assert lease.state is LeaseState.LAPSING
    assert lease.until == lease.deadline + timedelta(seconds=900)


def test_a_service_that_is_away(service: Service, root: Caller, define: Any) -> None:
    define(role_arn=ROLE)
    with using(service.registry("default")):
        away = AwsClientParameters(endpoint_url="http://127.0.0.1:1", config={"retries": {"total_max_attempts": 1}})
        AwsCredentials(
            aws_access_key_id="x" * 16, aws_secret_access_key="y" * 40, region_name="x", aws_client_parameters=away
        ).save("aws", overwrite=True)
    with pytest.raises(EngineFailed, match="No answer"):
        service.leases.create(root, "default", "loader")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"role_arn": "loader"},
        {"role_arn": ROLE, "action": "federation_token"},
        {"action": "federation_token"},
        {"action": "federation_token", "policy": POLICY, "external_id": "ext"},
        {"role_arn": ROLE, "policy": {"Statement": "x" * 2048}},
        {"role_arn": ROLE, "policy_arns": ["x"]},
        {"role_arn": ROLE, "ttl": 899},
        {"role_arn": ROLE, "max_ttl": 12 * 3600 + 1},
        {"action": "federation_token", "policy": POLICY, "max_ttl": 36 * 3600 + 1},
    ],
)
def test_options_that_are_none(define: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        define(**options)
