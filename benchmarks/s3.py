"""S3: one large object and many small files, beside boto3's own transfers on the same server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from strongroom_aws import AwsClientParameters, AwsCredentials, S3Bucket

from benchmarks.table import Row

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from servers.rclone import rclone_server  # noqa: E402  it stands with the tests
from servers.s3 import S3Server  # noqa: E402

MIB = 1024 * 1024
Work = Callable[[str], object]

_ONE_TRANSFER = """
import os, sys
from pathlib import Path
from strongroom_aws import S3Bucket
path = Path(sys.argv[1])
parameters = {"endpoint_url": os.environ["URL"]}
bucket = S3Bucket(bucket_name=os.environ["BUCKET"], credentials={"aws_client_parameters": parameters})
bucket.upload_from_path(path, path.name)
bucket.download_object_to_path(path.name, path.with_suffix(".back"))
assert path.with_suffix(".back").stat().st_size == path.stat().st_size
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def run(quick: bool) -> list[Row]:
    """Ratios of wall-clock time in alternating rounds, and of peak memory for a large and a small object."""
    large, files, rounds = (64, 100, 3) if quick else (256, 500, 5)
    with tempfile.TemporaryDirectory() as folder, rclone_server(_made(Path(folder, "server"))) as server:
        home = Path(folder)
        return [
            *_one_large(server, home, large, rounds),
            *_many_small(server, home, files, rounds),
            _memory(server, home),
        ]


def block(server: S3Server, bucket: str) -> S3Bucket:
    """Our block for a bucket of the server."""
    return S3Bucket(
        bucket_name=bucket,
        credentials=AwsCredentials(
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,  # type: ignore[arg-type]
            region_name="us-east-1",
            aws_client_parameters=AwsClientParameters(endpoint_url=server.endpoint_url),
        ),
    )


def alternating(rounds: int, ours: Work, peer: Work) -> tuple[float, float]:
    """Medians in seconds. Who begins changes each round, and each call gets a name of its own to write to."""
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(-1, rounds):  # the first round warms connections and caches and does not count
        order = [("ours", ours), ("peer", peer)]
        for who, work in order if number % 2 else reversed(order):
            begin = time.perf_counter()
            work(f"{who}-{number}")
            if number >= 0:
                times[who].append(time.perf_counter() - begin)
    return median(times["ours"]), median(times["peer"])


def _one_large(server: S3Server, home: Path, mebibytes: int, rounds: int) -> list[Row]:
    source, name = _random_file(home / "large", mebibytes * MIB), server.bucket()
    bucket, client = block(server, name), server.client()
    up = alternating(
        rounds,
        lambda key: bucket.upload_from_path(source, key),
        lambda key: client.upload_file(str(source), name, key),
    )
    bucket.upload_from_path(source, "down")
    target = _made(home / "back")
    down = alternating(
        rounds,
        lambda key: bucket.download_object_to_path("down", target / "ours"),
        lambda key: client.download_file(name, "down", str(target / "peer")),
    )
    return [
        Row(f"{mebibytes} MiB up", *up, "s", 1.05, "boto3 upload_file"),
        Row(f"{mebibytes} MiB down", *down, "s", 1.05, "boto3 download_file"),
    ]


def _many_small(server: S3Server, home: Path, count: int, rounds: int) -> list[Row]:
    source, target, name = _made(home / "small"), _made(home / "small-back"), server.bucket()
    files = [_random_file(source / f"{number:04}.bin", 10 * 1024) for number in range(count)]
    bucket, client = block(server, name), server.client()

    def loop_up(folder: str) -> None:
        for file in files:
            client.upload_file(str(file), name, f"{folder}/{file.name}")

    def loop_down(folder: str) -> None:
        here = _made(target / folder)
        for file in files:
            client.download_file(name, f"down/{file.name}", str(here / file.name))

    up = alternating(rounds, lambda folder: bucket.upload_from_folder(source, folder), loop_up)
    bucket.upload_from_folder(source, "down")
    down = alternating(rounds, lambda folder: bucket.download_folder_to_path("down", target / folder), loop_down)
    return [
        Row(f"{count} files of 10 KiB up", *up, "s", 1.0, "a loop over boto3 upload_file"),
        Row(f"{count} files of 10 KiB down", *down, "s", 1.0, "a loop over boto3 download_file"),
    ]


def _memory(server: S3Server, home: Path) -> Row:
    """Each in a process of its own, as a high-water mark never falls. (getrusage's counts the parent's memory too.)

    Both sizes are beyond the eight parts that are in flight at a time, where the bound is reached.
    """
    large, small = (_peak(server, _random_file(home / f"memory-{size}", size * MIB)) for size in (256, 64))
    return Row("peak memory, 256 MiB up and down", large, small, "MiB", 1.25, "the same with 64 MiB")


def _peak(server: S3Server, file: Path) -> float:
    environment: dict[str, Any] = {
        **os.environ,
        "URL": server.endpoint_url,
        "BUCKET": server.bucket(),
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }
    command = [sys.executable, "-c", _ONE_TRANSFER, str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def _random_file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for begin in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - begin)))
    return path


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
