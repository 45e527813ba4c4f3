"""Registries that the product writes for the second reader to read, and what both make of them."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom_registry import open_registry, rotation
from strongroom_registry.errors import StrongroomError
from vectors import reader


def new_key(path: Path) -> Path:
    """A new key file."""
    path.touch(mode=0o600)
    path.write_text(f"strongroom-key-v1:{secrets.token_hex(32)}\n")
    return path


class Interrupted(Exception):
    """What ends a rotation before its time."""


def interrupt(registry: Any, after: int = 3, batch: int = 5) -> None:
    """Begin to rotate, in small steps, and leave off after a few of them."""
    left = iter(range(after))

    def progress(_: Any) -> None:
        if next(left, None) is None:
            raise Interrupted

    usual, rotation.BATCH = rotation.BATCH, batch
    try:
        registry.rotate("workspace", progress=progress)
    except Interrupted:
        return
    finally:
        rotation.BATCH = usual
    raise AssertionError("the rotation came to its end")


class Written:
    """A registry that the product wrote, closed, and what the product says of it."""

    def __init__(self, folder: Path, kind: str = "plain") -> None:
        self.kind, self.path, self.key = kind, folder / "registry.db", new_key(folder / "registry.key")
        with self.product() as registry:
            fill(registry)
            if kind == "rotated":
                registry.rotate("workspace")
                registry.rotate("data")
            if kind == "interrupted":
                interrupt(registry)
            loads(registry)

    def product(self, path: Path | None = None) -> Any:
        """Open it with the product."""
        return open_registry(f"sqlite:///{path or self.path}", key=f"file:{self.key}", actor="alice@here")

    def second(self, path: Path | None = None) -> reader.Registry:
        """Open it with the reader."""
        return reader.Registry(path or self.path, reader.read_key_file(self.key))

    def copy(self, path: Path) -> Path:
        """A copy to change."""
        return copied(self.path, path)


def fill(registry: Any) -> None:
    """Documents of every kind: one of many versions, large, deleted, brought back, destroyed."""

    def put(name: str, value: object, public: bytes = b"", **more: Any) -> None:
        payload = json.dumps({"value": value}, ensure_ascii=False, separators=(",", ":")).encode()
        registry.put(name, type="secret", schema="1:abcdef", payload=payload, public=public, **more)

    for number in range(24):
        put(f"many-{number}", number, message=f"number {number}")
    put("lake", "first", b'{"region":"eu"}', message="first é")
    put("lake", "second", b'{"region":"us"}', overwrite=True, labels=["stable"])
    put("lake", "third €", overwrite=True)
    registry.label("lake", "old", 1)
    registry.unlabel("lake", "old")
    registry.label("lake", "oldest", 1)
    put("large", "x" * 100_000)
    put("gone", 1)
    registry.delete("gone", message="not needed")
    put("again", 1, labels=["one"])
    registry.delete("again")
    put("again", 2, labels=["two"])
    put("back", 1)
    registry.delete("back")
    registry.undelete("back")
    put("partly", 1, b"{}")
    put("partly", 2, overwrite=True)
    put("partly", 3, overwrite=True)
    registry.destroy("partly", 1)
    put("ashes", 1, labels=["last"])
    put("ashes", 2, overwrite=True)
    registry.destroy("ashes")


def loads(registry: Any) -> None:
    """Loads and refusals, for the audit."""
    for reference in ("lake", "lake", "lake", "lake@stable", "lake@1", "nothing", "gone", "lake@7", "lake@none"):
        outcome(lambda reference=reference: registry.get(reference))


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or the name of the error that the product or the reader refuses with."""
    try:
        return call()
    except reader.Refused as refused:
        return refused.error
    except StrongroomError as error:
        return type(error).__name__


def split(reference: str) -> tuple[str, int | str | None]:
    """The name and the version of a reference, as the reader takes them."""
    name, _, version = reference.partition("@")
    return name, int(version) if version.isdigit() else version or None


def microseconds(moment: datetime) -> int:
    """An instant as the format counts it."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**6 + since.microseconds


def copied(path: Path, target: Path) -> Path:
    """A copy of a registry that is closed, so that its log is empty."""
    shutil.copy(path, target)
    return target


def change(path: Path, *statements: str, old: Path | None = None) -> Path:
    """Change a registry with SQL, behind the product's back; ``old`` is another one, by the name ``old``."""
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        if old:
            rows.execute("ATTACH ? AS old", (str(old),))
        for statement in statements:
            rows.execute(statement)
    return path
