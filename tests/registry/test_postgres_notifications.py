"""Whoever watches a registry in PostgreSQL hears of changes that others make, in other processes as well."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from servers.postgres import PostgresDatabase
from strongroom_registry import Registry, open_registry
from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.stores.postgres import PostgresStore, listener
from strongroom_registry.testing import WORKSPACE, fill

from .conftest import saver

PATIENCE = 60.0
CHANGE = """
import sys
from strongroom_registry import open_registry
with open_registry(sys.argv[1], create=False) as registry:
    registry.put("lake", type="lake", schema="s1", payload=b"wine", overwrite=True)
"""


class Ear:
    """What was heard; waits for it."""

    def __init__(self) -> None:
        self.heard: queue.Queue[bytes] = queue.Queue()

    def __call__(self, workspace: bytes = b"") -> None:
        self.heard.put(workspace)

    def wait(self) -> bytes:
        return self.heard.get(timeout=PATIENCE)

    def is_silent(self) -> bool:
        return self.heard.empty()


def listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "strongroom-listener"]


@pytest.fixture
def store(postgres: PostgresDatabase) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres.url)
    store.initialise(fill)
    yield store
    store.close()


@pytest.fixture
def shared(postgres: PostgresDatabase) -> Iterator[Registry]:
    with open_registry(postgres.url) as registry:
        yield registry


def test_a_change_by_another_process_drops_what_was_kept_and_is_told(
    shared: Registry, postgres: PostgresDatabase
) -> None:
    saver(shared)("lake", b"water")
    assert shared.get("lake").payload == b"water"
    ear = Ear()
    shared.watch(ear)
    assert shared._warm
    subprocess.run([sys.executable, "-c", CHANGE, postgres.url], check=True)
    ear.wait()
    assert not shared._warm
    assert shared.get("lake").payload == b"wine"


def test_changes_of_another_workspace_are_not_told(shared: Registry) -> None:
    store = shared._access.store
    assert isinstance(store, PostgresStore)
    ear, all_ears = Ear(), Ear()
    shared.watch(ear)
    store.watch(all_ears)
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE._replace(name="other"))
    saver(shared)("lake")
    assert all_ears.wait() == WORKSPACE.id
    all_ears.wait()
    ear.wait()
    assert ear.is_silent()


def test_a_change_that_is_undone_is_not_told(store: PostgresStore) -> None:
    ear = Ear()
    store.watch(ear)
    with suppress(ZeroDivisionError), store.writing() as transaction:
        transaction.put_workspace(WORKSPACE._replace(record=b"undone"))
        raise ZeroDivisionError
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE._replace(id=b"v" * 16, name="later"))
    assert ear.wait() == b"v" * 16


def test_nobody_listens_unless_somebody_watches(store: PostgresStore) -> None:
    before = len(listeners())
    first, second = Ear(), Ear()
    end_first = store.watch(first)
    end_second = store.watch(second)
    assert len(listeners()) == before + 1
    end_first()
    end_first()
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    second.wait()
    assert first.is_silent()
    end_second()
    assert len(listeners()) == before
    again = Ear()
    store.watch(again)
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    again.wait()
    store.close()
    assert len(listeners()) == before
    with pytest.raises(StoreUnavailable, match="closed"):
        store.watch(again)


def test_a_watcher_that_ends_itself_may(store: PostgresStore) -> None:
    ended = threading.Event()

    def once(workspace: bytes) -> None:
        end()
        ended.set()

    end = store.watch(once)
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    assert ended.wait(PATIENCE)


def test_one_that_fails_keeps_nobody_else_from_hearing(store: PostgresStore, caplog: pytest.LogCaptureFixture) -> None:
    def fail(workspace: bytes) -> None:
        raise ValueError("no time")

    ear = Ear()
    store.watch(fail)
    store.watch(ear)
    for _ in range(2):
        with store.writing() as transaction:
            transaction.put_workspace(WORKSPACE)
        ear.wait()
    assert "no time" in caplog.text


def test_after_a_time_without_a_connection_everything_counts_as_changed(
    store: PostgresStore, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_RETRY_SECONDS", 0.05)
    ear = Ear()
    store.watch(ear)
    postgres.break_off()
    assert ear.wait() == WORKSPACE.id
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    assert ear.wait() == WORKSPACE.id


def test_what_others_send_on_the_channel_does_no_harm(store: PostgresStore, postgres: PostgresDatabase) -> None:
    ear = Ear()
    store.watch(ear)
    with postgres.connect() as connection:
        connection.execute("select pg_notify('strongroom', 'no hexadecimal digits')")
        connection.execute("notify strongroom")
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    assert [ear.wait(), ear.wait()] == [b"", WORKSPACE.id]


def test_a_store_that_tells_nobody_says_so() -> None:
    with open_registry("memory:") as registry, pytest.raises(StoreUnavailable, match="PostgreSQL"):
        registry.watch(lambda: None)


def test_who_watches_when_the_server_is_away_is_told_and_watches_nothing(postgres: PostgresDatabase) -> None:
    store = PostgresStore(postgres.url)
    postgres.administer(f"alter role {postgres.user} nologin")
    with pytest.raises(StoreUnavailable, match="not permitted"):
        store.watch(lambda _: None)
    assert store._listener._watchers == {}
    store.close()


def test_a_forked_process_hears_by_itself_and_its_parent_still_does(store: PostgresStore) -> None:
    ear = Ear()
    store.watch(ear)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.after_fork()
            store.load(WORKSPACE.id, "lake", 1)  # from its first use on
            os.write(tell, b"ready")
            os._exit(0 if ear.wait() == WORKSPACE.id else 1)
        finally:
            os._exit(2)
    assert os.read(told, 5) == b"ready"
    with store.writing() as transaction:
        transaction.put_workspace(WORKSPACE)
    assert os.waitpid(child, 0)[1] == 0
    assert ear.wait() == WORKSPACE.id
    for end in (told, tell):
        os.close(end)
