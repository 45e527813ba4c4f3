"""A fake Snowflake: fakesnow's server, and before it what that lacks. Runs in an environment of its own.

    python shim.py USERS    # prints its port, and ends when nobody has a lock on the file USERS any more

Answers have the shapes that Snowflake's own connectors read. fakesnow translates the SQL and runs it in DuckDB; here
are logins that are checked (:mod:`logins`), sessions that end, queries that go on for long, are found again
by their id and can be cancelled, several statements in one request, roles and warehouses, query tags, unloading, and
faults that a test asks for. ``/shim/…`` is how tests speak with it.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import json
import os
import re
import secrets
import socket
import sys
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

import fakesnow.server as fake
import uvicorn
from logins import Refusal, User, Users
from sqlglot import exp, tokenize
from stages import get_files, remove_files, unload
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from users_sql import change_users

PATIENCE_SECONDS = 0.2
"""How long an answer is waited for before the client is told to ask again; 45 at Snowflake's."""

_WAIT = re.compile(r"system\$wait\(\s*(\d+)\s*\)", re.IGNORECASE)
_MEET = re.compile(r"system\$meet\(\s*'(\w+)'\s*,\s*(\d+)\s*\)", re.IGNORECASE)
_TAG = re.compile(r"alter\s+session\s+set\s+query_tag\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_USE = re.compile(r"use\s+(warehouse|role)\s+(\S+?);?\s*$", re.IGNORECASE)
_NOTHING_TO_DO = re.compile(r"alter\s+session\s+(?:un)?set\b|drop\s+stage\b", re.IGNORECASE)


@dataclass
class Session:
    """One login: what it is known by, and what it has become."""

    connection: Any
    user: User
    role: str
    warehouse: str
    number: int
    master: str
    tag: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Query:
    """A query that was asked, and its answer when there is one."""

    id: str
    user: str
    sql: str
    tag: str
    request_id: str
    session: int
    role: str
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    answer: dict[str, Any] = field(default_factory=dict)
    connection: Any = None
    is_alone: bool = False

    @property
    def status(self) -> str:
        if not self.done.is_set():
            return "RUNNING"
        return "SUCCESS" if self.answer.get("success") else "FAILED_WITH_ERROR"


class Shim:
    def __init__(self) -> None:
        self.users = Users()
        self.sessions: dict[str, Session] = {}
        self.masters: dict[str, str] = {}
        self.queries: dict[str, Query] = {}
        self.faults: list[dict[str, Any]] = []
        self.meetings: dict[str, asyncio.Event] = {}
        self.met: dict[str, int] = {}
        self.number = 0
        self.tasks: set[asyncio.Task[Any]] = set()

    # Logins and sessions.

    async def login(self, request: Request) -> Response:
        body = await _json(request)
        data, asked = body["data"], request.query_params
        if fault := self.fault("login", str(data.get("LOGIN_NAME") or ""), ""):
            return _fault(fault)
        try:
            user = self.users.let_in(data)
            role = (asked.get("roleName") or user.default_role).upper()
            if role not in user.roles:
                raise Refusal("390189", f"Role '{role}' specified in the connect string is not granted to this user.")
        except Refusal as refusal:
            return _refused(refusal.code, refusal.message)
        parameters = {**(data.get("SESSION_PARAMETERS") or {})}
        autocommit = str(parameters.get("AUTOCOMMIT", True)).lower() != "false"
        database, schema = asked.get("databaseName"), asked.get("schemaName")
        # Snowflake does not make what is not there.
        connection = fake.FakeSnowflakeConnection(
            fake.shared_fs.duck_conn.cursor(), fake.shared_fs.results_cache, database, schema,
            create_database=False, create_schema=False, autocommit=autocommit,
        )  # fmt: skip
        token, master = secrets.token_hex(16), secrets.token_hex(16)
        self.number += 1
        warehouse = (asked.get("warehouse") or "").upper()
        if user.warehouses is not None and warehouse not in user.warehouses:
            warehouse = ""
        session = Session(connection, user, role, warehouse, self.number, master)
        session.tag = str(parameters.get("QUERY_TAG", ""))
        self.sessions[token], self.masters[master], fake.sessions[token] = session, token, connection
        user.logins += 1
        return _ok(
            {
                "token": token,
                "masterToken": master,
                "validityInSeconds": 3600,
                "masterValidityInSeconds": 14400,
                "sessionId": self.number,
                "serverVersion": fake.SERVER_VERSION,
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": autocommit},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                ],
                "sessionInfo": {
                    "databaseName": connection.database if connection.database_set else None,
                    "schemaName": connection.schema if connection.schema_set else None,
                    "warehouseName": warehouse or None,
                    "roleName": role,
                },
            }
        )

    async def renew(self, request: Request) -> Response:
        await _json(request)
        token = self.masters.pop(_token(request), "")
        session = self.sessions.pop(token, None)
        if session is None or session.user.masters_expire:
            return _refused("390114", "Authentication token has expired. The user must authenticate again.")
        fresh, master = secrets.token_hex(16), secrets.token_hex(16)
        self.sessions[fresh], self.masters[master] = session, fresh
        fake.sessions[fresh] = fake.sessions.pop(token)
        return _ok(
            {"sessionToken": fresh, "masterToken": master, "validityInSecondsST": 3600, "validityInSecondsMT": 14400}
        )

    async def session(self, request: Request) -> Response:
        token = _token(request)
        if token not in self.sessions:
            return _refused("390104", "User must login again to access the service.")
        if request.query_params.get("delete"):
            self.end(token)
        return _ok(None)

    def end(self, token: str) -> None:
        session = self.sessions.pop(token, None)
        fake.sessions.pop(token, None)
        if session is not None:
            self.masters.pop(session.master, None)
            for query in self.queries.values():
                if query.session == session.number and not query.is_alone:
                    query.cancelled.set()
            if not any(query.is_alone and not query.done.is_set() for query in self.queries.values()):
                session.connection._duck_conn.close()

    # Queries.

    async def query(self, request: Request) -> Response:
        body, token = await _json(request), _token(request)
        session = self.sessions.get(token)
        if session is None:
            return _refused("390111", "Session no longer exists. New login required to access the service.")
        sql, parameters = body["sqlText"], body.get("parameters") or {}
        request_id = request.query_params.get("requestId", "")
        for earlier in self.queries.values():
            if earlier.request_id == request_id and request_id:
                return await self.answered(earlier)  # asked again, because the answer was lost
        if fault := self.fault("query", session.user.name, sql):
            if fault["kind"] == "gone":
                self.end(token)
                return _refused("390111", "Session no longer exists. New login required to access the service.")
            if fault["kind"] == "expired":
                return _refused("390112", "The session token has expired.")
            if fault["kind"] != "reset":
                return _fault(fault)
        query = self.started(session, token, body, sql, str(parameters.get("QUERY_TAG") or session.tag), request_id)
        if fault and fault["kind"] == "reset":  # it ran, and the answer is lost
            await query.done.wait()
            return _fault(fault)
        if body.get("asyncExec"):
            return JSONResponse(_in_progress(query, "333334"))
        return await self.answered(query)

    def started(self, session: Session, token: str, body: dict[str, Any], sql: str, tag: str, request_id: str) -> Query:
        query = Query(
            str(uuid.uuid4()), session.user.name, sql, tag, request_id, session.number, session.role,
            connection=session.connection, is_alone=bool(body.get("asyncExec")),
        )  # fmt: skip
        self.queries[query.id] = query
        task = asyncio.create_task(self.run(query, session, token, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return query

    async def run(self, query: Query, session: Session, token: str, body: dict[str, Any]) -> None:
        try:
            async with session.turn:
                count = int((body.get("parameters") or {}).get("MULTI_STATEMENT_COUNT", 1))
                if count == 1:
                    query.answer = await self.one(query, session, token, body)
                else:
                    query.answer = await self.several(query, session, token, body, count)
        except Exception as error:
            query.answer = _failed("000603", f"the fake failed: {type(error).__name__}: {error}", "XX000")
        if query.cancelled.is_set():
            query.answer = _failed("000604", "SQL execution canceled", "57014")
        data = query.answer.get("data")
        query.answer["data"] = {**(data or {}), "queryId": query.id}
        query.done.set()

    async def one(self, query: Query, session: Session, token: str, body: dict[str, Any]) -> dict[str, Any]:
        sql = body["sqlText"]
        if tag := _TAG.match(sql.strip()):
            session.tag = tag[1].replace("''", "'")
        if use := _USE.match(sql.strip()):
            name = use[2].strip('"').upper()
            if use[1].lower() == "role" and name not in session.user.roles:
                return _failed("003013", f"SQL access control error:\nRequested role '{name}' is not assigned", "42501")
            setattr(session, use[1].lower(), name)
            sql = "select 'Statement executed successfully.' as status"
        if (changed := change_users(self.users, sql)) is not None:
            code, message, state = changed
            if code:
                return _failed(code, message, state)
            sql = "select 'Statement executed successfully.' as status"
        if _NOTHING_TO_DO.match(sql.strip()):
            sql = "select 'Statement executed successfully.' as status"
        if found := _WAIT.search(sql):
            await _either(query.cancelled, int(found[1]))
            sql = _WAIT.sub("'waited'", sql)
        if found := _MEET.search(sql):
            await self.meet(query, found[1], int(found[2]))
            sql = _MEET.sub("'met'", sql)
        if query.cancelled.is_set():
            return {}
        for special in (unload, get_files, remove_files):
            answer = await asyncio.to_thread(special, session.connection, sql)
            if answer is not None:
                return answer
        here = session.connection
        for name, value in (
            ("warehouse", session.warehouse), ("role", session.role), ("user", session.user.name.upper()),
            ("session", str(session.number)), ("database", here.database if here.database_set else ""),
            ("schema", here.schema if here.schema_set else ""),
        ):  # fmt: skip
            sql = re.sub(rf"current_{name}\(\)", f"'{value}'" if value else "null", sql, flags=re.IGNORECASE)
        # fakesnow copies nothing into temporary tables.
        sql = re.sub(r"create temporary table (strongroom_)", r"create table \1", sql, flags=re.IGNORECASE)
        sql = re.sub(r"from\s+'@\"(\w+)\"'", r"FROM @\1", sql, flags=re.IGNORECASE)
        fake.sessions[query.id] = session.connection  # which may outlive the session
        response = await fake.query_request(_with_body(query.id, {**body, "sqlText": sql}))
        del fake.sessions[query.id]
        answer = json.loads(bytes(response.body))
        if "stageInfo" in (answer.get("data") or {}):
            answer["data"]["stageInfo"].setdefault("region", "eu-central-1")
        if answer.get("data") and answer["data"].get("queryId"):
            cache = session.connection.results_cache
            cache[query.id] = cache.get(answer["data"]["queryId"])
        if not answer["success"] and "already exists" in str(answer.get("message")):
            answer = _failed("002002", f"SQL compilation error: {answer['message']}", "42710")
        if not answer["success"] and response.status_code >= 500:
            answer = _failed("000603", f"fakesnow cannot run this: {answer.get('message')}", "XX000")
        return answer

    async def several(
        self, query: Query, session: Session, token: str, body: dict[str, Any], count: int
    ) -> dict[str, Any]:
        statements = _split(body["sqlText"])
        if count and len(statements) != count:
            told = f"Actual statement count {len(statements)} did not match the desired statement count {count}."
            return _failed("000008", told, "0A000")
        ids = []
        for sql in statements:
            child = Query(str(uuid.uuid4()), query.user, sql, query.tag, "", session.number, session.role)
            self.queries[child.id] = child
            child.cancelled = query.cancelled
            child.answer = await self.one(child, session, token, {**body, "sqlText": sql, "parameters": {}})
            child.answer["data"] = {**(child.answer.get("data") or {}), "queryId": child.id}
            child.done.set()
            if not child.answer.get("success"):
                return child.answer
            ids.append(child.id)
        first = self.queries[ids[0]].answer["data"]
        return {
            "success": True,
            "data": {**first, "resultIds": ",".join(ids), "resultTypes": ",".join("4096" for _ in ids)},
        }

    async def meet(self, query: Query, place: str, number: int) -> None:
        """Wait until so many queries wait at a place: they run at the same time, or never end."""
        self.met[place] = self.met.get(place, 0) + 1
        event = self.meetings.setdefault(place, asyncio.Event())
        if self.met[place] >= number:
            event.set()
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(query.cancelled.wait())]
        await asyncio.wait(waits, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    async def answered(self, query: Query) -> Response:
        await _either(query.done, PATIENCE_SECONDS)
        return JSONResponse(query.answer if query.done.is_set() else _in_progress(query, "333333"))

    async def result(self, request: Request) -> Response:
        if _token(request) not in self.sessions:
            return _refused("390111", "Session no longer exists. New login required to access the service.")
        query = self.queries.get(request.path_params["id"])
        if query is None:
            return JSONResponse(_failed("000709", "Statement not found", "02000"))
        return await self.answered(query)

    async def status(self, request: Request) -> Response:
        if _token(request) not in self.sessions:
            return _refused("390111", "Session no longer exists. New login required to access the service.")
        query = self.queries.get(request.path_params["id"].strip("/"))
        if query is None:
            return _ok({"queries": []})
        told = {"id": query.id, "status": query.status, "sqlText": query.sql, "state": query.status}
        if query.done.is_set() and not query.answer.get("success"):
            told |= {"errorCode": query.answer["code"], "errorMessage": query.answer["message"]}
        return _ok({"queries": [told]})

    async def abort(self, request: Request) -> Response:
        body = await _json(request)
        wanted = request.path_params.get("id")
        for query in list(self.queries.values()):
            if wanted == query.id or (not wanted and query.request_id == body.get("requestId")):
                if query.done.is_set():
                    break
                query.cancelled.set()
                if query.connection is not None:
                    query.connection._duck_conn.interrupt()
                return _ok(None)
        return JSONResponse(_failed("000605", "Identified SQL statement is not currently executing.", "02000"))

    # What tests ask.

    def fault(self, where: str, user: str, sql: str) -> dict[str, Any] | None:
        for fault in self.faults:
            if (
                fault["where"] == where
                and fault["user"].lower() == user.lower()
                and fault["times"] > 0
                and re.search(fault.get("matching", ""), sql, re.IGNORECASE)
            ):
                fault["times"] -= 1
                return fault
        return None

    async def control(self, request: Request) -> Response:
        asked = await _json(request)
        what = request.path_params["what"]
        if what == "user":
            self.users.put(**asked)
        elif what == "fault":
            self.faults.append({"times": 1, **asked})
        elif what == "end-sessions":
            for token in [token for token, session in self.sessions.items() if session.user.name == asked["user"]]:
                self.end(token)
        elif what == "queries":
            return _ok([_told(query) for query in self.queries.values() if query.user == asked["user"]])
        elif what == "users":
            user = self.users.by_name[asked["user"].upper()]
            open_now = sum(session.user is user for session in self.sessions.values())
            return _ok({"logins": user.logins, "sessions": open_now})
        elif what == "properties":
            found = self.users.by_name.get(asked["user"].upper())
            return _ok(None if found is None else {**found.properties, "ROLES": found.roles})
        return _ok(None)


def _told(query: Query) -> dict[str, Any]:
    return {
        "id": query.id, "sql": query.sql, "tag": query.tag, "session": query.session, "status": query.status,
        "role": query.role, "cancelled": query.cancelled.is_set(),
    }  # fmt: skip


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if body else {}


def _with_body(token: str, body: dict[str, Any]) -> Request:
    """A request of fakesnow's own protocol. It believes that the server has one name, for its links to files."""
    content = json.dumps(body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    headers = [(b"authorization", f'Snowflake Token="{token}"'.encode()), (b"host", f"127.0.0.1:{PORT}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/queries/v1/query-request", "query_string": b"", "headers": headers,
        "scheme": "http", "server": ("127.0.0.1", PORT),
    }  # fmt: skip
    return Request(scope, receive)


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "")[17:-1]


def _split(sql: str) -> list[str]:
    found, at = [], 0
    for token in tokenize(sql, read="snowflake"):
        if token.token_type.name == "SEMICOLON":
            found.append(sql[at : token.start])
            at = token.end + 1
    return [text for text in (*found, sql[at:]) if text.strip()]


async def _either(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _ok(data: Any) -> Response:
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def _refused(code: str, message: str) -> Response:
    return JSONResponse({"data": {}, "code": code, "message": message, "success": False, "headers": None})


def _failed(code: str, message: str, sqlstate: str) -> dict[str, Any]:
    return {"data": {"errorCode": code, "sqlState": sqlstate}, "code": code, "message": message, "success": False}


def _in_progress(query: Query, code: str) -> dict[str, Any]:
    data = {"getResultUrl": f"/queries/{query.id}/result", "queryId": query.id}
    return {"data": data, "code": code, "message": "Query execution in progress", "success": True}


def _fault(fault: dict[str, Any]) -> Response:
    kind = fault["kind"]
    if kind == "refused":
        return _refused(fault["code"], fault["message"])
    return Response(status_code=503 if kind in ("busy", "reset") else int(kind))


shim = Shim()
routes = [
    Route("/session/v1/login-request", shim.login, methods=["POST"]),
    Route("/session/token-request", shim.renew, methods=["POST"]),
    Route("/session/heartbeat", shim.session, methods=["POST"]),
    Route("/session", shim.session, methods=["POST"]),
    Route("/queries/v1/query-request", shim.query, methods=["POST"]),
    Route("/queries/v1/abort-request", shim.abort, methods=["POST"]),
    Route("/queries/{id}/abort-request", shim.abort, methods=["POST"]),
    Route("/queries/{id}/result", shim.result, methods=["GET"]),
    Route("/monitoring/queries/{id:path}", shim.status, methods=["GET"]),
    Route("/telemetry/send", lambda request: _ok(None), methods=["POST"]),
    Route("/fs_bucket/{path:path}", fake.bucket_upload, methods=["PUT"]),
    Route("/shim/{what}", shim.control, methods=["POST"]),
]


def _main() -> None:
    global PORT
    # That it is TCP has to be said, or asyncio leaves Nagle's algorithm on, which costs 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    PORT = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))

    def watch() -> None:
        with open(sys.argv[1]) as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    print(PORT, flush=True)
    server.run(sockets=[listener])


PORT = 0
assert exp  # loads the dialect before the first query
if __name__ == "__main__":
    _main()
