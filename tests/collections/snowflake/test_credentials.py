"""Logins to the fake server, which checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from servers.snowflake import SnowflakeAccount
from strongroom import secret_from
from strongroom.checks import CheckAbsent, CheckDenied, CheckUnreachable
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials
from strongroom_snowflake.errors import CredentialsExpired, CredentialsProblem, CredentialsRejected, ServerUnreachable

from . import keys
from .conftest import connector_of

WHO = "select current_user()"


def asked(credentials: SnowflakeCredentials) -> Any:
    with credentials.get_client() as connection:
        cursor = connection.cursor().execute(WHO)
        assert cursor is not None
        return cursor.fetchone()


def test_a_password_is_checked(snowflake: SnowflakeAccount, credentials: SnowflakeCredentials) -> None:
    assert asked(credentials) == (snowflake.user,)
    with pytest.raises(CredentialsRejected, match=r"390100.*Save the credentials block again") as caught:
        asked(SnowflakeCredentials(**snowflake.login, password=snowflake.password + "x"))
    assert (caught.value.errno, caught.value.__cause__, caught.value.__suppress_context__) == (390100, None, True)


def test_a_passcode_is_checked(snowflake: SnowflakeAccount) -> None:
    snowflake.change(passcode="123456")
    login = {**snowflake.login, "password": snowflake.password}
    assert asked(SnowflakeCredentials(**login, passcode="123456")) == (snowflake.user,)
    with pytest.raises(CredentialsRejected):
        asked(SnowflakeCredentials(**login, passcode="654321"))


def test_the_signature_of_a_key_is_checked(snowflake: SnowflakeAccount, tmp_path: Path) -> None:
    credentials = SnowflakeCredentials(**snowflake.login, private_key=" ".join(keys.pem().splitlines()))
    with pytest.raises(CredentialsRejected, match="390144"):
        asked(credentials)
    snowflake.change(public_key=keys.public_pem())
    assert asked(credentials) == (snowflake.user,)


@pytest.mark.parametrize("authenticator", ["oauth", "programmatic_access_token"])
def test_tokens_are_checked_and_read_from_files(
    snowflake: SnowflakeAccount, tmp_path: Path, authenticator: str
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{snowflake.password}-1\n")
    method = {"oauth": "oauth", "programmatic_access_token": "access_token"}[authenticator]
    credentials = SnowflakeCredentials(**snowflake.login, auth={"method": method, "token_path": file})
    with pytest.raises(CredentialsRejected):
        asked(credentials)
    snowflake.change(tokens=[f"{snowflake.password}-2"], expired_tokens=[f"{snowflake.password}-1"])
    with pytest.raises(CredentialsExpired, match="token_path"):
        asked(credentials)
    file.write_text(f"{snowflake.password}-2\n")
    assert asked(credentials) == (snowflake.user,)


def test_a_workload_identity_is_not_told_to_a_server_that_is_not_snowflakes(snowflake: SnowflakeAccount) -> None:
    auth = {"method": "workload_identity", "provider": "oidc", "token": snowflake.password}
    credentials = SnowflakeCredentials(**{**snowflake.login, "user": None}, auth=auth)
    with pytest.raises(CredentialsProblem, match="recognized Snowflake host"):
        asked(credentials)
    parameters = credentials.login().parameters
    assert parameters["workload_identity_provider"] == "OIDC"
    assert parameters["token"] == snowflake.password


def test_a_role_that_is_not_granted_is_said(snowflake: SnowflakeAccount) -> None:
    credentials = SnowflakeCredentials(**snowflake.login, password=snowflake.password, role="ACCOUNTADMIN")
    with pytest.raises(CheckAbsent, match="ACCOUNTADMIN"):
        credentials.check(10)


def test_a_check_says_who_is_logged_in(snowflake: SnowflakeAccount, connector: SnowflakeConnector) -> None:
    assert connector.credentials.check(10) == f"logged in as {snowflake.user}, in role PUBLIC"
    assert connector.check(10) == f"logged in as {snowflake.user}, in role PUBLIC"


def test_a_check_says_what_is_wrong(snowflake: SnowflakeAccount, credentials: SnowflakeCredentials) -> None:
    for field in ("database", "schema"):
        connector = connector_of(snowflake, credentials).model_copy(update={field.replace("schema", "schema_"): "NO"})
        with pytest.raises(CheckAbsent, match=f"no {field} 'NO'"):
            connector.check(10)
    snowflake.change(warehouses=[])
    with pytest.raises(CheckAbsent, match="no warehouse 'WH'"):
        connector_of(snowflake, credentials).check(10)
    with pytest.raises(CheckDenied, match="390100"):
        SnowflakeCredentials(**snowflake.login, password=snowflake.password + "x").check(10)
    with pytest.raises(CheckUnreachable):
        SnowflakeCredentials(**{**snowflake.login, "port": 9}, password=snowflake.password).check(1)


def test_a_server_that_is_busy_for_long_is_said(snowflake: SnowflakeAccount) -> None:
    snowflake.fail("busy", where="login", times=1000)
    with pytest.raises(ServerUnreachable):
        asked(SnowflakeCredentials(**{**snowflake.login, "login_timeout": 1}, password=snowflake.password))


def test_a_password_that_was_rotated_is_fetched_anew_once(snowflake: SnowflakeAccount, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(snowflake.password)
    credentials = SnowflakeCredentials(**snowflake.login, password=secret_from(f"file:{file}"))
    connector = connector_of(snowflake, credentials)
    assert connector.fetch_one(WHO) == (snowflake.user,)
    rotated = snowflake.password[::-1]
    snowflake.change(password=rotated)
    file.write_text(rotated)
    snowflake.end_sessions()
    assert connector.fetch_one(WHO) == (snowflake.user,)
    assert connector.check(10)
    file.write_text(snowflake.password)
    snowflake.change(password=rotated[::-1] + "x")
    snowflake.end_sessions()
    with pytest.raises(CredentialsRejected):
        connector.fetch_one(WHO)


def test_sessions_by_a_former_password_are_closed(snowflake: SnowflakeAccount, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(snowflake.password)
    credentials = SnowflakeCredentials(**snowflake.login, password=secret_from(f"file:{file}"))
    connector = connector_of(snowflake, credentials)
    idle = [connector.get_connection() for _ in range(2)]
    [connection.close() for connection in idle]
    with connector, connector_of(snowflake, credentials):
        pass
    assert snowflake.counts()["sessions"] == 2
    rotated = snowflake.password[::-1]
    snowflake.change(password=rotated)
    file.write_text(rotated)
    with connector, connector_of(snowflake, credentials), connector_of(snowflake, credentials) as third:
        assert third.fetch_one(WHO) == (snowflake.user,)  # the third logs in, and is refused at first
    assert snowflake.counts()["sessions"] == 1


def test_sessions_by_the_former_version_of_a_block_are_closed(snowflake: SnowflakeAccount) -> None:
    former = SnowflakeCredentials(**snowflake.login, password=snowflake.password)
    assert connector_of(snowflake, former).fetch_one(WHO) == (snowflake.user,)
    rotated = snowflake.password[::-1]
    snowflake.change(password=rotated)
    current = SnowflakeCredentials(**snowflake.login, password=rotated)
    assert connector_of(snowflake, current).fetch_one(WHO) == (snowflake.user,)
    assert snowflake.counts()["sessions"] == 1
