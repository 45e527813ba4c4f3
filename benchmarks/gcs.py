"""Cloud Storage: one large object and many small files, beside Google's transfer manager on the same emulator."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from strongroom_gcp import GcpCredentials, GcsBucket

from benchmarks.s3 import MIB, ROOT, _made, _random_file, alternating
from benchmarks.table import Row

sys.path.append(str(ROOT / "tests"))

from servers.gcs import gcs_server

_THREADS = 8


def run(quick: bool) -> list[Row]:
    """Ratios of wall-clock time in alternating rounds."""
    large, files, rounds = (32, 100, 3) if quick else (128, 300, 5)
    with tempfile.TemporaryDirectory() as folder, gcs_server() as server:
        home, name = Path(folder), server.bucket()
        bucket = GcsBucket(bucket=name, gcp_credentials=GcpCredentials(storage_endpoint=server.endpoint_url))
        theirs = server.client().bucket(name)
        return [*_one_large(bucket, theirs, home, large, rounds), *_many_small(bucket, theirs, home, files, rounds)]


def _one_large(bucket: GcsBucket, theirs: Any, home: Path, mebibytes: int, rounds: int) -> list[Row]:
    from google.cloud.storage import transfer_manager

    source, target = _random_file(home / "large", mebibytes * MIB), _made(home / "back")
    up = alternating(
        rounds,
        lambda key: bucket.upload_from_path(source, key),
        lambda key: theirs.blob(key).upload_from_filename(str(source)),
    )
    bucket.upload_from_path(source, "down")
    down = alternating(
        rounds,
        lambda key: bucket.download_object_to_path("down", target / "ours"),
        lambda key: transfer_manager.download_chunks_concurrently(
            theirs.blob("down"), str(target / "peer"), worker_type="thread", max_workers=_THREADS
        ),
    )
    return [
        Row(f"{mebibytes} MiB up", *up, "s", 1.1, "google-cloud-storage upload_from_filename"),
        Row(f"{mebibytes} MiB down", *down, "s", 1.1, "its transfer manager, in ranges by threads"),
    ]


def _many_small(bucket: GcsBucket, theirs: Any, home: Path, count: int, rounds: int) -> list[Row]:
    from google.cloud.storage import transfer_manager

    source, target = _made(home / "small"), _made(home / "small-back")
    names = [_random_file(source / f"{number:04}.bin", 10 * 1024).name for number in range(count)]

    def many_up(folder: str) -> None:
        transfer_manager.upload_many_from_filenames(
            theirs, names, source_directory=str(source), blob_name_prefix=f"{folder}/", worker_type="thread",
            max_workers=_THREADS, raise_exception=True,
        )  # fmt: skip

    def many_down(folder: str) -> None:
        transfer_manager.download_many_to_path(
            theirs, names, destination_directory=str(_made(target / folder)), blob_name_prefix="down/",
            worker_type="thread", max_workers=_THREADS, raise_exception=True,
        )  # fmt: skip

    up = alternating(rounds, lambda folder: bucket.upload_from_folder(source, folder), many_up)
    bucket.upload_from_folder(source, "down")
    down = alternating(rounds, lambda folder: bucket.download_folder_to_path("down", target / folder), many_down)
    slow = bucket.model_copy(update={"engine": "google"})
    alone = alternating(
        rounds,
        lambda folder: bucket.download_folder_to_path("down", target / f"fast-{folder}"),
        lambda folder: slow.download_folder_to_path("down", target / f"slow-{folder}"),
    )
    note = "its transfer manager, by threads"
    return [
        Row(f"{count} files of 10 KiB up", *up, "s", 1.1, note),
        Row(f"{count} files of 10 KiB down", *down, "s", 1.0, note),
        Row(f"{count} files of 10 KiB down", *alone, "s", None, "the same without obstore"),
    ]
