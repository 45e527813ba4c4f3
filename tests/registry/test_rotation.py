"""New keys at each level, while others read and write, and after having been stopped anywhere."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from strongroom_registry import Registry, open_registry, rotation
from strongroom_registry.errors import (
    HeadTampered,
    KeyUnavailable,
    RollbackDetected,
    StrongroomError,
    VersionTampered,
    WrongKey,
)
from strongroom_registry.rotation import Level, Progress

from .conftest import Save, saver

BOTH = pytest.mark.parametrize("level", [Level.WORKSPACE, Level.DATA])


class _Killed(BaseException):
    """Raised where a process is to end."""


@pytest.fixture
def filled(registry: Registry, save: Save) -> Registry:
    """Documents of every kind: with versions, labels, deleted, with a version or everything destroyed."""
    for number in range(8):
        save(f"d{number}", b"payload %d" % number, public=b'{"n":%d}' % number, references=["d0"])
    for number in range(5):
        save("d1", b"again %d" % number, overwrite=True, labels=["stable"] if number == 2 else [])
    registry.destroy("d1", 2)
    save("gone", b"gone")
    registry.destroy("gone")
    save("hidden", b"hidden")
    registry.delete("hidden")
    return registry


def everything(registry: Registry) -> dict[str, object]:
    """All that a user can see, the dates of changes apart."""
    found: dict[str, object] = {}
    for head in registry.list(deleted=True):
        found[head.name] = (head.type, head.current, head.state, dict(head.labels), head.public, head.updated_at)
        for version in registry.history(head.name):
            found[f"{head.name}@{version.number}"] = version
            try:
                payload: object = registry.get(f"{head.name}@{version.number}").payload
            except StrongroomError as refused:
                payload = type(refused)
            found[f"payload of {head.name}@{version.number}"] = payload
    return found


@BOTH
def test_everything_is_as_before_under_the_new_key(filled: Registry, level: Level) -> None:
    before = everything(filled)
    seen: list[Progress] = []
    report = filled.rotate(level, progress=seen.append)
    assert report.problems == ()
    assert report.retired == (1,)
    assert (report.epoch, report.versions, report.resumed) == (2, 15, False)
    assert seen[-1].done == seen[-1].total > 0
    assert everything(filled) == before
    assert filled.verify().ok
    assert filled.verify_audit().ok
    assert [use.epoch for use in filled.check_keys().used] == [2]
    wraps = filled.keys()
    assert [(wrap.epoch, wrap.state) for wrap in wraps] == [(2, "current"), (1, "retired")]


@BOTH
def test_it_can_be_done_again_and_again(filled: Registry, level: Level) -> None:
    before = everything(filled)
    for epoch in (2, 3, 4):
        assert filled.rotate(level).epoch == epoch
    assert everything(filled) == before
    assert filled.verify_audit().ok


def test_the_workspace_level_leaves_payloads_and_the_data_level_does_not(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        bodies = [_column(path, "body")]
        wraps = [_column(path, "wrap")]
        for level in (Level.WORKSPACE, Level.DATA):
            registry.rotate(level)
            bodies.append(_column(path, "body"))
            wraps.append(_column(path, "wrap"))
    assert bodies[0] == bodies[1] != bodies[2]
    assert len(set(wraps)) == 3


def test_only_old_payloads_are_encrypted_anew_where_an_age_is_given(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        before = _column(path, "body")
        assert registry.rotate("data", older_than=timedelta(days=1)).resealed == 0
        assert _column(path, "body") == before
        assert registry.rotate("data", older_than=timedelta()).resealed == 1
        assert _column(path, "body") != before


def _column(path: Path, column: str) -> bytes:
    with sqlite3.connect(path) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM versions").fetchone()
    connection.close()
    assert isinstance(value, bytes)
    return value


@contextmanager
def killed_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rotation whose process ends after some batches of two rows each."""

    def count(progress: Progress) -> None:
        nonlocal batches
        batches -= 1
        if batches < 0:
            raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(rotation, "BATCH", 2)
        run = rotation._Rotation.__init__

        def told(self: rotation._Rotation, access: object, plan: object, progress: object) -> None:
            run(self, access, plan, count)  # type: ignore[arg-type]

        patched.setattr(rotation._Rotation, "__init__", told)
        with pytest.raises(_Killed):
            yield


@pytest.mark.parametrize(
    ("level", "batches"), [*(("workspace", n) for n in range(11)), *(("data", n) for n in range(9))]
)
def test_one_that_was_stopped_goes_on_where_it_was(
    filled: Registry, level: str, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(filled)
    with killed_after(batches, monkeypatch):
        filled.rotate(level)
    assert everything(filled) == before
    assert filled.verify().ok
    filled.put("d0", type="lake", schema="s1", payload=b"meanwhile", overwrite=True)
    report = filled.rotate("workspace")
    assert report.resumed
    assert report.level == level
    assert report.retired == (1,)
    assert report.versions <= 15 - 2 * min(batches, 7) + 1
    assert filled.get("d0").payload == b"meanwhile"
    assert filled.verify().ok
    assert filled.verify_audit().ok
    after = everything(filled)
    assert {k: v for k, v in after.items() if "d0" not in k} == {k: v for k, v in before.items() if "d0" not in k}


def test_an_unfinished_rotation_of_the_workspace_is_finished_before_one_of_the_data(
    filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_after(2, monkeypatch):
        filled.rotate("workspace")
    report = filled.rotate("data")
    assert (report.level, report.epoch, report.resumed, report.resealed) == (Level.DATA, 3, True, 13)


def test_other_processes_read_and_write_as_if_nothing_happened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two registries over one file stand for two processes: each has a keyring and caches of its own."""
    monkeypatch.setattr(rotation, "BATCH", 3)
    with open_registry(url) as rotating, open_registry(url) as other:
        save = saver(other)
        for number in range(20):
            save(f"d{number}", b"%d" % number)
        failures: list[Exception] = []
        ended = threading.Event()

        def work() -> None:
            try:
                while not ended.is_set():
                    for number in range(0, 20, 3):
                        assert other.get(f"d{number}").payload.startswith(b"%d" % number)
                        save(f"d{number}", b"%d" % number, overwrite=True)
                    assert len(other.list()) == 20
                    assert len(other.history("d3")) >= 1
            except Exception as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for level in ("workspace", "provider", "data", "provider", "workspace"):
            assert rotating.rotate(level).problems == ()
        ended.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert other.verify().ok
        assert rotating.verify_audit().ok


def test_what_was_sealed_beside_the_registry_still_opens(registry: Registry) -> None:
    sealer = registry.sealer("results")
    old = sealer.seal(b"result", b"run 1")
    registry.rotate("workspace")
    registry.rotate("workspace")
    assert registry.sealer("results").open(old, b"run 1") == b"result"
    assert registry.sealer("results").open(sealer.seal(b"later", b"run 2"), b"run 2") == b"later"


def test_what_seals_beside_the_registry_uses_the_new_key_from_then_on(registry: Registry) -> None:
    sealer = registry.sealer("results")
    assert sealer.seal(b"a result", b"run 1")[8:12] == bytes([0, 0, 0, 1])
    registry.rotate(Level.WORKSPACE)
    sealed = sealer.seal(b"a result", b"run 1")
    assert sealed[8:12] == bytes([0, 0, 0, 2])
    assert sealer.open(sealed, b"run 1") == b"a result"


def test_a_document_under_a_retired_key_is_not_believed(url: str, path: Path) -> None:
    """Whoever got hold of a key that was rotated away, or of a row from before, has nothing of it."""
    with open_registry(url) as registry:
        saver(registry)("lake", b"water")
        with sqlite3.connect(path) as connection:
            head = connection.execute("SELECT record, mac FROM heads").fetchone()
            version = connection.execute("SELECT record, mac, wrap FROM versions").fetchone()
        registry.rotate("workspace")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE versions SET record = ?, mac = ?, wrap = ?", version)
        with pytest.raises(VersionTampered):
            registry.get("lake")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE heads SET record = ?, mac = ?", head)
        with pytest.raises(HeadTampered):
            registry.get("lake")
        connection.close()


@BOTH
def test_a_row_that_was_changed_is_named_and_keeps_its_key_and_hurts_no_other(
    url: str, path: Path, level: Level
) -> None:
    with open_registry(url) as registry:
        save = saver(registry)
        for name in ("lake", "river", "sea"):
            save(name, name.encode())
        with sqlite3.connect(path) as connection:
            connection.execute(
                "UPDATE versions SET mac = x'00' WHERE document = (SELECT document FROM heads WHERE name = 'lake')"
            )
            connection.execute("UPDATE heads SET mac = x'00' WHERE name = 'river'")
        connection.close()
        report = registry.rotate(level)
        assert sorted((problem.name, problem.version, type(problem.error)) for problem in report.problems) == [
            ("lake", 1, VersionTampered),
            ("river", None, HeadTampered),
        ]
        assert report.retired == ()
        assert registry.get("sea").payload == b"sea"
        left = (
            [(1, 1), (2, 2)] if level is Level.WORKSPACE else [(1, 2), (2, 1)]
        )  # the version may go on without its head
        assert [(use.epoch, use.versions) for use in registry.check_keys().used] == left
        again = registry.rotate(level)
        assert again.epoch == 3  # what cannot be rotated does not keep the rest from it
        assert registry.get("sea").payload == b"sea"


@BOTH
def test_an_old_document_put_back_during_a_rotation_is_found_and_stays_so(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    with open_registry(url) as registry:
        save = saver(registry)
        for number in range(6):
            save(f"d{number}", b"old")
        with sqlite3.connect(path) as connection:
            rows = connection.execute("SELECT record, mac, name FROM heads").fetchall()
        for number in range(6):
            save(f"d{number}", b"new", overwrite=True)
        with killed_after(2, monkeypatch):
            registry.rotate(level)
        with sqlite3.connect(path) as connection:
            connection.executemany("UPDATE heads SET record = ?, mac = ? WHERE name = ?", rows)
            connection.execute("DELETE FROM versions WHERE number = 2")
        connection.close()
        report = registry.rotate(level)
        assert {problem.name for problem in report.problems} == {f"d{number}" for number in range(6)}
        assert report.retired == ()
        for number in range(6):
            with pytest.raises(RollbackDetected):
                registry.get(f"d{number}")


class TestProviders:
    def test_a_key_file_is_replaced_and_the_former_one_kept(self, url: str, path: Path, tmp_path: Path) -> None:
        key = tmp_path / "keys" / "k.key"
        with open_registry(url, key=f"file:{key}") as registry:
            saver(registry)("lake", b"water")
            before = key.read_bytes()
            report = registry.rotate("provider")
            assert report.wraps is not None
            former = Path(report.wraps.former_key or "")
            assert former.read_bytes() == before != key.read_bytes()
            assert key.stat().st_mode & 0o777 == 0o600
        with open_registry(url, key=f"file:{key}") as registry:
            assert registry.get("lake").payload == b"water"
        with pytest.raises(WrongKey):
            open_registry(url, key=f"file:{former}")

    @pytest.mark.parametrize("stage", ["renewed", "put", "replaced"])
    def test_one_that_was_stopped_anywhere_leaves_a_key_that_opens(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
    ) -> None:
        from strongroom_registry import key_care
        from strongroom_registry.keys import FileKey

        key = f"file:{tmp_path / 'k.key'}"
        registry = open_registry(url, key=key)
        saver(registry)("lake", b"water")

        def stop(*_: object) -> None:
            raise _Killed

        with monkeypatch.context() as patched:
            if stage == "renewed":
                patched.setattr(key_care, "_put", stop)
            elif stage == "put":
                patched.setattr(FileKey, "replace", stop)
            else:
                patched.setattr(key_care, "_remove", stop)
            with pytest.raises(_Killed):
                registry.rotate("provider")
        registry.close()
        with open_registry(url, key=key) as registry:
            assert registry.get("lake").payload == b"water"
            registry.rotate("provider")
            assert len(registry.keys()) == 1
        with open_registry(url, key=key) as registry:
            assert registry.get("lake").payload == b"water"
        assert not (tmp_path / "k.key.new").exists()

    def test_a_key_that_cannot_be_renewed_asks_for_another_place(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from strongroom_registry.keys.material import new_key_text

        monkeypatch.setenv("MY_KEY", new_key_text())
        with open_registry(url, key="env:MY_KEY") as registry:
            saver(registry)("lake", b"water")
            with pytest.raises(KeyUnavailable, match="--to"):
                registry.rotate("provider")
            report = registry.rotate("provider", to=f"file:{tmp_path / 'k.key'}")
            assert report.wraps is not None
            assert [wrap.provider for wrap in report.wraps.removed] == ["env:MY_KEY"]
            assert report.wraps.new_key == str(tmp_path / "k.key")
        with pytest.raises(WrongKey):
            open_registry(url, key="env:MY_KEY")
        with open_registry(url, key=f"file:{tmp_path / 'k.key'}") as registry:
            assert registry.get("lake").payload == b"water"
