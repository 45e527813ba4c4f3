"""The ready-made tasks over object stores, on a local folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from strongroom import LocalFolder, flow, objects, task, task_twin


@pytest.fixture
def store(tmp_path: Path) -> LocalFolder:
    return LocalFolder(basepath=tmp_path / "store")


def test_a_flow_moves_objects_with_ready_made_tasks(store: LocalFolder, tmp_path: Path) -> None:
    @flow
    def nightly() -> list[str]:
        objects.write_object(store, "raw/a", b"1")
        file = objects.download_file(store, "raw/a", tmp_path / "a")
        objects.upload_file(store, file, "raw/b")
        folder = objects.download_folder(store, "raw", tmp_path / "raw")
        objects.upload_folder(store, folder, "again")
        objects.copy_object(store, "again/a", "again/c")
        objects.move_object(store, "again/c", "moved")
        objects.delete_objects(store, ["raw/a", "raw/b"])
        assert objects.read_object(store, "moved") == b"1"
        return [entry.key for entry in objects.list_objects(store)]

    assert nightly() == ["again/a", "again/b", "moved"]


def test_a_flow_syncs_streams_and_waits(store: LocalFolder, tmp_path: Path) -> None:
    other = LocalFolder(basepath=tmp_path / "other")
    store.write_path("raw/a", b"1")

    @flow
    def mirror() -> None:
        assert objects.sync_folder_from_store(store, "raw", tmp_path / "here", compare="checksum").copied == ("a",)
        assert objects.sync_folder_to_store(store, tmp_path / "here", "again", dry_run=True).copied == ("a",)
        assert objects.stream_object(other, store, "raw/a", "b") == "b"
        assert objects.wait_for_object(other, "b", 1).size == 1

    mirror()
    assert [entry.key for entry in store.list_objects()] == ["raw/a"]


def test_every_task_has_an_asynchronous_twin(store: LocalFolder) -> None:
    names = {name for name in vars(objects) if not name.startswith("_")}
    tasks = {name for name in names if type(vars(objects)[name]).__name__ == "Task" and not vars(objects)[name].isasync}
    assert len(tasks) == 14
    assert {f"a{name}" for name in tasks} <= names

    @flow
    async def nightly() -> bytes:
        await objects.awrite_object(store, path="a", content=b"1")
        return await objects.aread_object(store, "a")

    assert asyncio.run(nightly()) == b"1"


def test_a_twin_keeps_the_options_of_its_task() -> None:
    attempts: list[int] = []

    @task(name="often", retries=2)
    def often(number: int) -> int:
        attempts.append(number)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return number

    twin = task_twin(often)
    assert (twin.name, twin.task_key, twin.isasync) == ("often", often.task_key, True)
    assert asyncio.run(twin(number=1)) == 1
    assert len(attempts) == 3
