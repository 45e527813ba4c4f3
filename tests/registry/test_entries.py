"""Entries of the audit that follow the newest state that was seen: others who are faster, keys that were renewed, an
anchor, counts that wait, an older copy, and what of several workspaces can be written at once."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from strongroom_registry import Registry, new_workspace, open_registry
from strongroom_registry.acting import Owed, acting, settle
from strongroom_registry.anchor import Anchor
from strongroom_registry.audit import Subject
from strongroom_registry.errors import AnchorUnavailable, RollbackDetected, StoreRolledBack, StoreUnavailable
from strongroom_registry.stores.store import AuditRow, StoreBusy, WorkspaceRow

from .conftest import Save, saver


def subjects(*names: str) -> list[Subject]:
    return [Subject("view", "done", name, actor="user:bob") for name in names]


def write(registry: Registry, *names: str, at_once: bool = False) -> None:
    registry._access.write_entries(subjects(*names), at_once=at_once)  # type: ignore[attr-defined]


def names_in(registry: Registry) -> list[str]:
    """The names that entries written here are about, in the order of the audit, which is as it was written."""
    assert registry.verify_audit().ok
    return [entry.name for entry in registry.audit() if entry.action == "view"][::-1]


Renew = Callable[..., bool]


class Rival:
    """Stands before the renewals of a registry's store, and is faster as often as it is told to be."""

    def __init__(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = registry._access.store  # type: ignore[attr-defined]
        self._renew: Renew = self.store.renew
        self.first: list[Callable[[], object]] = []
        self.tried: list[tuple[WorkspaceRow, Sequence[AuditRow]]] = []
        monkeypatch.setattr(self.store, "renew", self)

    def __call__(
        self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow], *, wait: bool = True
    ) -> bool:
        self.tried.append((row, entries))
        if self.first:
            self.first.pop(0)()
        return self._renew(before, row, entries, wait=wait)


@pytest.fixture(params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, url: str) -> Iterator[tuple[Registry, Registry]]:
    """One registry as two processes have it."""
    place = url if request.param == "sqlite" else request.getfixturevalue("postgres").url
    with open_registry(place, actor="alice") as one, open_registry(place, actor="carol") as other:
        yield one, other


@pytest.mark.parametrize("at_once", [True, False])
def test_what_one_writes_while_nobody_is_faster_takes_one_try(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    rival, before = Rival(registry, monkeypatch), registry.anchor().seq
    write(registry, "a", "b", at_once=at_once)
    write(registry, "c", at_once=at_once)
    assert len(rival.tried) == 2
    assert registry.anchor().seq == before + 2
    assert names_in(registry) == ["a", "b", "c"]


@pytest.mark.parametrize("at_once", [True, False])
def test_who_is_slower_writes_behind_the_others(
    two: tuple[Registry, Registry], monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    registry, other = two
    rival = Rival(registry, monkeypatch)
    rival.first = [lambda: write(other, "first"), lambda: saver(other)("lake")]
    write(registry, "a", "b", at_once=at_once)
    assert len(rival.tried) == 3
    write(other, "c")
    assert names_in(registry) == names_in(other) == ["first", "a", "b", "c"]
    assert registry.verify().ok


def test_who_is_always_slower_waits_for_the_others_in_the_end(
    two: tuple[Registry, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, other = two
    rival = Rival(registry, monkeypatch)
    rival.first = [lambda: write(other, "x")] * 100
    with pytest.raises(StoreBusy):
        write(registry, "a", at_once=True)
    assert "a" not in names_in(other)
    write(registry, "a")
    assert names_in(registry).count("a") == 1
    assert names_in(registry)[-1] == "a"


def test_entries_of_many_threads_are_each_there_once(two: tuple[Registry, Registry]) -> None:
    def add(number: int) -> None:
        here = two[number % 2]
        try:
            write(here, f"{number}", f"{number}+", at_once=number % 3 == 0)
        except StoreBusy:
            write(here, f"{number}", f"{number}+")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(48)))
    assert sorted(names_in(two[0])) == sorted(f"{number}{end}" for number in range(48) for end in ("", "+"))


def test_entries_of_several_processes_are_each_there_once(url: str) -> None:
    add = (
        "import sys\n"
        "from strongroom_registry import open_registry\n"
        "from strongroom_registry.audit import Subject\n"
        "from strongroom_registry.stores.store import StoreBusy\n"
        "with open_registry(sys.argv[1], create=False) as registry:\n"
        "    print(flush=True); sys.stdin.readline()\n"
        "    for n in range(40):\n"
        "        subject = Subject('view', 'done', f'{sys.argv[2]}-{n}', actor='x')\n"
        "        try:\n"
        "            registry._access.write_entries([subject], at_once=True)\n"
        "        except StoreBusy:\n"
        "            registry._access.write_entries([subject])\n"
    )
    with open_registry(url) as registry:
        saver(registry)("lake")
        pipe = subprocess.PIPE
        children = [
            subprocess.Popen([sys.executable, "-c", add, url, name], stdin=pipe, stdout=pipe, text=True)
            for name in "abc"
        ]
        for child in children:
            assert child.stdout
            child.stdout.readline()
        for child in children:
            child.communicate("\n", timeout=120)
        assert [child.returncode for child in children] == [0, 0, 0]
        written = names_in(registry)
        assert sorted(written) == sorted(f"{name}-{number}" for name in "abc" for number in range(40))
        for name in "abc":
            assert [one for one in written if one[0] == name] == [f"{name}-{number}" for number in range(40)]


@pytest.mark.parametrize("level", ["workspace", "data"])
@pytest.mark.parametrize("at_once", [True, False])
def test_entries_go_on_under_a_key_that_another_process_made_meanwhile(
    two: tuple[Registry, Registry], level: str, at_once: bool
) -> None:
    registry, other = two
    saver(registry)("lake")
    write(registry, "a")
    other.rotate(level)
    write(registry, "b", at_once=at_once)
    other.rotate("data")
    write(registry, "c", at_once=at_once)
    assert names_in(registry) == names_in(other) == ["a", "b", "c"]
    assert registry.get("lake").payload == b"payload"
    assert registry.verify().ok


def test_a_key_that_is_made_between_a_look_and_the_write_is_learned(
    two: tuple[Registry, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, other = two
    saver(registry)("lake")
    rival = Rival(registry, monkeypatch)
    rival.first = [lambda: other.rotate("workspace")]
    write(registry, "a", at_once=True)
    epochs = [int.from_bytes(row.record[:4], "big") for row, _ in rival.tried]
    assert (epochs[0], epochs[-1]) == (1, 2)
    assert names_in(registry) == ["a"]


@pytest.mark.parametrize("at_once", [True, False])
def test_counts_that_wait_are_written_first_and_count_once(registry: Registry, save: Save, at_once: bool) -> None:
    save("lake")
    for _ in range(3):
        registry.get("lake")
    try:
        write(registry, "a", at_once=at_once)
    except StoreBusy:
        assert at_once
        write(registry, "a")
    told = [(entry.action, entry.count) for entry in registry.audit(limit=3)]
    assert told == [("view", 1), ("load", 2), ("load", 1)]
    write(registry, "b", at_once=True)
    assert names_in(registry) == ["a", "b"]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_entry_that_could_not_be_written_is_not_there_twice_when_it_is_tried_again(
    url: str, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    with open_registry(url) as registry:
        write(registry, "a")
        connection = registry._access.store._connection()  # type: ignore[attr-defined]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreUnavailable, match="full"):
            write(registry, "b" * 60_000, at_once=at_once)
        connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        write(registry, "b", at_once=at_once)
        assert names_in(registry) == ["a", "b"]


# -- an older copy


def ahead(registry: Registry) -> object:
    with registry.ahead(["lake", "river"]):
        return registry.get("lake")


LOOKS: list[Callable[[Registry], object]] = [
    lambda registry: registry.get("lake"),
    ahead,
    lambda registry: registry.head("lake"),
    lambda registry: registry.revision(),
]
"""What is believed as soon as the state is one that is known."""


@pytest.fixture
def running(url: str, path: Path, tmp_path: Path) -> tuple[Registry, Callable[[], None]]:
    """A registry that has a document at hand, and what puts an older copy of it in its place."""
    with open_registry(url, actor="carol") as registry:
        saver(registry)("lake")
        older = shutil.copytree(path.parent, tmp_path / "older")
    running = open_registry(url, actor="alice")
    for _ in range(2):
        assert running.get("lake").payload == b"payload"
    write(running, "a")

    def put_back() -> None:
        rows: dict[str, list[tuple[Any, ...]]] = {}
        tables = ("workspaces", "heads", "versions", "trie", "audit")
        with sqlite3.connect(older / path.name) as copy:
            for table in tables:
                rows[table] = copy.execute(f"SELECT * FROM {table}").fetchall()
        with sqlite3.connect(path) as there:
            for table in tables[::-1]:
                there.execute(f"DELETE FROM {table}")
            for table in tables:
                there.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[table][0]))})", rows[table])

    return running, put_back


@pytest.mark.parametrize("at_once", [True, False])
def test_entries_do_not_follow_an_older_copy(
    running: tuple[Registry, Callable[[], None]], path: Path, at_once: bool
) -> None:
    registry, put_back = running
    put_back()
    with pytest.raises(RollbackDetected):
        write(registry, "b", at_once=at_once)
    with sqlite3.connect(path) as there:
        assert there.execute("SELECT max(seq) FROM audit").fetchone() == (2,)
    for look in LOOKS:
        with pytest.raises(RollbackDetected):
            look(registry)


def test_a_state_of_ones_own_is_not_believed_again_once_another_one_was_seen(
    url: str, path: Path, running: tuple[Registry, Callable[[], None]]
) -> None:
    """The last state that this process wrote itself is an old one when others have written since."""
    registry, _ = running
    with sqlite3.connect(path) as there:
        [own] = there.execute("SELECT record, mac, id FROM workspaces").fetchall()
    with open_registry(url, actor="carol") as other:
        write(other, "b")
    assert registry.head("lake").current == 1  # by now this process has seen that
    with sqlite3.connect(path) as there:
        there.execute("UPDATE workspaces SET record = ?, mac = ? WHERE id = ?", own)
        there.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    for look in LOOKS:
        with pytest.raises(RollbackDetected):
            look(registry)


def test_a_state_that_was_never_written_is_not_believed_in_the_place_of_the_one_that_was(
    url: str, path: Path, running: tuple[Registry, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the store in his hands sees what a process tried to write, and could have it read that again."""
    registry, _ = running
    rival = Rival(registry, monkeypatch)

    def is_busy() -> None:
        raise StoreBusy

    with open_registry(url, actor="carol") as other:
        rival.first = [lambda: write(other, "theirs"), is_busy]
        with pytest.raises(StoreBusy):
            write(registry, "ours", at_once=True)
    unwritten, entries = rival.tried[0]
    with sqlite3.connect(path) as there:
        state = (unwritten.record, unwritten.mac, unwritten.id)
        there.execute("UPDATE workspaces SET record = ?, mac = ? WHERE id = ?", state)
        there.executemany("UPDATE audit SET record = ?2, mac = ?3 WHERE seq = ?1", entries)
    for look in LOOKS:
        with pytest.raises(RollbackDetected):
            look(registry)


def test_what_others_change_is_another_revision_at_once(two: tuple[Registry, Registry]) -> None:
    registry, other = two
    seen = [registry.revision()]
    for number in range(3):
        saver(other)("lake", b"%d" % number, overwrite=True)
        seen.append(registry.revision())
        write(other, "a")
        write(registry, "b")
        assert (registry.revision(), other.revision()) == (seen[-1], seen[-1])
        saver(registry)("river", b"%d" % number, overwrite=True)
        seen.append(registry.revision())
    assert len(set(seen)) == len(seen)


# -- an anchor


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setenv("STRONGROOM_ANCHOR", f"file:{folder / 'anchors'}")
    return folder / "anchors"


def kept(place: Path) -> Anchor:
    [line] = place.read_text().splitlines()
    return Anchor.parse(line)


@pytest.mark.parametrize("at_once", [True, False])
def test_the_anchor_goes_along_with_each_entry(url: str, place: Path, at_once: bool) -> None:
    with open_registry(url) as registry, open_registry(url) as other:
        write(registry, "a", at_once=at_once)
        assert kept(place) == registry.anchor()
        write(other, "b", at_once=False)
        assert kept(place) == other.anchor()
        write(registry, "c", at_once=False)
        assert kept(place) == registry.anchor()
        write(registry, "d", at_once=at_once)
        assert kept(place) == registry.anchor()
        assert names_in(registry) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("at_once", [True, False])
def test_without_its_anchor_nothing_is_written(url: str, place: Path, at_once: bool) -> None:
    with open_registry(url) as registry:
        write(registry, "a")
        line = place.read_bytes()
        place.unlink()
        with pytest.raises(AnchorUnavailable):
            write(registry, "b", at_once=at_once)
        place.write_bytes(line)
        assert names_in(registry) == ["a"]
        write(registry, "c", at_once=at_once)
        assert kept(place) == registry.anchor()


@pytest.mark.parametrize("at_once", [True, False])
def test_an_anchor_that_is_further_than_the_store_is_found_before_an_entry_is_written(
    url: str, path: Path, place: Path, at_once: bool
) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake")
        assert registry.get("lake").payload == b"payload"
        write(registry, "a")
        with sqlite3.connect(path) as there:
            [before] = there.execute("SELECT record, mac, id FROM workspaces").fetchall()
        with open_registry(url) as other:
            write(other, "b")
        with sqlite3.connect(path) as there:
            there.execute("UPDATE workspaces SET record = ?, mac = ? WHERE id = ?", before)
            there.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        for look in LOOKS:
            with pytest.raises(StoreRolledBack):
                look(registry)
        with pytest.raises((StoreRolledBack, StoreBusy)):
            write(registry, "c", at_once=at_once)
        with pytest.raises(StoreRolledBack):
            write(registry, "c")
        with sqlite3.connect(path) as there:
            assert there.execute("SELECT record, mac, id FROM workspaces").fetchall() == [before]


# -- several workspaces


def _second(url: str) -> Registry:
    new_workspace("second", url)
    return open_registry(url, workspace="second")


def test_what_is_owed_to_several_workspaces_is_left_where_somebody_else_writes(url: str) -> None:
    with open_registry(url) as first, _second(url) as second:
        owed: list[Owed] = []
        for registry, name in ((first, "a"), (second, "b"), (first, "c"), (second, "d")):
            with acting("user:bob", owing=owed):
                registry.record("view", name)
        other = sqlite3.connect(first._access.store.path, isolation_level=None)  # type: ignore[attr-defined]
        other.execute("BEGIN IMMEDIATE")
        assert settle(owed, at_once=True) == [owed[0], owed[2], owed[1], owed[3]]
        other.close()
        assert names_in(first) == names_in(second) == []
        assert settle(owed, at_once=True) == []
        assert (names_in(first), names_in(second)) == (["a", "c"], ["b", "d"])


def test_of_several_workspaces_those_that_can_be_written_are(url: str) -> None:
    with open_registry(url) as first, _second(url) as second:
        saver(second)("lake")
        for _ in range(2):
            second.get("lake")  # a count that waits, and takes a change of its own
        owed: list[Owed] = []
        for registry, name in ((second, "b"), (first, "a"), (second, "d")):
            with acting("user:bob", owing=owed):
                registry.record("view", name)
        left = settle(owed, at_once=True)
        assert left == [owed[0], owed[2]]
        assert names_in(first) == ["a"]
        assert settle(left) == []
        assert (names_in(first), names_in(second)) == (["a"], ["b", "d"])
