"""S3 transfers as others do them, timed here; prints seconds by name as JSON. Run in an environment of their own.

Arguments: the folder of many small files, the large file, a new folder to write to. The server and its keys stand in
the environment, as ``URL``, ``BUCKET`` and AWS' own variables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import median

SMALL, LARGE, TARGET = (Path(argument) for argument in sys.argv[1:4])
URL, BUCKET = os.environ["URL"], os.environ["BUCKET"]
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def timed(work: Callable[[str], object]) -> float:
    times = []
    for number in range(ROUNDS + 1):
        begin = time.perf_counter()
        work(f"{work.__name__}-{number}")
        times.append(time.perf_counter() - begin)
    return median(times[1:])


def boto3_threads() -> dict[str, float]:
    """Not with awscrt: boto3's way to it asks for the bucket by a host name of its own, which a server at an address of
    this machine has not."""
    import boto3

    client = boto3.client("s3", endpoint_url=URL)
    files = sorted(SMALL.iterdir())

    def up(name: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(lambda f: client.put_object(Bucket=BUCKET, Key=f"{name}/{f.name}", Body=f.read_bytes()), files)
            )

    def down(name: str) -> None:
        (TARGET / name).mkdir(parents=True)

        def one(file: Path) -> None:
            content = client.get_object(Bucket=BUCKET, Key=f"down/{file.name}")["Body"].read()
            (TARGET / name / file.name).write_bytes(content)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, files))

    return {
        "boto3 threads small up": timed(up),
        "boto3 threads small down": timed(down),
        "boto3 large up": timed(lambda name: client.upload_file(str(LARGE), BUCKET, f"b{time.time_ns()}")),
        "boto3 large down": timed(lambda name: client.download_file(BUCKET, "large", str(TARGET / "boto3"))),
    }


def obstores() -> dict[str, float]:
    import obstore
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=URL, region="us-east-1", client_options={"allow_http": True})
    files = sorted(SMALL.iterdir())

    def up(name: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda f: obstore.put(store, f"o{name}/{f.name}", f.read_bytes()), files))

    def down(name: str) -> None:
        (TARGET / f"o{name}").mkdir(parents=True)

        def one(file: Path) -> None:
            (TARGET / f"o{name}" / file.name).write_bytes(obstore.get(store, f"down/{file.name}").bytes())

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, files))

    def large_down(name: str) -> None:
        with (TARGET / "obstore").open("wb") as file:
            for chunk in obstore.get(store, "large").stream(min_chunk_size=8 << 20):
                file.write(chunk)

    return {
        "obstore small up": timed(up),
        "obstore small down": timed(down),
        "obstore large up": timed(lambda name: obstore.put(store, f"o{time.time_ns()}", LARGE)),
        "obstore large down": timed(large_down),
    }


def crts() -> dict[str, float]:
    """AWS' own engine in C, asked directly. Its large uploads are left out: it does not understand how the server
    answers to the begin of an upload in parts."""
    from awscrt import auth, http, io, s3

    here = URL.partition("://")[2]
    login = auth.AwsCredentialsProvider.new_static(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    client = s3.S3Client(
        bootstrap=io.ClientBootstrap.get_or_create_static_default(),
        region="us-east-1",
        signing_config=s3.create_default_s3_signing_config(region="us-east-1", credential_provider=login),
        tls_mode=s3.S3RequestTlsMode.DISABLED,
    )
    files = sorted(SMALL.iterdir())

    def put(key: str, file: Path) -> Future[None]:
        headers = http.HttpHeaders([("host", here), ("content-length", str(file.stat().st_size))])
        request = http.HttpRequest("PUT", f"/{BUCKET}/{key}", headers)
        kind = s3.S3RequestType.PUT_OBJECT
        return client.make_request(request=request, type=kind, send_filepath=str(file)).finished_future

    def get(key: str, file: Path) -> Future[None]:
        request = http.HttpRequest("GET", f"/{BUCKET}/{key}", http.HttpHeaders([("host", here)]))
        kind = s3.S3RequestType.GET_OBJECT
        return client.make_request(request=request, type=kind, recv_filepath=str(file)).finished_future

    def up(name: str) -> None:
        for one in [put(f"c{name}/{file.name}", file) for file in files]:
            one.result()

    def down(name: str) -> None:
        (TARGET / f"c{name}").mkdir(parents=True)
        for one in [get(f"down/{file.name}", TARGET / f"c{name}" / file.name) for file in files]:
            one.result()

    return {
        "awscrt small up": timed(up),
        "awscrt small down": timed(down),
        "awscrt large down": timed(lambda name: get("large", TARGET / f"crt-{name}").result()),
    }


def prefects() -> dict[str, float]:
    from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

    credentials = AwsCredentials(
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=URL),
    )
    bucket = S3Bucket(bucket_name=BUCKET, credentials=credentials)
    return {
        "prefect-aws small up": timed(lambda name: bucket.upload_from_folder(str(SMALL), f"p{time.time_ns()}")),
        "prefect-aws small down": timed(
            lambda name: bucket.download_folder_to_path("down", str(TARGET / f"p{time.time_ns()}"))
        ),
        "prefect-aws large up": timed(lambda name: bucket.upload_from_path(str(LARGE), f"p{time.time_ns()}")),
        "prefect-aws large down": timed(lambda name: bucket.download_object_to_path("large", str(TARGET / "prefect"))),
    }


def commands() -> dict[str, float]:
    def aws(*arguments: str) -> Callable[[str], object]:
        command = [str(Path(sys.executable).parent / "aws"), "s3", *arguments, "--endpoint-url", URL, "--quiet"]
        return lambda name: subprocess.run([part.format(time.time_ns()) for part in command], check=True)

    return {
        "aws s3 cp small up": timed(aws("cp", "--recursive", str(SMALL), f"s3://{BUCKET}/a{{}}")),
        "aws s3 cp small down": timed(aws("cp", "--recursive", f"s3://{BUCKET}/down", str(TARGET / "a{}"))),
        "aws s3 cp large up": timed(aws("cp", str(LARGE), f"s3://{BUCKET}/a{{}}")),
        "aws s3 cp large down": timed(aws("cp", f"s3://{BUCKET}/large", str(TARGET / "aws"))),
    }


def sync() -> dict[str, float]:
    command = [
        str(Path(sys.executable).parent / "aws"),
        "s3",
        "sync",
        str(SMALL),
        f"s3://{BUCKET}/to",
        "--endpoint-url",
    ]
    return {"aws s3 sync": timed(lambda name: subprocess.run([*command, URL], check=True, stdout=subprocess.DEVNULL))}


if __name__ == "__main__":
    parts = {"transfers": (boto3_threads, obstores, crts, prefects, commands), "sync": (sync,)}
    print(json.dumps({name: took for part in parts[sys.argv[4]] for name, took in part().items()}))
