"""Leases of PostgreSQL roles, against a real server."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from servers.service import Clock
from strongroom_service.errors import Conflict, EngineFailed, InvalidRequest, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseState
from strongroom_service.service import Service

from .conftest import DefineRole, Leased


@pytest.mark.usefixtures("today")
def test_a_credential_works_until_its_lease_is_revoked(
    service: Service, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define()
    made = service.leases.create(root, "default", "reader")
    assert leased.roles() == [made.credential["user"]]
    assert made.lease.state is LeaseState.ACTIVE
    with leased.login(made.credential) as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from orders")
        assert service.leases.revoke(root, made.id) is None
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert leased.roles() == []
    with pytest.raises(psycopg.OperationalError):
        leased.login(made.credential)
    with pytest.raises(UnknownThing):
        service.leases.show(root, made.id)


def test_a_lease_ends_by_itself(
    service: Service, clock: Clock, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define(default_ttl=60)
    service.leases.create(root, "default", "reader")
    longer = service.leases.create(root, "default", "reader", timedelta(minutes=10))
    assert service.leases.ending.end_due() == 0
    clock.advance(seconds=61)
    assert service.leases.ending.end_due() == 1
    assert leased.roles() == [longer.credential["user"]]


@pytest.mark.usefixtures("today")
def test_what_it_made_stays_and_belongs_to_the_administrator(
    service: Service, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define(options={"statements": ["grant create on schema public to {name}"]})
    leased.database.administer(f"grant create on schema public to {leased.admin} with grant option")
    made = service.leases.create(root, "default", "reader")
    with leased.login(made.credential) as connection:
        connection.execute("create table kept as select 7 as answer")
    assert service.leases.revoke(root, made.id) is None
    owner = leased.database.administer("select tableowner from pg_tables where tablename = 'kept'")
    assert owner == [(leased.admin,)]
    assert leased.roles() == []


def test_renewing_moves_the_end_and_never_beyond_the_longest(
    service: Service, clock: Clock, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define(default_ttl=600, max_ttl=1000)
    made = service.leases.create(root, "default", "reader")
    clock.advance(seconds=300)
    lease = service.leases.renew(root, made.id)
    assert lease.until == made.lease.created + timedelta(seconds=900)
    assert service.leases.renew(root, made.id, timedelta(seconds=1)).until == lease.until, "never shorter"
    lease = service.leases.renew(root, made.id, timedelta(days=3))
    assert lease.until == made.lease.created + timedelta(seconds=1000) == lease.latest
    valid = leased.database.administer(
        f"select rolvaliduntil from pg_authid where rolname = '{made.credential['user']}'"
    )
    assert valid == [(lease.until,)]
    clock.advance(seconds=701)
    with pytest.raises(Conflict, match="over"):
        service.leases.renew(root, made.id)


def test_the_server_lets_nobody_in_after_the_end_even_if_nobody_comes(
    service: Service, clock: Clock, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define(default_ttl=60)  # the clock of the service stands in the past
    made = service.leases.create(root, "default", "reader")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        leased.login(made.credential)


def test_the_password_is_in_no_log_and_no_record(
    service: Service, root: Caller, leased: Leased, define: DefineRole, canary
) -> None:
    define()
    seen: list[str] = []
    leased.database.administer("create table statements (text text)")
    made = service.leases.create(root, "default", "reader")
    canary(value=made.credential["password"])
    assert made.credential["password"] not in repr(made)
    seen += [str(row) for row in service.registry("default").audit()]
    seen += [made.lease.model_dump_json()]
    assert not [text for text in seen if made.credential["password"] in text]


def test_a_role_that_somebody_else_made_is_left_alone(
    service: Service, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define()
    made = service.leases.create(root, "default", "reader")
    name = made.credential["user"]
    leased.database.administer(f"comment on role {name} is 'mine'")
    lease = service.leases.revoke(root, made.id)
    assert lease is not None
    assert lease.state is LeaseState.ENDING
    assert "not made for this lease" in lease.problem
    assert leased.roles() == [name]
    leased.database.administer(f"comment on role {name} is 'strongroom lease {made.id}'")
    assert service.leases.revoke(root, made.id) is None
    assert leased.roles() == []


def test_a_failed_statement_leaves_nothing(
    service: Service, clock: Clock, root: Caller, leased: Leased, define: DefineRole
) -> None:
    define(options={"statements": ["grant select on absent to {name}"]})
    with pytest.raises(EngineFailed, match="absent"):
        service.leases.create(root, "default", "reader")
    assert leased.roles() == []
    assert service.leases.ending.end_due() == 1
    assert service.leases.page(root, "default")[0] == []


def test_names_hold_nothing_that_others_choose_but_letters(
    service: Service, leased: Leased, define: DefineRole, root: Caller
) -> None:
    define(name_template="x_{identity}_{workspace}_{id}")
    hostile = root._replace(identity='user:a"; drop role x; --')
    made = service.leases.create(hostile, "default", "reader")
    assert made.credential["user"].startswith("x_user_a_drop__default_")
    assert service.leases.revoke(root, made.id) is None


@pytest.mark.parametrize(
    "role",
    [
        {"name_template": "{role}"},
        {"name_template": "{id}{id}"},
        {"name_template": "{id.__class__}"},
        {"name_template": "1{id}"},
        {"default_ttl": 7200, "max_ttl": 60},
        {"block": "admin"},
        {"block": "../admin"},
        {"max_leases": 0},
        {"engine": "Nope"},
    ],
)
def test_roles_that_are_none(define: DefineRole, role: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        define(**role)


@pytest.mark.parametrize(
    "options",
    [
        {"statements": ["grant {role} to {name}"]},
        {"statements": ["grant {name.__class__} to x"]},
        {"statements": ["x\0"]},
        {"member_of": [""]},
        {"member_of": [], "statements": []},
        {"nonsense": 1},
    ],
)
def test_options_that_are_none(define: DefineRole, options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match="does not take these options"):
        define(options=options)


def test_a_block_whose_secret_lies_elsewhere_is_no_administrator(
    service: Service, root: Caller, leased: Leased, define: DefineRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strongroom import secret_from
    from strongroom_registry.current import using

    monkeypatch.setenv("SOMEBODY_ELSES", "x" * 20)
    with using(service.registry("default")):
        block = leased.block().model_copy(update={"password": secret_from("env:SOMEBODY_ELSES")})
        type(block).model_validate(dict(block)).save("admin", overwrite=True)
    with pytest.raises(InvalidRequest, match="its secrets lie elsewhere"):
        define()
