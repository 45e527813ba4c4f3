"""A registry in PostgreSQL passes the suite that is shipped; what a server has to do beyond that."""

from __future__ import annotations

import pytest
from servers.postgres import PostgresDatabase
from strongroom_registry.stores import Store
from strongroom_registry.stores.postgres import PostgresStore
from strongroom_registry.testing import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, postgres: PostgresDatabase) -> None:
        self.url = postgres.url

    def make_store(self) -> Store:
        return PostgresStore(self.url)
