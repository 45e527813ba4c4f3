"""What is in a bucket, and where: the verbs of :class:`~strongroom_aws.bucket.S3Bucket` that read no content."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from strongroom import StoredObject, async_twin, folder_prefix, join_key
from strongroom.stores import Level, Library, chosen, literal_prefix

from strongroom_aws import checksums
from strongroom_aws.bucket_place import BucketPlace, bare, entries_of
from strongroom_aws.errors import ObjectNotFound
from strongroom_aws.faults import told
from strongroom_aws.reloading import reloading
from strongroom_aws.storage_options import options_for

_PAGE = 1000


class BucketListing(BucketPlace):
    """Listings and descriptions."""

    def list_objects(
        self,
        folder: str = "",
        delimiter: str = "",
        page_size: int | None = None,
        max_items: int | None = None,
        jmespath_query: str | None = None,
    ) -> list[Any]:
        """Every object below a folder, at any depth, sorted by key, with keys relative to the block's folder.

        :param delimiter: leave out keys that have it behind the folder: ``"/"`` for the folder without those in it.
        :param page_size: how many S3 is asked for at a time.
        :param max_items: how many at most, the first in S3's order.
        :param jmespath_query: a `JMESPath <https://jmespath.org>`_ query on each page of S3's answer, such as
            ``"Contents[?Size > `100`][]"``; what it selects is returned in place of the objects.
        """
        prefix = folder_prefix(self._key(folder))
        if jmespath_query is not None:
            return self._queried(prefix, delimiter, {"PageSize": page_size, "MaxItems": max_items}, jmespath_query)
        listed = self._listed(prefix, Delimiter=delimiter, MaxKeys=_fewest(page_size, max_items))
        return sorted(map(self._shown, islice(listed, max_items)), key=lambda entry: entry.key)

    alist_objects: ClassVar = async_twin(list_objects)

    def iter_objects(
        self,
        folder: str = "",
        *,
        pattern: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[StoredObject]:
        """As :meth:`list_objects`, but page by page, for listings larger than memory.

        :param pattern: what keys have to fit, relative to ``folder``, such as ``**/*.csv``; S3 is asked for what it
            begins with.
        :param after: only keys after this one.
        :param limit: how many at most.
        """
        prefix = folder_prefix(self._key(folder)) + literal_prefix(pattern)
        begin, page_size = self._key(after) if after else None, None if pattern else _fewest(limit)
        entries = map(self._shown, self._listed(prefix, StartAfter=begin, MaxKeys=page_size))
        return chosen(entries, join_key("", folder), pattern=pattern, after=after, limit=limit)

    def list_level(self, folder: str = "") -> Level:
        """What lies in a folder itself, without a listing of what lies deeper."""
        prefix = folder_prefix(self._key(folder))
        folders: list[str] = []
        objects: list[StoredObject] = []
        for page in self._pages(prefix, Delimiter="/"):
            folders += [self._relative(below["Prefix"]).rstrip("/") for below in page.get("CommonPrefixes", [])]
            objects += map(self._shown, entries_of(page))
        return Level(sorted(folders), sorted(objects, key=lambda entry: entry.key))

    alist_level: ClassVar = async_twin(list_level)

    @reloading
    def stat_object(self, path: str) -> StoredObject:
        """What a listing says of one object.

        :raises ObjectNotFound: there is none under this key (a ``FileNotFoundError``).
        """
        key, client = self._key(path), self._client
        with told(self.bucket_name, key, client=client):
            found = client.head_object(Bucket=self.bucket_name, Key=key, **self.write_options.reading())
        changed = found["LastModified"].astimezone(UTC)
        return StoredObject(self._relative(key), found["ContentLength"], changed, bare(found.get("ETag")))

    astat_object: ClassVar = async_twin(stat_object)

    def path_exists(self, path: str) -> bool:
        """Whether there is an object of this key.

        :raises BucketNotFound: there is not even the bucket.
        """
        try:
            self.stat_object(path)
        except ObjectNotFound:
            return False
        return True

    apath_exists: ClassVar = async_twin(path_exists)

    @reloading
    def has_content(self, entry: StoredObject, file: Path) -> bool:
        """Whether an object has the content of a file: by its ETag where that is made of MD5 sums, else by the checksum
        that S3 keeps. An object that is encrypted and has no checksum of its whole is taken for another one."""
        if checksums.has_etag(file, entry.size, entry.etag):
            return True
        key, client = self._key(entry.key), self._client
        wanted: dict[str, Any] = {"ChecksumMode": "ENABLED", **self.write_options.reading()}
        with told(self.bucket_name, key, client=client):
            answer = client.head_object(Bucket=self.bucket_name, Key=key, **wanted)
        with file.open("rb") as content:
            return checksums.matches(content, answer) is True

    ahas_content: ClassVar = async_twin(has_content)

    def url(self, path: str = "") -> str:
        """``s3://bucket/folder/key``."""
        return f"s3://{self.bucket_name}/{self._key(path)}"

    def storage_options(self, library: Library = "pandas") -> dict[str, Any]:
        """What a library wants besides :meth:`url` to open an object by itself, secrets in clear.

        Of a role they are good until its session ends; :meth:`filesystem` renews them.

        :param library: ``pandas`` (and dask, with s3fs), ``polars`` (and delta-rs), or ``duckdb``, as the parameters of
            its ``CREATE SECRET``.
        """
        return options_for(library, self._current)

    @reloading
    def _queried(self, prefix: str, delimiter: str, limits: Any, query: str) -> list[Any]:
        with told(self.bucket_name):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket_name, Prefix=prefix, Delimiter=delimiter, PaginationConfig=limits
            )
            return [entry for entry in pages.search(query) if entry is not None]


def _fewest(*numbers: int | None) -> int | None:
    """How many objects a page shall have: S3 gives a thousand at most."""
    return min((max(1, number) for number in numbers if number is not None and number < _PAGE), default=None)
