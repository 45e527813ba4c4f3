"""What somebody who can write the database, or has a key from before, does during and after a rotation."""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from strongroom_registry import backup, key_care, keys, open_registry, rotation
from strongroom_registry.errors import (
    HeadTampered,
    KeyDenied,
    KeyInUse,
    KeyUnavailable,
    RollbackDetected,
    StoreUnavailable,
)
from strongroom_registry.heads import STATE_PURPOSE
from strongroom_registry.keyring import Keyring, WrappedKey
from strongroom_registry.keys import EnvKey, FileKey, KeyProvider, generate_key_file
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.rotation import Level, Progress
from strongroom_registry.workspaces import new_workspace

from .conftest import saver

TABLES = ("audit", "trie", "versions", "heads", "workspaces")
"""Everything that the workspace key signs, in an order in which rows can be removed."""


def copied(path: Path, to: Path) -> Path:
    """A copy of the database, such as a thief has."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


def put_back(path: Path, former: Path) -> None:
    """Everything as it was, the wrapped keys apart."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS former", (str(former),))
        for table in TABLES:
            connection.execute(f"DELETE FROM main.{table}")
        for table in reversed(TABLES):
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM former.{table}")
        connection.commit()


def test_what_a_retired_key_signed_is_not_believed_by_a_new_process_either(
    url: str, path: Path, tmp_path: Path
) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        former = copied(path, tmp_path / "former.db")
        registry.rotate(Level.WORKSPACE)
        registry.rotate(Level.PROVIDER)  # so that the former wrap of the former key opens no more
    put_back(path, former)
    with pytest.raises(HeadTampered), open_registry(url) as registry:
        registry.get("lake")


def test_an_older_key_signs_no_state_once_there_is_a_newer_one(url: str, path: Path, tmp_path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        former = copied(path, tmp_path / "former.db")

        def kill(_: Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            registry.rotate(Level.WORKSPACE, progress=kill)
        key = registry._access.authority.keyring.epoch(1)
        state = registry._access._seen.state  # type: ignore[union-attr]
        forged = (1).to_bytes(4, "big") + state.encode()[4:]
        grown = forged.replace(state.seq.to_bytes(8, "big") + state.root, (99).to_bytes(8, "big") + state.root)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE workspaces SET record = ?, mac = ?", (grown, key.mac(STATE_PURPOSE, grown)))
            connection.commit()
        with pytest.raises(RollbackDetected):
            registry.list()
    put_back(path, former)
    with pytest.raises(HeadTampered), open_registry(url) as registry:
        registry.list()


def test_a_rotation_that_woke_up_late_unretires_nothing(url: str) -> None:
    with open_registry(url) as slow, open_registry(url) as quick:
        saver(slow)("lake", b"water")

        def meanwhile(_: Progress) -> None:
            if quick.check_keys().used[-1].epoch == 2:
                quick.rotate(Level.WORKSPACE)
                quick.rotate(Level.WORKSPACE)

        slow.rotate(Level.WORKSPACE, progress=meanwhile)
        assert [use.epoch for use in slow.check_keys().used] == [3]
    with open_registry(url) as registry:
        wraps = registry.keys()
    assert [(wrap.epoch, wrap.state) for wrap in wraps] == [(3, "current"), (2, "retired"), (1, "retired")]


def test_no_process_goes_back_to_an_older_key(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        registry.rotate(Level.WORKSPACE)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM workspace_keys WHERE epoch = 2")
            connection.commit()
        assert not registry.check_keys().ok
        saver(registry)("sea", b"salt")
        assert registry._access.authority.keyring.current.epoch == 2
        assert registry._access._seen.state.epoch == 2  # type: ignore[union-attr]


def test_a_wrap_that_somebody_put_there_is_no_other_way_in(url: str, path: Path, tmp_path: Path) -> None:
    with open_registry(url, key=f"file:{tmp_path / 'a.key'}") as registry:
        saver(registry)("lake", b"water")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "INSERT INTO workspace_keys SELECT workspace, epoch, 'file:/safe.key', ?, ?, ?, created_at "
                "FROM workspace_keys",
                (secrets.token_hex(16), secrets.token_bytes(100), secrets.token_bytes(32)),
            )
            connection.commit()
        with pytest.raises(KeyInUse):
            registry.remove_key(f"file:{tmp_path / 'a.key'}")
        assert [wrap.provider for wrap in registry.remove_key("file:/safe.key").removed] == ["file:/safe.key"]
    with open_registry(url, key=f"file:{tmp_path / 'a.key'}") as registry:
        assert registry.get("lake").payload == b"water"


def test_many_rotations_do_not_make_the_first_key_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", new_key_text())
    ids = {"store_id": bytes(16), "workspace_id": bytes(16)}
    keyring, first = Keyring.create(EnvKey("A_KEY"), **ids)
    key_id, kept = keyring.current.key_id, []
    for epoch in range(1, 600):
        keyring, wraps = keyring.successor([EnvKey("A_KEY")])
        kept.append(keyring.retired(epoch))
    opened = Keyring.open([*kept, *wraps], EnvKey("A_KEY"), **ids)
    assert opened.epoch(1).key_id == key_id
    assert first.epoch == 1


def test_a_key_that_opens_another_workspace_too_is_not_replaced_where_it_lies(url: str, tmp_path: Path) -> None:
    with open_registry(url) as registry:
        new_workspace("blue", url)
        with open_registry(url, workspace="blue") as blue:
            saver(blue)("sky", b"wide")
        with pytest.raises(KeyInUse, match="'blue'"):
            registry.rotate(Level.PROVIDER)
        entry = next(iter(registry.audit()))
        assert (entry.action, entry.outcome, entry.name) == ("rotate", "KeyInUse", "default")
        assert registry.rotate(Level.PROVIDER, to=f"file:{tmp_path / 'next.key'}").wraps is not None
        assert registry.rotate(Level.PROVIDER).wraps is not None
    with open_registry(url, workspace="blue") as blue:
        assert blue.get("sky").payload == b"wide"


class _Encrypts(FileKey):
    """A key that this process may wrap with, and not unwrap."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        raise KeyDenied("Not you.", "Ask.")


def test_the_former_wrap_stays_where_the_next_one_does_not_open(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_key_file(tmp_path / "next.key")
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        before = list(registry.keys())
        with monkeypatch.context() as patch:
            patch.setattr(keys, "resolve", lambda _: _Encrypts(tmp_path / "next.key"))
            with pytest.raises(KeyDenied):
                registry.rotate(Level.PROVIDER, to="file:next.key")
        wraps = registry.keys()
        assert wraps == before
    with open_registry(url) as registry:
        assert registry.get("lake").payload == b"water"


@pytest.mark.parametrize("spoilt", ["''", "CAST(x'ff' AS TEXT)", "CAST(x'ff' || document AS TEXT)"])
def test_a_place_that_no_registry_writes_hides_no_document_from_a_rotation_or_a_backup(
    url: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 1)
    with open_registry(url) as registry:
        save = saver(registry)
        save("lake", b"water")
        save("lake", b"more water", overwrite=True)
        save("sea", b"salt")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"UPDATE heads SET path = {spoilt} WHERE name = 'lake'")
            connection.commit()
        try:
            found = backup.back_up(registry._access.store, tmp_path / "backup")
        except HeadTampered:
            pass
        else:
            assert found.workspaces[0].documents == 2
        report = registry.rotate(Level.WORKSPACE)
        assert report.problems or report.retired
        assert registry.get("lake").payload == b"more water"
        assert registry.get("lake@1").payload == b"water"


def test_a_process_that_read_the_key_long_ago_loses_none_that_came_since(url: str, tmp_path: Path) -> None:
    place = tmp_path / "a.key"
    with open_registry(url, key=f"file:{place}") as early, open_registry(url, key=f"file:{place}") as other:
        saver(early)("lake", b"water")
        first = place.read_bytes()
        other.rotate(Level.PROVIDER)
        second = place.read_bytes()
        early.rotate(Level.PROVIDER)
        third = place.read_bytes()
    with open_registry(url, key=f"file:{place}") as registry:
        assert registry.get("lake").payload == b"water"
    kept = {file.read_bytes() for file in tmp_path.glob("a.key.former-*")}
    assert kept == {first, second}
    assert third not in kept


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_unwraps(url: str) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        keyring = registry._access.authority.keyring
        held, over = threading.Event(), threading.Event()

        def unwrap() -> None:
            with keyring._lock:
                held.set()
                over.wait()

        thread = threading.Thread(target=unwrap)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends a child that waits
            registry.rotate(Level.WORKSPACE)
            os._exit(0)
        over.set()
        thread.join()
        assert os.waitpid(child, 0)[1] == 0
        assert registry.get("lake").payload == b"water"


def test_a_key_is_renewed_by_one_process_at_a_time(url: str, tmp_path: Path) -> None:
    with open_registry(url, key=f"file:{tmp_path / 'a.key'}") as registry:
        before = list(registry.keys())
        with FileKey(tmp_path / "a.key").alone(), pytest.raises(KeyUnavailable, match="just now"):
            registry.rotate(Level.PROVIDER)
        wraps = registry.keys()
        assert wraps == before
        assert sorted(file.name for file in tmp_path.glob("a.key*")) == ["a.key"]
        assert registry.rotate(Level.PROVIDER).wraps is not None


@pytest.mark.parametrize("change", ["remove", "renew"])
def test_a_rotation_notices_who_keeps_the_key_no_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    place = f"file:{tmp_path / 'a.key'}"
    with open_registry(url, key=place) as registry, open_registry(url, key=place) as other:
        saver(registry)("lake", b"water")
        registry.add_key(f"file:{tmp_path / 'b.key'}")

        def slow(keyring: Keyring, epoch: int) -> list[tuple[KeyProvider, WrappedKey]]:
            found = list(key_care.keepers(keyring, epoch))
            other.remove_key(f"file:{tmp_path / 'b.key'}") if change == "remove" else other.rotate(Level.PROVIDER)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(rotation, "keepers", slow)
            with pytest.raises(StoreUnavailable, match="who keeps the key"):
                registry.rotate(Level.WORKSPACE)
        registry.rotate(Level.WORKSPACE)
        wraps = registry.keys()
    current = [wrap.provider for wrap in wraps if wrap.state == "current"]
    assert (f"file:{tmp_path / 'b.key'}" in current) is (change == "renew")
    with open_registry(url, key=place) as registry:
        assert registry.get("lake").payload == b"water"


def test_a_key_that_is_renewed_while_a_registry_is_opened_hides_no_workspace(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_registry(url) as other:
        saver(other)("lake", b"water")
        opened = Keyring.open

        def late(wrapped: Sequence[WrappedKey], provider: KeyProvider, **ids: bytes) -> Keyring:
            monkeypatch.setattr(Keyring, "open", opened)
            other.rotate(Level.PROVIDER)
            return opened(wrapped, provider, **ids)

        monkeypatch.setattr(Keyring, "open", late)
        with open_registry(url) as registry:
            assert registry.get("lake").payload == b"water"
