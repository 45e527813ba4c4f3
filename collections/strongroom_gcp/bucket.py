"""GcsBucket: a bucket of Cloud Storage, or a folder of one, as an object store."""

# mypy: disable-error-code="misc"
from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, Unpack

from pydantic import ConfigDict, Field, PrivateAttr, field_validator
from strongroom import Block, async_twin, base_name, folder_prefix, join_key, relative_key, require_extra
from strongroom.stores import (
    StoreVerbs,
    each,
    files_below,
    key_of,
    local_path,
    moving,
    not_ignored,
)

from strongroom_gcp import transfers
from strongroom_gcp.bucket_changes import BucketChanges
from strongroom_gcp.bucket_checks import check_bucket
from strongroom_gcp.bucket_listing import BucketListing
from strongroom_gcp.bucket_powers import BucketPowers
from strongroom_gcp.conditions import Conditions, DownloadOptions, UploadOptions
from strongroom_gcp.conditions import check as check_options
from strongroom_gcp.credentials import GcpCredentials
from strongroom_gcp.dataframes import DataFrameSerializationFormat
from strongroom_gcp.gcs_object import GcsObject
from strongroom_gcp.patience import asking
from strongroom_gcp.reloading import reloading
from strongroom_gcp.storage_clients import Storage
from strongroom_gcp.storage_faults import asked, changed

if TYPE_CHECKING:
    from google.cloud.storage import Bucket
    from pandas import DataFrame

_RANGES_OF_ONE_OF_MANY = 2
_EXAMPLE: dict[str, Any] = {"bucket": "acme-lake", "gcp_credentials": {"project": "acme"}, "bucket_folder": "raw"}


class GcsBucket(BucketListing, BucketChanges, BucketPowers, StoreVerbs, Block, slug="gcs-bucket", title="GCS Bucket"):
    """A bucket of Google Cloud Storage, or a folder of it; paths are relative to that folder.

    Objects are read and written as they are stored: one that is kept with ``Content-Encoding: gzip`` is not unpacked.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    bucket: str = Field(min_length=1, description="The bucket's name.")
    gcp_credentials: GcpCredentials = Field(
        default_factory=GcpCredentials, title="GCP Credentials", description="Who asks."
    )
    bucket_folder: str = Field("", description="A folder in the bucket that all paths are relative to.")
    max_concurrency: int = Field(8, ge=1, le=64, description="How many objects of a folder are transferred at a time.")
    engine: Literal["auto", "google", "obstore"] = Field(
        "auto",
        description="What fetches the small objects of folders: obstore where it is installed, else Google's client; "
        "or Google's client alone; or obstore, which must be installed then.",
    )

    _newer: Any = PrivateAttr(default=None)

    @field_validator("bucket")
    @classmethod
    def _name_alone(cls, value: str) -> str:
        name = value.removeprefix("gs://").rstrip("/")
        if "/" in name or not name:
            raise ValueError("must be the name alone; a folder goes into bucket_folder")
        return name

    @field_validator("bucket_folder")
    @classmethod
    def _as_a_key(cls, value: str) -> str:
        return join_key(value, "").strip("/")

    @property
    def basepath(self) -> str:
        """The folder in the bucket."""
        return self.bucket_folder

    def check(self, timeout: float) -> str:
        """Ask which rights the login has in the bucket; without those to list and read it fails.

        :raises CheckAbsent: there is no such bucket.
        :raises CheckDenied: the login is not accepted, or lacks a right, which is named.
        :raises CheckUnreachable: nobody answers.
        """
        return check_bucket(self, timeout)

    acheck: ClassVar = async_twin(check)

    @reloading
    def read_path(self, path: str, **options: Unpack[DownloadOptions]) -> bytes:
        """The content of an object.

        :raises ObjectNotFound: there is none of this name (a ``FileNotFoundError``).
        :raises GcpDamaged: what came does not fit its checksum, each time that it was fetched.
        """
        name = self._key(path)
        return asked(self.bucket, name, lambda: self._download(name, options).content())

    aread_path: ClassVar = async_twin(read_path)

    @reloading
    def read_range(self, path: str, start: int, length: int, *, etag: str | None = None) -> bytes:
        """``length`` bytes of an object from ``start`` on, fewer at its end. No checksum covers a part of an object.

        :param etag: what :meth:`stat_object` said, its generation.
        :raises ObjectChanged: it has another generation by now.
        """
        name = self._key(path)
        if length <= 0:
            return b""
        if etag is None:
            return asked(self.bucket, name, lambda: self._download(name, {}).part(start, length))[0]
        only = Conditions(if_generation_match=int(etag) if etag.isdecimal() else 0)
        return asked(self.bucket, name, lambda: self._part_of(name, start, length, only))

    aread_range: ClassVar = async_twin(read_range)

    def _part_of(self, name: str, start: int, length: int, only: Conditions) -> bytes:
        from google.api_core.exceptions import PreconditionFailed

        try:
            found, generation = self._download(name, only).part(start, length)
        except PreconditionFailed:
            raise changed(self.bucket, name) from None
        if generation not in (None, only["if_generation_match"]):
            raise changed(self.bucket, name)
        return found

    @reloading
    def write_path(self, path: str, content: bytes, **options: Unpack[UploadOptions]) -> str:
        """Write an object, replacing one that is there; returns its key relative to the block's folder.

        :raises PreconditionFailed: a condition of the options does not hold.
        """
        self._write(path, content, options)
        return self._relative(self._key(path))

    awrite_path: ClassVar = async_twin(write_path)

    def _write(self, path: str, content: bytes, options: UploadOptions) -> GcsObject:
        name = self._key(path)
        base_name(name)
        upload = self._upload(name, options, len(content))
        return GcsObject.answered(asked(self.bucket, name, lambda: upload().content(content)))

    @reloading
    def upload_from_path(
        self, from_path: str | Path, to_path: str | None = None, **upload_kwargs: Unpack[UploadOptions]
    ) -> str:
        """Upload a file, under its own name unless told otherwise; returns the key.

        A large one goes through a resumable session, which goes on where it was after the connection broke.

        :raises ObjectChanged: the file changed while it was uploaded; what was there before is there still.
        """
        source = Path(from_path)
        name = self._key(to_path if to_path is not None else source.name)
        upload = self._upload(name, upload_kwargs, source.stat().st_size)
        asked(self.bucket, name, lambda: upload().path(source))
        return self._relative(name)

    aupload_from_path: ClassVar = async_twin(upload_from_path)

    def upload_from_file_object(
        self, from_file_object: BinaryIO, to_path: str, **upload_kwargs: Unpack[UploadOptions]
    ) -> str:
        """Upload what a binary file object still holds, in bounded memory; returns the key. It stays open."""
        start = _place(from_file_object)
        if start is None:
            name = self._key(to_path)
            upload = self._upload(name, upload_kwargs, 0)
            asked(self.bucket, name, lambda: upload().stream(from_file_object))
            return self._relative(name)
        return self._upload_file(from_file_object, start, to_path, upload_kwargs)

    aupload_from_file_object: ClassVar = async_twin(upload_from_file_object)

    @reloading
    def _upload_file(self, file: BinaryIO, start: int, to_path: str, options: UploadOptions) -> str:
        """Of a file that can be sought in, and so read again."""
        name = self._key(to_path)
        length = max(0, file.seek(0, io.SEEK_END) - start)
        file.seek(start)
        upload = self._upload(name, options, length)
        if length <= transfers.PART:
            asked(self.bucket, name, lambda: upload().stream(file))
        else:
            asked(self.bucket, name, lambda: upload().file(file, start, length))
        return self._relative(name)

    def upload_from_folder(
        self, from_folder: str | Path, to_folder: str | None = None, **upload_kwargs: Unpack[UploadOptions]
    ) -> str:
        """Upload every file below a folder, keeping relative paths; returns the folder's key.

        ``max_concurrency`` files go at a time. Links to files are followed, links to folders are not.

        :raises NotADirectoryError: ``from_folder`` is no folder.
        """
        self._put(Path(from_folder), to_folder, upload_kwargs)
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
        return self._put(Path(local_path or "."), to_path, {}, ignore_file)

    aput_directory: ClassVar = async_twin(put_directory)

    @reloading
    def _put(
        self, root: Path, to_path: str | None, options: UploadOptions, ignore_file: str | Path | None = None
    ) -> int:
        check_options(options, UploadOptions)
        folder, storage = self._key(to_path or ""), self._storage
        files = list(files_below(root))
        if ignore_file is not None:
            files = list(not_ignored(files, root, Path(ignore_file), extra="gcp"))
        tell = moving(f"upload of {root.name or 'a folder'}", len(files), "files")

        def upload(file: Path) -> None:
            name = join_key(folder, key_of(file, root))
            one = transfers.Upload(storage, storage.client.bucket(self.bucket), name, options)
            asked(self.bucket, name, lambda: one.path(file))
            if tell:
                tell(1)

        return each(upload, files, self.max_concurrency)

    @reloading
    def upload_from_dataframe(
        self,
        df: DataFrame,
        to_path: str,
        serialization_format: str | DataFrameSerializationFormat = DataFrameSerializationFormat.CSV_GZIP,
        **upload_kwargs: Unpack[UploadOptions],
    ) -> str:
        """Upload a table of pandas as a file, without its index; returns the key, with the format's ending.

        :param serialization_format: also as a name: ``csv``, ``csv_gzip``, ``parquet``, ``parquet_snappy`` or
            ``parquet_gzip``.
        """
        form = DataFrameSerializationFormat.named(serialization_format)
        options = UploadOptions(content_type=form.content_type) | upload_kwargs
        path = form.fix_extension_with(to_path)
        self._write(path, form.serialized(df), options)
        return self._relative(self._key(path))

    aupload_from_dataframe: ClassVar = async_twin(upload_from_dataframe)

    @reloading
    def download_object_to_path(
        self, from_path: str, to_path: str | Path | None = None, **download_kwargs: Unpack[DownloadOptions]
    ) -> Path:
        """Download an object into a file, which appears when it is complete; returns the file.

        A large one comes in ranges, several at a time.

        :param to_path: by default the object's own name in the current folder. Missing folders are made.
        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        """
        name = self._key(from_path)
        target = Path(to_path) if to_path is not None else Path(base_name(name))
        entry = asked(self.bucket, name, lambda: self._download(name, download_kwargs).looked_up())
        download = self._download(name, download_kwargs, moving(f"download of {from_path}", entry.size or 0))
        asked(self.bucket, name, lambda: download.path(target, entry))
        return target

    adownload_object_to_path: ClassVar = async_twin(download_object_to_path)

    def download_object_to_file_object(
        self, from_path: str, to_file_object: BinaryIO, **download_kwargs: Unpack[DownloadOptions]
    ) -> BinaryIO:
        """Append an object to a binary file object, in bounded memory; returns the file object.

        :raises ObjectNotFound: there is no such object (a ``FileNotFoundError``).
        :raises GcpDamaged: it does not fit its checksum; what was written of it stays.
        """
        name = self._key(from_path)
        asked(self.bucket, name, lambda: self._download(name, download_kwargs).stream(to_file_object))
        return to_file_object

    adownload_object_to_file_object: ClassVar = async_twin(download_object_to_file_object)

    def download_folder_to_path(
        self, from_folder: str = "", to_folder: str | Path | None = None, **download_kwargs: Unpack[DownloadOptions]
    ) -> Path:
        """Download every object below a folder, ``max_concurrency`` at a time; returns the local folder.

        :param to_folder: the current folder unless told otherwise.
        :raises InvalidKey: an object's name would lead out of the local folder, or is no path.
        """
        target = Path(to_folder or ".")
        self._get(from_folder, target, download_kwargs)
        return target

    adownload_folder_to_path: ClassVar = async_twin(download_folder_to_path)

    def get_directory(self, from_path: str | None = None, local_path: str | Path | None = None) -> int:
        """As :meth:`download_folder_to_path`, but returns the number of objects."""
        return self._get(from_path or "", Path(local_path or "."), {})

    aget_directory: ClassVar = async_twin(get_directory)

    @reloading
    def _get(self, from_path: str, root: Path, options: DownloadOptions) -> int:
        prefix = folder_prefix(self._key(from_path))
        entries = list(self._listed(prefix))
        tell = moving(f"download of {from_path or 'the whole bucket'}", len(entries), "objects")

        def download(entry: GcsObject) -> None:
            path = root / local_path(entry.key.removeprefix(prefix))
            one = self._download(entry.key, options)
            asked(self.bucket, entry.key, lambda: one.path(path, entry, _RANGES_OF_ONE_OF_MANY))
            if tell:
                tell(1)

        root.mkdir(parents=True, exist_ok=True)
        return each(download, entries, self.max_concurrency)

    @reloading
    def get_bucket(self) -> Bucket:
        """The bucket as an object of Google's client, with what the service says of it.

        :raises BucketNotFound: there is none of this name.
        """
        found: Bucket = asked(self.bucket, "", lambda: self._storage.client.get_bucket(self.bucket, **asking()))
        return found

    aget_bucket: ClassVar = async_twin(get_bucket)

    @reloading
    def create_bucket(self, /, location: str | None = None, **create_kwargs: Any) -> Bucket:
        """Create the bucket; returns it as an object of Google's client.

        :param location: such as ``"EU"`` or ``"europe-west3"``; by default Google's own, the US.
        :param create_kwargs: for ``Client.create_bucket`` of Google's client.
        :raises GcpExists: there is one already, here or in somebody else's project.
        """
        found: Bucket = asked(
            self.bucket,
            "",
            lambda: self._storage.client.create_bucket(self.bucket, location=location, **(asking() | create_kwargs)),
        )
        return found

    acreate_bucket: ClassVar = async_twin(create_bucket)

    @property
    def _storage(self) -> Storage:
        return self._login._storage()

    @property
    def _login(self) -> GcpCredentials:
        """The credentials, or a newer version of them that was loaded because these are refused."""
        if self._newer is not None and self._newer[0] is self.gcp_credentials:
            return self._newer[1]  # type: ignore[no-any-return]
        return self.gcp_credentials

    @property
    def _is_plain(self) -> bool:
        """Whether an emulator answers, which knows no logins."""
        endpoint = self._login._storage_endpoint
        return endpoint is not None and endpoint.is_plain

    def _key(self, path: str) -> str:
        """The whole name in the bucket."""
        return join_key(self.bucket_folder, path)

    def _relative(self, name: str) -> str:
        return relative_key(self.bucket_folder, name)

    def _upload(self, name: str, options: UploadOptions, size: int) -> Any:
        """What makes an upload, in a call whose errors are told."""
        check_options(options, UploadOptions)
        tell = moving(f"upload of {self._relative(name)}", size) if size > transfers.PART else None

        def upload() -> transfers.Upload:
            storage = self._storage
            return transfers.Upload(storage, storage.client.bucket(self.bucket), name, options, tell)

        return upload

    def _download(
        self, name: str, options: Any, tell: transfers.Moved | None = None, generation: int | None = None
    ) -> transfers.Download:
        check_options(options, DownloadOptions)
        if self.engine == "obstore":
            require_extra("obstore", extra="obstore")
        here, fast = self._storage.client.bucket(self.bucket), self.engine != "google"
        return transfers.Download(here, name, options, generation, tell, fast)


def _place(file: Any) -> int | None:
    """Where a file stands; ``None`` of a stream that cannot be sought in."""
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError):
        return None
