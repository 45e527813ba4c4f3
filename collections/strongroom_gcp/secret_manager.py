"""Tasks over Secret Manager by the secret's name, as ``prefect_gcp.secret_manager`` names them; each has an
asynchronous twin with an ``a``. ``timeout`` is in seconds; ``project`` is used in place of that of the credentials."""

from __future__ import annotations

from strongroom import get_run_logger, task, task_twin

from strongroom_gcp import secret_versions
from strongroom_gcp.credentials import GcpCredentials as GcpCredentials
from strongroom_gcp.gcp_secret import GcpSecret as GcpSecret
from strongroom_gcp.secret_reference import NEWEST


@task
def create_secret(
    secret_name: str, gcp_credentials: GcpCredentials, timeout: float = 60, project: str | None = None
) -> str:
    """A new secret, which has no version yet; returns its path.

    :raises GcpExists: there is one already.
    """
    path = _path(secret_name, gcp_credentials, project)
    get_run_logger().info("Creating the secret %s", path)
    return secret_versions.create(gcp_credentials, path, timeout)


@task
def update_secret(
    secret_name: str,
    secret_value: str | bytes,
    gcp_credentials: GcpCredentials,
    timeout: float = 60,
    project: str | None = None,
) -> str:
    """Add a version to a secret; returns the version's path.

    :raises GcpAbsent: there is no such secret.
    """
    path = _path(secret_name, gcp_credentials, project)
    get_run_logger().info("Adding a version to the secret %s", path)
    return secret_versions.add(gcp_credentials, path, secret_value, timeout)


@task(persist_result=False)
def read_secret(
    secret_name: str,
    gcp_credentials: GcpCredentials,
    version_id: str | int = NEWEST,
    timeout: float = 60,
    project: str | None = None,
) -> str:
    """What a version of a secret holds, as text; it is masked in logs and kept in no store of results.

    :raises GcpAbsent: there is no such secret, or no such version of it.
    """
    path = f"{_path(secret_name, gcp_credentials, project)}/versions/{version_id}"
    get_run_logger().info("Reading %s", path)
    return secret_versions.read(gcp_credentials, path, timeout).decode()


@task
def delete_secret(
    secret_name: str, gcp_credentials: GcpCredentials, timeout: float = 60, project: str | None = None
) -> str:
    """Delete a secret with all its versions, for good; returns its path."""
    path = _path(secret_name, gcp_credentials, project)
    get_run_logger().info("Deleting the secret %s", path)
    return secret_versions.delete(gcp_credentials, path, timeout)


@task
def delete_secret_version(
    secret_name: str,
    version_id: int,
    gcp_credentials: GcpCredentials,
    timeout: float = 60,
    project: str | None = None,
) -> str:
    """Destroy a version of a secret, for good; returns its path.

    :param version_id: its number; what is the latest is not deleted by that name.
    :raises ValueError: it is no number.
    """
    if not str(version_id).isdecimal():
        raise ValueError(f"A version is deleted by its number, not as {version_id!r}.")
    path = f"{_path(secret_name, gcp_credentials, project)}/versions/{version_id}"
    get_run_logger().info("Destroying %s", path)
    return secret_versions.destroy(gcp_credentials, path, timeout)


acreate_secret = task_twin(create_secret)
aupdate_secret = task_twin(update_secret)
aread_secret = task_twin(read_secret)
adelete_secret = task_twin(delete_secret)
adelete_secret_version = task_twin(delete_secret_version)


def _path(name: str, credentials: GcpCredentials, project: str | None) -> str:
    return secret_versions.resource(credentials, name, project)
