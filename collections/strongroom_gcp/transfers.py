"""Bytes from here to a bucket and back: in bounded memory, checksums verified, never half a file under its final name.

What this module raises is what Google's client raises, and errors of ours for damage and change.
"""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from strongroom.stores import ObjectChanged, among_many, complete_file, each, leave_if_failed

from strongroom_gcp import resumable
from strongroom_gcp.checksums import Crc32c, as_text, joined, of_file
from strongroom_gcp.conditions import Conditions, UploadOptions, describe
from strongroom_gcp.engine import engine
from strongroom_gcp.patience import Patience, asking
from strongroom_gcp.storage_faults import changed, damaged, interrupted

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

    from strongroom_gcp.storage_clients import Storage

PART = 8 << 20
"""Up to this size an object goes in one request; beyond, up by a resumable session and down in ranges of it."""
RANGES_AT_ONCE = 8
_ATTEMPTS = 3
_DEFAULT_TYPE = "application/octet-stream"

Moved = Callable[[int], object]


@dataclass(slots=True)
class Upload:
    """One object on its way up.

    :param moved: told how many bytes more went.
    """

    storage: Storage
    bucket: Bucket
    name: str
    options: UploadOptions = field(default_factory=lambda: UploadOptions())
    moved: Moved | None = None

    def content(self, content: bytes) -> Any:
        """What the server says of the object that it has made of ``content``."""
        if len(content) > PART:
            return self.file(io.BytesIO(content), 0, len(content))
        return self._at_once(content)

    def path(self, path: Path) -> Any:
        """The same, of a file, whose name says what it is unless the options do."""
        kind = mimetypes.guess_type(path.name)[0]
        if kind and "content_type" not in self.options:
            self.options = UploadOptions(content_type=kind) | self.options
        with path.open("rb") as file:
            before = _state(file)
            length = before[0]

            def check() -> None:
                if _state(file) != before:
                    raise ObjectChanged(
                        f"The file {str(path)!r} changed while it was read, so nothing was uploaded.",
                        "Upload it when what writes it is done.",
                    )

            if length <= PART:
                content = file.read(PART + 1)
                check()
                return self._at_once(content)
            return self.file(file, 0, length, check)

    def stream(self, stream: BinaryIO) -> Any:
        """The same, of what a stream still holds."""
        first = resumable.read_whole(stream, PART)
        if len(first) < PART:
            return self._at_once(first)
        source = resumable.StreamSource(stream, first, self.moved)
        made = self._send(source, None, None)
        return self._verified(made, source.checksum)

    def file(self, file: BinaryIO, start: int, length: int, check: Callable[[], object] | None = None) -> Any:
        """The same, of the rest of a file that can be sought in.

        It is read twice: first for its checksum, which the server has to find in what arrives before the object is.

        :param check: raises what is raised where the file is another one by now.
        """
        file.seek(start)
        checksum = of_file(file, length)
        for _ in range(_ATTEMPTS):
            try:
                made = self._send(resumable.FileSource(file, start, length, self.moved, check), length, checksum)
            except resumable.SessionLost:
                continue
            return self._verified(made, checksum)
        raise interrupted(self.bucket.name, self.name)

    def _at_once(self, content: bytes) -> Any:
        blob: Any = self.bucket.blob(self.name)
        more = describe(blob, self.options)
        more.setdefault("content_type", _DEFAULT_TYPE)
        checksum = Crc32c().update(content).text
        patience = Patience()
        try:
            blob.upload_from_string(content, checksum="crc32c", **(asking() | {"retry": patience.retry()} | more))
        except Exception as exc:
            made = self._made_before(exc, patience, checksum, len(content))
            if made is None:
                raise
            return made
        if self.moved:
            self.moved(len(content))
        return self._verified(blob._properties, checksum)

    def _made_before(self, exc: Exception, patience: Patience, checksum: str, size: int) -> Any:
        """The object, where a condition does not hold any more because it was made by a request whose answer was
        lost: then it is there, with this content."""
        from google.api_core.exceptions import PreconditionFailed

        if not isinstance(exc, PreconditionFailed) or not patience.failures:
            return None
        found: Any = self.bucket.get_blob(self.name, **asking())
        if found is None or found.size != size or found.crc32c != checksum:
            return None
        return found._properties

    def _send(self, source: resumable.Source, length: int | None, checksum: str | None) -> dict[str, Any]:
        blob: Any = self.bucket.blob(self.name)
        more = describe(blob, self.options)
        if checksum is not None:
            blob.crc32c = checksum
        kind = more.pop("content_type", None) or _DEFAULT_TYPE
        url = blob.create_resumable_upload_session(kind, size=length, checksum=None, **(asking() | more))
        return resumable.send(self.storage.uploads, url, source, more.get("timeout"))

    def _verified(self, made: Any, checksum: str) -> Any:
        if made.get("crc32c", checksum) == checksum:
            return made
        wrong = self.bucket.blob(self.name, generation=int(made["generation"]))
        wrong.delete(**asking())  # a server that takes what was damaged on the way; Google's own does not
        raise damaged(self.bucket.name, self.name)


@dataclass(slots=True)
class Download:
    """One object on its way down.

    :param generation: the one that is meant; by default the live one.
    :param moved: told how many bytes more came.
    :param fast: whether what is small and one of many may come by the other engine.
    """

    bucket: Bucket
    name: str
    conditions: Conditions = field(default_factory=lambda: Conditions())
    generation: int | None = None
    moved: Moved | None = None
    fast: bool = False

    def content(self) -> bytes:
        """The whole object, as it is stored."""
        for _ in range(_ATTEMPTS):
            target = io.BytesIO()
            if self._into(target):
                return target.getvalue()
        raise damaged(self.bucket.name, self.name)

    def stream(self, target: BinaryIO) -> None:
        """Append the object to ``target``, in order."""
        if not self._into(target):
            raise damaged(self.bucket.name, self.name)

    def part(self, start: int, length: int) -> tuple[bytes, int | None]:
        """A range of the object, and the generation that it is of."""
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        blob = self._blob()
        try:
            found: bytes = blob.download_as_bytes(
                start=start, end=start + length - 1, raw_download=True, checksum=None, **self._asking()
            )
        except RequestRangeNotSatisfiable:
            return b"", None
        return found, _number(blob.generation)

    def path(self, path: Path, entry: Any, ranges_at_once: int = RANGES_AT_ONCE) -> None:
        """Into a file, which appears when it is complete; a large object in ranges, several at a time.

        :param entry: what a listing said of the object: ``size``, ``generation`` and ``crc32c``; ``None`` to ask.
        """
        with complete_file(path) as file:
            problem: Exception = damaged(self.bucket.name, self.name)
            for _ in range(_ATTEMPTS):
                entry = entry if entry is not None else self.looked_up()
                file.seek(0)
                file.truncate()
                if self._fetched(file, entry):
                    return
                try:
                    if self._into(file) if entry.size <= PART else self._ranges(file, entry, ranges_at_once):
                        return
                except ObjectChanged as exc:
                    problem = exc
                entry = None
            raise problem

    def _fetched(self, file: BinaryIO, entry: Any) -> bool:
        """Whether the other engine has fetched an object, which is small and one of many."""
        if not self.fast or self.conditions or self.generation or entry.size > PART or not among_many():
            return False
        other = engine(self.bucket.client, self.bucket.name)
        content = other.get(self.name, entry.size, entry.crc32c) if other is not None else None
        if content is None:
            return False
        file.write(content)
        if self.moved:
            self.moved(len(content))
        return True

    def _into(self, target: Any) -> bool:
        """Whether what was written has the object's checksum."""
        blob, checked = self._blob(), _Checked(target, self.moved)
        blob.download_to_file(checked, raw_download=True, checksum=None, **self._asking())
        return blob.crc32c is None or blob.crc32c == checked.sum.text

    def _ranges(self, file: BinaryIO, entry: Any, at_once: int) -> bool:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        sums: dict[int, tuple[int, int]] = {}
        descriptor = file.fileno()
        os.ftruncate(descriptor, entry.size)

        def fetch(start: int) -> None:
            end = min(start + PART, entry.size)
            blob, target = self._blob(), _Placed(descriptor, start, self.moved)
            only = Conditions(if_generation_match=entry.generation)
            blob.download_to_file(
                target, start=start, end=end - 1, raw_download=True, checksum=None, **(self._asking() | only)
            )
            if _number(blob.generation) not in (None, entry.generation) or target.place != end:
                raise changed(self.bucket.name, self.name)
            sums[start] = (target.sum.value, end - start)

        try:
            each(fetch, range(0, entry.size, PART), at_once)
        except (PreconditionFailed, NotFound):
            if self.conditions:
                raise
            raise changed(self.bucket.name, self.name) from None
        value = 0
        for start in sorted(sums):
            value = joined(value, *sums[start])
        return entry.crc32c is None or entry.crc32c == as_text(value)

    def looked_up(self) -> Any:
        """What the service says of the object, as one of Google's client."""
        blob = self._blob()
        blob.reload(**self._asking())
        return blob

    def _blob(self) -> Blob:
        return self.bucket.blob(self.name, generation=self.generation)

    def _asking(self) -> dict[str, Any]:
        return asking() | dict(self.conditions)


class _Checked:
    """Writes on, and keeps the checksum of what was written."""

    def __init__(self, target: BinaryIO, moved: Moved | None) -> None:
        self._target, self._moved, self.sum = target, moved, Crc32c()

    def write(self, data: bytes) -> int:
        self._target.write(data)
        self.sum.update(data)
        leave_if_failed()
        if self._moved:
            self._moved(len(data))
        return len(data)


class _Placed:
    """Writes into a file from a place on, beside others that do so elsewhere in it."""

    def __init__(self, descriptor: int, place: int, moved: Moved | None) -> None:
        self._descriptor, self.place, self._moved, self.sum = descriptor, place, moved, Crc32c()

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, self.place)
            self.place += written
            left = left[written:]
        self.sum.update(data)
        leave_if_failed()
        if self._moved:
            self._moved(len(data))
        return len(data)


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _number(generation: Any) -> int | None:
    return int(generation) if generation is not None else None
