"""Leases of Snowflake users, against the fake: what it says of users, keys and logins is checked there; that Snowflake
itself takes these statements is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from servers.service import Clock
from servers.snowflake import SnowflakeAccount
from strongroom_registry.current import using
from strongroom_service.errors import EngineFailed, InvalidRequest
from strongroom_service.identity.caller import Caller
from strongroom_service.leases import LeaseRole, LeaseState
from strongroom_service.service import Service
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials
from strongroom_snowflake.errors import CredentialsRejected


@pytest.fixture(params=["credentials", "connector"])
def define(request: pytest.FixtureRequest, service: Service, root: Caller, snowflake: SnowflakeAccount) -> Any:
    login = SnowflakeCredentials(**snowflake.login, password=snowflake.password)
    block = login if request.param == "credentials" else SnowflakeConnector(credentials=login)
    with using(service.registry("default")):
        block.save("snow")

    def make(**options: Any) -> None:
        options = {"roles": ["LOADER", "READER"], **options}
        role = LeaseRole(engine="snowflake", block="default/snow", options=options, default_ttl=3600)
        service.leases.roles.put(root, "default", "etl", role)

    return make


def properties(snowflake: SnowflakeAccount, user: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = snowflake.server.tell("properties", user=user)
    return found


def test_a_user_logs_in_with_its_key_until_the_lease_ends(
    service: Service, root: Caller, snowflake: SnowflakeAccount, define: Any
) -> None:
    define(warehouse="WH", namespace="DB.PUBLIC")
    made = service.leases.create(root, "default", "etl")
    user = made.credential["user"]
    said = properties(snowflake, user)
    assert said is not None
    assert (said["TYPE"], said["DEFAULT_ROLE"], said["DEFAULT_WAREHOUSE"]) == ("service", "LOADER", "WH")
    assert said["ROLES"] == ["PUBLIC", "LOADER", "READER"]
    assert said["DAYS_TO_EXPIRY"] == "2"
    leased = SnowflakeCredentials(
        **{**snowflake.login, "user": user}, private_key=made.credential["private_key"], role=made.credential["role"]
    )
    with leased.get_client() as connection:
        assert connection.cursor().execute("select 1").fetchone() == (1,)
    assert service.leases.renew(root, made.id, timedelta(days=1)).state is LeaseState.ACTIVE
    assert service.leases.revoke(root, made.id) is None
    assert properties(snowflake, user) is None
    with pytest.raises(CredentialsRejected):
        leased.get_client()
    assert not [query for query in snowflake.queries("PRIVATE") if "BEGIN" in query["sql"]]


def test_what_failed_half_way_is_dropped(
    service: Service, clock: Clock, root: Caller, snowflake: SnowflakeAccount, define: Any
) -> None:
    define()
    said = "SQL access control error: Insufficient privileges to operate on role 'READER'."
    snowflake.fail("refused", matching="^grant role READER", code="003001", message=said)
    with pytest.raises(EngineFailed, match="Insufficient privileges"):
        service.leases.create(root, "default", "etl")
    users = [query["sql"].split('"')[1] for query in snowflake.queries("create user")]
    assert len(users) == 1
    assert properties(snowflake, users[0]) is not None
    assert service.leases.ending.end_due() == 1
    assert properties(snowflake, users[0]) is None


@pytest.mark.parametrize(
    "options",
    [
        {"roles": []},
        {"roles": ['A" comment = "']},
        {"roles": ["A; drop user b"]},
        {"warehouse": "w'"},
        {"namespace": "a.b.c"},
        {"namespace": "a b"},
        {"comment": "x"},
    ],
)
def test_options_that_are_none(define: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        define(**options)
