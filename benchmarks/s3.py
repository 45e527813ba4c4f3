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

from benchmarks.environments import figures
from benchmarks.listing_server import listing_server
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
            *_others(server, home, files, large, rounds),
            _nothing_to_do(home, 10_000, rounds),
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
        2 * rounds + 1,  # it is short, and easily disturbed
        lambda key: bucket.download_object_to_path("down", target / "ours"),
        lambda key: client.download_file(name, "down", str(target / "peer")),
    )
    return [
        Row(f"{mebibytes} MiB up", *up, "s", 1.05, "boto3 upload_file"),
        Row(f"{mebibytes} MiB down", *down, "s", 1.0, "boto3 download_file"),
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


def _others(server: S3Server, home: Path, count: int, mebibytes: int, rounds: int) -> list[Row]:
    """Whole tools, each in a process and an environment of its own, on the same server and files."""
    name, target = server.bucket(), _made(home / "others")
    bucket, small, large = block(server, name), home / "small", home / "large"
    bucket.upload_from_folder(small, "down")
    bucket.upload_from_path(large, "large")
    ours = {
        "small up": _median(rounds, lambda key: bucket.upload_from_folder(small, key)),
        "small down": _median(rounds, lambda key: bucket.download_folder_to_path("down", target / key)),
        "large up": _median(rounds, lambda key: bucket.upload_from_path(large, f"large-{key}")),
        "large down": _median(rounds, lambda key: bucket.download_object_to_path("large", target / "large")),
    }
    slow = bucket.model_copy(update={"engine": "boto3"})
    alone = {
        "the same without obstore small up": _median(rounds, lambda key: slow.upload_from_folder(small, f"slow-{key}")),
        "the same without obstore small down": _median(
            rounds, lambda key: slow.download_folder_to_path("down", target / f"slow-{key}")
        ),
    }
    peers = alone | figures("s3", str(small), str(large), str(target), "transfers", **_login(server, name, rounds))
    words = {"small": f"{count} files of 10 KiB", "large": f"{mebibytes} MiB"}
    rows = []
    for peer, took in peers.items():
        who, size, way = peer.rsplit(" ", 2)
        target_ratio = 1.0 if who == "boto3 threads" else None
        rows.append(Row(f"{words[size]} {way}", ours[f"{size} {way}"], took, "s", target_ratio, who))
    return rows


def _nothing_to_do(home: Path, count: int, rounds: int) -> Row:
    """Against a server that lists at once, so that what is measured is the comparing."""
    keys = [f"{number // 500:03}/{number:06}" for number in range(count)]
    local = home / "alike"
    for key in keys:
        _made((local / key).parent)
        (local / key).write_bytes(b"x")
        os.utime(local / key, (1_600_000_000, 1_600_000_000))
    with listing_server([f"to/{key}" for key in keys], 1) as url:
        server = S3Server(url, "unchecked", "unchecked")
        bucket = block(server, "bucket")
        assert bucket.sync_from_folder(local, "to").same == count
        ours = _median(rounds, lambda _: bucket.sync_from_folder(local, "to"))
        theirs = figures("s3", str(local), str(local), str(local), "sync", **_login(server, "bucket", rounds))
    return Row(f"sync of {count} files, nothing to do", ours, theirs["aws s3 sync"], "s", 1.0, "aws s3 sync")


def _median(rounds: int, work: Work) -> float:
    times = []
    for number in range(rounds + 1):
        begin = time.perf_counter()
        work(f"alone-{number}")
        times.append(time.perf_counter() - begin)
    return median(times[1:])


def _login(server: S3Server, bucket: str, rounds: int) -> dict[str, str]:
    return {
        "URL": server.endpoint_url,
        "BUCKET": bucket,
        "ROUNDS": str(rounds),
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


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
