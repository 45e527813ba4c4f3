"""Suites that a block with a capability has to pass: subclass one, give it a fixture, and pytest does the rest.

    class TestMyBucket(ObjectStoreContract):
        @pytest.fixture
        def store(self):
            return MyBucket(...)          # an empty store of its own for each test

    class TestMyDatabase(DatabaseContract):
        placeholder = "%s"                # the driver's own

        @pytest.fixture
        def database(self):
            return MyDatabase(...)        # an empty database of its own for each test

Needs pytest.
"""

from __future__ import annotations

from strongroom_blocks.testing_database import DatabaseContract as DatabaseContract
from strongroom_blocks.testing_object_store import AWKWARD as AWKWARD
from strongroom_blocks.testing_object_store import ObjectStoreContract as ObjectStoreContract
