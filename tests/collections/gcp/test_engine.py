"""The second engine for small objects of folders on their way down."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from servers.gcs import GcsServer
from strongroom import MissingExtra
from strongroom_gcp import GcpCredentials, GcsBucket, engine

FILES = {f"{number:02}/file {number} ü+%&=~'!.txt": os.urandom(1000 + number) for number in range(12)}


@pytest.fixture
def bucket(gcs: GcsServer) -> GcsBucket:
    found = GcsBucket(bucket=gcs.bucket(), gcp_credentials=GcpCredentials(storage_endpoint=gcs.endpoint_url))
    for key, content in FILES.items():
        found.write_path(key, content)
    return found


@pytest.fixture
def came(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What came by the engine."""
    get, lock, found = engine.Engine.get, threading.Lock(), []

    def counted(self: engine.Engine, name: str, *arguments: Any) -> bytes | None:
        content = get(self, name, *arguments)
        with lock:
            found.extend([name] if content is not None else [])
        return content

    monkeypatch.setattr(engine.Engine, "get", counted)
    return found


def contents(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_folders_come_by_it(bucket: GcsBucket, tmp_path: Path, came: list[str]) -> None:
    assert contents(bucket.download_folder_to_path("", tmp_path / "one")) == FILES
    assert sorted(came) == sorted(FILES)
    assert bucket.sync_to_folder("", tmp_path / "two").copied == tuple(sorted(FILES))
    assert contents(tmp_path / "two") == FILES
    assert len(came) == 2 * len(FILES)


def test_it_is_left_out_where_it_is_not_wanted(bucket: GcsBucket, tmp_path: Path, came: list[str]) -> None:
    by_google = bucket.model_copy(update={"engine": "google"})
    assert contents(by_google.download_folder_to_path("", tmp_path / "one")) == FILES
    [key, *_] = FILES
    generation = bucket.stat_object(key).generation
    bucket.download_folder_to_path(key.partition("/")[0], tmp_path / "two", if_generation_match=generation)
    bucket.download_object_to_path(key, tmp_path / "alone")
    assert came == []


def test_one_that_is_wanted_and_missing_is_said(
    bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(MissingExtra, match="strongroom\\[obstore\\]"):
        bucket.model_copy(update={"engine": "obstore"}).download_folder_to_path("", tmp_path)


@pytest.mark.parametrize("wrong", ["content", "size", "answer"])
def test_what_is_not_proved_is_fetched_by_googles_client(
    bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: list[str], wrong: str
) -> None:
    real, asked = obstore.get, []

    class Damaged:
        def __init__(self, found: Any) -> None:
            self.meta, self._found = dict(found.meta), found
            if wrong == "size":
                self.meta["size"] += 1

        def bytes(self) -> Any:
            return b"x" * self.meta["size"] if wrong == "content" else self._found.bytes()

    def get(store: Any, name: str) -> Any:
        asked.append(name)
        if wrong == "answer":
            raise obstore.exceptions.GenericError("busy")
        return Damaged(real(store, name))

    monkeypatch.setattr(obstore, "get", get)
    assert contents(bucket.download_folder_to_path("", tmp_path / "back")) == FILES
    assert came == []
    assert 3 <= len(asked) <= 10  # then it is not tried any more; some may have been under way


def test_tokens_are_those_of_googles_credentials_and_renewed_when_they_end() -> None:
    class Credentials:
        token, expiry, valid, renewed = "", datetime(2026, 1, 1), False, 0

        def refresh(self, _request: Any) -> None:
            self.renewed += 1
            self.token, self.valid = f"token-{self.renewed}", True
            self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)

    credentials = Credentials()
    login = engine._Login(credentials)
    assert login()["token"] == login()["token"] == "token-1"
    end = login()["expires_at"]
    assert end is not None
    assert end > datetime.now(UTC) + timedelta(minutes=59)
    credentials.valid = False
    assert login()["token"] == "token-2"
    assert "token-2" not in repr(engine.Engine(object()))


@pytest.mark.parametrize("name", ["GOOGLE_PROXY_URL", "GOOGLE_SKIP_SIGNATURE"])
def test_variables_that_only_it_heeds_do_not_count(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert engine.engine(gcs.client(), "bucket") is None
    monkeypatch.delenv(name)
    assert engine.engine(gcs.client(), "bucket") is not None
