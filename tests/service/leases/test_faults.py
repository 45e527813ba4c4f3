"""Servers that are away: the one that credentials are leased from, and the service's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import psycopg
import pytest
from servers.postgres import PostgresDatabase, own_server
from servers.postgres_server import binaries
from servers.service import Clock
from strongroom import JSON, PostgreSQL
from strongroom_registry.current import using
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.errors import EngineFailed, ServiceUnavailable
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseRole, LeaseState
from strongroom_service.service import Service

from .conftest import DefineRole, Leased, caller_of
from .test_lifecycle import Memory


def test_a_database_that_is_away_when_the_lease_ends(service: Service, root: Caller, clock: Clock) -> None:
    if binaries() is None:
        pytest.skip("There is no PostgreSQL server of the system that a test could stop.")
    clock.now = datetime.now(UTC)
    with own_server() as server:
        address = server.address
        admin = PostgreSQL(
            host=address.host,
            port=address.port,
            database="postgres",
            user=address.user,
            password=address.password,
            sslmode="disable",
            connect_timeout=2,
        )
        with using(service.registry("default")):
            admin.save("admin")
        role = LeaseRole(engine="postgresql", block="default/admin", options={"member_of": ["pg_read_all_data"]})
        service.leases.roles.put(root, "default", "reader", role)
        made = service.leases.create(root, "default", "reader")
        server.stop()
        with pytest.raises(EngineFailed):
            service.leases.create(root, "default", "reader")
        with pytest.raises(EngineFailed):
            service.leases.renew(root, made.id)
        lease = service.leases.revoke(root, made.id)
        assert lease is not None
        assert (lease.state, lease.attempts) == (LeaseState.ENDING, 1)
        server.start()
        clock.advance(minutes=1)
        assert service.leases.ending.end_due() == 2
        assert service.leases.page(root, "default")[0] == []
        with admin.connection() as connection:
            assert connection.execute("select 1 from pg_roles where rolname like 'sr_%'").fetchall() == []


def test_connections_that_break_in_the_middle(
    service: Service, root: Caller, leased: Leased, define: DefineRole, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator's connection is ended by the server after each number of statements in turn."""
    clock.now = datetime.now(UTC)
    define()
    real = psycopg.Connection.execute
    for fatal in range(1, 12):
        count = 0

        def execute(self: psycopg.Connection, *args: object, fatal: int = fatal, **more: object) -> object:
            nonlocal count
            count += 1
            if count == fatal:
                leased.database.break_off()
            return real(self, *args, **more)  # type: ignore[arg-type]

        made = None
        with monkeypatch.context() as breaking:
            breaking.setattr(psycopg.Connection, "execute", execute)
            try:
                made = service.leases.create(root, "default", "reader")
                service.leases.revoke(root, made.id)
            except EngineFailed:
                assert made is None
    clock.advance(hours=2)
    service.leases.ending.end_due()
    assert leased.roles() == []
    assert service.leases.page(root, "default")[0] == []


def test_the_services_own_database_is_away(
    clock: Clock, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Memory()
    for module in ("leases", "roles", "ending"):
        monkeypatch.setattr(f"strongroom_service.leases.{module}.engine_named", lambda _: engine)
    monkeypatch.setenv("STRONGROOM_REGISTRY", postgres.url)
    with Service.open(clock=clock) as service:
        root = caller_of(service)
        with using(service.registry("default")):
            JSON(value={}).save("admin")
        service.leases.roles.put(root, "default", "reader", LeaseRole(engine="memory", block="default/admin"))

        def cut(what: str) -> None:
            postgres.administer(f'alter role "{postgres.user}" nologin')
            postgres.break_off()

        made = service.leases.create(root, "default", "reader")
        for ask in (
            lambda: service.leases.create(root, "default", "reader"),
            lambda: service.leases.renew(root, made.id),
            lambda: service.leases.revoke(root, made.id),
        ):
            engine.before = cut
            with pytest.raises((ServiceUnavailable, StoreUnavailable)):
                ask()
            engine.before = lambda _: None
            postgres.administer(f'alter role "{postgres.user}" login')
        clock.advance(hours=1)
        service.leases.ending.end_due()
        clock.advance(hours=2)
        service.leases.ending.end_due()
        assert not engine.users
        assert service.leases.page(root, "default")[0] == []


def test_processes_do_not_end_one_lease_twice(
    each_service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Memory()
    for module in ("leases", "roles", "ending"):
        monkeypatch.setattr(f"strongroom_service.leases.{module}.engine_named", lambda _: engine)
    root = caller_of(each_service)
    with using(each_service.registry("default")):
        JSON(value={}).save("admin")
    role = LeaseRole(engine="memory", block="default/admin", default_ttl=60)
    each_service.leases.roles.put(root, "default", "reader", role)
    for _ in range(8):
        each_service.leases.create(root, "default", "reader")
    clock.advance(minutes=2)
    with Service.open(create=False, clock=clock) as other:
        start = Barrier(4)

        def end(service: Service) -> int:
            start.wait()
            return service.leases.ending.end_due()

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(end, [each_service, other] * 2)) == 8
    assert engine.calls.count("revoke") == 8
    assert not engine.users
