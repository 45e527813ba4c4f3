"""What refers to what, how long it is good, and what a search finds."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from strongroom_registry import DocumentState, Registry, open_registry
from strongroom_registry.errors import HiddenVersion, VersionTampered

from .conftest import saver

SOON = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def users(registry: Registry, name: str) -> list[str]:
    return [str(reference) for reference in registry.used_by(name)]


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


def test_a_search_shows_a_changed_document_as_such(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", public=b'{"host":"db"}')
        with sqlite3.connect(path) as connection:
            connection.execute("""UPDATE versions SET public = CAST('{"host":"evil"}' AS BLOB)""")
        connection.close()
        (head,) = registry.search("evil")
        assert head.state is DocumentState.QUARANTINED
        assert registry.search("db") == []
