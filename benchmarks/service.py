"""The service: secrets revealed and listed a second, beside a route written by hand and beside Prefect's server.

Ours asks a token, a policy, the protections and the registry, verifies what it reads, and has each answer in the audit
on disk before it is sent; a hundred documents are asked for in turn. The route by hand does one SELECT and one decrypt,
and nothing else; or it commits one row besides that says what was revealed. One process each.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.served import Server, by_hand, ours, prefects
from benchmarks.table import Row
from benchmarks.wrk import Load, load

CONNECTIONS = (1, 8, 64)
WORKS = ("reveal", "list")
_PEERS = (
    ("httptools", False, "on the same server software"),
    ("httptools", True, "that commits a row of audit"),
    ("h11", False, "on h11"),
)

_Loads = dict[tuple[str, int], Load]


def run(quick: bool) -> list[Row]:
    """Over SQLite and over PostgreSQL, at 1, 8 and 64 connections."""
    seconds = 3 if quick else 10
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, _databases(Path(folder)) as databases:
        with prefects() as server:
            prefect = _loads(server, seconds)
        for name, (registry, database) in databases.items():
            with ours(Path(folder) / name, registry) as server:
                own = _loads(server, seconds)
            for http, audited, what in _PEERS:
                with by_hand(Path(folder), database, http, audited=audited) as server:
                    bare = _loads(server, seconds)
                rows += _rows(f"{name}, beside a bare route {what}", own, bare, None if http == "h11" else 2.0)
            if name == "SQLite":
                rows += _rows("SQLite, beside Prefect's server", own, prefect, 1.0)
    return rows


def _loads(server: Server, seconds: float) -> _Loads:
    asked = {"reveal": server.reveal, "list": server.list}
    for request in asked.values():
        load(request, connections=8, seconds=1)
    found = {}
    for work, request in asked.items():
        for connections in CONNECTIONS:
            found[work, connections] = load(request, connections=connections, seconds=seconds)
            print(f"{request.url.partition('?')[0]} {connections}: {found[work, connections]}", file=sys.stderr)
    return found


def _rows(beside: str, own: _Loads, peer: _Loads, target: float | None) -> Iterator[Row]:
    """What an answer takes, as a whole: a second divided by how many come in it."""
    for (work, connections), mine in own.items():
        other = peer[work, connections]
        note = (
            f"{mine.per_second:,.0f} a second, p99 {mine.p99:.3g} ms; peer {other.per_second:,.0f}, {other.p99:.3g} ms"
        )
        held = target if work == "reveal" or target == 1.0 else None
        name = f"{work}, {connections} connection{'s' if connections > 1 else ''}: {beside}"
        yield Row(name, 1e6 / mine.per_second, 1e6 / other.per_second, "us", held, note)


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """Registries to be made, and databases for the peer, by what they lie in; PostgreSQL where there is one."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from servers.postgres_server import PostgresServer, binaries

    found = {"SQLite": (f"sqlite:///{folder / 'registry.db'}", f"sqlite:///{folder / 'by-hand.db'}")}
    if binaries() is None:
        yield found
        return
    server = PostgresServer()
    try:
        server.initialise()
        server.start()
        import psycopg

        place = (
            f"postgresql://{server.address.user}:{server.address.password}@{server.address.host}:{server.address.port}"
        )
        with psycopg.connect(f"{place}/postgres", autocommit=True) as connection:
            for name in ("registry", "by_hand"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        found["PostgreSQL"] = (f"{place}/registry", f"{place}/by_hand")
        yield found
    finally:
        server.close()
