"""What the collection costs before it is used, and what it says where the connector is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strongroom import MissingExtra
from strongroom_blocks import catalog
from strongroom_snowflake import SnowflakeConnector, SnowflakeCredentials

from . import keys


def test_the_connector_is_not_loaded_before_it_is_used() -> None:
    code = """if True:
        import sys, strongroom_snowflake, strongroom_snowflake.database, strongroom_snowflake.credentials
        strongroom_snowflake.SnowflakeCredentials(account="a", authenticator="externalbrowser")
        heavy = {"snowflake", "pyarrow", "pandas", "polars", "cryptography"}
        print([name for name in sys.modules if name.split(".")[0] in heavy])
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_connector_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snowflake.connector", None)
    credentials = SnowflakeCredentials(account="acme", user="etl", private_key=keys.pem())
    connector = SnowflakeConnector(credentials=credentials)
    for ask in (credentials.get_client, connector.get_connection, lambda: connector.fetch_one("select 1")):
        with pytest.raises(MissingExtra, match=r'pip install "strongroom\[snowflake\]"'):
            ask()


@pytest.mark.parametrize("slug", ["snowflake-credentials", "snowflake-connector"])
def test_the_types_are_found_by_their_slugs(slug: str) -> None:
    card = catalog.find(slug)
    assert card.load().__block__.slug == slug
    assert card.load().__module__ == card.module
