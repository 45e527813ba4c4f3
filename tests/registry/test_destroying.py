"""Destroying leaves no byte behind: the files are searched for what was sealed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from strongroom_registry import DocumentState, open_registry
from strongroom_registry.errors import StoreUnavailable, VersionDestroyed

from .conftest import saver


def files(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def sealed_parts(path: Path, name: str, number: int | None = None) -> list[bytes]:
    """Pieces of the data keys, bodies and projections of a document, small enough to be found across pages."""
    where = "" if number is None else f" AND number = {number}"
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT wrap, body, public FROM versions JOIN heads USING (document) WHERE name = ?" + where, (name,)
        ).fetchall()
    blobs = [blob for row in rows for blob in row if blob]
    return [blob[at : at + 24] for blob in blobs for at in range(32, len(blob) - 24, 200)]


@pytest.mark.parametrize("size", [10, 3_000, 50_000])
def test_a_destroyed_document_leaves_no_byte_in_any_file(url: str, path: Path, size: int) -> None:
    """Among many others, whose writing moves rows between pages, and however large it was."""
    dice = random.Random(size)
    with open_registry(url) as registry:
        save = saver(registry)
        for number in range(60):
            save(f"other-{number}", dice.randbytes(dice.randrange(2_000)), public=dice.randbytes(100))
            if number % 20 == 10:
                save("lake", dice.randbytes(size), public=dice.randbytes(size), overwrite=True)
        there = files(path)
        parts = [part for part in sealed_parts(path, "lake") if part in there]  # not those across two pages
        assert len(parts) >= 6
        registry.get("lake")
        registry.destroy("lake")
        left = files(path)
        assert not [part for part in parts if part in left]
        assert registry.verify().ok
        assert registry.get("other-7").payload
    left = files(path)
    assert not [part for part in parts if part in left]


def test_a_destroyed_version_goes_alone(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        save = saver(registry)
        for number in range(3):
            save("lake", b"%d" % number * 100, overwrite=True)
        gone, kept = sealed_parts(path, "lake", 2), sealed_parts(path, "lake", 3)
        registry.destroy("lake", 2)
        left = files(path)
        assert not [part for part in gone if part in left]
        assert all(part in left for part in kept)
        with pytest.raises(VersionDestroyed):
            registry.get("lake@2")


def test_a_reader_in_the_way_is_told_of_and_repeating_cleans_up(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"water" * 100)
        parts = sealed_parts(path, "lake")
        registry._access.store._connection().execute("PRAGMA busy_timeout = 0")  # type: ignore[attr-defined]
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM versions").fetchall()
            with pytest.raises(StoreUnavailable, match="repeat it"):
                registry.destroy("lake")
            assert registry.head("lake").state is DocumentState.DESTROYED
        registry.destroy("lake")
        left = files(path)
        assert not [part for part in parts if part in left]


def test_no_payload_is_ever_in_a_file(url: str, path: Path, canary: Callable[[str], str]) -> None:
    """Neither before nor after it is replaced, deleted or destroyed; the canaries' plugin searches too."""
    secrets = [canary(f"v{number}") for number in range(4)]
    with open_registry(url) as registry:
        for secret in secrets:
            saver(registry)("lake", secret.encode(), overwrite=True)
            assert registry.get("lake").payload == secret.encode()
        registry.destroy("lake", 2)
        registry.delete("lake")
        content = files(path)
    assert not [secret for secret in secrets if secret.encode() in content]
