"""The result store as scripts use it: write, read, exists, locks; serializers of one's own; states from elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import strongroom_registry
from strongroom import LocalFolder, flow, task
from strongroom.errors import InvalidSerializer, MissingResult, ResultLocked, UnserializableResult
from strongroom.journal import current_journal
from strongroom.journal.records import now
from strongroom.locking.isolation import IsolationLevel
from strongroom.locking.memory import MemoryLockManager
from strongroom.results import (
    Hit,
    ResultRecord,
    ResultStore,
    get_default_result_serializer,
    get_default_result_storage,
    get_result_store,
    result_store,
    should_persist_result,
)
from strongroom.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer, resolve
from strongroom_blocks.redaction import redactor


@pytest.fixture(autouse=True)
def registry() -> Iterator[strongroom_registry.Registry]:
    with strongroom_registry.open_registry("memory:") as registry, strongroom_registry.using(registry):
        yield registry


def test_what_is_written_is_read_with_what_is_known_of_it(tmp_path: Path) -> None:
    store = ResultStore(result_storage=LocalFolder(basepath=tmp_path), cache_result_in_memory=False)
    until = now() + timedelta(hours=1)
    store.write({"answer": 42}, key="my-result", expiration=until)
    record = store.read(key="my-result")
    assert isinstance(record, ResultRecord)
    assert (record.result, record.expiration) == ({"answer": 42}, until)
    assert (record.metadata.storage_key, record.serializer) == ("my-result", PickleSerializer())
    assert record.metadata.prefect_version
    assert store.exists("my-result")
    assert ResultStore(result_storage=tmp_path).read("my-result") == record


def test_an_expired_result_exists_no_more_and_can_be_read(tmp_path: Path) -> None:
    store = ResultStore(result_storage=tmp_path)
    store.write(1, key="k", expiration=now() - timedelta(seconds=1))
    assert not store.exists("k")
    assert store.read("k").result == 1


def test_a_result_without_a_key_gets_one(tmp_path: Path) -> None:
    store = ResultStore(result_storage=tmp_path, storage_key_fn=lambda: "given")
    store.write(1)
    assert store.read("given").result == 1
    assert len(ResultStore(result_storage=tmp_path).create_result_record(1).metadata.storage_key) == 32


def test_asynchronous_twins(tmp_path: Path) -> None:
    async def job() -> Any:
        store = ResultStore(result_storage=tmp_path, lock_manager=MemoryLockManager())
        await store.awrite([1], key="k")
        assert await store.aexists("k")
        await store.apersist_result_record(store.create_result_record(2, "other"))
        assert await store.aacquire_lock("k", "me")
        assert not await store.aacquire_lock("k", "you", 0)
        store.release_lock("k", "me")
        assert await store.await_for_lock("k", 1)
        return (await store.aread("k")).result, (await store.aread("other")).result

    assert asyncio.run(job()) == ([1], 2)


def test_who_has_no_lock_does_not_write(tmp_path: Path) -> None:
    store = ResultStore(result_storage=tmp_path, lock_manager=MemoryLockManager())
    assert store.acquire_lock("k", "me")
    assert store.is_locked("k")
    with pytest.raises(ResultLocked, match="'k'"):
        store.write(1, key="k", holder="you")
    store.write(1, key="k", holder="me")
    assert store.read("k", holder="me").result == 1
    store.release_lock("k", "me")
    assert store.wait_for_lock("k", 0)
    assert store.acquire_lock("k")
    assert store.is_lock_holder("k")
    store.release_lock("k")
    assert store.supports_isolation_level(IsolationLevel.SERIALIZABLE)


def test_metadata_apart(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results", metadata_storage=tmp_path / "metadata", cache_result_in_memory=False)
    store.write("value", key="k", expiration=now() + timedelta(hours=1))
    assert [file.name for file in (tmp_path / "metadata").iterdir()] == ["k"]
    record = store.read("k")
    assert record.result == "value"
    assert record.expiration is not None
    assert (tmp_path / "results" / record.metadata.storage_key).exists()
    (tmp_path / "results" / record.metadata.storage_key).unlink()
    with pytest.raises(MissingResult):
        store.read("k")


def test_a_store_without_exists_is_enough() -> None:
    class Dictionary(dict[str, bytes]):
        read_path = dict.__getitem__
        write_path = dict.__setitem__

    store = ResultStore(Dictionary(), cache_result_in_memory=False)
    assert not store.exists("k")
    with pytest.raises(MissingResult):
        store.read("k")
    store.write(1, key="k")
    assert store.exists("k")
    assert store.read("k").result == 1


def test_the_store_of_the_run_around(tmp_path: Path) -> None:
    @task(result_storage=tmp_path / "task")
    def work() -> Any:
        assert should_persist_result()
        return get_result_store().result_storage.folder  # type: ignore[attr-defined]

    @flow(result_storage=tmp_path / "flow", result_serializer="json")
    def job() -> Any:
        store = get_result_store()
        assert isinstance(store.serializer, JSONSerializer)
        return str(store.result_storage.folder), str(work())  # type: ignore[attr-defined]

    assert job() == (str(tmp_path / "flow"), str(tmp_path / "task"))
    assert get_result_store().result_storage.folder.name == "storage"  # type: ignore[attr-defined]
    assert not should_persist_result()
    updated = ResultStore().update_for_flow(job).update_for_task(work)
    assert (updated.result_storage.folder.name, updated.serializer.name) == ("task", "json")  # type: ignore[attr-defined]


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strongroom_home: Path) -> None:
    assert get_default_result_storage().basepath == strongroom_home / "storage"
    assert get_default_result_serializer() == PickleSerializer()
    LocalFolder(basepath=tmp_path / "lake").save("lake")
    monkeypatch.setenv("STRONGROOM_RESULTS_DEFAULT_STORAGE_BLOCK", "lake")
    monkeypatch.setenv("STRONGROOM_RESULTS_DEFAULT_SERIALIZER", "json")
    assert get_default_result_storage().basepath == tmp_path / "lake"
    ResultStore().write([1], key="k")
    assert (tmp_path / "lake" / "k").exists()


class Upper(Serializer):
    """Texts, in capitals at rest."""

    type: str = "upper"
    prefix: str = ""

    def dumps(self, obj: Any) -> bytes:
        return (self.prefix + obj.upper()).encode()

    def loads(self, blob: bytes) -> Any:
        return blob.decode().lower()


def test_a_serializer_of_ones_own_by_name_and_by_itself(tmp_path: Path) -> None:
    @task(result_serializer="upper", result_storage=tmp_path, result_storage_key="named")
    def named() -> str:
        return "a"

    @task(result_serializer=Upper(prefix="x"), result_storage=tmp_path, result_storage_key="itself")
    def itself() -> str:
        return "b"

    named(), itself()
    store = ResultStore(result_storage=tmp_path)
    assert (store.read("named").result, store.read("itself").result) == ("a", "xb")
    assert resolve("compressed/upper").loads(resolve("compressed/upper").dumps("abc")) == "abc"
    with pytest.raises(TypeError, match="'suffix'"):
        Upper(suffix="y")


def test_a_result_whose_serializer_this_process_does_not_know(tmp_path: Path) -> None:
    class Passing(Serializer):
        type = "passing"

        def dumps(self, obj: Any) -> bytes:
            return b"1"

        def loads(self, blob: bytes) -> Any:
            return 1

    from strongroom import serializers

    ResultStore(result_storage=tmp_path, serializer="passing").write(1, key="k")
    del serializers._registered["passing"]
    with pytest.raises(InvalidSerializer, match="import the module that defines it"):
        ResultStore(result_storage=tmp_path).read("k")


@pytest.mark.parametrize("library", ["zlib", "lzma", "bz2", "gzip"])
def test_each_way_to_compress_is_read_back_by_any(library: str) -> None:
    blob = CompressedSerializer("json", compressionlib=library).dumps(["text"])
    assert CompressedSerializer("json").loads(blob) == ["text"]
    with pytest.raises(InvalidSerializer, match="zlib, lzma, bz2, gzip"):
        CompressedSerializer(compressionlib="os")


def test_json_takes_the_options_of_the_library() -> None:
    serializer = JSONSerializer(dumps_kwargs={"sort_keys": True}, loads_kwargs={"parse_float": str})
    assert serializer.dumps({"b": 1, "a": 2.5}) == b'{"a": 2.5, "b": 1}'
    assert serializer.loads(b"2.5") == "2.5"
    assert json.loads(serializer.dumps([1])) == [1]


def test_a_result_that_cannot_be_written_as_asked_leaves_the_run_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    @task(persist_result=True, result_serializer="json")
    def work() -> Any:
        return object()

    state = work(return_state=True)
    assert state.is_completed()
    assert type(state.result()) is object
    assert "The result was not persisted: A object cannot be written as JSON" in caplog.text
    with pytest.raises(UnserializableResult):
        ResultStore(serializer="json").write(object(), key="k")


def test_a_result_is_found_under_the_name_that_its_key_had_before_a_rotation(
    registry: strongroom_registry.Registry, canary: Any
) -> None:
    redactor.register(secret := canary("in a key"))
    stored = result_store().keep(f"orders-of-{secret}", 42)
    registry.rotate("workspace")
    store = result_store()
    found = store.cached(f"orders-of-{secret}")
    assert isinstance(found, Hit)
    assert (found.value, found.stored.key) == (42, stored.key)
    assert store.exists(f"orders-of-{secret}")
    store.keep(f"orders-of-{secret}", 43)
    assert store.read(f"orders-of-{secret}").result == 43


def test_the_result_of_a_run_is_read_from_its_record(tmp_path: Path) -> None:
    @task(persist_result=True)
    def persists() -> str:
        return "persists"

    @task(result_storage=tmp_path / "elsewhere", result_serializer="compressed/json")
    def elsewhere() -> list[int]:
        return [1, 2]

    @task
    def captured() -> dict[str, int]:
        return {"captured": 1}

    @flow(persist_result=False)
    def job() -> None:
        persists(), elsewhere(), captured()

    @flow(persist_result=True)
    def kept() -> str:
        return "of a flow"

    job(), kept()
    by_name = {run.flow_name: run for run in current_journal().flow_runs()}
    results = [run.state.result() for run in current_journal().task_runs(by_name["job"].id)]
    assert results == ["persists", [1, 2], {"captured": 1}]
    assert by_name["kept"].state.result() == "of a flow"
    with pytest.raises(MissingResult):
        by_name["job"].state.result()
    for file in (tmp_path / "elsewhere").iterdir():
        file.unlink()
    [gone] = [run for run in current_journal().task_runs(by_name["job"].id) if run.task_name == "elsewhere"]
    with pytest.raises(MissingResult, match="run the task again"):
        gone.state.result()
