"""Versions that wait before they become the current one, and older ones that become so again."""

from __future__ import annotations

import pytest
from strongroom_registry import Registry
from strongroom_registry.errors import (
    DocumentDeleted,
    StaleExpectation,
    UnknownDocument,
    UnknownLabel,
    UnknownVersion,
    VersionDestroyed,
)

from .conftest import Save


def test_a_pending_version_is_loaded_by_its_label_alone_until_it_is_promoted(registry: Registry, save: Save) -> None:
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


def test_numbers_go_on_beyond_a_version_that_waits(registry: Registry, save: Save) -> None:
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


def test_an_older_version_can_be_the_current_one_again(registry: Registry, save: Save) -> None:
    for payload in (b"1", b"2", b"3"):
        save("db", payload, overwrite=True)
    registry.promote("db", 1)
    assert registry.get("db").payload == b"1"
    assert registry.get("db@previous").payload == b"3"
    registry.promote("db", 1)
    assert registry.get("db@previous").payload == b"3"


def test_what_cannot_be_promoted_is_refused(registry: Registry, save: Save) -> None:
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


def test_everything_of_a_document_is_destroyed_the_version_that_waits_as_well(registry: Registry, save: Save) -> None:
    save("db", b"1")
    save("db", b"2", pending=True)
    registry.destroy("db")
    with pytest.raises(VersionDestroyed):
        registry.get("db@2")
    assert {version.state.value for version in registry.history("db")} == {"destroyed"}
    assert registry.verify().ok


@pytest.mark.parametrize("level", ["workspace", "data"])
def test_a_version_that_waits_is_rotated_too(registry: Registry, save: Save, level: str) -> None:
    save("db", b"1")
    save("db", b"2", pending=True)
    report = registry.rotate(level)
    assert (report.versions, report.retired) == (2, (1,))
    assert registry.get("db").payload == b"1"
    assert registry.promote("db", 2).current == 2
    assert registry.get("db").payload == b"2"
