"""Records that carry a right MAC and are still not to be believed: written by a newer version, or by a faulty one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from strongroom_registry import DocumentState, open_registry
from strongroom_registry.envelope import Sealed, opener, seal
from strongroom_registry.errors import HeadTampered, IntegrityError, RollbackDetected, VersionTampered
from strongroom_registry.heads import HEAD_PURPOSE, VERSION_PURPOSE, VersionRecord

from .conftest import saver


@pytest.fixture(autouse=True)
def _filled(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        saver(registry)("lake", b"lake one")
        saver(registry)("sea", b"sea one")


def resign(url: str, path: Path, table: str, purpose: bytes) -> None:
    """Append a byte to each record of ``lake`` and give it the MAC that its new bytes need."""
    with open_registry(url) as registry:
        key = registry._access.authority.keyring.current
    where = "document = (SELECT document FROM heads WHERE name = 'lake')"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (record,) = connection.execute(f"SELECT record FROM {table} WHERE {where}").fetchone()
        odd = record + b"\0"
        connection.execute(f"UPDATE {table} SET record = ?, mac = ? WHERE {where}", (odd, key.mac(purpose, odd)))


@pytest.mark.parametrize(
    ("table", "purpose", "error"),
    [("heads", HEAD_PURPOSE, HeadTampered), ("versions", VERSION_PURPOSE, VersionTampered)],
)
def test_a_record_that_cannot_be_read_is_refused_and_hurts_no_other(
    url: str, path: Path, table: str, purpose: bytes, error: type[IntegrityError]
) -> None:
    resign(url, path, table, purpose)
    with open_registry(url) as registry:
        with pytest.raises(error, match="this version does not know"):
            registry.get("lake")
        assert [type(problem.error) for problem in registry.verify().problems] == [error]
        assert {head.name: head.state for head in registry.list()} == {
            "lake": DocumentState.QUARANTINED,
            "sea": DocumentState.LIVE,
        }
        assert registry.get("sea").payload == b"sea one"


def test_a_body_sealed_anew_under_the_same_key_is_not_the_one_that_was_saved(url: str, path: Path) -> None:
    with open_registry(url) as registry:
        authority = registry._access.authority
        key = authority.keyring.current
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            row = connection.execute(
                "SELECT v.document, v.record FROM versions v JOIN heads h USING (document) WHERE h.name = 'lake'"
            ).fetchone()
            binding = authority.binding(VersionRecord.decode(row[1]))
            forged = seal(key, binding, b"lake two")
            assert opener(key, binding, Sealed(*forged)).open(forged.body) == b"lake two"
            connection.execute("UPDATE versions SET wrap = ?, body = ? WHERE document = ?", (*forged, row[0]))
    with open_registry(url) as registry:
        with pytest.raises(RollbackDetected, match="lake@1"):
            registry.get("lake")
        assert [type(problem.error) for problem in registry.verify().problems] == [RollbackDetected]
