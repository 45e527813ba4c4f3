"""Registries to test with: in a file, in memory, in PostgreSQL, and ``registry`` for what has to hold for all."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom_registry import Registry, Version, open_registry
from strongroom_registry.backup import BackupSummary, back_up
from strongroom_registry.stores import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of a registry is made."""
    return tmp_path / "data" / "registry.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def registry(request: pytest.FixtureRequest, url: str) -> Iterator[Registry]:
    """A new registry, in a file, in memory and in PostgreSQL."""
    places = {"sqlite": lambda: url, "memory": lambda: "memory:"}
    place = places.get(request.param, lambda: request.getfixturevalue("postgres").url)()
    with open_registry(place, actor="alice") as opened:
        yield opened


Save = Callable[..., Version]


@pytest.fixture
def save(registry: Registry) -> Save:
    """Save a document with as little said as possible: ``save("lake", b"payload")``."""
    return saver(registry)


def saver(registry: Registry) -> Save:
    def save(name: str, payload: bytes = b"payload", **options: object) -> Version:
        return registry.put(name, **{"type": "lake", "schema": "s1", "payload": payload, **options})  # type: ignore[arg-type]

    return save


@pytest.fixture
def filled(url: str) -> str:
    """A registry in which everything happened that leaves something behind."""
    with open_registry(url, actor="alice") as registry:
        save = saver(registry)
        for name in ("lake", "river", "sea", "pond", "well"):
            save(name, f"{name} water".encode(), public=f'{{"name":"{name}"}}'.encode())
        save("lake", b"more", overwrite=True, labels=["stable"], references=["river", "sea@1"])
        save("lake", b"most", overwrite=True)
        save("large", secrets.token_bytes(300_000))
        registry.destroy("sea", 1)
        registry.destroy("pond")
        registry.delete("well", message="dry")
        registry.get("lake@stable")
    return url


def backed_up(url: str, file: Path) -> BackupSummary:
    store = open_store(url, create=False)
    try:
        return back_up(store, file, made_by="0.0")
    finally:
        store.close()


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables of a file."""
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
    database.close()
    return rows


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
