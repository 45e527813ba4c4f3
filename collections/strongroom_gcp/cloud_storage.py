"""Tasks over Cloud Storage by bucket and blob name, as ``prefect_gcp.cloud_storage`` names them; each has an
asynchronous twin with an ``a``.

``timeout`` is seconds for an answer, or for the connection and an answer; ``project`` is used in place of that of the
credentials. Further arguments are those of Google's client. Tasks that take a bucket as a block are those of every
object store, in :mod:`strongroom.objects`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from strongroom import get_run_logger, task, task_twin
from strongroom.sources import reloaded
from strongroom.stores import complete_file

from strongroom_gcp.bucket import GcsBucket as GcsBucket
from strongroom_gcp.credentials import GcpCredentials as GcpCredentials
from strongroom_gcp.dataframes import DataFrameSerializationFormat as DataFrameSerializationFormat
from strongroom_gcp.patience import asking
from strongroom_gcp.reloading import REFUSED
from strongroom_gcp.storage_faults import asked

T = TypeVar("T")
Timeout = float | tuple[float, float]


@task
def cloud_storage_create_bucket(
    bucket: str,
    gcp_credentials: GcpCredentials,
    project: str | None = None,
    location: str | None = None,
    **create_kwargs: Any,
) -> str:
    """Create a bucket; returns its name.

    :param location: such as ``"EU"`` or ``"europe-west3"``; by default Google's own, the US.
    :param create_kwargs: for ``Client.create_bucket``.
    :raises GcpExists: there is one already, here or in somebody else's project.
    """
    get_run_logger().info("Creating bucket %s", bucket)
    only = asking() | create_kwargs
    _told(
        bucket,
        "",
        gcp_credentials,
        lambda: gcp_credentials.get_cloud_storage_client(project).create_bucket(bucket, location=location, **only),
    )
    return bucket


@task
def cloud_storage_download_blob_as_bytes(
    bucket: str,
    blob: str,
    gcp_credentials: GcpCredentials,
    chunk_size: int | None = None,
    encryption_key: str | bytes | None = None,
    timeout: Timeout = 60,
    project: str | None = None,
    **download_kwargs: Any,
) -> bytes:
    """The content of a blob.

    :param chunk_size: bytes of one request, a multiple of 256 KiB; by default all come in one.
    :param encryption_key: the one that it was encrypted with by the customer, 32 bytes.
    :param download_kwargs: for ``Blob.download_as_bytes``.
    :raises ObjectNotFound: there is none of this name.
    """
    get_run_logger().info("Downloading blob %s of bucket %s", blob, bucket)
    only = asking(timeout) | _checksummed(chunk_size) | download_kwargs

    def attempt() -> bytes:
        found: bytes = _blob(gcp_credentials, project, bucket, blob, chunk_size, encryption_key).download_as_bytes(
            **only
        )
        return found

    return _told(bucket, blob, gcp_credentials, attempt)


@task
def cloud_storage_download_blob_to_file(
    bucket: str,
    blob: str,
    path: str | Path,
    gcp_credentials: GcpCredentials,
    chunk_size: int | None = None,
    encryption_key: str | bytes | None = None,
    timeout: Timeout = 60,
    project: str | None = None,
    **download_kwargs: Any,
) -> str | Path:
    """Download a blob into a file, which appears when it is complete; returns its path.

    :param path: the file, or a folder that is there, in which it gets the blob's own name.
    :param download_kwargs: for ``Blob.download_to_file``.
    :raises ObjectNotFound: there is none of this name.
    """
    get_run_logger().info("Downloading blob %s of bucket %s to %s", blob, bucket, path)
    target = Path(path) / PurePosixPath(blob).name if Path(path).is_dir() else Path(path)
    only = asking(timeout) | _checksummed(chunk_size) | download_kwargs

    def attempt() -> None:
        with complete_file(target) as file:
            _blob(gcp_credentials, project, bucket, blob, chunk_size, encryption_key).download_to_file(file, **only)

    _told(bucket, blob, gcp_credentials, attempt)
    return str(target) if isinstance(path, str) else target


@task
def cloud_storage_upload_blob_from_string(
    data: str | bytes,
    bucket: str,
    blob: str,
    gcp_credentials: GcpCredentials,
    content_type: str | None = None,
    chunk_size: int | None = None,
    encryption_key: str | bytes | None = None,
    timeout: Timeout = 60,
    project: str | None = None,
    **upload_kwargs: Any,
) -> str:
    """Write a blob, replacing one that is there; returns its name.

    :param content_type: by default that of plain text.
    :param upload_kwargs: for ``Blob.upload_from_string``.
    """
    get_run_logger().info("Uploading to blob %s of bucket %s", blob, bucket)
    only = asking(timeout) | _typed(content_type) | upload_kwargs
    _told(
        bucket,
        blob,
        gcp_credentials,
        lambda: _blob(gcp_credentials, project, bucket, blob, chunk_size, encryption_key).upload_from_string(
            data, **only
        ),
    )
    return blob


@task
def cloud_storage_upload_blob_from_file(
    file: str | Path | BinaryIO,
    bucket: str,
    blob: str,
    gcp_credentials: GcpCredentials,
    content_type: str | None = None,
    chunk_size: int | None = None,
    encryption_key: str | bytes | None = None,
    timeout: Timeout = 60,
    project: str | None = None,
    **upload_kwargs: Any,
) -> str:
    """Upload a file, or what a binary file object still holds; returns the blob's name.

    :param content_type: by default what the file's name says.
    :param upload_kwargs: for ``Blob.upload_from_filename``, or ``upload_from_file`` of a file object.
    """
    get_run_logger().info("Uploading to blob %s of bucket %s", blob, bucket)
    only = asking(timeout) | _typed(content_type) | upload_kwargs

    def attempt() -> None:
        place = _blob(gcp_credentials, project, bucket, blob, chunk_size, encryption_key)
        if isinstance(file, str | Path):
            place.upload_from_filename(str(file), **only)
        else:
            place.upload_from_file(file, **only)

    _told(bucket, blob, gcp_credentials, attempt)
    return blob


@task
def cloud_storage_copy_blob(
    source_bucket: str,
    dest_bucket: str,
    source_blob: str,
    gcp_credentials: GcpCredentials,
    dest_blob: str | None = None,
    timeout: Timeout = 60,
    project: str | None = None,
    **copy_kwargs: Any,
) -> str:
    """Copy a blob inside the service, to another bucket or name; returns the new blob's name.

    :param dest_blob: by default the same name.
    :param copy_kwargs: for ``Bucket.copy_blob``.
    :raises ObjectNotFound: there is nothing to copy.
    """
    name = dest_blob or source_blob
    get_run_logger().info("Copying blob %s of bucket %s to %s of %s", source_blob, source_bucket, name, dest_bucket)
    only = asking(timeout) | copy_kwargs

    def attempt() -> None:
        client: Any = gcp_credentials.get_cloud_storage_client(project)
        source = client.bucket(source_bucket)
        source.copy_blob(source.blob(source_blob), client.bucket(dest_bucket), new_name=name, **only)

    _told(source_bucket, source_blob, gcp_credentials, attempt)
    return name


acloud_storage_create_bucket = task_twin(cloud_storage_create_bucket)
acloud_storage_download_blob_as_bytes = task_twin(cloud_storage_download_blob_as_bytes)
acloud_storage_download_blob_to_file = task_twin(cloud_storage_download_blob_to_file)
acloud_storage_upload_blob_from_string = task_twin(cloud_storage_upload_blob_from_string)
acloud_storage_upload_blob_from_file = task_twin(cloud_storage_upload_blob_from_file)
acloud_storage_copy_blob = task_twin(cloud_storage_copy_blob)


def _told(bucket: str, blob: str, credentials: GcpCredentials, call: Callable[[], T]) -> T:
    return reloaded(credentials, lambda: asked(bucket, blob, call), refused=REFUSED)


def _blob(
    credentials: GcpCredentials,
    project: str | None,
    bucket: str,
    name: str,
    chunk_size: int | None,
    encryption_key: str | bytes | None,
) -> Any:
    key = encryption_key.encode() if isinstance(encryption_key, str) else encryption_key
    client: Any = credentials.get_cloud_storage_client(project)
    return client.bucket(bucket).blob(name, chunk_size=chunk_size, encryption_key=key)


def _checksummed(chunk_size: int | None) -> dict[str, Any]:
    """Chunks have no checksum of their own, and that of the whole is not kept between them."""
    return {} if chunk_size else {"checksum": "crc32c"}


def _typed(content_type: str | None) -> dict[str, Any]:
    return {"content_type": content_type} if content_type else {}
