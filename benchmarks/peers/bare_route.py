"""What somebody would write by hand: a route of Starlette that does one SELECT and one decrypt, and one that lists.

``python bare_route.py h11|httptools DATABASE PORT [audited]``: DATABASE is a file of SQLite or a URL of PostgreSQL,
which is filled first. No token, no policy, no versions; and no audit, but with ``audited``, where a row that names what
was revealed is committed before the answer.
"""

from __future__ import annotations

import secrets
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = AESGCM(secrets.token_bytes(32))
TABLE = "CREATE TABLE IF NOT EXISTS secrets_by_hand (name TEXT PRIMARY KEY, nonce {bytes}, body {bytes})"
AUDIT = "CREATE TABLE IF NOT EXISTS audit_by_hand (at TEXT DEFAULT CURRENT_TIMESTAMP, name TEXT)"


class Sqlite:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(TABLE.format(bytes="BLOB"))
        self._connection.execute(AUDIT)

    def fill(self, rows: list[tuple[str, bytes, bytes]]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO secrets_by_hand VALUES (?, ?, ?)", rows)

    async def one(self, name: str) -> Any:
        return self._connection.execute("SELECT nonce, body FROM secrets_by_hand WHERE name = ?", (name,)).fetchone()

    async def record(self, name: str) -> None:
        self._connection.execute("INSERT INTO audit_by_hand (name) VALUES (?)", (name,))

    async def names(self) -> list[str]:
        rows = self._connection.execute("SELECT name FROM secrets_by_hand ORDER BY name LIMIT 100")
        return [row[0] for row in rows]


class Postgres:
    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg_pool import AsyncConnectionPool

        self._url = url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE.format(bytes="BYTEA"))
            connection.execute(AUDIT)
            connection.execute("DELETE FROM secrets_by_hand")
        self.pool = AsyncConnectionPool(url, min_size=4, max_size=8, open=False, kwargs={"autocommit": True})

    def fill(self, rows: list[tuple[str, bytes, bytes]]) -> None:
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO secrets_by_hand VALUES (%s, %s, %s)", rows)

    async def one(self, name: str) -> Any:
        async with self.pool.connection() as connection:
            cursor = await connection.execute("SELECT nonce, body FROM secrets_by_hand WHERE name = %s", (name,))
            return await cursor.fetchone()

    async def record(self, name: str) -> None:
        async with self.pool.connection() as connection:
            await connection.execute("INSERT INTO audit_by_hand (name) VALUES (%s)", (name,))

    async def names(self) -> list[str]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute("SELECT name FROM secrets_by_hand ORDER BY name LIMIT 100")
            return [row[0] for row in await cursor.fetchall()]


def main(http: str, place: str, port: str, audited: str = "") -> None:
    database = Postgres(place) if place.startswith("postgresql://") else Sqlite(place)
    nonces = [secrets.token_bytes(12) for _ in range(100)]
    payload = b'{"value": "%s"}' % secrets.token_hex(20).encode()
    rows = [(f"doc-{n:03}", nonce, KEY.encrypt(nonce, payload, b"body")) for n, nonce in enumerate(nonces)]
    database.fill(rows)

    async def reveal(request: Request) -> Response:
        nonce, body = await database.one(request.path_params["name"])
        if audited:
            await database.record(request.path_params["name"])
        return Response(KEY.decrypt(bytes(nonce), bytes(body), b"body"), media_type="application/json")

    async def names(_request: Request) -> JSONResponse:
        return JSONResponse(await database.names())

    @asynccontextmanager
    async def opened(_app: Starlette) -> AsyncIterator[None]:
        if isinstance(database, Postgres):
            await database.pool.open()
        yield

    app = Starlette(routes=[Route("/secrets/{name}", reveal), Route("/secrets", names)], lifespan=opened)
    loop = "uvloop" if http == "httptools" else "asyncio"
    uvicorn.run(app, host="127.0.0.1", port=int(port), http=http, loop=loop, access_log=False, log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
