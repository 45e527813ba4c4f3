"""A database in Snowflake, through the real connector against the fake server."""

from __future__ import annotations

import pytest
from strongroom_blocks.testing import DatabaseContract
from strongroom_snowflake import SnowflakeConnector


class TestContract(DatabaseContract):
    placeholder = "%s"

    @pytest.fixture
    def database(self, connector: SnowflakeConnector) -> SnowflakeConnector:
        return connector
