"""The second engine for small objects of folders: what it moves, what it leaves to boto3, and that nobody sees it."""

from __future__ import annotations

import base64
import hashlib
import logging
import multiprocessing
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from servers.blocks import bucket_at, credentials_for
from servers.breaking import Plan, breaking_server
from servers.s3 import S3Server
from strongroom import MissingExtra
from strongroom.planting import plant
from strongroom.stores import leave_if_failed
from strongroom.testing import strongroom_test_harness
from strongroom_aws import AwsClientParameters, AwsCredentials, S3Bucket, S3WriteOptions, engine
from strongroom_aws.errors import (
    CredentialsRejected,
    EndpointUnreachable,
    ServiceBusy,
    ServiceProblem,
    TransferInterrupted,
)

FILES = {f"{number:02}/file {number} ü+%&=~'!.txt": os.urandom(1000 + number) for number in range(12)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for key, content in FILES.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(content)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


class Counted:
    """How many objects went through the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up = self.down = 0
        put, get, lock = engine.Engine.put, engine.Engine.get, threading.Lock()

        def counted_put(*arguments: Any) -> bool:
            done = put(*arguments)
            with lock:
                self.up += done
            return done

        def counted_get(*arguments: Any) -> bytes | None:
            content = get(*arguments)
            with lock:
                self.down += content is not None
            return content

        monkeypatch.setattr(engine.Engine, "put", counted_put)
        monkeypatch.setattr(engine.Engine, "get", counted_get)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.mark.parametrize("server", ["rclone", "moto"])
def test_folders_go_through_it_and_are_the_same_by_both(
    server: str, request: pytest.FixtureRequest, folder: Path, tmp_path: Path, counted: Counted
) -> None:
    real: S3Server = request.getfixturevalue(server)
    fast = S3Bucket(bucket_name=real.bucket(), credentials=credentials_for(real), bucket_folder="in/here")
    slow = fast.model_copy(update={"engine": "boto3"})
    for up, down in ((fast, slow), (slow, fast)):
        name = f"to-{up.engine}"
        up.upload_from_folder(folder, name)
        assert contents(down.download_folder_to_path(name, tmp_path / name)) == FILES
    assert (counted.up, counted.down) == (len(FILES), len(FILES))
    assert fast.sync_from_folder(folder, "synced").copied == tuple(sorted(FILES))
    assert fast.sync_to_folder("synced", tmp_path / "synced").copied == tuple(sorted(FILES))
    assert contents(tmp_path / "synced") == FILES
    assert (counted.up, counted.down) == (2 * len(FILES), 2 * len(FILES))


def test_an_object_by_itself_is_left_to_boto3(bucket: S3Bucket, folder: Path, tmp_path: Path, counted: Counted) -> None:
    one = next(path for path in folder.rglob("*") if path.is_file())
    bucket.upload_from_path(one, "a")
    bucket.download_object_to_path("a", tmp_path / "a")
    assert (counted.up, counted.down) == (0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"write_options": S3WriteOptions(metadata={"team": "lake"})},
        {"write_options": S3WriteOptions(tags={"team": "lake"})},
        {"write_options": S3WriteOptions(content_type="guess")},
        {"write_options": S3WriteOptions(encryption="AES256")},
        {"engine": "boto3"},
    ],
    ids=["metadata", "tags", "type", "encryption", "switched off"],
)
def test_what_it_is_not_told_goes_by_boto3(moto: S3Server, folder: Path, counted: Counted, asked: Any) -> None:
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto), **asked)
    bucket.upload_from_folder(folder)
    assert counted.up == 0
    assert len(bucket.list_objects()) == len(FILES)


def test_uploads_come_with_a_checksum(tmp_path: Path, counted: Counted) -> None:
    (tmp_path / "a").write_bytes(b"content")
    plan = Plan(b"", failures=0)
    with breaking_server(plan) as url:
        bucket_at(url).upload_from_folder(tmp_path)
    assert counted.up == 1
    assert plan.checksum == base64.b64encode(hashlib.sha256(b"content").digest()).decode()


@pytest.mark.parametrize(
    "config",
    [
        {"proxies": {"http": "http://127.0.0.1:1"}},
        {"s3": {"use_accelerate_endpoint": True}},
        {"signature_version": "s3"},
    ],
    ids=str,
)
def test_a_client_that_was_told_more_has_none(moto: S3Server, config: dict[str, Any]) -> None:
    parameters = AwsClientParameters(endpoint_url=moto.endpoint_url, config=config)  # type: ignore[arg-type]
    credentials = credentials_for(moto, aws_client_parameters=parameters)
    assert engine.engine(credentials.get_s3_client(), "bucket") is None


def test_variables_that_only_it_heeds_do_not_count(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms")
    client = credentials_for(moto).get_s3_client()
    assert engine.engine(client, "bucket") is None
    monkeypatch.delenv("AWS_SERVER_SIDE_ENCRYPTION")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another login")
    assert engine.engine(client, "another") is not None


def test_one_that_is_wanted_and_missing_is_said(moto: S3Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto), engine="obstore")
    with pytest.raises(MissingExtra, match="strongroom\\[obstore\\]"):
        bucket.upload_from_folder(folder)


@pytest.mark.parametrize("key", ["/a", "a/", "a//b", "./a", "a/../b", "a/..", "a\\b", "a\nb"])
def test_keys_that_it_takes_for_others_are_not_given_to_it(bucket: S3Bucket, key: str) -> None:
    other = engine.engine(bucket._client, bucket.bucket_name)
    assert other is not None
    assert not other.put(key, b"x", {})
    assert other.get(key, {}, 10) is None
    assert bucket.list_objects() == []


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def down(bucket: S3Bucket, keys: list[str], target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Download these keys as a folder's, whatever the server lists."""
    from datetime import UTC, datetime

    from strongroom import StoredObject

    listed = [StoredObject(key, 100, datetime.now(UTC), None) for key in keys]
    monkeypatch.setattr(S3Bucket, "_listed", lambda *_, **__: iter(listed))
    bucket.download_folder_to_path("", target)


@pytest.mark.parametrize("wrong", ["etag", "content"])
def test_what_is_not_proved_is_fetched_by_boto3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted, wrong: str
) -> None:
    plan = Plan(os.urandom(10_000), failures=0)
    plan.etag = etag(plan.content) if wrong == "content" else '"of another kind"'
    if wrong == "content":
        plan.damaged = 1
    with breaking_server(plan) as url:
        down(bucket_at(url), ["a", "b", "c", "d", "e", "f"], tmp_path / "to", monkeypatch)
    assert set(contents(tmp_path / "to").values()) == {plan.content}
    assert counted.down == (0 if wrong == "etag" else 5)
    # Three at a time may be under way before the third is known to prove nothing.
    assert 7 <= len(plan.seen) <= 12


def test_a_server_that_hangs_up_or_is_busy_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    plan = Plan(os.urandom(10_000), failures=2)
    plan.etag = etag(plan.content)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"x" * 10_000)
    with breaking_server(plan) as url:
        bucket = bucket_at(url)
        parameters = AwsClientParameters(endpoint_url=url)
        credentials = bucket.credentials.model_copy(update={"aws_client_parameters": parameters})
        bucket = bucket.model_copy(update={"credentials": credentials})
        down(bucket, ["a"], tmp_path / "to", monkeypatch)
        for refused in ((503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests")):
            plan.refusals, plan.refused = 2, refused
            down(bucket, ["a"], tmp_path / "to", monkeypatch)
            assert plan.refusals == 0
            plan.refusals = 2
            bucket.upload_from_folder(tmp_path / "source", "to")
            assert plan.refusals == 0
        plan.failures = 2
        bucket.upload_from_folder(tmp_path / "source", "to")
        plan.refusals = 10_000
        with pytest.raises(ServiceBusy, match="object 'to/a' in bucket 'bucket'"):
            bucket.upload_from_folder(tmp_path / "source", "to")
    assert contents(tmp_path / "to") == {"a": plan.content}


def test_a_server_that_stays_away_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(os.urandom(10_000), failures=10_000)
    plan.etag = etag(plan.content)
    with breaking_server(plan) as url, pytest.raises(TransferInterrupted, match="object 'a' in bucket 'bucket'"):
        down(bucket_at(url), ["a"], tmp_path / "to", monkeypatch)
    assert contents(tmp_path) == {}


def test_a_server_that_does_not_answer_is_given_up(folder: Path, counted: Counted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = {"read_timeout": 0.2, "connect_timeout": 0.2, "retries": {"total_max_attempts": 1}}
        parameters = AwsClientParameters(endpoint_url=url, config=config)  # type: ignore[arg-type]
        bucket = bucket_at(url)
        credentials = bucket.credentials.model_copy(update={"aws_client_parameters": parameters})
        bucket = bucket.model_copy(update={"credentials": credentials})
        assert engine.engine(bucket._client, bucket.bucket_name) is not None
        with pytest.raises(EndpointUnreachable, match="ReadTimeoutError"):
            bucket.upload_from_folder(folder)


def test_a_role_that_is_assumed_is_told_to_it(moto: S3Server, folder: Path, counted: Counted) -> None:
    credentials = credentials_for(moto, assume_role_arn="arn:aws:iam::123456789012:role/loader")
    bucket = S3Bucket(bucket_name=moto.bucket(), credentials=credentials)
    bucket.upload_from_folder(folder)
    assert counted.up == len(FILES)
    assert len(bucket.list_objects()) == len(FILES)


def test_there_is_none_where_it_is_not_installed_or_the_sdk_is_another_one(
    moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = credentials_for(moto).get_s3_client()
    monkeypatch.setattr(engine, "obstore_is_installed", lambda: False)
    assert engine.engine(client, "one") is None
    monkeypatch.undo()
    monkeypatch.setattr(client, "_request_signer", object())
    assert engine.engine(client, "two") is None
    monkeypatch.undo()
    assert engine.engine(client, "three") is not None


def test_an_interrupt_leaves_no_file_and_begins_nothing_new(
    rclone: S3Server, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = S3Bucket(bucket_name=rclone.bucket(), credentials=credentials_for(rclone))
    bucket.upload_from_folder(folder)
    begun, asked, outcome = threading.Event(), [], []

    def until_it_is_over(_self: Any, key: str, *_: Any) -> bytes | None:
        asked.append(key)
        begun.set()
        for _ in range(3000):
            try:
                leave_if_failed()
            except Exception:
                return None
            threading.Event().wait(0.01)
        raise AssertionError("nobody was told of the interrupt")

    def run() -> None:
        try:
            bucket.download_folder_to_path("", tmp_path / "back")
        except BaseException as problem:
            outcome.append(problem)

    by_boto3: list[Any] = []
    monkeypatch.setattr(engine.Engine, "get", until_it_is_over)
    monkeypatch.setattr(bucket._client, "get_object", lambda **asked_for: by_boto3.append(asked_for), raising=False)
    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(30)
    plant(thread.ident, KeyboardInterrupt)  # type: ignore[arg-type]
    thread.join(30)
    assert [type(problem) for problem in outcome] == [KeyboardInterrupt]
    assert contents(tmp_path / "back") == {}
    assert len(asked) <= 2
    assert by_boto3 == []


def test_nobody_there_is_told_by_address(tmp_path: Path, folder: Path, nobody_there: str) -> None:
    with pytest.raises(ServiceProblem, match=f"from {nobody_there}"):
        bucket_at(nobody_there).upload_from_folder(folder)


def test_a_rotated_login_is_loaded_once(rclone: S3Server, folder: Path, tmp_path: Path, counted: Counted) -> None:
    name = rclone.bucket()
    with strongroom_test_harness():
        credentials_for(rclone, aws_secret_access_key="the-key-of-yesterday").save("login")
        S3Bucket(bucket_name=name, credentials=AwsCredentials.load("login")).save("lake")
        bucket = S3Bucket.load("lake")
        with pytest.raises(CredentialsRejected):
            bucket.upload_from_folder(folder)
        credentials_for(rclone).save("login", overwrite=True)
        bucket.upload_from_folder(folder)
        assert contents(bucket.download_folder_to_path("", tmp_path / "back")) == FILES
    assert counted.up > 0
    assert counted.down == len(FILES)


def test_neither_logs_nor_representations_show_the_login(
    rclone: S3Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bucket = S3Bucket(bucket_name=rclone.bucket(), credentials=credentials_for(rclone))
    bucket.upload_from_folder(folder)
    assert rclone.secret_key not in caplog.text
    assert rclone.secret_key not in repr(engine.engine(bucket._client, bucket.bucket_name))


def _in_a_fork(bucket: S3Bucket, target: str, answer: Any) -> None:
    bucket.download_folder_to_path("", target)
    answer.put(engine.engine(bucket._client, bucket.bucket_name) is None)


def test_a_forked_process_has_none(rclone: S3Server, folder: Path, tmp_path: Path) -> None:
    bucket = S3Bucket(bucket_name=rclone.bucket(), credentials=credentials_for(rclone))
    bucket.upload_from_folder(folder)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=_in_a_fork, args=(bucket, str(tmp_path / "back"), answer))
    child.start()
    assert answer.get(timeout=60) is True
    child.join()
    assert contents(tmp_path / "back") == FILES
