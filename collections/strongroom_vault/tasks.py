"""Ready-made tasks over the key-value engines of Vault, each with an asynchronous twin::

    vault = Block.load("our-vault")
    version = write_secret(vault, "secret/crm", {"password": new}, cas=3)
    read_secret(vault, "secret/crm")["password"]

What is read is masked in logs, and neither cached nor kept as a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom import get_run_logger, task, task_twin
from strongroom.cache_policies import NO_CACHE

from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.kv_metadata import SecretMetadata


@task(persist_result=False, cache_policy=NO_CACHE)
def read_secret(credentials: VaultCredentials, path: str, version: int | None = None) -> dict[str, Any]:
    """The fields of a secret, whichever version its engine is of.

    :param path: with the engine's mount, without ``data/``: ``secret/crm``.
    :param version: of the secret, where the engine keeps versions; the newest by default.
    """
    found = credentials.read_secret(path, version=version)
    get_run_logger().info("Read %s", path)
    return found


@task(cache_policy=NO_CACHE)
def write_secret(
    credentials: VaultCredentials, path: str, data: Mapping[str, Any], cas: int | None = None
) -> int | None:
    """Write a secret whole; returns its new version, None where the engine keeps none.

    :param cas: check-and-set: the version that must be the newest; 0 means that there must be none.
    :raises VaultStale: another version is the newest; nothing was written.
    """
    version = credentials.write_secret(path, data, cas=cas)
    get_run_logger().info("Wrote %s%s", path, "" if version is None else f", version {version}")
    return version


@task(cache_policy=NO_CACHE)
def list_secrets(credentials: VaultCredentials, path: str) -> list[str]:
    """The names directly below a mount or folder, sorted, folders with a slash."""
    return credentials.list_secrets(path)


@task(cache_policy=NO_CACHE)
def delete_secret(credentials: VaultCredentials, path: str, versions: Sequence[int] | None = None) -> None:
    """Delete versions of a secret, by default the newest; they can be brought back where the engine keeps versions."""
    credentials.delete_secret(path, versions)
    get_run_logger().info("Deleted %s", path)


@task(cache_policy=NO_CACHE)
def undelete_secret(credentials: VaultCredentials, path: str, versions: Sequence[int]) -> None:
    """Bring deleted versions of a secret back."""
    credentials.undelete_secret(path, versions)
    get_run_logger().info("Brought versions %s of %s back", list(versions), path)


@task(cache_policy=NO_CACHE)
def destroy_secret(credentials: VaultCredentials, path: str, versions: Sequence[int]) -> None:
    """Destroy versions of a secret, for good."""
    credentials.destroy_secret(path, versions)
    get_run_logger().info("Destroyed versions %s of %s", list(versions), path)


@task(cache_policy=NO_CACHE)
def read_metadata(credentials: VaultCredentials, path: str) -> SecretMetadata:
    """Which versions a secret has, and what is said of it; not what is in it."""
    return credentials.read_metadata(path)


@task(cache_policy=NO_CACHE)
def write_metadata(credentials: VaultCredentials, path: str, settings: Mapping[str, Any]) -> None:
    """Change what is said of a secret: ``custom_metadata``, ``max_versions``, ``cas_required``, …"""
    credentials.write_metadata(path, settings)
    get_run_logger().info("Changed the metadata of %s", path)


@task(cache_policy=NO_CACHE)
def delete_metadata(credentials: VaultCredentials, path: str) -> None:
    """Delete a secret with all its versions and what is said of it, for good."""
    credentials.delete_metadata(path)
    get_run_logger().info("Deleted all of %s", path)


aread_secret = task_twin(read_secret)
awrite_secret = task_twin(write_secret)
alist_secrets = task_twin(list_secrets)
adelete_secret = task_twin(delete_secret)
aundelete_secret = task_twin(undelete_secret)
adestroy_secret = task_twin(destroy_secret)
aread_metadata = task_twin(read_metadata)
awrite_metadata = task_twin(write_metadata)
adelete_metadata = task_twin(delete_metadata)
