"""One transfer by the SDK's manager, in parts: watched, ended when its thread is, and given up as a whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from strongroom.stores import ObjectChanged, leave_if_failed

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from s3transfer.futures import TransferFuture
    from s3transfer.manager import TransferManager
    from types_boto3_s3 import S3Client

MIB = 1024 * 1024
PART = 8 * MIB
PARTS_IN_FLIGHT = 8

_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits

Tell = Callable[[int], object]


def config(parts_in_flight: int = PARTS_IN_FLIGHT) -> TransferConfig:
    """Parts of 8 MiB, each tried again by itself, so that memory is bounded by the parts in flight."""
    from boto3.s3.transfer import TransferConfig

    # The SDK's other engine is chosen by machine type, and its failures are not those that ``told`` knows.
    chosen = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=parts_in_flight,
        max_io_queue=32,  # chunks of 256 KiB that wait for the disk
        preferred_transfer_client="classic",
    )
    chosen.max_in_memory_upload_chunks = chosen.max_in_memory_download_chunks = parts_in_flight
    return chosen


def transfer(
    client: S3Client,
    settings: TransferConfig,
    begin: Callable[[TransferManager, list[Any]], TransferFuture],
    tell: Tell | None = None,
    file: SteadyFile | None = None,
) -> None:
    """Carry out what ``begin`` begins, and wait for it.

    When the waiting ends early, by a cancellation or a timeout, requests under way are not begun again, and what was
    uploaded in parts is given up.

    :param tell: called with how many bytes more were moved, from several threads.
    :param file: the file that is uploaded.
    """
    from boto3.s3.transfer import create_transfer_manager

    done = threading.Event()
    with create_transfer_manager(client, settings, None if file is None else file.means()) as manager:
        future = begin(manager, [_watcher(done, tell)])
        while not done.wait(_SLICE_SECONDS):
            leave_if_failed()
        future.result()


def _watcher(done: threading.Event, tell: Tell | None) -> Any:
    from s3transfer.subscribers import BaseSubscriber

    class Watcher(BaseSubscriber):
        def on_progress(self, future: TransferFuture, bytes_transferred: int, **_: Any) -> None:
            if tell is not None:
                tell(bytes_transferred)

        def on_done(self, future: TransferFuture, **_: Any) -> None:
            done.set()

    return Watcher()


class SteadyFile:
    """A file that is uploaded in parts, and must not change until the last is sent."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before = self._state()

    def means(self) -> Any:
        """What the SDK opens it with: each part is sent only if the file is as it was."""
        from s3transfer.utils import OSUtils

        check = self.check

        class Means(OSUtils):
            def open_file_chunk_reader_from_fileobj(
                self,
                fileobj: Any,
                chunk_size: int,
                full_file_size: int,
                callbacks: Any,
                close_callbacks: Any = None,
            ) -> Any:
                return super().open_file_chunk_reader_from_fileobj(
                    fileobj, chunk_size, full_file_size, callbacks, [*(close_callbacks or []), check]
                )

        return Means()

    def check(self) -> None:
        """:raises ObjectChanged: it is not as it was."""
        if self._state() != self._before:
            raise ObjectChanged(
                f"The file {self._path!r} changed while it was uploaded, so nothing was written.",
                "Upload it when what writes it is done.",
            )

    def _state(self) -> tuple[int, int, int]:
        status = os.stat(self._path)
        return status.st_size, status.st_mtime_ns, status.st_ino
