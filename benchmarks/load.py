"""Loading a block by name: against the same thing written out by hand, and against itself in larger registries."""

from __future__ import annotations

import gc
import json
import os
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, SecretStr
from strongroom import Block
from strongroom_registry import Registry, open_registry, using

from benchmarks.table import Row

Load = Callable[[], object]


class Crm(Block):
    """Where the CRM answers and how to log in."""

    base_url: str
    token: SecretStr
    page_size: int = 100


class CrmByHand(BaseModel):
    """The same document, for the hand-written peer."""

    base_url: str
    token: SecretStr
    page_size: int = 100


VALUES = {"base_url": "https://crm.example.com", "token": secrets.token_hex(20), "page_size": 100}


def run(quick: bool) -> list[Row]:
    """Warm, cold, and in registries of growing size."""
    with tempfile.TemporaryDirectory() as folder, _environment(Path(folder)):
        return [*_warm(Path(folder), quick), _cold(Path(folder), quick), *_flat(Path(folder), quick)]


def _warm(folder: Path, quick: bool) -> Iterator[Row]:
    by_hand = _ByHand(folder / "floor.db")
    with open_registry(f"sqlite:///{folder / 'warm.db'}") as registry, using(registry):
        Crm(**VALUES).save("prod-crm")  # type: ignore[arg-type]
        loads: list[Load] = [
            lambda: Block.load("prod-crm"),
            lambda: registry.get("prod-crm"),
            by_hand.load,
            lambda: by_hand.open(by_hand.select()),
        ]
        block, document, hand, opened = _microseconds(loads, rounds=100 if quick else 600)
    note = "one prepared SELECT, AES-GCM open of wrap and payload, pydantic validation"
    yield Row("Block.load, warm", block, hand, "us", 4, f"peer: by hand, {note}")
    yield Row("Registry.get, warm", document, opened, "us", 4, "peer: by hand, without the validation")


def _cold(folder: Path, quick: bool) -> Row:
    """Whole processes, from start to end, in turn."""
    with open_registry() as registry, using(registry):
        Crm(**VALUES).save("prod-crm")  # type: ignore[arg-type]
    _ByHand(folder / "cold.db").keep_key(folder / "cold.key")
    scripts = [[_COLD_OURS], [_COLD_BY_HAND, str(folder / "cold.db"), str(folder / "cold.key")]]
    times: list[list[float]] = [[], []]
    for _ in range(6 if quick else 25):
        for script, taken in zip(scripts, times, strict=True):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", *script], check=True, stdout=subprocess.DEVNULL)
            taken.append((time.perf_counter() - begun) * 1e3)
    ours, by_hand = (statistics.median(taken[1:]) for taken in times)
    note = "peer: a process that imports pydantic, pydantic-settings, cryptography and sqlite3 and does it by hand"
    return Row("a process that loads one block", ours, by_hand, "ms", 1.5, note)


def _flat(folder: Path, quick: bool) -> Iterator[Row]:
    sizes = [100, 1_000] if quick else [100, 1_000, 10_000, 100_000]
    with ExitStack() as stack:
        registries = [stack.enter_context(_filled(folder / f"{size}.db", size)) for size in sizes]
        first, *others = _microseconds([_sampled(registry) for registry in registries], rounds=100 if quick else 600)
        for size, taken in zip(sizes[1:], others, strict=True):
            yield Row(
                f"warm get among {size:,} documents",
                taken,
                first,
                "us",
                1.25,
                f"ten of them in turn; peer: among {sizes[0]}",
            )
        first, *others = _after_changes(registries, rounds=100 if quick else 400)
        for size, taken in zip(sizes[1:], others, strict=True):
            note = f"another document changes before each load; peer: among {sizes[0]}"
            yield Row(f"get after a change among {size:,}", taken, first, "us", 1.5, note)
        yield from _listing(registries, sizes, rounds=5 if quick else 9)
    yield from _flat_versions(folder, quick)


def _listing(registries: list[Registry], sizes: list[int], *, rounds: int) -> Iterator[Row]:
    """What each document of a listing costs, everything about it verified."""
    first, *others = (_each(registry.list, size, rounds) for registry, size in zip(registries, sizes, strict=True))
    for size, taken in zip(sizes[1:], others, strict=True):
        yield Row(f"list of {size:,}, a document", taken, first, "us", 2, f"peer: a document of {sizes[0]}")
    by_hand = _each(lambda: _listed_by_hand(registries[-1]), sizes[-1], rounds)
    note = "peer: SELECT of the same rows and json.loads of the public fields, nothing verified"
    yield Row(f"list of {sizes[-1]:,}, beside by hand", others[-1], by_hand, "us", None, note)


def _each(list_all: Callable[[], Sequence[object]], size: int, rounds: int) -> float:
    """The median time in microseconds for one of the documents of a listing."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        assert len(list_all()) == size
        times.append((time.perf_counter() - begun) / size * 1e6)
    return statistics.median(times)


def _listed_by_hand(registry: Registry) -> list[object]:
    query = (
        "SELECT h.name, h.record, h.mac, v.record, v.mac, v.note, v.public FROM heads h JOIN versions v "
        "ON v.document = h.document AND v.number = (SELECT max(number) FROM versions WHERE document = h.document)"
    )
    rows = registry._access.store._connection().execute(query)  # type: ignore[attr-defined]
    return [(*columns, json.loads(public)) for *columns, public in rows]


def _flat_versions(folder: Path, quick: bool) -> Iterator[Row]:
    counts = [10, 100] if quick else [10, 100, 1_000]
    with _filled(folder / "versions.db", 0) as registry:
        for count in [1, *counts]:
            for number in range(count):
                _put(registry, f"with-{count}", b"payload %d" % number)
        loads: list[Load] = [_getter(registry, f"with-{count}") for count in [1, *counts]]
        first, *others = _microseconds(loads, rounds=100 if quick else 600)
    for count, taken in zip(counts, others, strict=True):
        yield Row(f"warm get of {count:,} versions", taken, first, "us", 1.25, "peer: of one version")


def _microseconds(loads: list[Load], *, rounds: int, calls: int = 20) -> list[float]:
    """The median time of a call of each: short batches in turn, so that a busy machine is busy for all or for none."""
    times: list[list[float]] = [[] for _ in loads]
    for load in loads:
        load()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for load, taken in zip(loads, times, strict=True):
                begun = time.perf_counter()
                for _ in range(calls):
                    load()
                taken.append((time.perf_counter() - begun) / calls * 1e6)
    finally:
        gc.enable()
    return [statistics.median(taken) for taken in times]


class _ByHand:
    """What somebody would write who knows what he needs and nothing more."""

    def __init__(self, path: Path) -> None:
        self._key = secrets.token_bytes(32)
        data_key, wrap_nonce, nonce = (secrets.token_bytes(size) for size in (32, 12, 12))
        payload = json.dumps(VALUES).encode()
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE blocks (name TEXT PRIMARY KEY, wrap BLOB, body BLOB)")
        row = (
            "prod-crm",
            wrap_nonce + AESGCM(self._key).encrypt(wrap_nonce, data_key, b"wrap"),
            nonce + AESGCM(data_key).encrypt(nonce, payload, b"body"),
        )
        self._connection.execute("INSERT INTO blocks VALUES (?, ?, ?)", row)
        self._wrapping = AESGCM(self._key)

    def select(self) -> tuple[bytes, bytes]:
        query = "SELECT wrap, body FROM blocks WHERE name = ?"
        row: tuple[bytes, bytes] = self._connection.execute(query, ("prod-crm",)).fetchone()
        return row

    def open(self, row: tuple[bytes, bytes]) -> bytes:
        wrap, body = row
        data_key = self._wrapping.decrypt(wrap[:12], wrap[12:], b"wrap")
        return AESGCM(data_key).decrypt(body[:12], body[12:], b"body")

    def load(self) -> CrmByHand:
        return CrmByHand.model_validate_json(self.open(self.select()))

    def keep_key(self, path: Path) -> None:
        path.write_bytes(self._key)
        self._connection.close()


_COLD_OURS = """
from pydantic import SecretStr
from strongroom import Block
class Crm(Block):
    base_url: str
    token: SecretStr
    page_size: int = 100
Crm.load("prod-crm")
"""

_COLD_BY_HAND = """
import sqlite3, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    demo_store: str = sys.argv[1]
    demo_key: str = sys.argv[2]
class Crm(BaseModel):
    base_url: str
    token: SecretStr
    page_size: int = 100
settings = Settings()
wrapping = AESGCM(open(settings.demo_key, "rb").read())
connection = sqlite3.connect(settings.demo_store)
wrap, body = connection.execute("SELECT wrap, body FROM blocks WHERE name = 'prod-crm'").fetchone()
data_key = wrapping.decrypt(wrap[:12], wrap[12:], b"wrap")
Crm.model_validate_json(AESGCM(data_key).decrypt(body[:12], body[12:], b"body"))
"""


@contextmanager
def _filled(path: Path, documents: int) -> Iterator[Registry]:
    """A registry with so many documents, filled without waiting for the disk."""
    with open_registry(f"sqlite:///{path}") as registry:
        connection = registry._access.store._connection()  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous = OFF")
        for number in range(documents):
            _put(registry, f"document-{number}", b"payload %d" % number)
        connection.execute("PRAGMA synchronous = FULL")
        yield registry


def _put(registry: Registry, name: str, payload: bytes) -> None:
    registry.put(name, type="crm", schema="s" * 64, payload=payload, public=b"{}", overwrite=True)


def _getter(registry: Registry, name: str) -> Load:
    return lambda: registry.get(name)


def _sampled(registry: Registry) -> Load:
    """Loads a different document at each call, of ten all over the registry."""
    names = [head.name for head in registry.list()]
    names = names[:: len(names) // 10][:10]
    for name in names:
        registry.get(name)
    turn = iter(range(10**9))
    return lambda: registry.get(names[next(turn) % len(names)])


def _after_changes(registries: list[Registry], *, rounds: int) -> list[float]:
    """The median time to load what is warm when another document was changed since, the change not counted."""
    times: list[list[float]] = [[] for _ in registries]
    for registry in registries:
        registry._access.store._connection().execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]
        registry.get("document-7")
    for turn in range(rounds):
        for registry, taken in zip(registries, times, strict=True):
            _put(registry, f"document-{10 + turn % 50}", b"changed")
            begun = time.perf_counter()
            registry.get("document-7")
            taken.append((time.perf_counter() - begun) * 1e6)
    return [statistics.median(taken) for taken in times]


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """A home of its own; and bytecode is cached, as it is for users."""
    wanted = {"STRONGROOM_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "config")}
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("STRONGROOM_") or name == "PYTHONDONTWRITEBYTECODE"]:
        del os.environ[name]
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
