"""Resumable uploads: one session, to which bytes go until the server has them all, whatever breaks in between.

The protocol is Google's (https://cloud.google.com/storage/docs/performing-resumable-uploads). After a break the server
is asked how much it has, and the upload goes on from there: nothing is sent twice that arrived.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from strongroom.stores import ObjectChanged, leave_if_failed

from strongroom_gcp.checksums import Crc32c
from strongroom_gcp.patience import (
    ANSWER_SECONDS,
    ATTEMPTS,
    CONNECT_SECONDS,
    FIRST_DELAY_SECONDS,
    LONGEST_DELAY_SECONDS,
    error_of,
    is_passing,
    is_passing_status,
)

if TYPE_CHECKING:
    import requests

CHUNK = 8 << 20
"""Of a stream so much is held in memory, and once more ahead; the protocol wants a multiple of 256 KiB."""
_GOING_ON = 308
_ABORT_SECONDS = 5.0
_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits
_BLOCK = 256 << 10

Moved = Callable[[int], object]
Timeout = float | tuple[float, float]


class Source(Protocol):
    """What is uploaded, from any position that the server may ask for next."""

    def part(self, position: int) -> tuple[Any, int, int | None]:
        """A body that begins at a position, its length, and how long all is, where that is known by then."""

    def headers(self) -> dict[str, str]:
        """What goes along with the part that was asked for last."""

    def failure(self) -> BaseException | None:
        """What went wrong on this side while a body was read."""


class FileSource:
    """The rest of a file that can be sought in, of a known length. It goes in one request, in blocks.

    :param start: where in the file the upload's first byte is.
    :param check: called before the last byte goes; what it raises ends the upload, so that there is no object.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        length: int,
        moved: Moved | None = None,
        check: Callable[[], object] | None = None,
    ) -> None:
        self._file, self._start, self._length, self._check = file, start, length, check
        self._moved, self._farthest = moved, 0
        self._body: _Body | None = None

    def part(self, position: int) -> tuple[Any, int, int | None]:
        self._file.seek(self._start + position)
        length = self._length - position
        self._body = _Body(self._file, length, lambda sent: self._count(position + sent), self._check)
        return self._body if length else b"", length, self._length

    def headers(self) -> dict[str, str]:
        return {}

    def failure(self) -> BaseException | None:
        return self._body.failure if self._body else None

    def _count(self, position: int) -> None:
        if self._moved and position > self._farthest:
            self._moved(position - self._farthest)
            self._farthest = position


class _Body:
    """What a request is made from: so many bytes of a file, counted as they go."""

    def __init__(self, file: BinaryIO, length: int, count: Moved, check: Callable[[], object] | None) -> None:
        self._file, self._length, self._left, self._count, self._check = file, length, length, count, check
        self.failure: BaseException | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(_BLOCK):
            yield block

    def read(self, size: int = -1) -> bytes:
        wanted = min(self._left, _BLOCK if size is None or size < 0 else max(size, _BLOCK))
        try:
            block = self._file.read(wanted) if wanted else b""
            if wanted and not block:
                raise ObjectChanged("The file became shorter while it was uploaded.", "Upload it again.")
            leave_if_failed()
            if self._check and len(block) == self._left:
                self._check()
        except BaseException as exc:
            self.failure = exc
            raise
        self._left -= len(block)
        self._count(self._length - self._left)
        return block


class StreamSource:
    """What a stream still holds, of unknown length: chunk by chunk, of which the unconfirmed one is kept.

    :param first: what was read of it before.
    """

    def __init__(self, stream: BinaryIO, first: bytes, moved: Moved | None = None) -> None:
        self._stream, self._moved = stream, moved
        self._begin, self._chunk, self._next = 0, first, self._read()
        self._sum = Crc32c().update(first)
        self._is_last = False

    def part(self, position: int) -> tuple[Any, int, int | None]:
        if position < self._begin:
            raise SessionLost  # what was confirmed before is gone, here too
        while position >= self._begin + len(self._chunk) and self._next:
            if self._moved:
                self._moved(len(self._chunk))
            self._begin += len(self._chunk)
            self._chunk, self._next = self._next, self._read()
            self._sum.update(self._chunk)
        self._is_last = not self._next
        body = self._chunk[position - self._begin :]
        return body, len(body), self._begin + len(self._chunk) if self._is_last else None

    def headers(self) -> dict[str, str]:
        """With the last part goes the checksum of all, by which the server refuses what was damaged."""
        return {"X-Goog-Hash": f"crc32c={self._sum.text}"} if self._is_last else {}

    def failure(self) -> BaseException | None:
        return None

    @property
    def checksum(self) -> str:
        """CRC32C of all that was read."""
        return self._sum.text

    def _read(self) -> bytes:
        return read_whole(self._stream, CHUNK)


def read_whole(stream: BinaryIO, size: int) -> bytes:
    """As many bytes as that, fewer at the end alone: a pipe gives what it has."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class SessionLost(Exception):
    """The server knows nothing of the session any more: what it had is gone, and the upload has to begin anew."""


def send(session: requests.Session, url: str, source: Source, timeout: Timeout | None = None) -> dict[str, Any]:
    """Upload to a resumable session; what the server says of the new object.

    However it ends but well, the session is cancelled and nothing of it stays on the server.

    :param url: of the session. Whoever has it may write the object.
    :raises SessionLost: begin anew, if the source can.
    :raises Exception: what the library raises for broken connections, or for an answer that says no.
    """
    done = False
    try:
        outcome = _Sending(session, url, source, timeout or (CONNECT_SECONDS, ANSWER_SECONDS)).run()
        done = True
        return outcome
    finally:
        if not done:
            with suppress(Exception):
                session.delete(url, timeout=_ABORT_SECONDS)


class _Sending:
    def __init__(self, session: requests.Session, url: str, source: Source, timeout: Timeout) -> None:
        self._session, self._url, self._source, self._timeout = session, url, source, timeout
        self._position = self._failures = 0

    def run(self) -> dict[str, Any]:
        is_lost = False  # whether it is not known how much the server has
        while True:
            try:
                answer = self._ask() if is_lost else self._send()
            except SessionLost:
                raise
            except Exception as exc:
                if failure := self._source.failure():
                    raise failure from None
                self._count(exc)
                is_lost = True
                continue
            if answer.status_code in (200, 201):
                return dict(answer.json())
            if answer.status_code == _GOING_ON:
                self._go_on(_confirmed(answer), was_sent=not is_lost)
                is_lost = False
            elif answer.status_code in (404, 410):
                raise SessionLost
            else:
                self._count(error_of(answer))
                is_lost = True

    def _send(self) -> Any:
        body, length, total = self._source.part(self._position)
        last = self._position + length - 1
        span = f"{self._position}-{last}" if length else "*"
        headers = {"Content-Range": f"bytes {span}/{'*' if total is None else total}"}
        return self._session.put(
            self._url, data=body, headers=headers | self._source.headers(), timeout=self._timeout, allow_redirects=False
        )

    def _ask(self) -> Any:
        headers = {"Content-Range": "bytes */*"}
        return self._session.put(self._url, data=b"", headers=headers, timeout=self._timeout, allow_redirects=False)

    def _go_on(self, confirmed: int, *, was_sent: bool) -> None:
        if confirmed > self._position:
            self._failures = 0
        elif was_sent:
            import urllib3

            self._count(urllib3.exceptions.HTTPError("The server kept nothing of what it was sent."))
        self._position = confirmed

    def _count(self, exc: Exception) -> None:
        """Wait, or give up."""
        self._failures += 1
        status = getattr(exc, "code", None)
        if self._failures >= ATTEMPTS or not (is_passing(exc) or is_passing_status(status)):
            raise exc
        longest = min(FIRST_DELAY_SECONDS * 2**self._failures, LONGEST_DELAY_SECONDS)
        nap(random.uniform(0, longest))  # noqa: S311  so that those who failed together do not come back together


def _confirmed(answer: Any) -> int:
    """How many bytes the server has: ``Range: bytes=0-41`` are 42, and none without it."""
    return int(answer.headers["Range"].rpartition("-")[2]) + 1 if "Range" in answer.headers else 0


def nap(seconds: float) -> None:
    """Sleep, in a way that can be interrupted in any thread."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE_SECONDS))
