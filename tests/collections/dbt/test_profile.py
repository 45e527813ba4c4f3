"""A profile is made from a warehouse block, and its text holds no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes, SecretStr
from strongroom import Block, DuckDB, PostgreSQL, SecretDict, StrongroomError, redactor, secret_from
from strongroom.checks import CheckAbsent, CheckFailed
from strongroom_dbt import DbtProfile, DbtProfileInvalid, DbtWarehouse, targets


class Lakehouse(Block, slug="test-lakehouse"):
    """A warehouse of a third party, which knows its own dbt target."""

    host: str = "lake.example.com"
    token: SecretStr
    certificate: SecretBytes = SecretBytes(b"")

    def dbt_target(self) -> dict[str, Any]:
        return {"type": "lakehouse", "host": self.host, "token": self.token, "tls": {"certificate": self.certificate}}


def output_of(profile: DbtProfile, **options: Any) -> dict[str, Any]:
    rendered = json.loads(profile.render("shop", **options).text)["shop"]
    return rendered["outputs"][rendered["target"]]  # type: ignore[no-any-return]


def test_a_duckdb_block_becomes_a_target_with_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = DbtProfile(warehouse=DuckDB(path="shop.duckdb"), schema_name="marts", threads=8)
    assert output_of(profile) == {
        "type": "duckdb",
        "path": str(tmp_path / "shop.duckdb"),
        "config_options": {},
        "schema": "marts",
        "threads": 8,
    }


def test_any_block_that_knows_its_target_is_a_warehouse(canary: Callable[[str], str]) -> None:
    token, certificate = canary("token"), canary("certificate")
    warehouse = Lakehouse(token=SecretStr(token), certificate=SecretBytes(certificate.encode()))
    assert isinstance(warehouse, DbtWarehouse)
    rendered = DbtProfile(warehouse=warehouse).render("shop")
    assert token not in rendered.text
    assert certificate not in rendered.text
    assert sorted(rendered.environment().values()) == sorted([token, certificate])
    for name in rendered.environment():
        assert f"{{{{ env_var('{name}') }}}}" in rendered.text
        assert name.startswith("DBT_ENV_SECRET_")
    assert token not in repr(rendered)


def test_what_a_warehouse_makes_of_its_secrets_is_masked_from_then_on(canary: Callable[[str], str]) -> None:
    token = canary("token")

    class Derived(Lakehouse, slug="test-derived"):
        def dbt_target(self) -> dict[str, Any]:
            return {"type": "lakehouse", "token": SecretStr(self.token.get_secret_value()[::-1])}

    DbtProfile(warehouse=Derived(token=SecretStr(token))).render("shop")
    assert redactor.redact(f"denied: {token[::-1]}!") == "denied: **********!"


def test_settings_and_secrets_are_merged_into_the_target_at_any_depth(canary: Callable[[str], str]) -> None:
    password = canary("password")
    profile = DbtProfile(
        warehouse=DuckDB(path="/data/shop.duckdb"),
        settings={"settings": {"memory_limit": "1GB"}},
        secrets={"settings": {"http_proxy_password": password}},  # type: ignore[arg-type]
    )
    settings = output_of(profile)["settings"]
    assert settings["memory_limit"] == "1GB"
    assert settings["http_proxy_password"].startswith("{{ env_var('DBT_ENV_SECRET_STRONGROOM_")
    assert list(profile.render("shop").environment().values()) == [password]


def test_without_a_warehouse_the_settings_are_the_whole_target(canary: Callable[[str], str]) -> None:
    secrets = {"password": canary("password")}
    profile = DbtProfile(settings={"type": "postgres", "port": 5432}, secrets=secrets)  # type: ignore[arg-type]
    assert profile.adapter_type() == "postgres"
    assert output_of(profile)["port"] == 5432


def test_the_name_of_the_target_can_be_chosen_for_one_invocation() -> None:
    profile = DbtProfile(settings={"type": "duckdb"}, target="dev")
    assert '"target": "dev"' in profile.render("shop").text
    assert '"target": "prod"' in profile.render("shop", target="prod").text


def test_a_profile_comes_back_from_the_registry_with_its_warehouse_by_reference(
    tmp_path: Path, canary: Callable[[str], str]
) -> None:
    DuckDB(path=str(tmp_path / "one.duckdb")).save("warehouse")
    profile = DbtProfile(
        warehouse=DuckDB.load("warehouse"),
        secrets={"password": canary("password")},  # type: ignore[arg-type]
    )
    profile.save("profile")
    DuckDB(path=str(tmp_path / "two.duckdb")).save("warehouse", overwrite=True)
    again = DbtProfile.load("profile")
    assert output_of(again)["path"] == str(tmp_path / "two.duckdb")
    assert again.render("shop").environment() == profile.render("shop").environment()


class Mailbox(Block, slug="test-mailbox"):
    """No warehouse at all."""


@pytest.mark.parametrize(
    ("warehouse", "reason"),
    [
        (Mailbox(), "Mailbox is no warehouse that dbt can be told of. Give the class a method"),
        (DuckDB(path="shop.duckdb", read_only=True), "is read-only"),
        (DuckDB(), "in memory is seen by this process alone"),
    ],
    ids=["no warehouse", "read-only", "in memory"],
)
def test_what_dbt_cannot_build_in_is_refused_with_the_reason(warehouse: Block, reason: str) -> None:
    with pytest.raises(DbtProfileInvalid, match=reason):
        DbtProfile(warehouse=warehouse).render("shop")


def test_a_secret_that_no_environment_can_carry_is_refused_without_showing_it(canary: Callable[..., str]) -> None:
    secret = canary("password") + "\0" + canary("tail")
    profile = DbtProfile(settings={"type": "duckdb"}, secrets={"password": secret})  # type: ignore[arg-type]
    with pytest.raises(DbtProfileInvalid, match="The secret setting password holds a NUL character"):
        profile.render("shop")


def test_a_profile_of_nothing_is_refused() -> None:
    with pytest.raises(StrongroomError, match="needs a warehouse"):
        DbtProfile()


def test_a_postgresql_block_becomes_a_target(canary: Callable[[str], str]) -> None:
    password = canary("password")
    database = PostgreSQL(
        host="db", database="shop", user="dbt", password=SecretStr(password), options={"search_path": "a,b"}
    )
    rendered = DbtProfile(warehouse=database, schema_name="marts", threads=2).render("shop")
    output = json.loads(rendered.text)["shop"]["outputs"]["default"]
    [variable] = rendered.environment()
    assert output == {
        "type": "postgres",
        "host": "db",
        "port": 5432,
        "dbname": "shop",
        "user": "dbt",
        "password": f"{{{{ env_var('{variable}') }}}}",
        "schema": "marts",
        "sslmode": "prefer",
        "connect_timeout": 10,
        "search_path": "a,b",
        "threads": 2,
    }
    assert rendered.environment() == {variable: password}


def test_settings_of_a_server_that_dbt_cannot_make_are_refused() -> None:
    database = PostgreSQL(database="shop", options={"statement_timeout": 5})
    with pytest.raises(DbtProfileInvalid, match="cannot set statement_timeout"):
        DbtProfile(warehouse=database).render("shop")


class GoogleLogin(Block, slug="gcp-credentials-of-a-test"):
    """Fields as the login to Google Cloud has them."""

    service_account_info: SecretDict | None = None
    service_account_file: Path | None = None
    impersonate_service_account: str | None = None
    scopes: tuple[str, ...] = ("https://www.googleapis.com/auth/cloud-platform",)

    def get_project(self) -> str:
        return "shop-1"


def test_a_login_to_google_cloud_becomes_a_target_in_bigquery(
    canary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = canary("key")
    monkeypatch.setitem(targets._BUILDERS, "gcp-credentials-of-a-test", targets._bigquery)  # type: ignore[misc]
    login = GoogleLogin(service_account_info=SecretDict({"client_email": "a@b", "private_key": key}))
    rendered = DbtProfile(warehouse=login, schema_name="marts").render("shop")
    output = json.loads(rendered.text)["shop"]["outputs"]["default"]
    assert (output["type"], output["method"], output["project"]) == ("bigquery", "service-account-json", "shop-1")
    assert key not in rendered.text
    assert key in rendered.environment().values()
    assert output_of(DbtProfile(warehouse=GoogleLogin()))["method"] == "oauth"


def lakehouse_target(block: Quiet) -> dict[str, Any]:
    return {"type": "lakehouse", "host": block.host.upper()}


class Quiet(Block, slug="test-quiet-lakehouse"):
    """A warehouse that knows nothing of dbt."""

    host: str = "lake"


def test_an_entry_point_makes_the_target_of_a_type_that_knows_nothing_of_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("test-quiet-lakehouse", f"{__name__}:lakehouse_target", "strongroom.dbt_targets")
    monkeypatch.setattr(targets, "entry_points", lambda group: [point] if group == point.group else [])
    assert output_of(DbtProfile(warehouse=Quiet()))["host"] == "LAKE"


class TestCheck:
    def test_a_target_whose_adapter_is_there_works(self, tmp_path: Path) -> None:
        profile = DbtProfile(warehouse=DuckDB(path=str(tmp_path / "shop.duckdb")))
        assert profile.check(30) == "is a target of the adapter duckdb, which is installed"

    def test_an_adapter_that_is_not_installed_is_absent(self, canary: Callable[[str], str]) -> None:
        with pytest.raises(CheckAbsent, match=r'"lakehouse" is not installed\. Run: pip install dbt-lakehouse'):
            DbtProfile(warehouse=Lakehouse(token=SecretStr(canary("token")))).check(30)

    def test_a_block_that_is_no_warehouse_fails(self) -> None:
        with pytest.raises(CheckFailed, match="is no warehouse") as caught:
            DbtProfile(warehouse=DbtProfile(settings={"type": "x"})).check(30)
        assert caught.value.word == "failed"

    def test_secrets_that_stay_elsewhere_reach_dbt(
        self, canary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        password, token = canary("password"), canary("token")
        monkeypatch.setenv("DB_PASSWORD", password)
        monkeypatch.setenv("LAKE_TOKEN", token)
        profile = DbtProfile(
            warehouse=Lakehouse(token=secret_from("env:LAKE_TOKEN")),
            secrets={"password": secret_from("env:DB_PASSWORD")},
        )
        rendered = profile.render("shop")
        assert password not in rendered.text
        assert {password, token} <= set(rendered.environment().values())
