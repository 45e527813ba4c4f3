"""Ready-made tasks over any object store: an S3 bucket, a local folder, whatever has the methods of ``ObjectStore``.

Each logs what it moved, and has an asynchronous twin: ``read_object`` and ``aread_object``::

    lake = Block.load("lake")
    download_folder(lake, "raw/2026", "work")
    write_object(lake, "done", b"")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from strongroom_blocks.capabilities import ObjectStore, StoredObject
from strongroom_blocks.stores.syncing import Compare, SyncReport

from strongroom.logging import get_run_logger
from strongroom.task_twins import task_twin
from strongroom.tasks import task


class SyncOptions(TypedDict, total=False):
    """What a sync may be told."""

    compare: Compare
    delete: bool
    dry_run: bool
    pattern: str | None


@task
def read_object(store: ObjectStore, path: str) -> bytes:
    """The content of an object."""
    content = store.read_path(path)
    get_run_logger().info("Read %s (%s bytes)", path, len(content))
    return content


@task
def write_object(store: ObjectStore, path: str, content: bytes) -> str:
    """Write an object, replacing one that is there; returns its key."""
    key = store.write_path(path, content)
    get_run_logger().info("Wrote %s (%s bytes)", key, len(content))
    return key


@task
def upload_file(store: ObjectStore, from_path: str | Path, to_path: str | None = None) -> str:
    """Upload a file, under its own name unless told otherwise; returns the key."""
    key = store.upload_from_path(from_path, to_path)
    get_run_logger().info("Uploaded %s to %s", from_path, key)
    return key


@task
def download_file(store: ObjectStore, from_path: str, to_path: str | Path | None = None) -> Path:
    """Download an object into a file, which appears when it is complete; returns the file."""
    file = store.download_object_to_path(from_path, to_path)
    get_run_logger().info("Downloaded %s to %s", from_path, file)
    return file


@task
def upload_folder(store: ObjectStore, from_folder: str | Path, to_folder: str | None = None) -> str:
    """Upload every file below a folder, keeping relative paths; returns the folder's key."""
    key = store.upload_from_folder(from_folder, to_folder)
    get_run_logger().info("Uploaded the folder %s to %s", from_folder, key or "the store's root")
    return key


@task
def download_folder(store: ObjectStore, from_folder: str = "", to_folder: str | Path | None = None) -> Path:
    """Download every object below a folder, keeping relative paths; returns the local folder."""
    folder = store.download_folder_to_path(from_folder, to_folder)
    get_run_logger().info("Downloaded the folder %s to %s", from_folder or "of the whole store", folder)
    return folder


@task
def sync_folder_to_store(
    store: ObjectStore, from_folder: str | Path, to_folder: str = "", **options: Unpack[SyncOptions]
) -> SyncReport:
    """Upload what differs in a local folder; see ``ObjectStore.sync_from_folder`` for the options."""
    report = store.sync_from_folder(from_folder, to_folder, **options)
    get_run_logger().info("Synced the folder %s to %s: %s", from_folder, to_folder or "the store's root", report)
    return report


@task
def sync_folder_from_store(
    store: ObjectStore, from_folder: str, to_folder: str | Path, **options: Unpack[SyncOptions]
) -> SyncReport:
    """Download what differs in a folder of the store; see ``ObjectStore.sync_to_folder`` for the options."""
    report = store.sync_to_folder(from_folder, to_folder, **options)
    get_run_logger().info("Synced the folder %s to %s: %s", from_folder or "of the whole store", to_folder, report)
    return report


@task
def stream_object(store: ObjectStore, from_store: ObjectStore, from_path: str, to_path: str | None = None) -> str:
    """Copy an object from another store, in bounded memory; returns the key."""
    key = store.stream_from(from_store, from_path, to_path)
    get_run_logger().info("Streamed %s to %s", from_path, key)
    return key


@task
def wait_for_object(
    store: ObjectStore, path: str, timeout_seconds: float = 3600.0, poll_seconds: float = 5.0
) -> StoredObject:
    """Wait until there is an object of this key; raises ``TimeoutError`` when there was none in time."""
    entry = store.wait_for_object(path, timeout_seconds, poll_seconds=poll_seconds)
    get_run_logger().info("Found %s (%s bytes)", entry.key, entry.size)
    return entry


@task
def list_objects(store: ObjectStore, folder: str = "") -> list[StoredObject]:
    """Every object below a folder, at any depth, sorted by key."""
    return store.list_objects(folder)


@task
def copy_object(store: ObjectStore, from_path: str, to_path: str) -> str:
    """Copy within the store; returns the new key."""
    key = store.copy_object(from_path, to_path)
    get_run_logger().info("Copied %s to %s", from_path, key)
    return key


@task
def move_object(store: ObjectStore, from_path: str, to_path: str) -> str:
    """Move within the store; returns the new key."""
    key = store.move_object(from_path, to_path)
    get_run_logger().info("Moved %s to %s", from_path, key)
    return key


@task
def delete_objects(store: ObjectStore, paths: Sequence[str]) -> list[str]:
    """Delete objects; a missing one is no error. Returns the keys that were asked for."""
    keys = store.delete_objects(paths)
    get_run_logger().info("Deleted %s objects", len(keys))
    return keys


aread_object = task_twin(read_object)
awrite_object = task_twin(write_object)
aupload_file = task_twin(upload_file)
adownload_file = task_twin(download_file)
aupload_folder = task_twin(upload_folder)
adownload_folder = task_twin(download_folder)
async_folder_to_store = task_twin(sync_folder_to_store)
async_folder_from_store = task_twin(sync_folder_from_store)
astream_object = task_twin(stream_object)
await_for_object = task_twin(wait_for_object)
alist_objects = task_twin(list_objects)
acopy_object = task_twin(copy_object)
amove_object = task_twin(move_object)
adelete_objects = task_twin(delete_objects)
