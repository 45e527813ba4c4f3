"""A program that leases and is killed at it, again and again; then somebody comes and cleans up.

    python leases_to_kill.py points STEP SEED       # killed at every STEP-th step of making, renewing and revoking
    python leases_to_kill.py random ROUNDS SEED     # at some moment, while four threads do all of that

Reads ``STRONGROOM_HOME``, ``LEASED_BLOCK`` (the administrator's block) and ``LEASED_GROUP``; prints one object of JSON.
Each process that dies is a fork of this one, which holds nothing open.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import psycopg
from strongroom import PostgreSQL
from strongroom_registry.current import using
from strongroom_registry.errors import StrongroomError
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseRole
from strongroom_service.service import Service
from strongroom_service.state.records import RecordSession

_THREADS = 4


class Steps:
    """Counts what is said to databases, and kills this process before or after one of it."""

    def __init__(self, fatal: int) -> None:
        self.count = 0
        self._fatal = fatal

    def watch(self) -> None:
        for owner, name in (
            (psycopg.Connection, "execute"),
            (psycopg.Connection, "commit"),
            (RecordSession, "put"),
            (RecordSession, "remove"),
        ):
            setattr(owner, name, self._stepping(getattr(owner, name)))

    def _stepping(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            self._one()
            result = real(*args, **kwargs)
            self._one()
            return result

        return step

    def _one(self) -> None:
        self.count += 1
        if self.count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def in_fork(work: Callable[[], Any], *, kill_after: float | None = None) -> Any:
    """What ``work`` returns in a process of its own; None where that was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert status == 0, "a process failed by itself"
    return json.loads(told)


def prepare() -> str:
    """The accessor of a token that leases."""
    admin = PostgreSQL.model_validate_json(os.environ["LEASED_BLOCK"])
    group = os.environ["LEASED_GROUP"]
    with Service.open() as service:
        with using(service.registry("default")):
            admin.save("admin")
        accessor = service.tokens.make_root().accessor
        role = LeaseRole(engine="postgresql", block="default/admin", options={"member_of": [group]}, max_leases=10_000)
        service.leases.roles.put(_caller(accessor), "default", "reader", role)
        return accessor


def lease_once(accessor: str, fatal: int) -> int:
    """Make, renew and revoke one lease; how many steps that takes."""
    with Service.open(create=False) as service:
        steps = Steps(fatal)
        steps.watch()
        made = service.leases.create(_caller(accessor), "default", "reader", timedelta(minutes=1))
        service.leases.renew(_caller(accessor), made.id, timedelta(minutes=2))
        service.leases.revoke(_caller(accessor), made.id)
        return steps.count


def lease_on_and_on(accessor: str) -> None:
    with Service.open(create=False) as service:

        def lease() -> None:
            while True:
                with suppress(StrongroomError):
                    made = service.leases.create(_caller(accessor), "default", "reader")
                    service.leases.renew(_caller(accessor), made.id, timedelta(hours=2))
                    service.leases.revoke(_caller(accessor), made.id)

        threads = [Thread(target=lease) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def recover() -> list[str]:
    """End everything, as a server does that is started days later; which leases are left on record."""
    now = datetime.now(UTC) + timedelta(days=3)
    moment = [now]
    with Service.open(create=False, clock=lambda: moment[0]) as service:
        for _ in range(3):
            service.leases.ending.end_due()
            moment[0] += timedelta(hours=2)
        found, _ = service.leases.page(Caller("root", is_root=True), "default", limit=1000)
        return [one.id for one in found]


def survivors() -> list[str]:
    admin = PostgreSQL.model_validate_json(os.environ["LEASED_BLOCK"])
    with admin.connection() as connection:
        rows = connection.execute(
            "select member::regrole::text from pg_auth_members "
            "where roleid = %s::regrole and member <> current_user::regrole",
            [os.environ["LEASED_GROUP"]],
        ).fetchall()
    return [row[0] for row in rows]


def _caller(accessor: str) -> Caller:
    return Caller("root", accessor, policies=("root",), is_root=True)


def main(mode: str, number: int, seed: str) -> None:
    accessor = in_fork(prepare)
    killed = rounds = 0
    if mode == "points":
        total = in_fork(lambda: lease_once(accessor, 0))
        for fatal in range(1, total + 1, number):
            rounds += 1
            killed += in_fork(lambda fatal=fatal: lease_once(accessor, fatal)) is None  # type: ignore[misc]
    else:
        chance = random.Random(seed)
        for _ in range(number):
            rounds += 1
            killed += in_fork(lambda: lease_on_and_on(accessor), kill_after=chance.uniform(0.05, 0.6)) is None
    before = in_fork(survivors)
    left = in_fork(recover)
    after = in_fork(survivors)
    print(json.dumps({"rounds": rounds, "killed": killed, "before": len(before), "left": left, "survivors": after}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
