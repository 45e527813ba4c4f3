"""Bytes from here to a bucket and back: in bounded memory, and never half a file under its final name."""

from __future__ import annotations

import io
import math
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar, cast

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from types_boto3_s3 import S3Client

T = TypeVar("T")

MIB = 1024 * 1024
PARTS_IN_FLIGHT = 8
_PARTS_OF_A_STREAM = 4  # which are held in memory, where those of a file are read from it and written to it
_PART = 8 * MIB
_IN_MEMORY = MIB
COPY_IN_ONE = 5 * 1024 * MIB  # S3's own limit for CopyObject
COPY_PART = 256 * MIB
_ATTEMPTS = 5
_CHUNK = 256 * 1024
_NOTHING = object()


def managed(parts_in_flight: int = PARTS_IN_FLIGHT) -> TransferConfig:
    """The SDK's managed transfer: parts of 8 MiB, each tried again by itself, so that memory is bounded by parts."""
    from boto3.s3.transfer import TransferConfig

    # The SDK's other engine is chosen by machine type, and its failures are not those that ``told`` knows.
    config = TransferConfig(
        multipart_threshold=_PART,
        multipart_chunksize=_PART,
        max_concurrency=parts_in_flight,
        max_io_queue=32,  # chunks of 256 KiB that wait for the disk
        preferred_transfer_client="classic",
    )
    config.max_in_memory_upload_chunks = config.max_in_memory_download_chunks = parts_in_flight
    return config


def read(client: S3Client, bucket: str, key: str) -> bytes:
    """The content of an object."""
    return _again(lambda: client.get_object(Bucket=bucket, Key=key)["Body"].read())


def write(client: S3Client, bucket: str, key: str, content: bytes) -> None:
    """Write an object from memory."""
    if len(content) <= _PART:
        client.put_object(Bucket=bucket, Key=key, Body=content)
    else:
        client.upload_fileobj(io.BytesIO(content), bucket, key, Config=managed())


def upload(client: S3Client, bucket: str, key: str, path: Path, parts_in_flight: int = PARTS_IN_FLIGHT) -> None:
    """Upload a file. A small one goes in a single request, whose fixed costs are a third below a managed transfer's."""
    if path.stat().st_size <= _IN_MEMORY:
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    else:
        client.upload_file(str(path), bucket, key, Config=managed(parts_in_flight))


def upload_stream(client: S3Client, bucket: str, key: str, source: BinaryIO) -> None:
    """Upload what ``source`` still holds; it stays open."""
    client.upload_fileobj(cast("BinaryIO", _KeptOpen(source)), bucket, key, Config=managed(_PARTS_OF_A_STREAM))


def download(
    client: S3Client,
    bucket: str,
    key: str,
    path: Path,
    *,
    size: int | None = None,
    parts_in_flight: int = PARTS_IN_FLIGHT,
) -> None:
    """Download into a file, which appears when it is complete.

    :param size: the object's size in bytes, where a listing told it.
    """
    with complete_file(path) as file:
        if size is None or size <= _PART:
            size = _again(lambda: _small(client, bucket, key, file))
        if size > _PART:
            client.download_fileobj(bucket, key, file, Config=managed(parts_in_flight))


def _small(client: S3Client, bucket: str, key: str, file: IO[bytes]) -> int:
    """Write the object if it is small; its size in any case."""
    answer = client.get_object(Bucket=bucket, Key=key)
    with closing(answer["Body"]) as body:  # the body as a context manager is one that does not check its length
        if answer["ContentLength"] <= _PART:
            file.seek(0)
            file.truncate()
            shutil.copyfileobj(body, file, _CHUNK)
    return answer["ContentLength"]


def download_stream(client: S3Client, bucket: str, key: str, target: BinaryIO) -> None:
    """Append an object to ``target``, in order."""
    client.download_fileobj(bucket, key, cast("BinaryIO", _WrittenInOrder(target)), Config=managed(_PARTS_OF_A_STREAM))


def copy(client: S3Client, source_client: S3Client, source: tuple[str, str], target: tuple[str, str]) -> None:
    """Copy within the service, whatever the size; beyond 5 GiB in parts. Source and target are bucket and key."""
    from boto3.s3.transfer import TransferConfig

    config = TransferConfig(multipart_threshold=COPY_IN_ONE, multipart_chunksize=COPY_PART)
    client.copy(
        {"Bucket": source[0], "Key": source[1]}, target[0], target[1], SourceClient=source_client, Config=config
    )


def _again(attempt: Callable[[], T]) -> T:
    """The SDK repeats a request that gets no answer, but not one whose answer breaks off in the middle."""
    import botocore.exceptions as sdk

    broken = (
        sdk.IncompleteReadError,
        sdk.ResponseStreamingError,
        sdk.ReadTimeoutError,
        sdk.FlexibleChecksumError,
    )
    for _ in range(_ATTEMPTS - 1):
        with suppress(*broken):
            return attempt()
    return attempt()


@contextmanager
def complete_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when the block ends well, and is gone when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".strongroom-{secrets.token_hex(8)}.part"
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with open(descriptor, "w+b") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def each(function: Callable[[T], object], items: Iterable[T], workers: int) -> int:
    """Call ``function`` for all items, at most ``workers`` at a time; how many there were.

    Items are drawn one by one as workers come free, so an endless listing takes no memory. After the first failure no
    more are begun, and it is raised when those under way are done. Two workers begin; more join while an item waits
    longer than it computes, since threads that only compute keep each other from it.
    """
    crew = Crew(function, iter(items), workers)
    with ThreadPoolExecutor(workers, thread_name_prefix="strongroom-s3") as pool:
        try:
            crew.join(pool, min(2, workers))
            crew.idle.wait()
        except BaseException as interrupt:
            crew.failures.append(interrupt)
    if crew.failures:
        raise crew.failures[0]
    return crew.begun


class Crew(Generic[T]):
    """The workers of one :func:`each`, ``most`` at most."""

    def __init__(self, function: Callable[[T], object], items: Iterator[T], most: int) -> None:
        self.function, self.items, self.most = function, items, most
        self.failures: list[BaseException] = []
        self.begun = self.joined = self.working = 0
        self.idle = threading.Event()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._computed = self._took = math.inf

    def join(self, pool: ThreadPoolExecutor, count: int) -> None:
        """Let some more workers begin."""
        with self._lock:
            self.joined += count
            self.working += count
        for _ in range(count):
            pool.submit(copy_context().run, self._work, pool)

    def _work(self, pool: ThreadPoolExecutor) -> None:
        try:
            while not self.failures:
                with self._drawing:
                    item = next(self.items, _NOTHING)
                    if item is _NOTHING:
                        return
                    self.begun += 1
                began, computed = time.perf_counter(), time.thread_time()
                self.function(item)  # type: ignore[arg-type]
                if self.joined < self.most and self.waits(time.perf_counter() - began, time.thread_time() - computed):
                    self.join(pool, 1)
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            with self._lock:
                self.working -= 1
                if not self.working:
                    self.idle.set()

    def waits(self, took: float, computed: float) -> bool:
        """Whether one more worker has something to wait for. The least figures so far are those without disturbance."""
        self._took, self._computed = min(self._took, took), min(self._computed, computed)
        return self._took > self._computed * self.joined


class _KeptOpen:
    """A file object that the SDK cannot close: whoever opened it does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


class _WrittenInOrder:
    """Shows the SDK nothing but ``write``, so that it hands the parts over in order, from where the file stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)
