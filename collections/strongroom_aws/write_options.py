"""What is written along with an object's content."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]
Checksum = Literal["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]

_PLAIN = {
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "content_encoding": "ContentEncoding",
    "content_language": "ContentLanguage",
    "content_type": "ContentType",
    "expires": "Expires",
    "metadata": "Metadata",
    "storage_class": "StorageClass",
    "acl": "ACL",
    "encryption": "ServerSideEncryption",
    "kms_key_id": "SSEKMSKeyId",
    "checksum": "ChecksumAlgorithm",
}
_REPLACED = {
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires", "Metadata",
}  # fmt: skip


class S3WriteOptions(BaseModel):
    """What is written along with an object's content: how it is served, kept, encrypted and labelled."""

    model_config = ConfigDict(extra="forbid")

    content_type: str | None = Field(None, description='A media type; "guess" makes one of the key\'s ending.')
    cache_control: str | None = Field(None, description="How long who downloads it may keep it.")
    content_disposition: str | None = Field(None, description="Under which name browsers save it.")
    content_encoding: str | None = Field(None, description="How its content is packed, such as gzip.")
    content_language: str | None = Field(None, description="The language of its content.")
    expires: datetime | None = Field(None, description="Until when who downloads it may keep it.")
    metadata: dict[str, str] = Field(default_factory=dict, description="Names and values of your own, kept with it.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags, which rules of the bucket can refer to.")
    storage_class: str | None = Field(None, description="Where S3 keeps it, such as STANDARD_IA or GLACIER.")
    acl: str | None = Field(None, description="A canned ACL, where the bucket takes them.")
    encryption: Encryption | None = Field(None, description="How S3 encrypts it, other than the bucket's default.")
    kms_key_id: str | None = Field(None, description="The key in KMS that it is encrypted with.")
    customer_key: SecretStr | None = Field(
        None, description="A key of your own of 32 bytes in Base64, which S3 does not keep; it is needed to read, too."
    )
    checksum: Checksum | None = Field(None, description="The checksum that is kept with it; CRC32 unless set.")

    @model_validator(mode="after")
    def _one_kind_of_encryption(self) -> S3WriteOptions:
        if self.customer_key and (self.encryption or self.kms_key_id):
            raise ValueError("customer_key is one way of encryption, encryption and kms_key_id another; leave one out")
        if self.kms_key_id and self.encryption not in ("aws:kms", "aws:kms:dsse"):
            raise ValueError('kms_key_id goes with the encryption "aws:kms" or "aws:kms:dsse"')
        if self.customer_key and len(self._customer_key()) != 32:
            raise ValueError("customer_key must be 32 bytes in Base64")
        return self

    def writing(self, key: str) -> dict[str, Any]:
        """Parameters of S3's API for an upload or a copy to ``key``, in clear."""
        chosen = {name: getattr(self, field) for field, name in _PLAIN.items() if getattr(self, field)}
        if self.content_type == "guess":
            chosen["ContentType"] = mimetypes.guess_type(key)[0] or "application/octet-stream"
        if self.tags:
            chosen["Tagging"] = urlencode(self.tags)
        return chosen | self.reading()

    def reading(self) -> dict[str, Any]:
        """Parameters without which the object cannot be read, in clear."""
        if self.customer_key is None:
            return {}
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": self._customer_key()}

    def copying(self, key: str) -> dict[str, Any]:
        """Parameters for a copy within the service, which takes along what is not set here; see :func:`carried`."""
        chosen = self.writing(key)
        if "Tagging" in chosen:
            chosen["TaggingDirective"] = "REPLACE"
        return chosen | {f"CopySource{name}": value for name, value in self.reading().items()}

    def _customer_key(self) -> bytes:
        import base64
        import binascii

        try:
            return base64.b64decode(self.customer_key.get_secret_value() if self.customer_key else "", validate=True)
        except binascii.Error:
            return b""


def carried(extra: Mapping[str, Any], source: Mapping[str, Any], *, in_parts: bool) -> dict[str, Any]:
    """Parameters for a copy that keeps what they do not say of how the source is served and described.

    S3 takes along either all of that or nothing, and nothing of what it copies in parts. Who says so by a
    ``MetadataDirective`` of his own gets what he asks for.

    :param source: what S3 says of the source.
    """
    chosen = dict(extra)
    if chosen.get("MetadataDirective") or not (in_parts or chosen.keys() & _REPLACED):
        return chosen
    for name in _REPLACED & source.keys():
        chosen.setdefault(name, source[name])
    return chosen | {"MetadataDirective": "REPLACE"}
