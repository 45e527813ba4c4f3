"""Registries of 10^2 to 10^6 documents in SQLite, and to 10^5 in PostgreSQL: what stays as it is however many there
are, and what each document adds to where all are gone through."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from strongroom_registry import Registry, open_registry

from benchmarks.filling import fill
from benchmarks.table import Row

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]
IN_POSTGRES = 4
"""How many of the sizes are made in PostgreSQL too: a million documents take it longer than all the rest."""


def run(quick: bool) -> list[Row]:
    """Each store in turn; a size is measured beside the smallest one, in short batches."""
    sizes = SIZES[:3] if quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        key = f"file:{Path(folder) / 'benchmark.key'}"
        rows = list(_of("SQLite", _files(Path(folder), key), sizes))
        with _server() as database:
            if database is not None:
                rows += _of("PostgreSQL", lambda size: open_registry(database(size), key=key), sizes[:IN_POSTGRES])
    return rows


def _files(folder: Path, key: str) -> Callable[[int], Registry]:
    return lambda size: open_registry(f"sqlite:///{folder / f'{size}.db'}", key=key)


@contextmanager
def _server() -> Iterator[Callable[[int], str] | None]:
    """A server of our own, durable as it comes; None where there is none."""
    from servers.postgres_server import PostgresServer, binaries

    if binaries() is None:
        yield None
        return
    server = PostgresServer()
    try:
        server.initialise()
        server.start()
        address = server.address

        def database(size: int) -> str:
            import psycopg

            place = f"postgresql://{address.user}:{address.password}@{address.host}:{address.port}"
            with psycopg.connect(f"{place}/postgres", autocommit=True) as connection:
                connection.execute(f"create database of_{size}".encode())
            return f"{place}/of_{size}"

        yield database
    finally:
        server.close()


def _of(store: str, make: Callable[[int], Registry], sizes: list[int]) -> Iterator[Row]:
    with ExitStack() as stack:
        registries = []
        for size in sizes:
            begun = time.perf_counter()
            registries.append(stack.enter_context(make(size)))
            fill(registries[-1], size)
            print(f"{store}: {size:,} documents made in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        for what, work, target in (("load, warm", _load, 1.25), ("load, cold", _load_cold, 2.0), ("save", _save, 2.0)):
            first, *others = _in_turn([work(registry) for registry in registries])
            for size, taken in zip(sizes[1:], others, strict=True):
                yield Row(f"{store}: {what}, among {size:,}", taken, first, "us", target, f"peer: among {sizes[0]}")
        for what, work in (("list", _list), ("search", _search)):
            times = [_each(work(registry), size) for registry, size in zip(registries, sizes, strict=True)]
            for size, taken in zip(sizes[1:], times[1:], strict=True):
                note = f"for each document there is; peer: of {sizes[0]}"
                yield Row(f"{store}: {what} of {size:,}", taken, times[0], "us", 2, note)


def _load(registry: Registry) -> Callable[[], object]:
    return lambda: registry.get("document-7")


def _load_cold(registry: Registry) -> Callable[[], object]:
    """A document that this process has not loaded before, or long ago."""

    def load() -> object:
        registry._warm = {}
        return registry.get("document-11")

    return load


def _save(registry: Registry) -> Callable[[], object]:
    return lambda: registry.put("document-13", type="crm", schema="schema", payload=os.urandom(20), overwrite=True)


def _list(registry: Registry) -> Callable[[], object]:
    return registry.list


def _search(registry: Registry) -> Callable[[], object]:
    return lambda: registry.search("crm-99.example.com")


def _in_turn(work: list[Callable[[], object]], rounds: int = 60, calls: int = 10) -> list[float]:
    """The median time of a call in microseconds, each in short batches and in turn."""
    times: list[list[float]] = [[] for _ in work]
    for one in work:
        one()
    for _ in range(rounds):
        for one, taken in zip(work, times, strict=True):
            begun = time.perf_counter()
            for _ in range(calls):
                one()
            taken.append((time.perf_counter() - begun) / calls * 1e6)
    return [statistics.median(taken) for taken in times]


def _each(work: Callable[[], object], size: int) -> float:
    """The time in microseconds for each document there is."""
    times = []
    for _ in range(3 if size <= 100_000 else 1):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) / size * 1e6)
    return min(times)
