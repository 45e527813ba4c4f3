"""S3Bucket: a bucket, or a folder of one, as an object store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Literal

from pydantic import Field, field_validator
from strongroom import Block, InvalidKey, StoredObject, async_twin, base_name, folder_prefix, join_key, relative_key

from strongroom_aws import transfers
from strongroom_aws.checks import checking, client_for
from strongroom_aws.credentials import AwsCredentials, MinIOCredentials
from strongroom_aws.errors import ObjectNotFound
from strongroom_aws.faults import refusal, told
from strongroom_aws.reloading import reloading

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_BATCH = 1000  # what DeleteObjects takes at once
_LONGEST = timedelta(days=7)  # what a signature of version 4 may last
_PARTS_OF_ONE_OF_MANY = 2

_EXAMPLE: dict[str, Any] = {
    "bucket_name": "acme-lake",
    "credentials": {"aws_access_key_id": "AKIA…", "aws_secret_access_key": "…", "region_name": "eu-central-1"},
    "bucket_folder": "raw",
}


class S3Bucket(Block, slug="s3-bucket", title="S3 Bucket"):
    """A bucket in S3 or a store that speaks its protocol, or a folder of it; paths are relative to that folder."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    bucket_name: str = Field(min_length=1, description="The bucket's name.")
    credentials: AwsCredentials | MinIOCredentials = Field(
        default_factory=AwsCredentials, description="Who asks, and where the store answers."
    )
    bucket_folder: str = Field("", description="A folder in the bucket that all paths are relative to.")
    max_concurrency: int = Field(8, ge=1, le=64, description="How many objects of a folder are transferred at a time.")

    @field_validator("bucket_name")
    @classmethod
    def _name_alone(cls, value: str) -> str:
        if "/" in value and not value.startswith("arn:"):
            raise ValueError("must be the name alone; a folder goes into bucket_folder")
        return value

    @field_validator("bucket_folder")
    @classmethod
    def _as_a_key(cls, value: str) -> str:
        return join_key(value, "").strip("/")

    def check(self, timeout: float) -> str:
        """List one object, which takes the right that listing the whole takes; says whether there is any.

        :raises CheckAbsent: there is no such bucket.
        :raises CheckDenied: the credentials are not accepted, or may not list it.
        :raises CheckUnreachable: nobody answers.
        """
        with checking(self.bucket_name):
            client = client_for(self.credentials._login(), "s3", timeout)
            found = client.list_objects_v2(Bucket=self.bucket_name, Prefix=folder_prefix(self._key("")), MaxKeys=1)
        return (
            f"may list bucket {self.bucket_name!r}, where there {'are' if found.get('Contents') else 'are no'} objects"
        )

    acheck: ClassVar = async_twin(check)

    @reloading
    def read_path(self, path: str) -> bytes:
        """The content of an object.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        """
        key = self._key(path)
        with told(self.bucket_name, key):
            return transfers.read(self._client, self.bucket_name, key)

    aread_path: ClassVar = async_twin(read_path)

    @reloading
    def write_path(self, path: str, content: bytes) -> str:
        """Write an object, replacing one that is there; returns its key relative to the block's folder."""
        key = self._key(path)
        with told(self.bucket_name, key):
            transfers.write(self._client, self.bucket_name, key, content)
        return self._relative(key)

    awrite_path: ClassVar = async_twin(write_path)

    @reloading
    def upload_from_path(self, from_path: str | Path, to_path: str | None = None) -> str:
        """Upload a file, under its own name unless told otherwise; returns the key. Large ones go in parallel parts."""
        source = Path(from_path)
        key = self._key(to_path if to_path is not None else source.name)
        with told(self.bucket_name, key):
            transfers.upload(self._client, self.bucket_name, key, source)
        return self._relative(key)

    aupload_from_path: ClassVar = async_twin(upload_from_path)

    def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str) -> str:
        """Upload what a binary file object still holds, in bounded memory; returns the key. It stays open."""
        key = self._key(to_path)
        with told(self.bucket_name, key):
            transfers.upload_stream(self._client, self.bucket_name, key, from_file_object)
        return self._relative(key)

    aupload_from_file_object: ClassVar = async_twin(upload_from_file_object)

    def upload_from_folder(self, from_folder: str | Path, to_folder: str | None = None) -> str:
        """Upload every file below a folder, keeping relative paths; returns the folder's key.

        ``max_concurrency`` files go at a time. Links to files are followed, links to folders are not.

        :raises NotADirectoryError: ``from_folder`` is no folder.
        """
        self.put_directory(from_folder, to_folder)
        return join_key("", to_folder or "")

    aupload_from_folder: ClassVar = async_twin(upload_from_folder)

    @reloading
    def put_directory(self, local_path: str | Path = ".", to_path: str | None = None) -> int:
        """As :meth:`upload_from_folder`, but returns the number of files."""
        root, folder, client = Path(local_path), join_key(self.bucket_folder, to_path or ""), self._client
        if not root.is_dir():
            raise NotADirectoryError(f"{str(root)!r} is no folder. Give an existing one, or upload a file by its path.")

        def upload(path: Path) -> None:
            key = join_key(folder, path.relative_to(root).as_posix())
            with told(self.bucket_name, key):
                transfers.upload(client, self.bucket_name, key, path, _PARTS_OF_ONE_OF_MANY)

        return transfers.each(upload, _files_below(root), self.max_concurrency)

    aput_directory: ClassVar = async_twin(put_directory)

    @reloading
    def download_object_to_path(self, from_path: str, to_path: str | Path | None = None) -> Path:
        """Download an object into a file, which appears when it is complete; returns the file.

        :param to_path: by default the object's own name in the current folder. Missing folders are made.
        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        """
        key = self._key(from_path)
        target = Path(to_path) if to_path is not None else Path(base_name(key))
        client = self._client
        with told(self.bucket_name, key, client=client):
            transfers.download(client, self.bucket_name, key, target)
        return target

    adownload_object_to_path: ClassVar = async_twin(download_object_to_path)

    def download_object_to_file_object(self, from_path: str, to_file_object: BinaryIO) -> BinaryIO:
        """Append an object to a binary file object, in bounded memory; returns the file object.

        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        """
        key, client = self._key(from_path), self._client
        with told(self.bucket_name, key, client=client):
            transfers.download_stream(client, self.bucket_name, key, to_file_object)
        return to_file_object

    adownload_object_to_file_object: ClassVar = async_twin(download_object_to_file_object)

    def download_folder_to_path(self, from_folder: str = "", to_folder: str | Path | None = None) -> Path:
        """Download every object below a folder, ``max_concurrency`` at a time; returns the local folder.

        :param to_folder: the current folder unless told otherwise.
        :raises InvalidKey: an object's key would lead out of the local folder, or is no path.
        """
        target = Path(to_folder) if to_folder is not None else Path()
        self.get_directory(from_folder, target)
        return target

    adownload_folder_to_path: ClassVar = async_twin(download_folder_to_path)

    @reloading
    def get_directory(self, from_path: str = "", local_path: str | Path = ".") -> int:
        """As :meth:`download_folder_to_path`, but returns the number of objects."""
        root, prefix, client = Path(local_path), folder_prefix(self._key(from_path)), self._client

        def download(entry: StoredObject) -> None:
            path = root / _local(entry.key.removeprefix(prefix))
            with told(self.bucket_name, entry.key, client=client):
                transfers.download(
                    client, self.bucket_name, entry.key, path, size=entry.size, parts_in_flight=_PARTS_OF_ONE_OF_MANY
                )

        root.mkdir(parents=True, exist_ok=True)
        return transfers.each(download, self._listed(prefix), self.max_concurrency)

    aget_directory: ClassVar = async_twin(get_directory)

    @reloading
    def list_objects(self, folder: str = "") -> list[StoredObject]:
        """Every object below a folder, at any depth, sorted by key, with keys relative to the block's folder."""
        return sorted(self.iter_objects(folder), key=lambda entry: entry.key)

    alist_objects: ClassVar = async_twin(list_objects)

    def iter_objects(self, folder: str = "") -> Iterator[StoredObject]:
        """As :meth:`list_objects`, but page by page and in the store's order, for listings larger than memory."""
        for entry in self._listed(folder_prefix(self._key(folder))):
            yield StoredObject(self._relative(entry.key), entry.size, entry.modified, entry.etag)

    @reloading
    def path_exists(self, path: str) -> bool:
        """Whether there is an object of this key.

        :raises BucketNotFound: there is not even the bucket.
        """
        key, client = self._key(path), self._client
        try:
            with told(self.bucket_name, key, client=client):
                client.head_object(Bucket=self.bucket_name, Key=key)
        except ObjectNotFound:
            return False
        return True

    apath_exists: ClassVar = async_twin(path_exists)

    def delete_objects(self, paths: Iterable[str]) -> list[str]:
        """Delete objects, a thousand in one request; a missing one is no error. Returns the keys asked for."""
        return self._delete([self._key(path) for path in paths])

    adelete_objects: ClassVar = async_twin(delete_objects)

    @reloading
    def _delete(self, wanted: list[str]) -> list[str]:
        keys = iter(wanted)
        deleted: list[str] = []
        while batch := list(islice(keys, _BATCH)):
            with told(self.bucket_name):
                answer = self._client.delete_objects(
                    Bucket=self.bucket_name, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            for problem in answer.get("Errors", []):
                raise refusal(problem, self.bucket_name, problem.get("Key", ""))
            deleted += map(self._relative, batch)
        return deleted

    @reloading
    def copy_object(self, from_path: str, to_path: str, to_bucket: S3Bucket | None = None) -> str:
        """Copy inside the service, whatever the size; returns the new key.

        :param to_bucket: another bucket, whose credentials must be allowed to read this one too; where they are not,
            see :meth:`stream_from`.
        :raises ObjectNotFound: there is nothing to copy.
        """
        target = to_bucket or self
        source_key, key, client = self._key(from_path), target._key(to_path), self._client
        with told(self.bucket_name, source_key, client=client):
            if (self.bucket_name, source_key) == (target.bucket_name, key):
                client.head_object(Bucket=self.bucket_name, Key=key)
            else:
                transfers.copy(target._client, client, (self.bucket_name, source_key), (target.bucket_name, key))
        return target._relative(key)

    acopy_object: ClassVar = async_twin(copy_object)

    def move_object(self, from_path: str, to_path: str, to_bucket: S3Bucket | None = None) -> str:
        """Copy as :meth:`copy_object` does, then delete the original; returns the new key."""
        target = to_bucket or self
        new = self.copy_object(from_path, to_path, to_bucket)
        if (self.bucket_name, self._key(from_path)) != (target.bucket_name, target._key(to_path)):
            self.delete_objects([from_path])
        return new

    amove_object: ClassVar = async_twin(move_object)

    def stream_from(self, bucket: S3Bucket, from_path: str, to_path: str | None = None) -> str:
        """Copy an object from a bucket that other credentials or another store hold, through this machine.

        Memory stays bounded and no file is written. Returns the key in this bucket.

        :param to_path: by default the object's own name.
        """
        source_key = bucket._key(from_path)
        key = self._key(to_path if to_path is not None else base_name(source_key))
        with told(bucket.bucket_name, source_key):
            body = bucket._client.get_object(Bucket=bucket.bucket_name, Key=source_key)["Body"]
        with body, told(self.bucket_name, key):
            transfers.upload_stream(self._client, self.bucket_name, key, body)  # type: ignore[arg-type]
        return self._relative(key)

    astream_from: ClassVar = async_twin(stream_from)

    def presign(
        self, path: str, *, method: Literal["get", "put"] = "get", expires_in: timedelta = timedelta(hours=1)
    ) -> str:
        """A URL under which anybody can download (or upload) this one object until it expires: treat it as a secret.

        With temporary credentials it ends when they do. Nothing is asked of the service.

        :raises ValueError: ``expires_in`` is not between a second and seven days.
        """
        if not timedelta(seconds=1) <= expires_in <= _LONGEST:
            raise ValueError(f"A presigned URL may last from one second to seven days, not {expires_in}.")
        key = self._key(path)
        with told(self.bucket_name, key):
            return self._client.generate_presigned_url(
                f"{method}_object",
                Params={"Bucket": self.bucket_name, "Key": key},
                ExpiresIn=int(expires_in.total_seconds()),
            )

    apresign: ClassVar = async_twin(presign)

    @property
    def _client(self) -> S3Client:
        return self.credentials.get_s3_client()

    def _key(self, path: str) -> str:
        """The whole key in the bucket."""
        return join_key(self.bucket_folder, path)

    def _relative(self, key: str) -> str:
        return relative_key(self.bucket_folder, key)

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        """With whole keys. The empty objects that consoles make to show folders are left out."""
        with told(self.bucket_name):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=prefix)
            for page in pages:
                for entry in page.get("Contents", []):
                    if not entry["Key"].endswith("/"):
                        yield StoredObject(
                            entry["Key"], entry["Size"], entry["LastModified"].astimezone(UTC), entry.get("ETag")
                        )


def _local(key: str) -> Path:
    """The key as a path below the local folder. What other tools wrote may hold anything."""
    parts = key.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise InvalidKey(
            f"The object key {key!r} is no path that a folder can hold.", "Download it by itself, to a path."
        )
    return Path(*parts)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=_raise):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_file():
                yield path


def _raise(error: OSError) -> None:
    raise error
