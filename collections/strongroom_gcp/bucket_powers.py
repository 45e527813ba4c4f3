"""BucketPowers: what Cloud Storage can do and not every object store: generations, signed addresses, composing."""

# mypy: disable-error-code="misc"
from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from strongroom import async_twin, base_name
from strongroom.stores import Library, Method, ObjectDetails, ObjectVersion

from strongroom_gcp import access_for_others
from strongroom_gcp.conditions import UploadOptions, describe
from strongroom_gcp.errors import ObjectNotFound
from strongroom_gcp.patience import asking
from strongroom_gcp.reloading import reloading
from strongroom_gcp.storage_faults import asked, place

if TYPE_CHECKING:
    from strongroom_gcp.bucket import GcsBucket

_PIECES = 32  # what one request composes
_PIECE_NAME = ".strongroom-partial-"


class BucketPowers:
    """Mixed into :class:`~strongroom_gcp.bucket.GcsBucket`."""

    def write_if_absent(self: GcsBucket, path: str, content: bytes) -> str:
        """Write an object that is not there yet; returns its key.

        :raises PreconditionFailed: there is one.
        """
        return self.write_path(path, content, if_generation_match=0)

    awrite_if_absent: ClassVar = async_twin(write_if_absent)

    def write_if_match(self: GcsBucket, path: str, content: bytes, etag: str) -> str:
        """Replace an object; returns its key.

        :param etag: what a listing or ``stat_object`` said of it: its generation.
        :raises PreconditionFailed: it has another generation by now, or is gone.
        """
        return self.write_path(path, content, if_generation_match=_number(etag))

    awrite_if_match: ClassVar = async_twin(write_if_match)

    @reloading
    def list_versions(self: GcsBucket, path: str) -> list[ObjectVersion]:
        """Every generation of one object, the latest first. A bucket without versioning has one."""
        name = self._key(path)
        query = {"versions": "true", "fields": "items(name,size,updated,generation,timeDeleted),nextPageToken"}
        blobs = [blob for page in self._pages(name, **query) for blob in page if blob.name == name]
        return [
            ObjectVersion(
                self._relative(name), str(blob.generation), blob.size or 0, blob.updated.astimezone(UTC),
                is_latest=blob.time_deleted is None,
            )
            for blob in sorted(blobs, key=lambda blob: int(blob.generation), reverse=True)
        ]  # fmt: skip

    alist_versions: ClassVar = async_twin(list_versions)

    @reloading
    def read_version(self: GcsBucket, path: str, version: str) -> bytes:
        """The content of a generation.

        :raises ObjectNotFound: the object has none of this number.
        """
        name, generation = self._key(path), _version(self, path, version)
        return asked(self.bucket, name, lambda: self._download(name, {}, generation=generation).content())

    aread_version: ClassVar = async_twin(read_version)

    @reloading
    def restore_version(self: GcsBucket, path: str, version: str) -> str:
        """Make a generation the live one again, by a copy inside the service; returns the new generation."""
        name, generation = self._key(path), _version(self, path, version)
        new = asked(self.bucket, name, lambda: self._copy(name, self, name, generation, {}))
        return str(new.generation)

    arestore_version: ClassVar = async_twin(restore_version)

    @reloading
    def delete_version(self: GcsBucket, path: str, version: str) -> None:
        """Delete one generation for good."""
        name, generation = self._key(path), _version(self, path, version)
        blob: Any = self._storage.client.bucket(self.bucket).blob(name, generation=generation)
        asked(self.bucket, name, lambda: blob.delete(**asking()))

    adelete_version: ClassVar = async_twin(delete_version)

    @reloading
    def object_details(self: GcsBucket, path: str) -> ObjectDetails:
        """What the service keeps of the object besides its content."""
        name = self._key(path)
        blob = asked(self.bucket, name, self._download(name, {}).looked_up)
        sums = {"crc32c": blob.crc32c, "md5": blob.md5_hash}
        return ObjectDetails(
            content_type=blob.content_type,
            metadata=dict(blob.metadata or {}),
            storage_class=blob.storage_class,
            encryption=blob.kms_key_name,
            version=str(blob.generation),
            checksums={kind: value for kind, value in sums.items() if value},
        )

    aobject_details: ClassVar = async_twin(object_details)

    @reloading
    def update_metadata(self: GcsBucket, path: str, **options: Unpack[UploadOptions]) -> ObjectDetails:
        """Change what an object is kept with, and not its content; returns what it is kept with now.

        :param options: ``metadata``, whose names are added or replaced, ``content_type``, ``cache_control`` and so on,
            and conditions.
        :raises PreconditionFailed: a condition does not hold.
        """
        name = self._key(path)

        def attempt() -> None:
            blob: Any = self._storage.client.bucket(self.bucket).blob(name)
            more = describe(blob, options)
            if (kind := more.pop("content_type", None)) is not None:
                blob.content_type = kind
            blob.patch(**(asking() | more))

        asked(self.bucket, name, attempt)
        return self.object_details(path)

    aupdate_metadata: ClassVar = async_twin(update_metadata)

    @reloading
    def compose_object(self: GcsBucket, paths: Sequence[str], to_path: str, **options: Unpack[UploadOptions]) -> str:
        """Make one object of several, one after the other, inside the service; returns its key.

        Beyond 32, which is what the service takes at once, pieces of them are composed first, beside the new object,
        and deleted afterwards.

        :raises ObjectNotFound: one of them is not there.
        """
        if not paths:
            raise ValueError("Nothing cannot be composed. Name the objects that the new one is made of.")
        name = self._key(to_path)
        names = [self._key(path) for path in paths]
        pieces: list[str] = []
        try:
            while len(names) > _PIECES:
                groups = [names[start : start + _PIECES] for start in range(0, len(names), _PIECES)]
                names = [self._composed(group, _piece(name), {}, pieces) for group in groups]
            return self._relative(self._composed(names, name, options, []))
        finally:
            self._delete(pieces)

    acompose_object: ClassVar = async_twin(compose_object)

    def _composed(self: GcsBucket, names: list[str], name: str, options: UploadOptions, made: list[str]) -> str:
        made.append(name)

        def attempt() -> None:
            bucket: Any = self._storage.client.bucket(self.bucket)
            blob = bucket.blob(name)
            more = describe(blob, options)
            blob.content_type = more.pop("content_type", None) or "application/octet-stream"
            more.pop("predefined_acl", None)
            blob.compose([bucket.blob(source) for source in names], **(asking() | more))

        asked(self.bucket, name, attempt)
        return name

    def presigned_url(
        self: GcsBucket, path: str, expires: timedelta | float = timedelta(hours=1), method: Method = "GET"
    ) -> str:
        """An address under which anybody can do one thing with this one object until it expires: treat it as a secret.

        It is signed here with a service account's key. A login without one, such as a machine's own or one that acts as
        another, asks Google's IAM to sign, for which it needs ``iam.serviceAccounts.signBlob``.

        :param expires: a time, or seconds.
        :raises ValueError: ``expires`` is not between a second and seven days.
        :raises GcpLoginMissing: the login is none that signs.
        """
        return access_for_others.presigned_url(self, path, expires, method)

    apresigned_url: ClassVar = async_twin(presigned_url)

    def url(self: GcsBucket, path: str = "") -> str:
        """Where an object is: ``gs://bucket/folder/key``."""
        return f"gs://{self.bucket}/{self._key(path)}"

    def storage_options(self: GcsBucket, library: Library = "pandas") -> dict[str, Any]:
        """What a library wants besides :meth:`url` to open an object by itself; secrets are in clear in it.

        :param library: ``pandas`` (with gcsfs) and ``duckdb`` (whose file system gcsfs is) get the login as Google's
            credentials, which renew themselves; ``polars`` gets a service account's key.
        :raises GcpRefused: polars cannot use such a login; give it :meth:`filesystem` or an open file.
        """
        return access_for_others.storage_options(self, library)


def _number(etag: str) -> int:
    """An etag of another kind than a generation is that of no object here."""
    return int(etag) if etag.isdecimal() else 1


def _version(bucket: GcsBucket, path: str, version: str) -> int:
    if not version.isdecimal():
        where = place(bucket.bucket, bucket._key(path))
        raise ObjectNotFound(f"There is no version {version!r} of {where}.", "See list_versions for those that are.")
    return int(version)


def _piece(name: str) -> str:
    folder, slash, _ = name.rpartition("/")
    base_name(name)
    return f"{folder}{slash}{_PIECE_NAME}{secrets.token_hex(8)}"
