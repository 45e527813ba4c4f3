"""Tasks over AWS Secrets Manager, as ``prefect_aws.secrets_manager`` names them; each has an asynchronous twin."""

from __future__ import annotations

from typing import Any

from strongroom import get_run_logger, task, task_twin

from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.secret import AwsSecret


@task(persist_result=False)
def read_secret(
    secret_name: str, aws_credentials: AwsCredentials, version_id: str | None = None, version_stage: str | None = None
) -> str | bytes:
    """The value of a secret, which is never kept with the run's results.

    :raises ResourceNotFound: there is no such secret, or no such version.
    """
    get_run_logger().info("Getting value for secret %s", secret_name)
    return _secret(secret_name, aws_credentials).read_secret(version_id, version_stage)


@task
def update_secret(
    secret_name: str, secret_value: str | bytes, aws_credentials: AwsCredentials, description: str | None = None
) -> dict[str, Any]:
    """Give a secret a new value; returns AWS' answer, with ``ARN``, ``Name`` and ``VersionId``."""
    get_run_logger().info("Updating value for secret %s", secret_name)
    return _answer(_secret(secret_name, aws_credentials).update_secret(secret_value, description))


@task
def create_secret(
    secret_name: str,
    secret_value: str | bytes,
    aws_credentials: AwsCredentials,
    description: str | None = None,
    tags: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Make a secret; returns AWS' answer, with ``ARN``, ``Name`` and ``VersionId``.

    :param tags: as ``{"Key": …, "Value": …}``.
    """
    get_run_logger().info("Creating secret named %s", secret_name)
    more = {"Tags": tags} if tags else {}
    return _answer(_secret(secret_name, aws_credentials).create_secret(secret_value, description, **more))


@task
def delete_secret(
    secret_name: str,
    aws_credentials: AwsCredentials,
    recovery_window_in_days: int = 30,
    force_delete_without_recovery: bool = False,
) -> dict[str, Any]:
    """Delete a secret; returns AWS' answer, with ``ARN``, ``Name`` and ``DeletionDate``.

    :raises ValueError: the days are not between 7 and 30.
    """
    get_run_logger().info("Deleting secret %s", secret_name)
    secret = _secret(secret_name, aws_credentials)
    return _answer(secret._deleted(recovery_window_in_days, force_delete_without_recovery, {}))


aread_secret = task_twin(read_secret)
aupdate_secret = task_twin(update_secret)
acreate_secret = task_twin(create_secret)
adelete_secret = task_twin(delete_secret)


def _secret(name: str, credentials: AwsCredentials) -> AwsSecret:
    return AwsSecret(secret_name=name, aws_credentials=credentials)


def _answer(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}
