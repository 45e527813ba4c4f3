"""Registries to test with: in a file, in memory, in PostgreSQL, and ``registry`` for what has to hold for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom_registry import Registry, Version, open_registry


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
