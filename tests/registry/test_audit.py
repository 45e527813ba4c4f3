"""What the audit says, when it says it, and that nothing is revealed where it cannot."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from strongroom_registry import AuditEntry, Registry, open_registry
from strongroom_registry.audit import REPEATS_SECONDS, Repeats, Subject
from strongroom_registry.errors import (
    AuditUnavailable,
    NameTaken,
    StoreUnavailable,
    UnknownDocument,
)

from .conftest import Save, saver


def told(registry: Registry, **wanted: object) -> list[tuple[object, ...]]:
    """The audit, oldest first, as (action, outcome, name, version, count)."""
    entries = list(registry.audit(**wanted))[::-1]  # type: ignore[arg-type]
    return [(e.action, e.outcome, e.name, e.version, e.count) for e in entries]


def test_every_change_load_and_refusal_is_an_entry(registry: Registry, save: Save) -> None:
    save("lake", message="new")
    with pytest.raises(NameTaken):
        save("lake")
    registry.get("lake")
    registry.label("lake", "stable")
    registry.unlabel("lake", "stable")
    with pytest.raises(UnknownDocument):
        registry.get("river@3")
    registry.delete("lake", message="old")
    registry.undelete("lake")
    registry.destroy("lake", 1)
    registry.destroy("lake")
    assert told(registry) == [
        ("create", "done", "default", None, 1),
        ("put", "done", "lake", 1, 1),
        ("put", "NameTaken", "lake", None, 1),
        ("load", "done", "lake", 1, 1),
        ("label", "done", "lake", 1, 1),
        ("unlabel", "done", "lake", 1, 1),
        ("load", "UnknownDocument", "river", 3, 1),
        ("delete", "done", "lake", 1, 1),
        ("undelete", "done", "lake", 1, 1),
        ("destroy", "done", "lake", 1, 1),
        ("destroy", "done", "lake", None, 1),
    ]
    entries = {entry.seq: entry for entry in registry.audit()}
    assert {entry.actor for entry in entries.values()} == {"alice"}
    assert (entries[2].message, entries[8].message, entries[5].label) == ("new", "old", "stable")
    assert entries[2].document == registry.head("lake").id
    assert registry.verify_audit().entries == 11


def test_looking_without_opening_is_not_recorded(registry: Registry, save: Save) -> None:
    save("lake")
    registry.list()
    registry.history("lake")
    registry.head("lake")
    registry.exists("river")
    assert len(told(registry)) == 2


def test_the_audit_can_be_asked_for_the_newest_and_for_one_document(registry: Registry, save: Save) -> None:
    save("lake")
    save("sea")
    assert told(registry, limit=1) == [("put", "done", "sea", 1, 1)]
    assert told(registry, name="lake") == [("put", "done", "lake", 1, 1)]
    assert told(registry, limit=0) == []


def test_repeated_loads_are_one_entry_with_a_count(registry: Registry, save: Save) -> None:
    save("lake")
    for _ in range(100):
        registry.get("lake")
    registry.get("lake@1")
    assert told(registry, name="lake")[1:] == [("load", "done", "lake", 1, 1), ("load", "done", "lake", 1, 100)]


def test_repeated_refusals_are_one_entry_with_a_count(registry: Registry) -> None:
    for _ in range(5):
        with pytest.raises(UnknownDocument):
            registry.get("river")
    assert told(registry, name="river") == [
        ("load", "UnknownDocument", "river", None, 1),
        ("load", "UnknownDocument", "river", None, 4),
    ]


def test_counts_are_written_with_the_next_change(url: str) -> None:
    with open_registry(url) as registry, open_registry(url) as onlooker:
        saver(registry)("lake")
        registry.get("lake")
        registry.get("lake")
        assert [e.count for e in onlooker.audit(name="lake") if e.action == "load"] == [1]
        saver(registry)("sea")
        assert [e.count for e in onlooker.audit(name="lake") if e.action == "load"] == [1, 1]


def test_counts_are_written_when_the_registry_is_closed(url: str) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake")
        for _ in range(7):
            registry.get("lake")
    with open_registry(url) as registry:
        assert [e.count for e in registry.audit() if e.action == "load"] == [6, 1]
        assert registry.verify_audit().ok


SCRIPT = """
import sys
from strongroom_registry import open_registry
registry = open_registry(sys.argv[1])
for _ in range(3):
    registry.get("lake")
"""


def test_counts_are_written_when_the_process_ends(url: str) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake")
    subprocess.run([sys.executable, "-c", SCRIPT, url], check=True)
    with open_registry(url) as registry:
        assert [e.count for e in registry.audit() if e.action == "load"] == [2, 1]


def test_a_load_is_recorded_before_it_is_revealed(url: str) -> None:
    """Another process sees the entry as soon as the first has the payload."""
    with open_registry(url) as registry, open_registry(url) as onlooker:
        saver(registry)("lake")
        registry.get("lake")
        assert next(onlooker.audit()).action == "load"


class TestRepeats:
    subject = Subject("load", "done", "lake", b"d" * 16, 1)
    other = Subject("load", "done", "sea", b"e" * 16, 1)

    @pytest.fixture
    def clock(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def repeats(self, clock: list[float]) -> Repeats:
        return Repeats(lambda: clock[0])

    def test_the_first_has_to_be_written(self, repeats: Repeats) -> None:
        assert not repeats.counts(self.subject)
        assert not repeats.are_waiting()

    def test_what_follows_within_a_minute_is_counted_and_handed_over_once(
        self, repeats: Repeats, clock: list[float]
    ) -> None:
        repeats.opened(self.subject)
        clock[0] += REPEATS_SECONDS - 0.1
        assert [repeats.counts(self.subject), repeats.counts(self.subject), repeats.counts(self.other)] == [1, 1, 0]
        assert repeats.drain() == {self.subject: 2}
        assert repeats.drain() == {}

    def test_after_the_minute_it_has_to_be_written_again(self, repeats: Repeats, clock: list[float]) -> None:
        repeats.opened(self.subject)
        repeats.counts(self.subject)
        clock[0] += REPEATS_SECONDS
        assert not repeats.counts(self.subject)
        assert repeats.drain() == {self.subject: 1}

    def test_what_could_not_be_written_waits(self, repeats: Repeats) -> None:
        repeats.opened(self.subject)
        repeats.counts(self.subject)
        counts = repeats.drain()
        repeats.counts(self.subject)
        repeats.give_back(counts)
        assert repeats.drain() == {self.subject: 2}

    def test_a_count_survives_the_end_of_its_minute(self, repeats: Repeats, clock: list[float]) -> None:
        repeats.opened(self.subject)
        repeats.counts(self.subject)
        clock[0] += 2 * REPEATS_SECONDS
        repeats.opened(self.other)
        assert repeats.drain() == {self.subject: 1}

    def test_old_windows_are_forgotten(self, repeats: Repeats, clock: list[float]) -> None:
        for number in range(1000):
            clock[0] += 1
            repeats.opened(self.subject._replace(version=number))
        assert len(repeats._windows) <= REPEATS_SECONDS


class TestWithoutAudit:
    def test_a_registry_that_cannot_be_written_lists_but_reveals_nothing(self, url: str, path: Path) -> None:
        """A real read-only folder: as another user where the tests run as root, whom nothing stops."""
        with open_registry(url, key=self.key()) as registry:
            saver(registry)("lake", public=b'{"host": "h"}')
        answers = _as_reader_of(path, url, self.key())
        assert answers["names"] == ["lake"]
        assert answers["public"] == '{"host": "h"}'
        assert answers["verified"]
        assert answers["get"][0] == AuditUnavailable.__name__
        assert "not revealed" in answers["get"][1]
        assert answers["put"][0] == StoreUnavailable.__name__
        assert answers["unknown"][0] == UnknownDocument.__name__

    def test_a_log_that_cannot_be_read_is_not_passed_over(self, url: str, path: Path) -> None:
        """While somebody else has the registry open, the newest changes are in the log alone."""
        with open_registry(url, key=self.key()) as registry:
            saver(registry)("lake")
            answers = _as_reader_of(path, url, self.key())
        assert StoreUnavailable.__name__ in answers["failed"]

    def key(self) -> str:
        from strongroom_registry.keys.material import new_key_text

        os.environ.setdefault("STRONGROOM_TEST_KEY", new_key_text())
        return "env:STRONGROOM_TEST_KEY"

    def test_a_locked_store_reveals_nothing(self, url: str, path: Path) -> None:
        with open_registry(url) as registry:
            saver(registry)("lake")
            registry._access.store._connection().execute("PRAGMA busy_timeout = 0")  # type: ignore[attr-defined]
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(AuditUnavailable, match="cannot be recorded"):
                    registry.get("lake")
                assert registry.head("lake").current == 1
            assert registry.get("lake").payload == b"payload"


def _as_reader_of(path: Path, url: str, key: str) -> dict[str, list[str]]:
    """What a process sees that can read the registry and cannot write to it."""
    if os.getuid() == 0:
        os.chmod(path, 0o644)
        os.chmod(path.parent, 0o755)
        for folder in path.parents[1:-2]:
            os.chmod(folder, os.stat(folder).st_mode | 0o055)
    else:
        os.chmod(path, 0o400)
        os.chmod(path.parent, 0o500)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            os.write(write, json.dumps(_look(url, key)).encode())
        except BaseException as exc:
            os.write(write, json.dumps({"failed": repr(exc)}).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as answer:
        found: dict[str, list[str]] = json.load(answer)
    os.waitpid(child, 0)
    os.chmod(path.parent, 0o700)
    return found


def _look(url: str, key: str) -> dict[str, object]:
    def refused(call: object, *arguments: object, **options: object) -> list[str]:
        try:
            call(*arguments, **options)  # type: ignore[operator]
        except Exception as exc:
            return [type(exc).__name__, str(exc)]
        return ["nothing", ""]

    with open_registry(url, key=key) as registry:
        heads = registry.list()
        return {
            "names": [head.name for head in heads],
            "public": heads[0].public.decode(),
            "verified": registry.verify().ok and registry.verify_audit().ok,
            "get": refused(registry.get, "lake"),
            "put": refused(saver(registry), "sea"),
            "unknown": refused(registry.get, "river"),
        }


def test_entries_hold_no_more_than_they_may(registry: Registry, save: Save) -> None:
    save("lake")
    allowed = {
        "seq", "at", "actor", "action", "outcome", "name", "document", "version", "label", "message", "count",
    }  # fmt: skip
    assert set(AuditEntry.__slots__) == allowed
