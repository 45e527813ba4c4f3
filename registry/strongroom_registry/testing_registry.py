"""The suite that a registry has to pass, wherever its documents lie. Subclass it in a test file: say how one is made.

class TestMyRegistry(RegistryContract):
    @pytest.fixture
    def registry(self) -> Iterator[Registry]: ...    # a new and empty workspace
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from strongroom_registry.anchor import Anchor
from strongroom_registry.errors import (
    AnchorTampered,
    DocumentDeleted,
    DocumentInUse,
    InvalidReference,
    NameTaken,
    SealBroken,
    StaleExpectation,
    StoreUnavailable,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)
from strongroom_registry.registry import Registry
from strongroom_registry.rotation import Progress
from strongroom_registry.testing_documents import DocumentContract, Save

SOON = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


class RegistryContract(DocumentContract):
    """What every registry does: one in a file, in a database, or behind a server."""

    def test_a_pending_version_is_loaded_by_its_label_alone_until_it_is_promoted(
        self, registry: Registry, save: Save
    ) -> None:
        save("db", b"old")
        version = save("db", b"new", pending=True, labels=["candidate"])
        assert (version.number, version.labels) == (2, ("candidate", "pending"))
        assert registry.get("db").payload == b"old"
        assert registry.get("db@pending").payload == registry.get("db@2").payload == b"new"
        assert registry.head("db").current == 1
        assert [version.number for version in registry.history("db")] == [2, 1]
        head = registry.promote("db", 2, expect=1, message="tested")
        assert (head.current, dict(head.labels)) == (2, {"candidate": 2, "previous": 1})
        assert registry.get("db").payload == b"new"
        with pytest.raises(UnknownLabel):
            registry.get("db@pending")
        assert next(registry.audit(limit=2)).action in ("load", "promote")
        assert registry.verify().ok

    def test_numbers_go_on_beyond_a_version_that_waits(self, registry: Registry, save: Save) -> None:
        save("db", b"1")
        save("db", b"2", pending=True)
        assert save("db", b"3", expect=1).number == 3
        assert registry.get("db").payload == b"3"
        assert registry.get("db@pending").payload == b"2"
        with pytest.raises(StaleExpectation, match="db@2 is pending already"):
            save("db", b"x", pending=True)
        registry.unlabel("db", "pending")
        assert save("db", b"4", pending=True).number == 4
        assert registry.get("db@pending").payload == b"4"
        registry.promote("db", 2)
        assert registry.get("db").payload == b"2"
        assert save("db", b"5", overwrite=True).number == 5
        assert registry.head("db").labels["previous"] == 2
        assert registry.verify().ok

    def test_an_older_version_can_be_the_current_one_again(self, registry: Registry, save: Save) -> None:
        for payload in (b"1", b"2", b"3"):
            save("db", payload, overwrite=True)
        registry.promote("db", 1)
        assert registry.get("db").payload == b"1"
        assert registry.get("db@previous").payload == b"3"
        registry.promote("db", 1)
        assert registry.get("db@previous").payload == b"3"

    def test_what_cannot_be_promoted_is_refused(self, registry: Registry, save: Save) -> None:
        save("db", b"1")
        save("db", b"2", pending=True)
        registry.destroy("db", 2)
        with pytest.raises(VersionDestroyed):
            registry.promote("db", 2)
        with pytest.raises(UnknownVersion):
            registry.promote("db", 3)
        with pytest.raises(StaleExpectation):
            registry.promote("db", 1, expect=2)
        with pytest.raises(UnknownDocument):
            registry.promote("nothing", 1)
        with pytest.raises(UnknownDocument):
            save("nothing", pending=True)
        registry.delete("db")
        with pytest.raises(DocumentDeleted):
            registry.promote("db", 1)
        with pytest.raises(DocumentDeleted):
            save("db", pending=True)
        assert save("db", b"again").number == 3

    def test_everything_of_a_document_is_destroyed_the_version_that_waits_as_well(
        self, registry: Registry, save: Save
    ) -> None:
        save("db", b"1")
        save("db", b"2", pending=True)
        registry.destroy("db")
        with pytest.raises(VersionDestroyed):
            registry.get("db@2")
        assert {version.state.value for version in registry.history("db")} == {"destroyed"}
        assert registry.verify().ok

    @pytest.mark.parametrize("level", ["workspace", "data"])
    def test_a_version_that_waits_is_rotated_too(self, registry: Registry, save: Save, level: str) -> None:
        save("db", b"1")
        save("db", b"2", pending=True)
        report = registry.rotate(level)
        assert (report.versions, report.retired) == (2, (1,))
        assert registry.get("db").payload == b"1"
        assert registry.promote("db", 2).current == 2
        assert registry.get("db").payload == b"2"

    def test_a_version_says_what_it_refers_to_and_until_when_it_is_good(self, registry: Registry, save: Save) -> None:
        save("key")
        version = save("lake", references=["key@1", "key", "json/key"], expires_at=SOON)
        assert version.references == ("json/key", "key", "key@1")
        assert version.expires_at == SOON
        assert registry.history("lake")[0] == version
        head = registry.head("lake")
        assert (head.references, head.expires_at, head.created_at) == (version.references, SOON, version.created_at)
        assert registry.get("lake").version == version
        assert (registry.head("key").references, registry.head("key").expires_at) == ((), None)

    def test_who_uses_a_document_is_known_by_current_and_labelled_versions(
        self, registry: Registry, save: Save
    ) -> None:
        save("key")
        save("app", references=["key"], labels=["stable"])
        save("app", references=["key@1"], overwrite=True)
        save("app", overwrite=True)
        save("etl", references=["key"])
        save("old", references=["key"])
        save("old", overwrite=True)
        assert _users(registry, "key") == ["app@1", "etl@1"]
        registry.unlabel("app", "stable")
        assert _users(registry, "key") == ["etl@1"]
        registry.delete("etl")
        assert _users(registry, "key") == []
        registry.undelete("etl")
        assert _users(registry, "key") == ["etl@1"]
        registry.destroy("etl")
        assert _users(registry, "key") == []
        assert _users(registry, "app") == []
        with pytest.raises(UnknownDocument):
            registry.used_by("nothing")

    def test_a_used_document_is_not_deleted_unless_with_all_that_use_it(self, registry: Registry, save: Save) -> None:
        save("key")
        save("login", references=["key"])
        save("app", references=["login"])
        save("other")
        with pytest.raises(DocumentInUse, match="login, app"):
            registry.delete("key")
        assert registry.exists("key")
        registry.delete("key", cascade=True, message="gone with it")
        assert [head.name for head in registry.list()] == ["other"]
        assert {entry.name for entry in registry.audit() if entry.action == "delete" and entry.outcome == "done"} == {
            "key", "login", "app"
        }  # fmt: skip

    def test_documents_that_use_each_other_can_be_deleted(self, registry: Registry, save: Save) -> None:
        save("a", references=["b"])
        save("b", references=["a", "b"])
        with pytest.raises(DocumentInUse):
            registry.delete("a")
        registry.delete("a", cascade=True)
        assert registry.list() == []

    def test_a_document_that_uses_itself_alone_is_in_nobodys_way(self, registry: Registry, save: Save) -> None:
        save("a", references=["a"])
        registry.delete("a")
        assert not registry.exists("a")

    def test_a_reference_that_is_none_is_refused_before_anything_is_written(
        self, registry: Registry, save: Save
    ) -> None:
        with pytest.raises(InvalidReference):
            save("lake", references=["no reference!"])
        assert registry.list(deleted=True) == []

    def test_a_search_finds_what_the_current_public_fields_say(self, registry: Registry, save: Save) -> None:
        save("lake", public=b'{"host":"old.example.com"}')
        save("lake", public=b'{"host":"db.example.com"}', overwrite=True)
        save("river", public=b'{"host":"db.example.com"}')
        save("gone", public=b'{"host":"db.example.com"}')
        registry.delete("gone")
        save("secret", b"db.example.com")
        assert [head.name for head in registry.search("db.example.com")] == ["lake", "river"]
        assert registry.search("old.example.com") == []
        assert registry.search("%") == []

    def test_of_64_writers_with_the_same_expectation_one_wins(self, registry: Registry, save: Save) -> None:
        save("lake", b"start")
        won: list[int] = []

        def write(number: int) -> None:
            try:
                save("lake", b"%d" % number, expect=1)
            except StaleExpectation:
                return
            won.append(number)

        _run_threads(64, write)
        assert len(won) == 1
        assert registry.get("lake").payload == b"%d" % won[0]
        assert registry.head("lake").current == 2

    def test_no_update_is_lost_between_threads(self, registry: Registry, save: Save) -> None:
        save("counter", b"0")
        _run_threads(6, lambda _: _add_up(registry, 5))
        assert registry.get("counter").payload == b"30"
        assert registry.head("counter").current == 31
        assert registry.verify().ok
        assert registry.verify_audit().ok

    def test_every_change_load_and_refusal_is_an_entry_of_the_audit(self, registry: Registry, save: Save) -> None:
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
        assert _entries(registry, "lake") == [
            ("put", "done", 1, 1),
            ("put", "NameTaken", None, 1),
            ("load", "done", 1, 1),
            ("label", "done", 1, 1),
            ("unlabel", "done", 1, 1),
            ("delete", "done", 1, 1),
            ("undelete", "done", 1, 1),
            ("destroy", "done", 1, 1),
        ]
        assert _entries(registry, "river") == [("load", "UnknownDocument", 3, 1)]
        newest_first = [entry.seq for entry in registry.audit()]
        assert newest_first == sorted(newest_first, reverse=True)
        of_lake = [entry for entry in registry.audit(name="lake") if entry.action in ("put", "delete")]
        assert [entry.message.partition(" ")[0] for entry in of_lake][::2] == ["old", "new"]
        assert all(self.is_us(entry.actor) for entry in of_lake)
        assert {entry.document for entry in of_lake if entry.outcome == "done"} == {registry.head("lake").id}
        assert registry.verify_audit().ok

    def test_the_audit_can_be_asked_for_the_newest_and_for_one_document(self, registry: Registry, save: Save) -> None:
        for number in range(5):
            save("lake", b"%d" % number, overwrite=True)
            save(f"sea-{number}")
        assert [entry.version for entry in registry.audit(name="lake", limit=2)] == [5, 4]
        assert list(registry.audit(limit=0)) == []
        assert len(list(registry.audit(limit=3))) == 3

    def test_every_load_counts_in_the_audit(self, registry: Registry, save: Save) -> None:
        save("lake")
        for _ in range(5):
            registry.get("lake")
        assert sum(entry.count for entry in registry.audit(name="lake") if entry.action == "load") == 5

    def test_a_sealer_seals_for_one_purpose_and_place(self, registry: Registry) -> None:
        sealer = registry.sealer("results")
        sealed = [sealer.seal(b"%d" % number, b"key") for number in range(5)]
        assert [registry.sealer("results").open(one, b"key") for one in sealed] == [b"%d" % n for n in range(5)]
        for opener, context in ((sealer, b"other key"), (registry.sealer("parameters"), b"key")):
            with pytest.raises(SealBroken):
                opener.open(sealed[0], context)
        for place in (20, 30, 65, 85):  # the key, the session, the nonce, the value
            changed = sealed[0][:place] + bytes([sealed[0][place] ^ 1]) + sealed[0][place + 1 :]
            with pytest.raises(SealBroken):
                sealer.open(changed, b"key")

    def test_names_are_the_same_each_time_and_others_for_other_purposes(self, registry: Registry) -> None:
        names = [registry.sealer(purpose).name(data) for purpose in ("results", "scan") for data in (b"a", b"b")]
        assert len(set(names)) == 4
        assert registry.sealer("results").name(b"a") == names[0]
        assert list(registry.sealer("results").former_names(b"a")) == []

    @pytest.mark.parametrize("level", ["workspace", "data"])
    def test_a_rotation_leaves_everything_readable(self, registry: Registry, save: Save, level: str) -> None:
        for number in range(3):
            save("lake", b"%d" % number, overwrite=True)
        registry.get("lake")
        sealed, name = registry.sealer("results").seal(b"value", b""), registry.sealer("results").name(b"a")
        seen: list[Progress] = []
        report = registry.rotate(level, progress=seen.append)
        assert (report.level, report.versions, report.retired, report.problems) == (level, 3, (1,), ())
        assert (seen[-1].done, seen[-1].epoch) == (seen[-1].total, 2)
        assert [registry.get(f"lake@{number}").payload for number in (1, 2, 3)] == [b"0", b"1", b"2"]
        after = registry.sealer("results")
        assert after.open(sealed, b"") == b"value"
        assert list(after.former_names(b"a")) == [name] != [after.name(b"a")]
        wraps = registry.keys()
        assert wraps[0].state == "current"
        assert registry.check_keys().ok
        assert registry.verify().ok

    def test_only_payloads_that_are_old_enough_are_sealed_anew(self, registry: Registry, save: Save) -> None:
        save("lake")
        assert registry.rotate("data", older_than=timedelta(days=1)).resealed == 0
        assert registry.rotate("data", older_than=timedelta(0)).resealed == 1

    def test_an_anchor_is_held_against_the_workspace(self, registry: Registry, save: Save) -> None:
        save("lake")
        anchor = registry.anchor()
        registry.check_anchor(anchor)
        save("lake", overwrite=True)
        registry.check_anchor(anchor)
        assert Anchor.parse(anchor.line) == anchor
        assert (anchor.store_id, registry.anchor().workspace_id) == (registry.store_id, anchor.workspace_id)
        digits = anchor.line[:-1] + ("0" if anchor.line[-1] != "0" else "1")
        with pytest.raises(AnchorTampered):
            registry.check_anchor(Anchor.parse(digits))

    def test_an_anchor_that_was_kept_moves_on_and_is_not_moved_back(self, registry: Registry, save: Save) -> None:
        place = _Place()
        first = registry.write_anchor(place)
        assert place.line == first.line
        save("lake")
        second = registry.write_anchor(place)
        assert place.line == second.line != first.line
        foreign = Anchor.parse(second.line.replace(second.store_id.hex, "0" * 32))
        place.line = foreign.line
        with pytest.raises(AnchorTampered):
            registry.write_anchor(place)
        assert place.line == foreign.line
        registry.write_anchor(place, reset=True)
        registry.check_anchor(Anchor.parse(place.line))

    def test_the_revision_is_another_one_after_each_change_of_a_document(self, registry: Registry, save: Save) -> None:
        seen = [registry.revision()]
        for change in (
            lambda: save("lake"),
            lambda: save("lake", overwrite=True),
            lambda: registry.label("lake", "stable"),
            lambda: registry.delete("lake"),
            lambda: registry.undelete("lake"),
        ):
            change()
            seen.append(registry.revision())
        registry.get("lake")
        assert registry.revision() == seen[-1]
        assert len(set(seen)) == 6

    def test_whoever_watches_is_told_of_changes_or_that_nobody_tells(self, registry: Registry, save: Save) -> None:
        told = threading.Event()
        try:
            stop = registry.watch(told.set)
        except StoreUnavailable:
            return
        save("lake")
        assert told.wait(20)
        assert registry.get("lake").payload == b"payload"
        told.clear()
        save("lake", b"newer", overwrite=True)
        assert told.wait(20)
        assert registry.get("lake").payload == b"newer"
        stop()
        stop()

    def test_a_listing_of_many_is_whole(self, registry: Registry, save: Save) -> None:
        names = [f"lake-{number:04}" for number in range(130)]
        for name in names:
            save(name)
        assert [head.name for head in registry.list()] == names == registry.names()
        assert [head.name for head in registry.list("lake-012?")] == names[120:]

    def test_a_closed_registry_closes_again(self, registry: Registry) -> None:
        registry.close()
        registry.close()


class _Place:
    """Keeps one anchor."""

    uri = "memory:"

    def __init__(self) -> None:
        self.line = ""

    def read(self, store_id: UUID, workspace_id: UUID) -> str | None:
        return self.line or None

    def update(self, store_id: UUID, workspace_id: UUID, choose: Callable[[str | None], str | None]) -> None:
        self.line = choose(self.line or None) or self.line

    def check_writable(self) -> None:
        pass


def _users(registry: Registry, name: str) -> list[str]:
    return [str(reference) for reference in registry.used_by(name)]


def _entries(registry: Registry, name: str) -> list[tuple[object, ...]]:
    """The audit of a document, oldest first, as (action, outcome, version, count)."""
    entries = list(registry.audit(name=name))[::-1]
    return [(e.action, e.outcome, e.version, e.count) for e in entries]


def _run_threads(count: int, target: Callable[[int], None]) -> None:
    """Run ``target(0 … count - 1)`` at once; the first failure of any is raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            target(number)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _add_up(registry: Registry, times: int) -> None:
    """Count up so many times, each as often as it takes to win."""
    while times:
        document = registry.get("counter")
        count, number = int(document.payload), document.version.number
        try:
            registry.put("counter", type="lake", schema="s1", payload=b"%d" % (count + 1), expect=number)
        except StaleExpectation:
            continue
        times -= 1
