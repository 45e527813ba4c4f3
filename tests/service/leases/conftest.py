"""A PostgreSQL that credentials are leased from, and its administrator's block."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from servers.postgres import PostgresDatabase
from servers.service import Clock
from strongroom import PostgreSQL
from strongroom_registry.current import using
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.grant import Grant
from strongroom_service.leases import LeaseRole
from strongroom_service.service import Service


@dataclass
class Leased:
    """A database with a table ``orders``, a group that reads it, and an administrator who may create roles."""

    database: PostgresDatabase
    admin: str
    password: str
    group: str

    def block(self) -> PostgreSQL:
        server = self.database.server
        return PostgreSQL(
            host=server.host,
            port=server.port,
            database=self.database.name,
            user=self.admin,
            password=self.password,
            sslmode="disable",
            connect_timeout=2,
        )

    def roles(self) -> list[str]:
        """The leased roles that there are."""
        found = self.database.administer(
            f"select member::regrole::text from pg_auth_members where roleid = '{self.group}'::regrole "
            f"and member <> '{self.admin}'::regrole order by 1"
        )
        return [row[0] for row in found]

    def login(self, credential: dict[str, str]) -> Any:
        return psycopg.connect(
            host=credential["host"],
            port=int(credential["port"]),
            dbname=credential["database"],
            user=credential["user"],
            password=credential["password"],
            autocommit=True,
        )


@pytest.fixture
def leased(postgres: PostgresDatabase) -> Iterator[Leased]:
    own = Leased(postgres, f"{postgres.name}_adm", secrets.token_urlsafe(18), f"{postgres.name}_grp")
    postgres.administer(f"create role {own.admin} login createrole password '{own.password}'")
    postgres.administer(f"create role {own.group}")
    postgres.administer(f"grant {own.group} to {own.admin} with admin option")
    postgres.administer("create table orders (id int)")
    postgres.administer(f"grant select on orders to {own.group}")
    yield own
    postgres.break_off()
    for name in own.roles():
        postgres.administer(f"drop owned by {name}")
        postgres.administer(f"drop role {name}")
    postgres.administer(f"drop owned by {own.admin}, {own.group}")
    postgres.administer(f"drop role {own.admin}, {own.group}")


@pytest.fixture
def today(clock: Clock) -> None:
    """Have the service's clock stand at the time that the database's server has: it lets nobody in too late."""
    clock.now = datetime.now(UTC)


@pytest.fixture
def root(service: Service) -> Caller:
    return caller_of(service)


def caller_of(service: Service, *policies: str, identity: str = "account:tester", **more: Any) -> Caller:
    """Somebody with a token; root without policies."""
    if not policies:
        issued = service.tokens.make_root()
    else:
        issued = service.tokens.issue(Grant(identity=identity, policies=policies, **more))
    return service.tokens.authenticate(issued.token.text, "127.0.0.1", request_id="r1", use=False)


DefineRole = Callable[..., LeaseRole]


@pytest.fixture
def define(service: Service, root: Caller, leased: Leased) -> DefineRole:
    """Save the administrator's block, and define a role: ``define("reader", max_ttl=60)``."""
    with using(service.registry("default")):
        leased.block().save("admin")

    def make(name: str = "reader", **more: Any) -> LeaseRole:
        options = {"member_of": [leased.group], **more.pop("options", {})}
        role = LeaseRole(**{"engine": "postgresql", "block": "default/admin", "options": options, **more})
        service.leases.roles.put(root, "default", name, role)
        return role

    return make
