"""A registry that is used on behalf of others: who did what stands in the audit, each thing for itself."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from strongroom_registry import Registry
from strongroom_registry.acting import Owed, acting, settle
from strongroom_registry.audit import Subject
from strongroom_registry.errors import StoreUnavailable, UnknownDocument
from strongroom_registry.recording import Recorder

from .conftest import Save


def told(registry: Registry) -> list[tuple[str, str, str, str, int]]:
    return [(e.actor, e.action, e.outcome, e.message, e.count) for e in registry.audit()][::-1]


def test_what_is_done_for_somebody_is_his_in_the_audit(registry: Registry, save: Save) -> None:
    with acting("user:bob", "request 7"):
        version = save("lake", message="first")
        registry.label("lake", "prod")
    assert version.actor == "user:bob"
    assert told(registry)[1:] == [
        ("user:bob", "put", "done", "first [request 7]", 1),
        ("user:bob", "label", "done", "[request 7]", 1),
    ]
    assert version.message == "first"


def test_each_load_for_somebody_is_an_entry_and_those_of_the_registry_itself_are_counted(
    registry: Registry, save: Save
) -> None:
    save("lake")
    for _ in range(3):
        registry.get("lake")
    with acting("user:bob", "request 8"):
        for _ in range(3):
            registry.get("lake")
    loads = [entry for entry in told(registry) if entry[1] == "load"]
    assert loads == [
        ("alice", "load", "done", "", 1),
        ("alice", "load", "done", "", 2),
        *[("user:bob", "load", "done", "[request 8]", 1)] * 3,
    ]
    assert registry.verify_audit().ok


def test_what_is_refused_to_somebody_is_told_of_him_each_time(registry: Registry) -> None:
    with acting("user:bob"):
        for _ in range(2):
            with pytest.raises(UnknownDocument):
                registry.get("absent")
    assert told(registry)[1:] == [("user:bob", "load", "UnknownDocument", "", 1)] * 2


def test_a_program_writes_what_it_did(registry: Registry) -> None:
    with acting("user:bob", "request 9"):
        registry.record("login", "user:bob", message="by password")
        registry.record("login", "user:bob", outcome="Locked")
    assert told(registry)[1:] == [
        ("user:bob", "login", "done", "by password [request 9]", 1),
        ("user:bob", "login", "Locked", "[request 9]", 1),
    ]


def test_the_revision_changes_with_documents_alone(registry: Registry, save: Save) -> None:
    seen = {registry.revision()}
    save("lake")
    seen.add(registry.revision())
    registry.record("login", "somebody")
    registry.get("lake")
    assert registry.revision() in seen
    registry.label("lake", "prod")
    assert registry.revision() not in seen


def test_loads_of_many_threads_are_all_in_the_audit(registry: Registry, save: Save) -> None:
    save("lake")

    def load(number: int) -> bytes:
        with acting(f"user:{number}"):
            return registry.get("lake").payload

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(load, range(64))) == {b"payload"}
    actors = [entry[0] for entry in told(registry) if entry[1] == "load"]
    assert sorted(actors) == sorted(f"user:{number}" for number in range(64))
    assert registry.verify_audit().ok


def test_entries_that_gather_while_one_is_written_are_written_together() -> None:
    written: list[list[str]] = []
    is_writing, go_on = threading.Event(), threading.Event()

    def write(subjects: list[Subject]) -> None:
        written.append([subject.name for subject in subjects])
        is_writing.set()
        assert go_on.wait(30)

    recorder = Recorder(write)  # type: ignore[arg-type]
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(recorder.record, Subject("load", "done", "a"))
        assert is_writing.wait(30)
        rest = [threads.submit(recorder.record, Subject("load", "done", name)) for name in "bcd"]
        while len(recorder._waiting) < 3:
            pass
        go_on.set()
        for future in (first, *rest):
            future.result(30)
    assert written[0] == ["a"]
    assert sorted(written[1]) == ["b", "c", "d"]


def test_who_waits_for_a_group_that_cannot_be_written_is_told() -> None:
    def write(subjects: object) -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    recorder = Recorder(write)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="disk is full"):
            recorder.record(Subject("load", "done", "a"))


def test_a_thread_that_is_ended_leaves_the_entries_of_others_to_them() -> None:
    written: list[str] = []
    ended = [KeyboardInterrupt()]

    def write(subjects: list[Subject]) -> None:
        if ended:
            raise ended.pop()
        written.extend(subject.name for subject in subjects)

    recorder = Recorder(write)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        recorder.record(Subject("load", "done", "a"))
    recorder.record(Subject("load", "done", "b"))
    assert written == ["a", "b"]


def test_what_is_owed_is_written_in_one_transaction_when_it_is_settled(registry: Registry, save: Save) -> None:
    save("lake")
    owed: list[Owed] = []
    for number in range(3):
        with acting(f"user:{number}", owing=owed):
            registry.get("lake")
    with acting("user:3", owing=owed), pytest.raises(UnknownDocument):
        registry.get("absent")
    assert [entry[1] for entry in told(registry)] == ["create", "put"]
    revisions = registry.anchor().seq
    settle(owed)
    assert registry.anchor().seq == revisions + 1
    assert [(entry[0], entry[2]) for entry in told(registry)[2:]] == [
        ("user:0", "done"),
        ("user:1", "done"),
        ("user:2", "done"),
        ("user:3", "UnknownDocument"),
    ]


def test_who_settles_learns_that_it_cannot_be_written() -> None:
    class Full:
        def write_entries(self, subjects: object, *, at_once: bool = False) -> None:
            raise StoreUnavailable("The disk is full.", "Make room.")

    with pytest.raises(StoreUnavailable):
        settle([Owed(Full(), Subject("load", "done", "lake"))])
