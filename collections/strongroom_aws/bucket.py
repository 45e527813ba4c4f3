"""S3Bucket: a bucket, or a folder of one, as an object store."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from strongroom import Block, ObjectStore, StoredObject, async_twin, base_name, folder_prefix, join_key, require_extra
from strongroom.stores import StoreVerbs, each, files_below, key_of, local_path, moving, not_ignored

from strongroom_aws import transfers
from strongroom_aws.bucket_listing import BucketListing
from strongroom_aws.bucket_powers import BucketPowers
from strongroom_aws.checks import checking, client_for
from strongroom_aws.credentials import AwsCredentials, MinIOCredentials
from strongroom_aws.faults import BUSY, refusal, told
from strongroom_aws.managed import PARTS_IN_FLIGHT
from strongroom_aws.reloading import reloading
from strongroom_aws.write_options import S3WriteOptions

_BATCH = 1000  # what DeleteObjects takes at once
_ATTEMPTS_OF_A_BATCH = 5
_FIRST_PAUSE_SECONDS = 0.1
_PARTS_OF_ONE_OF_MANY = 2
_TRANSFER_ARGUMENTS = {"ExtraArgs", "Callback", "Config"}

_EXAMPLE: dict[str, Any] = {
    "bucket_name": "acme-lake",
    "credentials": {"aws_access_key_id": "AKIA…", "aws_secret_access_key": "…", "region_name": "eu-central-1"},
    "bucket_folder": "raw",
}


class S3Bucket(BucketListing, BucketPowers, StoreVerbs, Block, slug="s3-bucket", title="S3 Bucket"):
    """A bucket in S3 or a store that speaks its protocol, or a folder of it; paths are relative to that folder.

    Methods that transfer take ``ExtraArgs``, ``Callback`` and ``Config`` too, as boto3's do.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    bucket_name: str = Field(min_length=1, description="The bucket's name.")
    credentials: AwsCredentials | MinIOCredentials = Field(
        default_factory=AwsCredentials, description="Who asks, and where the store answers."
    )
    bucket_folder: str = Field("", description="A folder in the bucket that all paths are relative to.")
    max_concurrency: int = Field(8, ge=1, le=64, description="How many objects of a folder are transferred at a time.")
    write_options: S3WriteOptions = Field(
        default_factory=S3WriteOptions, description="What every object is written with."
    )
    engine: Literal["auto", "boto3", "obstore"] = Field(
        "auto",
        description="What moves the small objects of folders: obstore where it is installed and can be told all that "
        "is asked for, else boto3; or boto3 alone; or obstore, which must be installed then.",
    )

    _newer: Any = PrivateAttr(default=None)

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
            return transfers.read(self._client, self.bucket_name, key, self.write_options.reading())

    aread_path: ClassVar = async_twin(read_path)

    @reloading
    def read_range(self, path: str, start: int, length: int, *, etag: str | None = None) -> bytes:
        """``length`` bytes of an object from ``start`` on, fewer at its end.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        :raises ObjectReplaced: it is not the one that had this ``etag`` (an ``ObjectChanged``).
        """
        key, extra = self._key(path), self.write_options.reading()
        with told(self.bucket_name, key):
            return transfers.read_range(self._client_of_parts, self.bucket_name, key, start, length, etag, extra)

    aread_range: ClassVar = async_twin(read_range)

    @reloading
    def write_path(self, /, path: str, content: bytes, **upload_kwargs: Any) -> str:
        """Write an object, replacing one that is there; returns its key relative to the block's folder."""
        key = self._key(path)
        with told(self.bucket_name, key):
            transfers.write(self._client, self.bucket_name, key, content, self._upward(key, upload_kwargs))
        return self._relative(key)

    awrite_path: ClassVar = async_twin(write_path)

    @reloading
    def upload_from_path(self, /, from_path: str | Path, to_path: str | None = None, **upload_kwargs: Any) -> str:
        """Upload a file, under its own name unless told otherwise; returns the key. Large ones go in parallel parts.

        :raises ObjectChanged: the file changed meanwhile, so nothing was written.
        """
        source = Path(from_path)
        key = self._key(to_path if to_path is not None else source.name)
        tell = moving(f"{source.name} to {self.bucket_name}", source.stat().st_size)
        with told(self.bucket_name, key):
            transfers.upload(self._client, self.bucket_name, key, source, self._upward(key, upload_kwargs, tell))
        return self._relative(key)

    aupload_from_path: ClassVar = async_twin(upload_from_path)

    def upload_from_file_object(self, /, from_file_object: BinaryIO, to_path: str, **upload_kwargs: Any) -> str:
        """Upload what a binary file object still holds, in bounded memory; returns the key. It stays open.

        One that can be sought in is read again where credentials are refused that have changed meanwhile.
        """
        key, manner = self._key(to_path), self._upward(self._key(to_path), upload_kwargs, parts=transfers.STREAMED)
        begin = from_file_object.tell() if from_file_object.seekable() else None

        def upload(bucket: S3Bucket) -> None:
            if begin is not None:
                from_file_object.seek(begin)
            with told(self.bucket_name, key):
                transfers.upload_stream(bucket._client, self.bucket_name, key, from_file_object, manner)

        (upload if begin is None else reloading(upload))(self)
        return self._relative(key)

    aupload_from_file_object: ClassVar = async_twin(upload_from_file_object)

    def upload_from_folder(self, /, from_folder: str | Path, to_folder: str | None = None, **upload_kwargs: Any) -> str:
        """Upload every file below a folder, keeping relative paths; returns the folder's key.

        ``max_concurrency`` files go at a time. Links to files are followed, links to folders are not.

        :raises NotADirectoryError: ``from_folder`` is no folder.
        """
        self._put(Path(from_folder), to_folder, None, upload_kwargs)
        return join_key("", to_folder or "")

    aupload_from_folder: ClassVar = async_twin(upload_from_folder)

    def put_directory(
        self,
        local_path: str | Path | None = None,
        to_path: str | None = None,
        ignore_file: str | Path | None = None,
    ) -> int:
        """As :meth:`upload_from_folder`, by default of the current folder, but returns the number of files.

        :param ignore_file: a file of patterns, written as for Git, of what is left out.
        """
        return self._put(Path(local_path or "."), to_path, ignore_file, {})

    aput_directory: ClassVar = async_twin(put_directory)

    def _put(self, root: Path, to_path: str | None, ignore_file: str | Path | None, arguments: dict[str, Any]) -> int:
        folder = join_key(self.bucket_folder, to_path or "")
        files = (
            files_below(root)
            if ignore_file is None
            else not_ignored(files_below(root), root, Path(ignore_file), extra="aws")
        )

        @reloading
        def upload(bucket: S3Bucket, path: Path) -> None:
            key = join_key(folder, key_of(path, root))
            manner = self._upward(key, arguments, parts=_PARTS_OF_ONE_OF_MANY)
            with told(self.bucket_name, key):
                transfers.upload(bucket._client, self.bucket_name, key, path, manner)

        return each(lambda path: upload(self, path), files, self.max_concurrency)

    @reloading
    def download_object_to_path(
        self, /, from_path: str, to_path: str | Path | None = None, **download_kwargs: Any
    ) -> Path:
        """Download an object into a file, which appears when it is complete; returns the file.

        What came is held against the checksum that S3 keeps, if it keeps one.

        :param to_path: by default the object's own name in the current folder. Missing folders are made.
        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        """
        key = self._key(from_path)
        target = Path(to_path) if to_path is not None else Path(base_name(key))
        client, manner = self._client, self._downward(download_kwargs)
        with told(self.bucket_name, key, client=client):
            transfers.download(client, self.bucket_name, key, target, manner=manner, what=self._moving(key))
        return target

    adownload_object_to_path: ClassVar = async_twin(download_object_to_path)

    def download_object_to_file_object(
        self, /, from_path: str, to_file_object: BinaryIO, **download_kwargs: Any
    ) -> BinaryIO:
        """Append an object to a binary file object, in bounded memory; returns the file object.

        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        """
        key, manner = self._key(from_path), self._downward(download_kwargs, parts=transfers.STREAMED)
        begin = to_file_object.tell() if to_file_object.seekable() else None

        def download(bucket: S3Bucket) -> None:
            client = bucket._client
            if begin is not None:
                to_file_object.seek(begin)
            with told(self.bucket_name, key, client=client):
                transfers.download_stream(client, self.bucket_name, key, to_file_object, manner)

        (download if begin is None else reloading(download))(self)
        return to_file_object

    adownload_object_to_file_object: ClassVar = async_twin(download_object_to_file_object)

    def download_folder_to_path(
        self, /, from_folder: str = "", to_folder: str | Path | None = None, **download_kwargs: Any
    ) -> Path:
        """Download every object below a folder, ``max_concurrency`` at a time; returns the local folder.

        :param to_folder: the current folder unless told otherwise.
        :raises InvalidKey: an object's key would lead out of the local folder, or is no path.
        """
        target = Path(to_folder) if to_folder is not None else Path()
        self._get(from_folder, target, download_kwargs)
        return target

    adownload_folder_to_path: ClassVar = async_twin(download_folder_to_path)

    def get_directory(self, from_path: str | None = None, local_path: str | Path | None = None) -> int:
        """As :meth:`download_folder_to_path`, but returns the number of objects."""
        return self._get(from_path or "", Path(local_path or "."), {})

    aget_directory: ClassVar = async_twin(get_directory)

    def _get(self, from_folder: str, root: Path, arguments: dict[str, Any]) -> int:
        prefix = folder_prefix(self._key(from_folder))
        manner = self._downward(arguments, parts=_PARTS_OF_ONE_OF_MANY)

        @reloading
        def download(bucket: S3Bucket, entry: StoredObject) -> None:
            path, client = root / local_path(entry.key.removeprefix(prefix)), bucket._client
            with told(self.bucket_name, entry.key, client=client):
                transfers.download(client, self.bucket_name, entry.key, path, size=entry.size, manner=manner)

        root.mkdir(parents=True, exist_ok=True)
        return each(lambda entry: download(self, entry), self._listed(prefix), self.max_concurrency)

    def delete_objects(self, paths: Iterable[str]) -> list[str]:
        """Delete objects, a thousand in one request; a missing one is no error. Returns the keys asked for."""
        return self._delete([self._key(path) for path in paths])

    adelete_objects: ClassVar = async_twin(delete_objects)

    def _delete(self, wanted: list[str]) -> list[str]:
        keys = iter(wanted)
        while batch := list(islice(keys, _BATCH)):
            pause = _FIRST_PAUSE_SECONDS
            for _ in range(_ATTEMPTS_OF_A_BATCH):
                problems = self._deleted(batch)
                if not problems:
                    break
                batch = [problem["Key"] for problem in problems]
                time.sleep(pause)
                pause *= 2
            else:
                raise refusal(problems[0], self.bucket_name, problems[0]["Key"])
        return [self._relative(key) for key in wanted]

    @reloading
    def _deleted(self, keys: list[str]) -> list[Any]:
        """What the service was too busy to delete: it answers for each object by itself, and not all are done."""
        with told(self.bucket_name):
            answer = self._client.delete_objects(
                Bucket=self.bucket_name, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        problems: list[Any] = answer.get("Errors", [])
        for problem in problems:
            if problem.get("Code") not in BUSY or not problem.get("Key"):
                raise refusal(problem, self.bucket_name, problem.get("Key", ""))
        return problems

    @reloading
    def copy_object(
        self, /, from_path: str | Path, to_path: str | Path, to_bucket: S3Bucket | str | None = None, **copy_kwargs: Any
    ) -> str:
        """Copy inside the service, whatever the size; returns the new key.

        :param to_bucket: another bucket, whose credentials must be allowed to read this one too; where they are not,
            see :meth:`stream_from`. A name is one of a bucket of the same credentials, in which paths are whole keys.
        :param copy_kwargs: parameters of ``CopyObject`` such as ``MetadataDirective``, or ``ExtraArgs`` that hold them.
        :raises ObjectNotFound: there is nothing to copy.
        :raises ValueError: ``CopyObject`` has no such parameter.
        """
        target = self._target(to_bucket)
        source_key, key, client = self._key(from_path), target._key(to_path), self._client
        given = {name: value for name, value in copy_kwargs.items() if name != "ExtraArgs"}
        extra = target.write_options.copying(key) | (copy_kwargs.get("ExtraArgs") or {}) | given
        with told(self.bucket_name, source_key, client=client):
            if (self.bucket_name, source_key) == (target.bucket_name, key) and not copy_kwargs:
                client.head_object(Bucket=self.bucket_name, Key=key, **self.write_options.reading())
            else:
                source = {"Bucket": self.bucket_name, "Key": source_key}
                transfers.copy(target._client, client, source, (target.bucket_name, key), extra)
        return target._relative(key)

    acopy_object: ClassVar = async_twin(copy_object)

    def move_object(
        self, /, from_path: str | Path, to_path: str | Path, to_bucket: S3Bucket | str | None = None, **copy_kwargs: Any
    ) -> str:
        """Copy as :meth:`copy_object` does, then delete the original; returns the new key."""
        target = self._target(to_bucket)
        new = self.copy_object(from_path, to_path, to_bucket, **copy_kwargs)
        if (self.bucket_name, self._key(from_path)) != (target.bucket_name, target._key(to_path)):
            self._delete([self._key(from_path)])
        return new

    amove_object: ClassVar = async_twin(move_object)

    def _target(self, bucket: S3Bucket | str | None) -> S3Bucket:
        if isinstance(bucket, str):
            return self.model_copy(update={"bucket_name": bucket, "bucket_folder": ""})
        return bucket or self

    def stream_from(
        self, /, bucket: ObjectStore, from_path: str, to_path: str | None = None, **upload_kwargs: Any
    ) -> str:
        """Copy an object from any other store through this machine, in bounded memory and without a file.

        Returns the key in this store, by default the object's own name.
        """
        key = to_path if to_path is not None else base_name(from_path)
        with bucket.open(from_path) as source:
            return self.upload_from_file_object(source, key, **upload_kwargs)

    astream_from: ClassVar = async_twin(stream_from)  # type: ignore[arg-type]  # takes more than every store's does

    def _moving(self, key: str) -> str:
        return f"{base_name(key)} from {self.bucket_name}"

    def _upward(
        self, key: str, arguments: dict[str, Any], tell: Any = None, parts: int = PARTS_IN_FLIGHT
    ) -> transfers.Manner:
        given = _transfer_arguments(arguments)
        extra = self.write_options.writing(key) | (given.get("ExtraArgs") or {})
        tell = transfers.both(tell, given.get("Callback"))
        return transfers.Manner(extra, given.get("Config"), tell, parts, self._fast)

    def _downward(self, arguments: dict[str, Any], parts: int = PARTS_IN_FLIGHT) -> transfers.Manner:
        given = _transfer_arguments(arguments)
        extra = self.write_options.reading() | (given.get("ExtraArgs") or {})
        return transfers.Manner(extra, given.get("Config"), given.get("Callback"), parts, self._fast)

    @property
    def _fast(self) -> bool:
        if self.engine == "obstore":
            require_extra("obstore", extra="obstore")
        return self.engine != "boto3"


def _transfer_arguments(given: dict[str, Any]) -> dict[str, Any]:
    """What boto3's transfers take besides; anything else is a mistake."""
    unknown = given.keys() - _TRANSFER_ARGUMENTS
    if unknown:
        raise TypeError(f"A transfer takes {', '.join(sorted(_TRANSFER_ARGUMENTS))}, not {', '.join(sorted(unknown))}.")
    return given
