"""Where a bucket's verbs act: its name, its folder, and the client that asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from strongroom import StoredObject, join_key, relative_key

from strongroom_aws.faults import told
from strongroom_aws.reloading import reloading

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from strongroom_aws.credentials import AwsCredentials, MinIOCredentials
    from strongroom_aws.write_options import S3WriteOptions


class BucketPlace:
    """What the verbs of :class:`~strongroom_aws.bucket.S3Bucket` share, whose fields these are."""

    if TYPE_CHECKING:
        bucket_name: str
        bucket_folder: str
        credentials: AwsCredentials | MinIOCredentials
        write_options: S3WriteOptions
        _newer: Any

    @property
    def _client(self) -> S3Client:
        return self._current.get_s3_client()

    @property
    def _current(self) -> AwsCredentials | MinIOCredentials:
        """The credentials, or a newer version of them that was loaded because these are refused."""
        if self._newer is not None and self._newer[0] is self.credentials:
            return self._newer[1]  # type: ignore[no-any-return]
        return self.credentials

    def _key(self, path: str | PurePath) -> str:
        """The whole key in the bucket."""
        return join_key(self.bucket_folder, path.as_posix() if isinstance(path, PurePath) else path)

    def _relative(self, key: str) -> str:
        return relative_key(self.bucket_folder, key)

    def _shown(self, entry: StoredObject) -> StoredObject:
        return StoredObject(self._relative(entry.key), entry.size, entry.modified, entry.etag)

    @property
    def _client_of_parts(self) -> S3Client:
        """One that does not hold a part against the checksum of the whole object, which some stores send along."""
        return self._current.get_s3_client(response_checksum_validation="when_required")

    def _pages(self, prefix: str, **wanted: Any) -> Iterator[Any]:
        """The pages of a listing, each asked for with the credentials of the time."""
        asked = {name: value for name, value in wanted.items() if value}
        while True:
            page = self._page(prefix, asked)
            yield page
            if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    @reloading
    def _page(self, prefix: str, asked: Any) -> Any:
        with told(self.bucket_name):
            return self._client.list_objects_v2(Bucket=self.bucket_name, Prefix=prefix, **asked)

    def _listed(self, prefix: str, **wanted: Any) -> Iterator[StoredObject]:
        """With whole keys."""
        for page in self._pages(prefix, **wanted):
            yield from entries_of(page)


def entries_of(page: Any) -> Iterator[StoredObject]:
    """The objects of one page. The empty ones that consoles make to show folders are left out."""
    for entry in page.get("Contents", []):
        if not entry["Key"].endswith("/"):
            changed = entry["LastModified"].astimezone(UTC)
            yield StoredObject(entry["Key"], entry["Size"], changed, bare(entry.get("ETag")))


def bare(etag: str | None) -> str | None:
    """An ETag without the quotes that some answers of some stores have."""
    return etag.strip('"') if etag else None
