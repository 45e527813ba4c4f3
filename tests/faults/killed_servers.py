"""Row 14: one of two servers of a registry is killed with SIGKILL while both are written to and read from.

A write counts as acknowledged once the client's call has returned. Whatever was acknowledged by either server before
the kill has to be there, as it was written; a write that was under way is there wholly or not at all; each load whose
payload was handed out is in the audit; the other server goes on answering; everything opens, and the audit is whole.
A new server takes the place of the killed one, over the same registry, which so goes through many kills.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from random import Random
from typing import Any

from servers.service import Served, serve
from strongroom_registry import Registry
from strongroom_registry.errors import StoreProblem, StrongroomError
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.connection import Connection
from strongroom_registry.remote.registry import RemoteRegistry
from strongroom_registry.remote.token import Bearer

from faults.figure import Figure, Work
from faults.places import opened

ROW = 14
KILLS = 100
LIVES = 10
"""How many kills a store goes through before a new one is made."""
WRITERS = 3
"""Of each server; one more reads what is there."""
LONGEST_SECONDS = 0.5


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        yield killed(work, store)


def killed(work: Work, store: str) -> Figure:
    """So many kills of one server beside another."""
    figure = Figure(ROW, "killed while it is written to and read from, beside another server", store)
    dice = work.dice(ROW, store)
    kills = work.count(KILLS, least=2)
    written = loaded = 0
    for life in range(-(-kills // LIVES)):
        with work.places.make(store, work.folder / f"{store}-{life}") as place, served_over(place) as survivor:
            told = _Told(dice)
            for number in range(min(LIVES, kills - life * LIVES)):
                problem = _one_kill(place, survivor, told, number)
                figure.add("under way, not acknowledged" if told.under_way else "between two requests", problem)
            written += len(told.acknowledged)
            loaded += told.loaded.total()
    figure.remark = f"{written:,} writes and {loaded:,} loads were acknowledged"
    return figure


class _Told:
    """What clients were told."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.lock = threading.Lock()
        self.acknowledged: dict[str, bytes] = {}
        self.tried: dict[str, bytes] = {}
        self.loaded: Counter[str] = Counter()
        self.under_way = 0


def _one_kill(place: Any, survivor: Served, told: _Told, number: int) -> str | None:
    """Kill a server under load; what is wrong then."""
    with served_over(place) as victim, ExitStack() as stack:
        clients = [stack.enter_context(closing(client_of(server, survivor.token))) for server in (victim, survivor)]
        over = threading.Event()
        told.under_way = 0
        threads = [
            threading.Thread(target=_write, args=(client, f"k{number}-{who}-{writer}", told, over))
            for who, client in enumerate(clients)
            for writer in range(WRITERS)
        ]
        threads += [threading.Thread(target=_read, args=(client, told, over)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(told.dice.uniform(0, LONGEST_SECONDS))
        victim.process.kill()
        victim.process.wait()
        over.set()
        for thread in threads:
            thread.join()
        try:
            clients[1].put(f"k{number}-after", type="t", schema="s", payload=b"")
        except StrongroomError as exc:
            return f"the other server does not go on: {type(exc).__name__}"
    return _wrong(place, told)


def _write(client: Registry, prefix: str, told: _Told, over: threading.Event) -> None:
    """Save one document after the other until the server is gone or it is over."""
    number = 0
    while not over.is_set():
        name, payload = f"{prefix}-{number}", told.dice.randbytes(40)
        with told.lock:
            told.tried[name] = payload
        try:
            client.put(name, type="t", schema="s", payload=payload)
        except StoreProblem:
            with told.lock:
                told.under_way += 1
            return
        with told.lock:
            told.acknowledged[name] = payload
        number += 1


def _read(client: Registry, told: _Told, over: threading.Event) -> None:
    while not over.is_set():
        with told.lock:
            names = list(told.acknowledged)[-20:]
        for name in names:
            try:
                client.get(name)
            except StoreProblem:
                return
            with told.lock:
                told.loaded[name] += 1
            if over.is_set():
                return


def _wrong(place: Any, told: _Told) -> str | None:
    try:
        with opened(place, workspace="default") as registry:
            held = {head.name for head in registry.list()}
            in_audit: Counter[str] = Counter()
            for entry in registry.audit():
                if (entry.action, entry.outcome) == ("load", "done"):
                    in_audit[entry.name] += entry.count
            for name, payload in told.acknowledged.items():
                if name not in held:
                    return f"{name} was acknowledged and is gone"
                if registry.get(name).payload != payload:
                    return f"{name} is another one than was acknowledged"
            for name in held & (told.tried.keys() - told.acknowledged.keys()):
                if registry.get(name).payload != told.tried[name]:
                    return f"{name} is there in part"
            if missing := told.loaded - in_audit:
                return f"not in the audit: {missing.total()} loads"
            report, audit = registry.verify(), registry.verify_audit()
            if report.problems:
                return f"verify: {report.problems[0].error}"
            return None if audit.ok else f"verify_audit: {audit.problem}"
    except StrongroomError as exc:
        return f"{type(exc).__name__}: {exc}"


def client_of(server: Served, token: str, workspace: str = "default") -> RemoteRegistry:
    """The registry of a server, of which nothing is asked twice."""
    address = Address.parse(server.url)
    return RemoteRegistry(Connection(address, Bearer(address, token), tries=0), workspace)


@contextmanager
def served_over(place: Any) -> Iterator[Served]:
    """A server over the registry at a place, which answers as fast as it can."""
    settings = {"STRONGROOM_REGISTRY": place.url, "STRONGROOM_KEY": place.key, "PGSSLMODE": "disable"}
    limits = {f"STRONGROOM_SERVER_{what}": "100000" for what in ("IDENTITY_RATE", "IDENTITY_BURST")}
    addresses = {f"STRONGROOM_SERVER_{what}": "100000" for what in ("ADDRESS_RATE", "ADDRESS_BURST")}
    server = serve(settings | limits | addresses)
    try:
        yield server
    finally:
        server.stop()
