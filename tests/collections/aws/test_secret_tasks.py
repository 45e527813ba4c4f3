"""A secret that flows write and read, in moto's Secrets Manager."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import flow
from strongroom.checks import CheckAbsent
from strongroom_aws import AwsCredentials, AwsSecret
from strongroom_aws.errors import RequestRefused, ResourceNotFound
from strongroom_aws.secrets_manager import acreate_secret, create_secret, delete_secret, read_secret, update_secret


@pytest.fixture
def credentials(moto: S3Server) -> AwsCredentials:
    return credentials_for(moto)


@pytest.fixture
def secret(credentials: AwsCredentials) -> AwsSecret:
    return AwsSecret(secret_name=f"crm/{uuid.uuid4()}", aws_credentials=credentials)


def test_a_secret_is_written_read_and_deleted(secret: AwsSecret, canary: Plant) -> None:
    first, second = canary("first"), canary("second")
    with pytest.raises(ResourceNotFound, match=secret.secret_name):
        secret.read_secret()
    arn = secret.write_secret(first.encode())
    assert secret.secret_name in arn
    assert secret.read_secret() == first.encode()
    assert secret.write_secret(second) == arn
    assert secret.read_secret() == second
    assert secret.read_secret(version_stage="AWSPREVIOUS") == first.encode()
    assert secret.check(5) == "has 2 versions"
    with pytest.raises(ValueError, match="7 to 30"):
        secret.delete_secret(recovery_window_in_days=3)
    assert secret.delete_secret(force_delete_without_recovery=True) == arn
    with pytest.raises(CheckAbsent):
        secret.check(5)


def test_a_flow_uses_the_tasks_that_scripts_know(credentials: AwsCredentials, canary: Plant) -> None:
    name, value = f"crm/{uuid.uuid4()}", canary("value")

    @flow
    def rotate() -> None:
        created = create_secret(name, "old", credentials, description="the key", tags=[{"Key": "a", "Value": "b"}])
        assert created["Name"] == name
        assert update_secret(name, value, credentials)["ARN"] == created["ARN"]
        assert read_secret(name, credentials) == value
        assert "DeletionDate" in delete_secret(name, credentials, recovery_window_in_days=7)

    rotate()


def test_a_name_that_is_taken_is_refused(credentials: AwsCredentials) -> None:
    name = f"crm/{uuid.uuid4()}"

    @flow
    async def twice() -> None:
        await acreate_secret(name, b"1", credentials)
        await acreate_secret(name, b"2", credentials)

    with pytest.raises(RequestRefused, match="ResourceExists"):
        asyncio.run(twice())


def test_a_token_of_an_identity_provider_opens_a_role(
    aws: Callable[[str], Any], moto: S3Server, no_aws_of_this_machine: Any
) -> None:
    token = no_aws_of_this_machine / "token"
    token.write_text("a-token-of-the-provider")
    login = AwsCredentials(
        assume_role_arn="arn:aws:iam::123456789012:role/loader",
        web_identity_token_file=token,
        region_name="eu-central-1",
        aws_client_parameters={"endpoint_url": moto.endpoint_url},  # type: ignore[arg-type]
    )
    assert login.environment()["AWS_SESSION_TOKEN"]
    token.unlink()
    from strongroom_aws.errors import CredentialsMissing

    with pytest.raises(CredentialsMissing, match="cannot be read"):
        login.environment()
    with pytest.raises(ValueError, match="assume_role_arn"):
        AwsCredentials(web_identity_token_file=token)
