"""BucketListing: what is in a bucket, and what the service says of it."""

# mypy: disable-error-code="misc"
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom import async_twin, folder_prefix, join_key
from strongroom.stores import Level, chosen, literal_prefix

from strongroom_gcp import checksums
from strongroom_gcp.errors import ObjectNotFound
from strongroom_gcp.gcs_object import FIELDS, GcsObject
from strongroom_gcp.patience import asking
from strongroom_gcp.reloading import reloading
from strongroom_gcp.storage_faults import asked

if TYPE_CHECKING:
    from google.cloud.storage import Blob

    from strongroom_gcp.bucket import GcsBucket


class BucketListing:
    """Mixed into :class:`~strongroom_gcp.bucket.GcsBucket`."""

    @reloading
    def list_objects(self: GcsBucket, folder: str = "") -> list[GcsObject]:
        """Every object below a folder, at any depth, sorted by key, with keys relative to the block's folder."""
        return list(self.iter_objects(folder))

    alist_objects: ClassVar = async_twin(list_objects)

    def iter_objects(
        self: GcsBucket,
        folder: str = "",
        *,
        pattern: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[GcsObject]:
        """As :meth:`list_objects`, page by page, for listings larger than memory; see ``ObjectStore.iter_objects``."""
        prefix = folder_prefix(self._key(folder)) + literal_prefix(pattern)
        query = {
            "start_offset": self._key(after) if after else None,
            "page_size": limit + 1 if limit is not None and pattern is None else None,
        }
        found = (entry.under(self._relative(entry.key)) for entry in self._listed(prefix, **query))
        wanted: Any = chosen(found, join_key("", folder), pattern=pattern, after=after, limit=limit)
        yield from wanted

    @reloading
    def list_level(self: GcsBucket, folder: str = "") -> Level:
        """What lies in a folder itself: the folders in it, and its objects."""
        folders: set[str] = set()
        objects: list[GcsObject] = []
        prefix = folder_prefix(self._key(folder))
        for page in self._pages(prefix, delimiter="/"):
            folders.update(page.prefixes)
            objects += [GcsObject.of(blob) for blob in page if not blob.name.endswith("/")]
        return Level(
            sorted(self._relative(name).rstrip("/") for name in folders),
            sorted((entry.under(self._relative(entry.key)) for entry in objects), key=lambda entry: entry.key),
        )

    alist_level: ClassVar = async_twin(list_level)

    @reloading
    def list_blobs(self: GcsBucket, folder: str = "") -> list[Blob]:
        """Every object below a folder as one of Google's client, under its whole name in the bucket."""
        prefix = folder_prefix(self._key(folder))
        pages = self._pages(prefix, fields=None)
        return [blob for page in pages for blob in page if not blob.name.endswith("/")]

    alist_blobs: ClassVar = async_twin(list_blobs)

    def list_folders(self: GcsBucket, folder: str = "") -> list[str]:
        """Every folder below a folder that has objects in it or below it, sorted; the folder itself too."""
        found: set[str] = set()
        for entry in self.iter_objects(folder):
            parent = entry.key.rpartition("/")[0]
            while parent and parent not in found:
                found.add(parent)
                parent = parent.rpartition("/")[0]
        above = join_key("", folder).strip("/")
        return sorted(name for name in found if f"{name}/".startswith(folder_prefix(above)))

    alist_folders: ClassVar = async_twin(list_folders)

    @reloading
    def stat_object(self: GcsBucket, path: str) -> GcsObject:
        """What a listing says of one object.

        :raises ObjectNotFound: there is none of this name (a ``FileNotFoundError``).
        """
        name = self._key(path)
        return GcsObject.of(asked(self.bucket, name, self._download(name, {}).looked_up)).under(self._relative(name))

    astat_object: ClassVar = async_twin(stat_object)

    def has_content(self: GcsBucket, entry: Any, file: Path) -> bool:
        """Whether an object has the content of a file, by CRC32C. A file that is not there has none."""
        if not isinstance(entry, GcsObject):
            entry = self.stat_object(entry.key)
        if not file.is_file() or entry.size != file.stat().st_size:
            return False
        with file.open("rb") as content:
            return bool(checksums.of_file(content) == entry.crc32c)

    ahas_content: ClassVar = async_twin(has_content)

    def path_exists(self: GcsBucket, path: str) -> bool:
        """Whether there is an object of this name.

        :raises BucketNotFound: there is not even the bucket.
        """
        try:
            self.stat_object(path)
        except ObjectNotFound:
            return False
        return True

    apath_exists: ClassVar = async_twin(path_exists)

    def _listed(self: GcsBucket, prefix: str, **query: Any) -> Iterator[GcsObject]:
        """With whole names. The empty objects that consoles make to show folders are left out."""
        for page in self._pages(prefix, **query):
            for blob in page:
                if not blob.name.endswith("/"):
                    yield GcsObject.of(blob)

    def _pages(self: GcsBucket, prefix: str, **query: Any) -> Iterator[Any]:
        wanted: dict[str, Any] = {"fields": FIELDS, "prefix": prefix or None} | asking() | query
        token: str | None = None
        while True:
            page, token = self._page(wanted, token)
            if page is not None:
                yield page
            if token is None:
                return

    @reloading
    def _page(self: GcsBucket, wanted: dict[str, Any], token: str | None) -> tuple[Any, str | None]:
        """One page of a listing, asked for with the login of the time, and where the next one begins."""

        def ask() -> tuple[Any, str | None]:
            found = self._storage.client.list_blobs(self.bucket, page_token=token, **wanted)
            return next(found.pages, None), found.next_page_token or None

        return asked(self.bucket, "", ask)
