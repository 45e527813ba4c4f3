"""What a test knows of an S3 server: where it answers and who may use it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class S3Server:
    """An address and the one pair of keys that is allowed in."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def client(self, **parameters: Any) -> Any:
        """A bare boto3 client, for arranging and for looking after."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            **parameters,
        )

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name
