"""Blocks over the servers."""

from __future__ import annotations

from typing import Any

from strongroom_aws import AwsClientParameters, AwsCredentials, S3Bucket

from servers.s3 import S3Server

ONE_ATTEMPT = {"retries": {"total_max_attempts": 1}}


def credentials_for(server: S3Server, **fields: Any) -> AwsCredentials:
    """Static credentials that the server accepts."""
    return AwsCredentials(
        **{
            "aws_access_key_id": server.access_key,
            "aws_secret_access_key": server.secret_key,
            "region_name": "us-east-1",
            "aws_client_parameters": AwsClientParameters(endpoint_url=server.endpoint_url),
        }
        | fields
    )


def bucket_at(endpoint_url: str, *, secret: str = "unchecked", **fields: Any) -> S3Bucket:
    """A bucket of a server that checks nothing, asked once and no more."""
    credentials = AwsCredentials(
        aws_access_key_id="unchecked",
        aws_secret_access_key=secret,  # type: ignore[arg-type]
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=endpoint_url, config=ONE_ATTEMPT),  # type: ignore[arg-type]
    )
    return S3Bucket(bucket_name="bucket", credentials=credentials, **fields)
