"""Anchors: what puts back a whole store is found by a line of text that is kept apart from it."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.postgres import PostgresDatabase
from strongroom_registry import Registry, open_registry
from strongroom_registry.anchor import Anchor, belongs_to
from strongroom_registry.anchors import AnchorFile, open_anchor_store
from strongroom_registry.anchors import file as anchor_file
from strongroom_registry.errors import (
    AnchorTampered,
    AnchorUnavailable,
    AuditUnavailable,
    StoreProblem,
    StoreRolledBack,
)

from .conftest import saver


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where anchors are kept."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder / "anchors"


@pytest.fixture
def anchor(place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    uri = f"file:{place}"
    monkeypatch.setenv("STRONGROOM_ANCHOR", uri)
    return uri


def save_some(url: str, *names: str) -> None:
    with open_registry(url) as registry:
        for name in names:
            saver(registry)(name)


def kept(place: Path) -> Anchor:
    [line] = place.read_text().splitlines()
    return Anchor.parse(line)


Rows = dict[str, list[tuple[object, ...]]]


def rows_of(path: Path) -> Rows:
    """All rows of the tables that change."""
    with sqlite3.connect(path) as database:
        rows = {
            table: list(database.execute(f"SELECT * FROM {table}"))
            for table in ("workspaces", "heads", "versions", "trie", "audit")
        }
    database.close()
    return rows


def rewrite(path: Path, rows: Rows) -> None:
    """Put all rows back while others have the file open."""
    with sqlite3.connect(path) as database:
        for table in reversed(rows):
            database.execute(f"DELETE FROM {table}")
        for table, content in rows.items():
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(content[0]))})", content)
    database.close()


Rewind = Callable[[], None]


@pytest.fixture
def rewind(url: str, path: Path, tmp_path: Path, anchor: str) -> Rewind:
    """Puts a registry with one document back in its place, after two more were saved."""
    save_some(url, "lake")
    older = shutil.copytree(path.parent, tmp_path / "older")
    save_some(url, "river", "sea")

    def put_back() -> None:
        shutil.rmtree(path.parent)
        shutil.copytree(older, path.parent)

    return put_back


class TestWholeStoreRollback:
    def test_it_is_refused_with_an_anchor_and_nothing_is_written(self, url: str, path: Path, rewind: Rewind) -> None:
        rewind()
        before = path.read_bytes()
        with pytest.raises(StoreRolledBack, match="is at change 2, and its anchor says 4"):
            open_registry(url)
        assert path.read_bytes() == before

    def test_it_is_not_found_without_one(self, url: str, rewind: Rewind, monkeypatch: pytest.MonkeyPatch) -> None:
        rewind()
        monkeypatch.delenv("STRONGROOM_ANCHOR")
        with open_registry(url) as registry:
            assert [head.name for head in registry.list()] == ["lake"]
            assert registry.verify().ok
            assert registry.verify_audit().ok

    def test_a_process_that_runs_is_told_by_the_anchor_of_another(self, url: str, path: Path, anchor: str) -> None:
        """It has not seen itself what the other one wrote."""
        save_some(url, "lake")
        with open_registry(url) as registry:
            with sqlite3.connect(path) as database:
                rows = database.execute("SELECT id, record, mac FROM workspaces").fetchone()
            save_some(url, "river")
            with sqlite3.connect(path) as database:
                database.execute("UPDATE workspaces SET record = ?2, mac = ?3 WHERE id = ?1", rows)
            database.close()
            for read in (lambda: registry.list(), lambda: registry.get("lake"), lambda: registry.head("lake")):
                with pytest.raises(StoreRolledBack):
                    read()
            with pytest.raises(StoreRolledBack):
                saver(registry)("sea")

    def test_one_that_was_written_to_since_does_not_go_on_from_its_anchor(
        self, url: str, rewind: Rewind, monkeypatch: pytest.MonkeyPatch, anchor: str
    ) -> None:
        rewind()
        monkeypatch.delenv("STRONGROOM_ANCHOR")
        save_some(url, "a", "b")  # the number of the anchor, with other content
        with pytest.raises(StoreRolledBack, match="does not go on from change 4"):
            open_registry(url, anchor=anchor)
        save_some(url, "c", "d", "e")
        with pytest.raises(StoreRolledBack, match="does not go on from change 4"):
            open_registry(url, anchor=anchor)

    def test_a_process_that_only_reads_finds_another_history_too(
        self, url: str, path: Path, anchor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its anchor is far behind; it goes on from what it has followed."""
        save_some(url, "lake")
        with open_registry(url) as reader:
            monkeypatch.delenv("STRONGROOM_ANCHOR")
            before = rows_of(path)
            save_some(url, "river")
            assert len(reader.list()) == 2
            rewrite(path, before)
            save_some(url, "sea", "pond")
            with pytest.raises(StoreRolledBack, match="does not go on from change 3"):
                reader.list()

    def test_what_was_restored_on_purpose_is_accepted_once_and_watched_again(
        self, url: str, rewind: Rewind, anchor: str, place: Path
    ) -> None:
        rewind()
        with open_registry(url, anchor="") as registry:
            with pytest.raises(StoreRolledBack):
                registry.write_anchor(AnchorFile(place))
            assert registry.write_anchor(AnchorFile(place), reset=True).seq == 2
        save_some(url, "pond")
        assert kept(place).seq == 3
        rewind()
        with pytest.raises(StoreRolledBack):
            open_registry(url)


class TestMovingForward:
    def test_each_change_and_each_recorded_load_moves_it(self, url: str, anchor: str, place: Path) -> None:
        with open_registry(url) as registry:
            assert kept(place).seq == 1
            saver(registry)("lake")
            assert kept(place) == registry.anchor()
            registry.get("lake")
            assert kept(place).seq == 3
            registry.get("lake")  # counted, and written when the registry is closed
            assert kept(place).seq == 3
        assert (kept(place).seq, kept(place).audit_seq) == (4, 4)
        assert stat.S_IMODE(place.stat().st_mode) == 0o600

    def test_a_crash_between_a_change_and_its_anchor_is_made_up_for(self, url: str, anchor: str, place: Path) -> None:
        save_some(url, "lake")
        before = place.read_bytes()
        save_some(url, "river", "sea")
        place.write_bytes(before)
        with open_registry(url) as registry:
            assert len(registry.list()) == 3
            assert kept(place).seq == 2  # nothing that only reads writes
            saver(registry)("pond")
        assert kept(place).seq == 5

    def test_processes_move_it_together(self, url: str, anchor: str, place: Path) -> None:
        save_some(url, "lake")
        code = (
            "import sys; from strongroom_registry import open_registry\n"
            "with open_registry(sys.argv[1]) as registry:\n"
            "    for n in range(10):\n"
            "        registry.put(f'{sys.argv[2]}-{n}', type='t', schema='s', payload=b'x')\n"
        )
        children = [subprocess.Popen([sys.executable, "-c", code, url, name]) for name in ("a", "b", "c")]
        assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
        with open_registry(url) as registry:
            assert kept(place) == registry.anchor()
            assert kept(place).seq == 2 + 30
            assert len(registry.list()) == 31

    def test_every_workspace_and_store_has_its_own_line(self, tmp_path: Path, anchor: str, place: Path) -> None:
        save_some(f"sqlite:///{tmp_path / 'one.db'}", "a")
        place.write_text(place.read_text() + "# a note of the administrator\n")
        save_some(f"sqlite:///{tmp_path / 'two.db'}", "a", "b")
        save_some(f"sqlite:///{tmp_path / 'one.db'}", "b", "c")
        note, *lines = sorted(place.read_text().splitlines())
        assert note == "# a note of the administrator"
        assert sorted(Anchor.parse(line).seq for line in lines) == [3, 4]

    def test_a_store_that_ends_with_the_process_needs_none(self, anchor: str, place: Path) -> None:
        with open_registry("memory:") as registry:
            saver(registry)("lake")
        assert not place.exists()


class TestRotation:
    def test_the_anchor_goes_along_and_a_process_that_knew_the_old_key_goes_on(
        self, url: str, anchor: str, place: Path
    ) -> None:
        save_some(url, "lake", "river")
        with open_registry(url) as running:
            running.get("lake")
            with open_registry(url) as other:
                other.rotate("workspace")
                assert (kept(place).epoch, kept(place)) == (2, other.anchor())
            assert running.get("lake").payload == b"payload"
            saver(running)("sea")
            assert kept(place) == running.anchor()

    def test_one_that_was_left_behind_in_a_retired_epoch_is_still_believed(
        self, url: str, anchor: str, place: Path
    ) -> None:
        save_some(url, "lake")
        with open_registry(url, anchor="") as registry:
            registry.rotate("workspace")
            registry.rotate("data")
            wraps = registry.keys()
            assert {wrap.epoch: wrap.state for wrap in wraps}[1] == "retired"
        assert kept(place).epoch == 1
        save_some(url, "river")
        assert kept(place).epoch == 3

    def test_a_copy_from_before_a_rotation_is_refused(self, url: str, path: Path, anchor: str, tmp_path: Path) -> None:
        save_some(url, "lake")
        older = shutil.copytree(path.parent, tmp_path / "older")
        with open_registry(url) as registry:
            registry.rotate("workspace")
        shutil.rmtree(path.parent)
        shutil.copytree(older, path.parent)
        with pytest.raises(StoreRolledBack, match="key epoch 2"):
            open_registry(url)


def test_a_registry_in_postgres_has_an_anchor_too(postgres: PostgresDatabase, anchor: str, place: Path) -> None:
    save_some(postgres.url, "lake")
    older = kept(place)
    with open_registry(postgres.url) as registry:
        saver(registry)("river")
        assert kept(place) == registry.anchor()
        registry.check_anchor(older)
    with postgres.connect() as database:
        rows = database.execute("SELECT record, mac FROM strongroom.workspaces").fetchone()
        save_some(postgres.url, "sea")
        database.execute("UPDATE strongroom.workspaces SET record = %s, mac = %s", rows)
    with pytest.raises(StoreRolledBack):
        open_registry(postgres.url)


class TestAnAnchorThatIsNone:
    def test_a_registry_that_has_none_yet_says_how_to_get_one(self, url: str, place: Path) -> None:
        save_some(url, "lake")
        with pytest.raises(AnchorUnavailable, match="strongroom anchor write"):
            open_registry(url, anchor=f"file:{place}")
        with open_registry(url) as registry:
            registry.write_anchor(AnchorFile(place))
        with open_registry(url, anchor=f"file:{place}") as registry:
            saver(registry)("river")
        assert kept(place).seq == 3

    def test_one_that_was_taken_away_stops_everything(self, url: str, anchor: str, place: Path) -> None:
        with open_registry(url) as registry:
            saver(registry)("lake")
            registry.get("lake")
            place.unlink()
            for refused in (lambda: registry.get("lake"), lambda: registry.list(), lambda: saver(registry)("river")):
                with pytest.raises(AnchorUnavailable, match="no anchor of this workspace"):
                    refused()

    @pytest.mark.parametrize("digit", [len("strongroom-anchor-v1:") + 80, -1])
    def test_a_forged_one_is_told_from_an_older_store(self, url: str, anchor: str, place: Path, digit: int) -> None:
        save_some(url, "lake")
        line = list(place.read_text().strip())
        line[digit] = "f" if line[digit] != "f" else "0"
        place.write_text("".join(line) + "\n")
        with pytest.raises(AnchorTampered, match="was changed"):
            open_registry(url)

    def test_one_of_an_epoch_that_the_store_has_not_seen_is_an_older_store(
        self, url: str, anchor: str, place: Path
    ) -> None:
        save_some(url, "lake")
        line = place.read_text()
        start = len("strongroom-anchor-v1:")
        place.write_text(f"{line[:start]}00000002{line[start + 8 :]}")
        with pytest.raises(StoreRolledBack, match="key epoch 2"):
            open_registry(url)

    def test_one_that_is_cut_short_is_none(self, url: str, anchor: str, place: Path) -> None:
        save_some(url, "lake")
        place.write_text(place.read_text()[:-9])
        with pytest.raises(AnchorTampered, match="is no anchor"):
            open_registry(url)

    def test_two_of_one_workspace_are_none(self, url: str, anchor: str, place: Path) -> None:
        save_some(url, "lake")
        place.write_text(place.read_text() * 2)
        with pytest.raises(AnchorUnavailable, match="two lines"):
            open_registry(url)

    def test_one_of_another_store_or_workspace_is_refused(self, url: str, tmp_path: Path) -> None:
        save_some(url, "lake")
        save_some(f"sqlite:///{tmp_path / 'other.db'}", "lake")
        with open_registry(url) as registry, open_registry(f"sqlite:///{tmp_path / 'other.db'}") as other:
            with pytest.raises(AnchorTampered, match="another workspace or store"):
                registry.check_anchor(other.anchor())
            registry.check_anchor(registry.anchor())


class TestAPlaceThatDoesNotWork:
    def test_a_change_is_not_begun_and_no_secret_revealed_where_it_cannot_be_written(
        self, url: str, anchor: str, place: Path
    ) -> None:
        """The lock's place is taken by something that is no file; for root, a mode would not be in the way."""
        with open_registry(url) as registry:
            saver(registry)("lake")
            registry.get("lake")
            lock = place.with_name("anchors.lock")
            lock.unlink()
            lock.mkdir()
            before = registry.anchor()
            with pytest.raises(AnchorUnavailable, match="cannot be written"):
                saver(registry)("river")
            with pytest.raises(AnchorUnavailable, match="cannot be written"):
                registry.get("lake")
            assert [head.name for head in registry.list()] == ["lake"]
            assert registry.anchor() == before
            lock.rmdir()
            assert registry.get("lake").payload == b"payload"

    def test_a_change_that_it_did_not_follow_is_told_and_the_next_one_waits(
        self, url: str, anchor: str, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with open_registry(url) as registry:
            saver(registry)("lake")
            with monkeypatch.context() as patch:
                patch.setattr(anchor_file.os, "replace", full)
                with pytest.raises(AnchorUnavailable, match=r"The change is made.*No space left"):
                    saver(registry)("river")
                assert registry.exists("river")
                for refused in (lambda: registry.get("lake"), lambda: saver(registry)("sea")):
                    with pytest.raises(AnchorUnavailable, match="No space left"):
                        refused()
                with open_registry(url) as another, pytest.raises(AnchorUnavailable, match="No space left"):
                    saver(another)("sea")
                with open_registry(url) as another, pytest.raises(AuditUnavailable, match="No space left"):
                    another.get("lake")
            saver(registry)("sea")
            assert kept(place) == registry.anchor()
            assert [head.name for head in registry.list()] == ["lake", "river", "sea"]
        assert [file.name for file in place.parent.iterdir() if file.name not in ("anchors", "anchors.lock")] == []

    def test_a_lock_that_somebody_keeps_is_not_waited_for_without_an_end(
        self, url: str, anchor: str, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(anchor_file, "_LOCK_SECONDS", 0.0)
        with open_registry(url) as registry, place.with_name("anchors.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(AnchorUnavailable, match="locked"):
                saver(registry)("lake")
            fcntl.flock(lock, fcntl.LOCK_UN)
            saver(registry)("river")

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.write_bytes(b"x" * (4 << 20) + b"x")])
    def test_what_is_no_file_of_anchors_is_named_at_once(
        self, url: str, place: Path, make: Callable[[Path], object]
    ) -> None:
        save_some(url, "lake")
        make(place)
        with pytest.raises(AnchorUnavailable, match=str(place)):
            open_registry(url, anchor=f"file:{place}")

    def test_a_folder_that_is_not_there_is_named(self, url: str, path: Path, tmp_path: Path) -> None:
        with pytest.raises(AnchorUnavailable, match="No such file"):
            open_registry(url, anchor=f"file:{tmp_path / 'gone' / 'anchors'}")
        with pytest.raises(StoreProblem, match="never finished"):
            open_registry(url, create=False)

    def test_another_kind_of_place_is_found_by_its_scheme(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a package would bring one: it keeps lines in a dictionary, and has no folder that could be missing."""
        from importlib import metadata

        lines: dict[tuple[UUID, UUID], str] = {}

        class Shelf:
            def __init__(self, uri: str) -> None:
                self.uri = uri

            def read(self, store_id: UUID, workspace_id: UUID) -> str | None:
                return lines.get((store_id, workspace_id))

            def update(self, store_id: UUID, workspace_id: UUID, choose: Callable[[str | None], str | None]) -> None:
                chosen = choose(self.read(store_id, workspace_id))
                if chosen is not None:
                    lines[store_id, workspace_id] = chosen

            def check_writable(self) -> None:
                pass

        class Point:
            name = "shelf"

            def load(self) -> type[Shelf]:
                return Shelf

        def points(*, group: str, name: str | None = None) -> list[Point]:
            return [Point()] if group == "strongroom.anchors" and name in (None, "shelf") else []

        monkeypatch.setattr(metadata, "entry_points", points)
        with open_registry(url, anchor="shelf:top") as registry:
            saver(registry)("lake")
            assert list(lines.values()) == [registry.anchor().line]
        lines.clear()
        with pytest.raises(AnchorUnavailable, match="shelf:top"):
            open_registry(url, anchor="shelf:top")
        with pytest.raises(AnchorUnavailable, match="Use one of file, shelf"):
            open_anchor_store("shef:top")

    @pytest.mark.parametrize("uri", ["anchors", "file:", "nope:x", ""])
    def test_a_uri_that_names_nothing_is_refused(self, uri: str) -> None:
        with pytest.raises(AnchorUnavailable):
            open_anchor_store(uri)


def test_a_registry_that_is_read_only_is_held_against_its_anchor(
    url: str, path: Path, anchor: str, rewind: Rewind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom_registry.stores import sqlite

    monkeypatch.setattr(sqlite.os, "access", lambda *_: False)
    with open_registry(url) as registry:
        assert len(registry.list()) == 3
        with pytest.raises(StoreProblem):
            registry.get("lake")
    rewind()
    with pytest.raises(StoreRolledBack):
        open_registry(url)


def test_a_link_is_followed_once_and_what_it_points_at_is_replaced(url: str, tmp_path: Path, place: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(place)
    save = open_registry(url, anchor=f"file:{link}")
    save.close()
    assert link.is_symlink()
    assert kept(place).seq == 1


def test_the_mode_of_the_file_stays(url: str, anchor: str, place: Path) -> None:
    save_some(url, "lake")
    place.chmod(0o640)
    save_some(url, "river")
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_an_anchor_has_the_bytes_of_the_specification(registry: Registry) -> None:
    anchor = registry.anchor()
    digits = anchor.line.removeprefix("strongroom-anchor-v1:")
    assert bytes.fromhex(digits) == b"".join(
        (
            b"\0\0\0\1",
            registry.store_id.bytes,
            anchor.workspace_id.bytes,
            (1).to_bytes(8, "big"),
            anchor.root,
            (1).to_bytes(8, "big"),
            anchor.audit_mac,
            anchor.mac,
        )
    )
    assert len(digits) == 2 * 148


anchors = st.builds(
    Anchor,
    epoch=st.integers(1, 2**32 - 1),
    store_id=st.uuids(),
    workspace_id=st.uuids(),
    seq=st.integers(0, 2**64 - 1),
    root=st.binary(min_size=32, max_size=32),
    audit_seq=st.integers(0, 2**64 - 1),
    audit_mac=st.binary(min_size=32, max_size=32),
    mac=st.binary(min_size=32, max_size=32),
)


@given(anchors)
def test_a_line_reads_as_the_anchor_that_it_was_written_of(anchor: Anchor) -> None:
    assert Anchor.parse(anchor.line) == anchor
    assert Anchor.parse(f" {anchor.line}\n") == anchor
    assert belongs_to(anchor.line, anchor.store_id, anchor.workspace_id)
    assert not belongs_to(anchor.line, anchor.workspace_id, UUID(int=anchor.store_id.int ^ 1))


@given(anchors, st.integers(0, 400), st.text(max_size=3))
def test_a_line_with_other_letters_is_none_or_another_anchor(anchor: Anchor, at: int, letters: str) -> None:
    line = anchor.line[:at] + letters + anchor.line[at + 1 :]
    try:
        parsed = Anchor.parse(line)
    except AnchorTampered:
        return
    assert parsed.line == line.strip()


@given(st.text())
def test_no_text_is_read_as_an_anchor_by_chance(text: str) -> None:
    with pytest.raises(AnchorTampered):
        Anchor.parse(text)


def test_lines_that_nobody_can_read_stay_as_they_are(place: Path) -> None:
    foreign = b"\xff\xfe\x85 something\n"
    place.write_bytes(foreign)
    places = AnchorFile(place)
    store, workspace = uuid4(), uuid4()
    assert places.read(store, workspace) is None
    line = Anchor(1, store, workspace, 1, bytes(32), 1, bytes(32), bytes(32)).line
    places.update(store, workspace, lambda _: line)
    assert places.read(store, workspace) == line
    assert place.read_bytes() == foreign + line.encode() + b"\n"


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_stands_around_a_line_it_is_found_and_the_rest_stays(tmp_path_factory, before, behind) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.getbasetemp() / f"{os.getpid()}.anchors"
    store, workspace = uuid4(), uuid4()
    old, new = (Anchor(1, store, workspace, seq, bytes(32), 1, bytes(32), bytes(32)).line for seq in (1, 2))
    file.write_bytes(before + b"\n" + old.encode() + b"\n" + behind)
    places = AnchorFile(file)
    assert places.read(store, workspace) == old
    places.update(store, workspace, lambda line: new if line == old else None)
    assert AnchorFile(file).read(store, workspace) == new
    kept_lines = [line for line in (*before.split(b"\n"), *behind.split(b"\n")) if line]
    assert file.read_bytes().split(b"\n") == [*kept_lines, new.encode(), b""]
