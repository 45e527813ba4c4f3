"""What S3 can do beyond what every store can: verbs of :class:`~strongroom_aws.bucket.S3Bucket`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, ClassVar

from strongroom import async_twin
from strongroom.stores import Method, ObjectDetails, ObjectVersion

from strongroom_aws import checksums, transfers
from strongroom_aws.bucket_place import BucketPlace
from strongroom_aws.faults import told
from strongroom_aws.reloading import reloading
from strongroom_aws.unlogged import unlogged

_LONGEST = timedelta(days=7)  # what a signature of version 4 may last


class BucketPowers(BucketPlace):
    """Presigned addresses, versions, conditional writes, descriptions and tags."""

    def presigned_url(self, path: str, expires: timedelta | float = timedelta(hours=1), method: Method = "GET") -> str:
        """A URL under which anybody can do one thing with this one object until it expires: treat it as a secret.

        With temporary credentials it ends when they do. Nothing is asked of the service, nor logged by the SDK.

        :param expires: a time, or seconds.
        :raises ValueError: it is not between a second and seven days.
        """
        lasting = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
        if not timedelta(seconds=1) <= lasting <= _LONGEST:
            raise ValueError(f"A presigned URL may last from one second to seven days, not {lasting}.")
        key = self._key(path)
        client = self._client
        with told(self.bucket_name, key), unlogged():
            return client.generate_presigned_url(
                f"{method.lower()}_object",
                Params={"Bucket": self.bucket_name, "Key": key},
                ExpiresIn=int(lasting.total_seconds()),
            )

    apresigned_url: ClassVar = async_twin(presigned_url)

    @reloading
    def list_versions(self, path: str) -> list[ObjectVersion]:
        """Every version of one object, the latest first, marks of deletion among them.

        Where the bucket keeps no versions, there is one called ``null``.
        """
        key = self._key(path)
        found: list[ObjectVersion] = []
        with told(self.bucket_name, key):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket_name, Prefix=key)
            for page in pages:
                found += [self._version(one, False) for one in page.get("Versions", []) if one["Key"] == key]
                found += [self._version(one, True) for one in page.get("DeleteMarkers", []) if one["Key"] == key]
        return sorted(found, key=lambda version: (version.is_latest, version.modified), reverse=True)

    alist_versions: ClassVar = async_twin(list_versions)

    def _version(self, one: Any, is_deletion: bool) -> ObjectVersion:
        return ObjectVersion(
            self._relative(one["Key"]),
            one["VersionId"],
            one.get("Size", 0),
            one["LastModified"].astimezone(UTC),
            one["IsLatest"],
            is_deletion,
        )

    @reloading
    def read_version(self, path: str, version: str) -> bytes:
        """The content that a version has.

        :raises ObjectNotFound: there is no such version (a ``FileNotFoundError``).
        """
        key = self._key(path)
        extra = {"VersionId": version, **self.write_options.reading()}
        with told(self.bucket_name, key):
            return transfers.read(self._client, self.bucket_name, key, extra)

    aread_version: ClassVar = async_twin(read_version)

    @reloading
    def restore_version(self, path: str, version: str) -> str:
        """Make a version the latest again, by a copy inside the service; returns the name of the new version.

        :raises ObjectNotFound: there is no such version (a ``FileNotFoundError``).
        """
        key, client = self._key(path), self._client
        source = {"Bucket": self.bucket_name, "Key": key, "VersionId": version}
        with told(self.bucket_name, key, client=client):
            extra = self.write_options.copying(key)
            transfers.copy(client, client, source, (self.bucket_name, key), extra)
            found = client.head_object(Bucket=self.bucket_name, Key=key, **self.write_options.reading())
        return found.get("VersionId", "null")

    arestore_version: ClassVar = async_twin(restore_version)

    @reloading
    def delete_version(self, path: str, version: str) -> None:
        """Delete one version for good; of a mark of deletion, that brings the object back."""
        key = self._key(path)
        with told(self.bucket_name, key):
            self._client.delete_object(Bucket=self.bucket_name, Key=key, VersionId=version)

    adelete_version: ClassVar = async_twin(delete_version)

    def write_if_absent(self, path: str, content: bytes) -> str:
        """Write an object that is not there yet, in one request; returns its key. Not every store besides S3 knows how.

        :raises WriteConditionFailed: there is one (a ``PreconditionFailed``).
        """
        return self._write_on_condition(path, content, {"IfNoneMatch": "*"})

    awrite_if_absent: ClassVar = async_twin(write_if_absent)

    def write_if_match(self, path: str, content: bytes, etag: str) -> str:
        """Replace an object, in one request; returns its key. Not every store besides S3 knows how.

        :param etag: what a listing or :meth:`stat_object` said of it.
        :raises WriteConditionFailed: it is another one by now, or gone (a ``PreconditionFailed``).
        """
        return self._write_on_condition(path, content, {"IfMatch": f'"{etag}"'})

    awrite_if_match: ClassVar = async_twin(write_if_match)

    @reloading
    def _write_on_condition(self, path: str, content: bytes, condition: dict[str, str]) -> str:
        key = self._key(path)
        wanted: dict[str, Any] = self.write_options.writing(key) | condition
        with told(self.bucket_name, key, writing=True):
            self._client.put_object(Bucket=self.bucket_name, Key=key, Body=content, **wanted)
        return self._relative(key)

    @reloading
    def object_details(self, path: str) -> ObjectDetails:
        """What S3 keeps of an object besides its content.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        """
        key, client = self._key(path), self._client
        wanted: dict[str, Any] = {"ChecksumMode": "ENABLED", **self.write_options.reading()}
        with told(self.bucket_name, key, client=client):
            found = client.head_object(Bucket=self.bucket_name, Key=key, **wanted)
        return ObjectDetails(
            found.get("ContentType"),
            found.get("Metadata", {}),
            found.get("StorageClass"),
            found.get("ServerSideEncryption"),
            found.get("VersionId"),
            checksums.kept(found),
        )

    aobject_details: ClassVar = async_twin(object_details)

    @reloading
    def object_tags(self, path: str) -> dict[str, str]:
        """The tags of an object.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        """
        key = self._key(path)
        with told(self.bucket_name, key):
            found = self._client.get_object_tagging(Bucket=self.bucket_name, Key=key)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    aobject_tags: ClassVar = async_twin(object_tags)

    @reloading
    def set_object_tags(self, path: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        """
        key = self._key(path)
        wanted: Any = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
        with told(self.bucket_name, key):
            self._client.put_object_tagging(Bucket=self.bucket_name, Key=key, Tagging=wanted)

    aset_object_tags: ClassVar = async_twin(set_object_tags)
