"""Row 19: credentials that are leased by processes that are killed.

A process makes, renews and revokes leases of PostgreSQL roles on a real server, and is killed: before and after each
statement and each record in turn, and at random moments while four threads are at it. Then the service is opened again,
its clock three days on, and ends what is due. A failure is a role that is still there, or a lease that is still on
record. The roles that the killed left behind are counted before that.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servers.postgres import own_server

from faults.figure import Figure, Work
from faults.places import PostgresLogin

DRIVER = Path(__file__).with_name("leases_to_kill.py")
ROW = 19


def run(work: Work) -> Iterator[Figure]:
    with own_server() as server:
        address = server.address
        login = PostgresLogin(address.host, address.port, address.user, address.password)
        step = min(9, max(1, round(1 / work.scale)))
        for store in ("SQLite", "PostgreSQL"):
            yield _figure(work, login, "killed at each step of a lease", store, "points", step)
        rounds = work.count(400, least=4)
        yield _figure(work, login, "killed while four threads lease", "SQLite", "random", rounds)


def _figure(work: Work, login: PostgresLogin, what: str, store: str, mode: str, number: int) -> Figure:
    figure = Figure(ROW, what, store)
    told = _driven(work, login, store, mode, number)
    left = [*told["survivors"], *told["left"]]
    for turn in range(told["rounds"]):
        figure.add("killed" if turn < told["killed"] else "went through", left.pop() if left else None)
    figure.failed += len(left)
    figure.remark = f"{told['before']:,} roles were left behind, and none in the end"
    if not told["before"]:
        figure.add("nothing to clean up", "no role was left behind, so nothing was put to the test")
    return figure


def _driven(work: Work, login: PostgresLogin, store: str, mode: str, number: int) -> Any:
    name = f"l_{secrets.token_hex(6)}"
    login.run(f"create role {name}")
    login.run(f"create database {name}")
    block = {
        "host": login.host,
        "port": login.port,
        "database": name,
        "user": login.user,
        "password": login.password,
        "sslmode": "disable",
    }
    home = work.folder / name
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STRONGROOM_")},
        "STRONGROOM_HOME": str(home / "home"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "LEASED_BLOCK": json.dumps(block),
        "LEASED_GROUP": name,
    }
    if store == "PostgreSQL":
        environment["STRONGROOM_REGISTRY"] = login.url(name)
    command = [sys.executable, str(DRIVER), mode, str(number), f"{work.seed}/{mode}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
