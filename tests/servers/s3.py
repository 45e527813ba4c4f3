"""What a test knows of an S3 server: where it answers and who may use it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class S3Server:
    """An address and the one pair of keys that is allowed in."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def client(self) -> Any:
        """A bare boto3 client, for arranging and for looking after."""
        return _client(self)

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name


@cache
def _client(server: S3Server) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
    )
