"""The SQL on the page about registries in PostgreSQL does what the page says."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from documentation.page import fences
from servers.postgres import PostgresDatabase
from strongroom_registry import open_registry
from strongroom_registry.errors import StoreUnavailable

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md"


def test_its_roles_may_what_the_page_says(postgres: PostgresDatabase) -> None:
    """Under other names, since roles belong to the whole server."""
    database, owner, app = (f"{postgres.name}_{kind}" for kind in ("d", "o", "a"))
    make, grant = [
        token.content.replace("strongroom_app", app).replace("DATABASE strongroom", f"DATABASE {database}")
        for language, _, token in fences(PAGE)
        if language == "sql"
    ]
    make = make.replace("ROLE strongroom", f"ROLE {owner}").replace("OWNER strongroom", f"OWNER {owner}")
    password = secrets.token_urlsafe(12)
    place = f"{postgres.server.host}:{postgres.server.port}/{database}"
    try:
        for statement in [*filter(str.strip, make.split(";")), f"ALTER ROLE {owner} PASSWORD '{password}'"]:
            postgres.administer(statement)
        with open_registry(f"postgresql://{owner}:{password}@{place}") as registry:
            registry.put("crm", type="json", schema="1", payload=b"{}")
        as_owner = PostgresDatabase(postgres.server, database, owner, password)
        with as_owner.connect() as connection:
            role, _, rights = grant.partition(";")
            postgres.administer(f"{role} PASSWORD '{password}'")
            connection.execute(rights)
        with open_registry(f"postgresql://{app}:{password}@{place}", create=False) as registry:
            assert registry.get("crm").payload == b"{}"
            registry.put("crm", type="json", schema="1", payload=b"[]", overwrite=True, labels=["stable"])
            registry.delete("crm")
            registry.undelete("crm")
            with pytest.raises(StoreUnavailable, match="owner"):
                registry.destroy("crm", 1)
            assert registry.verify_audit().ok
        with PostgresDatabase(postgres.server, database, app, password).connect() as connection:
            for statement in ("delete from strongroom.audit", "update strongroom.audit set seq = 0"):
                with pytest.raises(Exception, match="permission denied"):
                    connection.execute(statement)
    finally:
        postgres.administer(f"drop database if exists {database} with (force)")
        for role in (app, owner):
            postgres.administer(f"drop role if exists {role}")
