"""What refers to what, how long it is good, and what a search finds."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from strongroom_registry import DocumentState, Registry, open_registry
from strongroom_registry.errors import DocumentInUse, HiddenVersion, InvalidReference, UnknownDocument, VersionTampered

from .conftest import Save, saver

SOON = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def users(registry: Registry, name: str) -> list[str]:
    return [str(reference) for reference in registry.used_by(name)]


def test_a_version_says_what_it_refers_to_and_until_when_it_is_good(registry: Registry, save: Save) -> None:
    save("key")
    version = save("lake", references=["key@1", "key", "json/key"], expires_at=SOON)
    assert version.references == ("json/key", "key", "key@1")
    assert version.expires_at == SOON
    assert registry.history("lake")[0] == version
    head = registry.head("lake")
    assert (head.references, head.expires_at, head.created_at) == (version.references, SOON, version.created_at)
    assert registry.get("lake").version == version
    assert (registry.head("key").references, registry.head("key").expires_at) == ((), None)


def test_who_uses_a_document_is_known_by_current_and_labelled_versions(registry: Registry, save: Save) -> None:
    save("key")
    save("app", references=["key"], labels=["stable"])
    save("app", references=["key@1"], overwrite=True)
    save("app", overwrite=True)
    save("etl", references=["key"])
    save("old", references=["key"])
    save("old", overwrite=True)
    assert users(registry, "key") == ["app@1", "etl@1"]
    registry.unlabel("app", "stable")
    assert users(registry, "key") == ["etl@1"]
    registry.delete("etl")
    assert users(registry, "key") == []
    registry.undelete("etl")
    assert users(registry, "key") == ["etl@1"]
    registry.destroy("etl")
    assert users(registry, "key") == []
    assert users(registry, "app") == []
    with pytest.raises(UnknownDocument):
        registry.used_by("nothing")


def test_a_used_document_is_not_deleted_unless_with_all_that_use_it(registry: Registry, save: Save) -> None:
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


def test_documents_that_use_each_other_can_be_deleted(registry: Registry, save: Save) -> None:
    save("a", references=["b"])
    save("b", references=["a", "b"])
    with pytest.raises(DocumentInUse):
        registry.delete("a")
    registry.delete("a", cascade=True)
    assert registry.list() == []


def test_a_document_that_uses_itself_alone_is_in_nobodys_way(registry: Registry, save: Save) -> None:
    save("a", references=["a"])
    registry.delete("a")
    assert not registry.exists("a")


def test_a_use_that_somebody_wrote_into_the_store_is_not_believed(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        save = saver(registry)
        save("key")
        save("app", references=["key"])
        save("innocent")
        with sqlite3.connect(path) as connection:
            connection.execute("INSERT INTO uses SELECT workspace, used, 'innocent', number FROM uses")
            connection.execute("INSERT INTO uses SELECT workspace, used, 'nobody', number FROM uses LIMIT 1")
            connection.execute("INSERT INTO uses SELECT workspace, used, 'app', 77 FROM uses LIMIT 1")
        connection.close()
        assert users(registry, "key") == ["app@1"]


def test_a_use_that_somebody_took_out_of_the_store_is_found(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        save = saver(registry)
        save("key")
        save("app", references=["key"])
        save("app", references=["key@1"], overwrite=True)
        save("app", overwrite=True)
        registry.destroy("app", 1)
        assert registry.verify().ok
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM uses")
        connection.close()
        [problem] = registry.verify().problems
        assert (problem.name, problem.version, type(problem.error)) == ("app", 2, HiddenVersion)


@pytest.mark.parametrize("column", ["references", "expiry"])
def test_what_a_note_says_cannot_be_changed(url: str, path: Path, column: str) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", references=["key"], expires_at=SOON)
        with sqlite3.connect(path) as connection:
            note = connection.execute("SELECT note FROM versions").fetchone()[0]
            changed = note.replace(b"key", b"kez") if column == "references" else note[:-1] + bytes([note[-1] ^ 1])
            connection.execute("UPDATE versions SET note = ?", (changed,))
        connection.close()
        with pytest.raises(VersionTampered):
            registry.get("lake")


def test_a_reference_that_is_none_is_refused_before_anything_is_written(registry: Registry, save: Save) -> None:
    with pytest.raises(InvalidReference):
        save("lake", references=["no reference!"])
    assert registry.list(deleted=True) == []


def test_a_search_finds_what_the_current_public_fields_say(registry: Registry, save: Save) -> None:
    save("lake", public=b'{"host":"old.example.com"}')
    save("lake", public=b'{"host":"db.example.com"}', overwrite=True)
    save("river", public=b'{"host":"db.example.com"}')
    save("gone", public=b'{"host":"db.example.com"}')
    registry.delete("gone")
    save("secret", b"db.example.com")
    assert [head.name for head in registry.search("db.example.com")] == ["lake", "river"]
    assert registry.search("old.example.com") == []
    assert registry.search("%") == []


def test_a_search_shows_a_changed_document_as_such(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", public=b'{"host":"db"}')
        with sqlite3.connect(path) as connection:
            connection.execute("""UPDATE versions SET public = CAST('{"host":"evil"}' AS BLOB)""")
        connection.close()
        (head,) = registry.search("evil")
        assert head.state is DocumentState.QUARANTINED
        assert registry.search("db") == []
