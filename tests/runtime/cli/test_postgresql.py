"""The command line over a registry in PostgreSQL."""

from __future__ import annotations

import json


def test_every_day_commands_work_and_no_password_shows(strongroom, postgres, monkeypatch, canary):
    password = canary("password")
    postgres.administer(f"alter role {postgres.user} password '{password}'")
    monkeypatch.setenv("STRONGROOM_REGISTRY", postgres.url_for(postgres.user, password))
    assert "strongroom init" in strongroom("block", "ls", code=7).stderr
    made = json.loads(strongroom("init", "--json").stdout)
    assert made["created"] is True
    place = f"{postgres.server.host}:{postgres.server.port}/{postgres.name}"
    assert made["registry"] == f"postgresql://{postgres.user}@{place}"
    assert made["registry"] in strongroom("init").stdout
    strongroom("block", "new", "secret", "crm", "--set", "value=water")
    assert "crm" in strongroom("block", "ls").stdout
    strongroom("block", "delete", "crm")
    assert strongroom("verify").stdout.startswith("All is as it was left")
    assert strongroom("audit", "verify").stdout.startswith("The audit is whole")


def test_a_database_is_saved_and_checked(strongroom, postgres):
    values = {
        "host": postgres.server.host,
        "port": postgres.server.port,
        "database": postgres.name,
        "user": postgres.user,
    }
    settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    strongroom("init")
    strongroom("block", "new", "postgresql", "shop", *settings, "--set", "password=wrong")
    assert "denied" in strongroom("block", "check", "shop", code=1).stdout
    strongroom("block", "edit", "shop", "--set", f"password={postgres.password}")
    assert f"logged in as {postgres.user}" in strongroom("block", "check", "shop").stdout
