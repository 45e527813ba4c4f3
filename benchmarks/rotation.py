"""Rotating the workspace's key: against a bare loop that does the same to the same bytes and checks nothing, against
what rotating Fernet tokens takes, and in memory that does not grow."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from strongroom_registry import Registry, open_registry
from strongroom_registry.envelope import rewrap
from strongroom_registry.keyring import WorkspaceKey
from strongroom_registry.rotation import BATCH

from benchmarks.filling import fill
from benchmarks.table import Row

_MEMORY = """
import resource, sys
from strongroom_registry import open_registry
with open_registry(sys.argv[1], key=sys.argv[2]) as registry:
    registry.get("document-1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    registry.rotate("workspace")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


class CountingKey:
    """A provider of one key that counts how often it is asked."""

    def __init__(self, uri: str) -> None:
        from strongroom_registry.keys import resolve

        self._provider = resolve(uri)
        self.uri = self._provider.uri
        self.calls = 0

    def fingerprint_for(self, wrapped: bytes) -> str:
        return self._provider.fingerprint_for(wrapped)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        self.calls += 1
        return self._provider.wrap(key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        self.calls += 1
        return self._provider.unwrap(wrapped, context)


def run(quick: bool) -> list[Row]:
    """Registries of growing size, each rotated, beside the peers on the same rows."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in [1_000] if quick else [10_000, 100_000]:
            rows += _rotated(Path(folder), size, rounds=3)
        rows.append(_memory(Path(folder), [1_000, 4_000] if quick else [10_000, 100_000]))
    return rows


def _rotated(folder: Path, size: int, *, rounds: int) -> list[Row]:
    url, key = f"sqlite:///{folder / f'{size}.db'}", f"file:{folder / 'benchmark.key'}"
    with open_registry(url, key=key) as registry:
        fill(registry, size)
        counting = CountingKey(key)
        registry._access.authority.keyring.use(counting)
        ours, bare, fernet = [], [], []
        for _ in range(rounds):
            ours.append(_seconds(lambda: registry.rotate("workspace")))
            bare.append(_bare(registry, folder / "bare.db"))
            fernet.append(_fernet(folder / "fernet.db", size))
    note = "unwraps and wraps each data key, and writes record, MAC and wrap by executemany; checks and signs nothing"
    tokens = "peer: MultiFernet.rotate and executemany, the heart of Airflow's rotate-fernet-key without its ORM"
    return [
        Row(f"rotate the key of {size:,} documents", min(ours), min(bare), "s", 3, f"peer: a bare loop that {note}"),
        Row(f"rotate {size:,}, beside Fernet tokens", min(ours), min(fernet), "s", None, tokens),
        Row(f"calls of the key provider, {size:,}", counting.calls / rounds, None, "calls", 2, "for one rotation"),
    ]


def _seconds(work: object) -> float:
    assert callable(work)
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare(registry: Registry, path: Path) -> float:
    """What is left when nothing is checked: the same cryptography over the same rows, and one UPDATE each."""
    with registry._access.viewing() as (authority, view, _):
        old = authority.keyring.current
        rows = view.versions_before(authority.workspace_id, 2**32, after=("", 0), limit=10_000_000)
        records = [
            authority.believed_version(authority.authentic_head(row.name, row), outline).record for row, outline in rows
        ]
    new = WorkspaceKey(old.epoch + 1, os.urandom(32))
    connection = _table(path, "document BLOB, number INTEGER, record BLOB, mac BLOB, wrap BLOB, rest BLOB")
    rest = bytes(450)
    columns = [(row.document, line.number, line.record, line.mac, line.wrap, rest) for row, line in rows]
    connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", columns)
    connection.execute("CREATE UNIQUE INDEX by_key ON rows (document, number)")
    connection.execute("COMMIT")
    begun = time.perf_counter()
    for start in range(0, len(columns), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        part = zip(columns[start : start + BATCH], records[start : start + BATCH], strict=True)
        changed = [
            (record, mac, rewrap(old, new, authority.binding(of), wrap or b""), document, number)
            for (document, number, record, mac, wrap, _), of in part
        ]
        connection.executemany(_UPDATE, changed)
        connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken


_UPDATE = "UPDATE rows SET record = ?, mac = ?, wrap = ? WHERE document = ? AND number = ?"


def _fernet(path: Path, size: int) -> float:
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    both = MultiFernet([new, old])
    connection = _table(path, "id INTEGER PRIMARY KEY, password TEXT")
    tokens = [(number, old.encrypt(b"payload %d" % number).decode()) for number in range(size)]
    connection.executemany("INSERT INTO rows VALUES (?, ?)", tokens)
    connection.execute("COMMIT")
    begun = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    rotated = [(both.rotate(token.encode()).decode(), number) for number, token in tokens]
    connection.executemany("UPDATE rows SET password = ? WHERE id = ?", rotated)
    connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken


def _table(path: Path, columns: str) -> sqlite3.Connection:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"CREATE TABLE rows ({columns})")
    connection.execute("BEGIN")
    return connection


def _memory(folder: Path, sizes: list[int]) -> Row:
    """What a rotation adds to the memory of a process of its own, that has read the registry before."""
    added = []
    for size in sizes:
        url, key = f"sqlite:///{folder / f'memory-{size}.db'}", f"file:{folder / 'benchmark.key'}"
        with open_registry(url, key=key) as registry:
            fill(registry, size)
        command = [sys.executable, "-c", _MEMORY, url, key]
        added.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    note = f"of a rotation of {sizes[-1]:,} documents; one of {sizes[0]:,} adds {added[0]:.1f} MiB"
    return Row("memory added", added[-1], None, "MiB", 32, note)
