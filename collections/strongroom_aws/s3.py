"""Tasks over S3 by bucket name and key, as ``prefect_aws.s3`` names them; each has an asynchronous twin with an ``a``.

Tasks that take a bucket as a block are those of every object store, in :mod:`strongroom.objects`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from strongroom import get_run_logger, task, task_twin

from strongroom_aws.bucket import S3Bucket as S3Bucket
from strongroom_aws.faults import told

if TYPE_CHECKING:
    from strongroom_aws.client_parameters import AwsClientParameters
    from strongroom_aws.credentials import AwsCredentials, MinIOCredentials

    Credentials = AwsCredentials | MinIOCredentials


@task
def download_from_bucket(
    bucket: str,
    key: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
) -> bytes:
    """The content of an object.

    :param aws_client_parameters: used in place of those of the credentials.
    :raises ObjectNotFound: there is none under this key.
    """
    get_run_logger().info("Downloading object from bucket %s with key %s", bucket, key)
    return _bucket(bucket, aws_credentials, aws_client_parameters).read_path(key)


@task
def upload_to_bucket(
    data: bytes,
    bucket: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
    key: str | None = None,
) -> str:
    """Write an object, under a new random key unless told otherwise; returns the key."""
    key = key or str(uuid.uuid4())
    get_run_logger().info("Uploading object to bucket %s with key %s", bucket, key)
    return _bucket(bucket, aws_credentials, aws_client_parameters).write_path(key, data)


@task
def copy_objects(
    source_path: str,
    target_path: str,
    source_bucket_name: str,
    aws_credentials: Credentials,
    target_bucket_name: str | None = None,
    **copy_kwargs: Any,
) -> str:
    """Copy an object inside the service, within a bucket or to another; returns the new key.

    :param copy_kwargs: parameters of ``CopyObject``, such as ``MetadataDirective``.
    """
    source, target = _pair(source_bucket_name, target_bucket_name, aws_credentials)
    _log("Copying", source_path, target_path, source, target)
    return source.copy_object(source_path, target_path, target, **copy_kwargs)


@task
def move_objects(
    source_path: str,
    target_path: str,
    source_bucket_name: str,
    aws_credentials: Credentials,
    target_bucket_name: str | None = None,
) -> str:
    """Copy an object as :func:`copy_objects` does, then delete the original; returns the new key."""
    source, target = _pair(source_bucket_name, target_bucket_name, aws_credentials)
    _log("Moving", source_path, target_path, source, target)
    return source.move_object(source_path, target_path, target)


@task
def list_objects(
    bucket: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
    prefix: str = "",
    delimiter: str = "",
    page_size: int | None = None,
    max_items: int | None = None,
    jmespath_query: str | None = None,
) -> list[dict[str, Any]]:
    """Objects whose keys begin with ``prefix``, as S3 describes them: mappings with ``Key``, ``Size`` and more.

    :param delimiter: leave out keys that have it after the prefix: ``"/"`` for one folder without those in it.
    :param max_items: how many at most.
    :param jmespath_query: a `JMESPath <https://jmespath.org>`_ query on each page of S3's answer, such as
        ``"Contents[?Size > `100`][]"``; what it selects is returned in place of the objects.
    """
    get_run_logger().info("Listing objects in bucket %s with prefix %s", bucket, prefix)
    client = _bucket(bucket, aws_credentials, aws_client_parameters).credentials.get_s3_client()
    limits: Any = {"PageSize": page_size, "MaxItems": max_items}
    with told(bucket):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig=limits
        )
        return [entry for entry in pages.search(jmespath_query or "Contents[]") if entry is not None]


adownload_from_bucket = task_twin(download_from_bucket)
aupload_to_bucket = task_twin(upload_to_bucket)
acopy_objects = task_twin(copy_objects)
amove_objects = task_twin(move_objects)
alist_objects = task_twin(list_objects)

s3_download = download_from_bucket
s3_upload = upload_to_bucket
s3_copy = copy_objects
s3_move = move_objects
s3_list_objects = list_objects


def _bucket(name: str, credentials: Credentials, parameters: AwsClientParameters | None) -> S3Bucket:
    if parameters is not None:
        credentials = credentials.model_copy(update={"aws_client_parameters": parameters})
    return S3Bucket(bucket_name=name, credentials=credentials)


def _pair(source: str, target: str | None, credentials: Credentials) -> tuple[S3Bucket, S3Bucket]:
    return _bucket(source, credentials, None), _bucket(target or source, credentials, None)


def _log(doing: str, source_path: str, target_path: str, source: S3Bucket, target: S3Bucket) -> None:
    get_run_logger().info(
        "%s object from bucket %s with key %s to bucket %s with key %s",
        doing,
        source.bucket_name,
        source_path,
        target.bucket_name,
        target_path,
    )
