"""Objects as binary files: read by ranges, written as they come, in bounded memory."""

from __future__ import annotations

import io
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from strongroom_blocks.errors import ObjectChanged

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

    from strongroom_blocks.capabilities import ObjectStore, StoredObject

KIB = 1024
_LEAST, _MOST = 128 * KIB, 8 * 1024 * KIB
_PIPE = 16 * 1024 * KIB
_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits


def reading(store: ObjectStore, path: str) -> BinaryIO:
    """An object as a file that can be read and sought in.

    :raises FileNotFoundError: there is none.
    """
    return io.BufferedReader(ObjectReader(store, path, store.stat_object(path)), 64 * KIB)


class ObjectReader(io.RawIOBase):
    """Fetches what is asked for, and ahead of it the more the longer it is read in order: up to 8 MiB.

    All parts are of the object as it was when it was opened; where that is gone, reading raises ``ObjectChanged``.
    """

    def __init__(self, store: ObjectStore, path: str, entry: StoredObject) -> None:
        self._store, self._path, self._entry = store, path, entry
        self._place = self._begin = 0
        self._window = b""
        self._ahead = _LEAST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._entry.size}[whence]
        if place < 0:
            raise ValueError(f"An object cannot be read from {place}.")
        self._place = place
        return place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._entry.size - self._place)
        if wanted <= 0:
            return 0
        if not self._begin <= self._place < self._begin + len(self._window):
            self._fetch(wanted)
        offset = self._place - self._begin
        part = self._window[offset : offset + wanted]
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _fetch(self, wanted: int) -> None:
        in_order = bool(self._window) and self._place == self._begin + len(self._window)
        self._ahead = min(self._ahead * 2, _MOST) if in_order else _LEAST
        length = min(max(wanted, self._ahead), self._entry.size - self._place)
        self._window = self._store.read_range(self._path, self._place, length, etag=self._entry.etag)
        if not self._window:
            raise ObjectChanged(f'The object "{self._path}" became shorter while it was read.', "Read it again.")
        self._begin = self._place


def writing(store: ObjectStore, path: str) -> BinaryIO:
    """A file whose content becomes an object when it is closed, and does not when a ``with`` ends with an exception."""
    return cast("BinaryIO", ObjectWriter(store, path))


class Abandoned(OSError):
    """The writer was left before it was closed, so that nothing is written."""


class ObjectWriter(io.BufferedIOBase):
    """Hands what is written to an upload in a thread of its own; 16 MiB may wait for it."""

    def __init__(self, store: ObjectStore, path: str) -> None:
        self._pipe = _Pipe()
        self._written = 0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=copy_context().run, args=[self._upload, store, path], name="strongroom-writer", daemon=True
        )
        self._thread.start()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        chunk = bytes(data)
        if not self._pipe.put(chunk):
            self._finish(abandon=True)
        self._written += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self._written

    def close(self) -> None:
        if not self.closed:
            self._finish(abandon=False)

    def abandon(self) -> None:
        """Close it without writing anything."""
        if not self.closed:
            try:
                self._finish(abandon=True)
            except Abandoned:
                return

    def __exit__(self, kind: Any, *rest: object) -> None:
        self.close() if kind is None else self.abandon()

    def __enter__(self) -> Self:
        return self

    def __del__(self) -> None:
        if getattr(self, "_thread", None) is not None:
            self.abandon()

    def _finish(self, *, abandon: bool) -> None:
        whole = False
        try:
            self._pipe.end(abandoned=abandon)
            while self._thread.is_alive():
                self._thread.join(_SLICE_SECONDS)
            whole = True
        finally:
            if not whole:
                self._pipe.end(abandoned=True)
            super().close()
        if self._failure is not None:
            raise self._failure

    def _upload(self, store: ObjectStore, path: str) -> None:
        try:
            store.upload_from_file_object(cast("BinaryIO", self._pipe), path)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._pipe.stop()


class _Pipe(io.RawIOBase):
    """What one thread puts in and another reads, some of it in between."""

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._waiting = bytearray()
        self._ended = self._abandoned = self._stopped = False

    def put(self, chunk: bytes) -> bool:
        """Whether it was taken; not any more when the reader has stopped."""
        with self._state:
            while len(self._waiting) >= _PIPE and not self._stopped:
                self._state.wait(_SLICE_SECONDS)
            self._waiting += chunk
            self._state.notify_all()
            return not self._stopped

    def end(self, *, abandoned: bool) -> None:
        with self._state:
            self._ended, self._abandoned = True, self._abandoned or abandoned
            self._state.notify_all()

    def stop(self) -> None:
        with self._state:
            self._stopped = True
            self._state.notify_all()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._state:
            while not self._waiting and not self._ended:
                self._state.wait(_SLICE_SECONDS)
            if self._abandoned:
                raise Abandoned("The object was not written to its end.")
            part = bytes(self._waiting[: len(buffer)])
            del self._waiting[: len(buffer)]
            self._state.notify_all()
        buffer[: len(part)] = part
        return len(part)

    def read(self, size: int = -1, /) -> bytes:
        """All of ``size`` bytes but at the end: who reads parts takes a short one for the last."""
        parts, missing = [], size
        while missing and (part := super().read(missing if size >= 0 else _PIPE)):
            parts.append(part)
            missing -= len(part) if size >= 0 else 0
        return b"".join(parts)
