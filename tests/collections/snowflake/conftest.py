"""The blocks that lead to the fake Snowflake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from servers.snowflake import SnowflakeAccount
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials, connections


@pytest.fixture(autouse=True)
def _no_connection_of_another_test() -> Iterator[None]:
    yield
    connections.close_all()


@pytest.fixture
def credentials(snowflake: SnowflakeAccount) -> SnowflakeCredentials:
    """A login by password."""
    return SnowflakeCredentials(**snowflake.login, password=snowflake.password)


@pytest.fixture
def connector(snowflake: SnowflakeAccount, credentials: SnowflakeCredentials) -> SnowflakeConnector:
    """The empty database."""
    return connector_of(snowflake, credentials)


def connector_of(snowflake: SnowflakeAccount, credentials: SnowflakeCredentials, **more: Any) -> SnowflakeConnector:
    return SnowflakeConnector(
        credentials=credentials, database=snowflake.database, schema="PUBLIC", warehouse="WH", **more
    )
