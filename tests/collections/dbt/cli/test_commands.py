"""Profiles from blocks, tasks and operations as scripts written for Prefect call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from shop import SHOP, write
from strongroom import PostgreSQL, flow
from strongroom.artifacts.rows import list_artifacts
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import DbtFailed, DbtProfileInvalid
from strongroom_dbt.cli import (
    DbtCliProfile,
    DbtCoreOperation,
    GlobalConfigs,
    PostgresTargetConfigs,
    TargetConfigs,
    run_dbt_build,
    trigger_dbt_cli_command,
)
from strongroom_dbt.core.runner import DbtRunnerResult


def profile(folder: Path, **configs: Any) -> DbtCliProfile:
    target = TargetConfigs(type="duckdb", schema_="main", threads=2, extras={"path": str(folder / "w.duckdb")})
    return DbtCliProfile(name="shop", target="dev", target_configs=target, **configs)


@pytest.fixture
def shop_folder(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", SHOP)


def test_a_profile_is_what_dbt_wants(tmp_path: Path) -> None:
    found = profile(tmp_path, global_configs=GlobalConfigs(fail_fast=True, printer_width=120))
    output = {"type": "duckdb", "schema": "main", "threads": 2, "path": str(tmp_path / "w.duckdb")}
    assert found.get_profile() == {
        "shop": {"target": "dev", "outputs": {"dev": output}},
        "config": {"fail_fast": True, "printer_width": 120},
    }
    assert found.environment() == {"DBT_FAIL_FAST": "True", "DBT_PRINTER_WIDTH": "120"}


def test_a_target_from_a_block_keeps_its_secrets_out_of_the_text(canary: Callable[[str], str]) -> None:
    password = canary("password")
    database = PostgreSQL(host="db", database="shop", user="dbt", password=SecretStr(password))
    target = PostgresTargetConfigs(credentials=database, schema_="marts", threads=3)
    assert target.get_configs()["password"] == password
    found = DbtCliProfile(name="shop", target="prod", target_configs=target)
    assert password not in found.render().text
    assert list(found.render().environment().values()) == [password]
    found.save("shop")
    output = DbtCliProfile.load("shop").get_profile()["shop"]["outputs"]["prod"]
    assert {name: output[name] for name in ("type", "host", "dbname", "schema", "threads", "password")} == {
        "type": "postgres",
        "host": "db",
        "dbname": "shop",
        "schema": "marts",
        "threads": 3,
        "password": password,
    }


def test_extras_that_say_what_fields_say_are_refused_unless_they_may() -> None:
    twice: dict[str, Any] = {"type": "duckdb", "schema": "a", "extras": {"schema": "b"}}
    with pytest.raises(DbtProfileInvalid, match="extras say schema, which the fields say, too"):
        TargetConfigs(**twice).get_configs()
    assert TargetConfigs(**twice, allow_field_overrides=True).get_configs()["schema"] == "b"


def test_a_target_is_taken_from_a_profiles_yml(tmp_path: Path) -> None:
    password = "swordfish"[::-1]
    text = f"shop: {{target: dev, outputs: {{dev: {{type: redshift, schema: s, threads: 9, password: {password}}}}}}}"
    (tmp_path / "profiles.yml").write_text(text)
    found = TargetConfigs.from_profiles_yml(profiles_dir=tmp_path)
    assert (found.type, found.schema_, found.threads) == ("redshift", "s", 9)
    assert found.get_configs()["password"] == password
    with pytest.raises(DbtProfileInvalid, match=r"has no target 'prod'\. It has dev"):
        TargetConfigs.from_profiles_yml(target_name="prod", profiles_dir=tmp_path)


def test_tasks_run_a_command_with_a_profile_and_keep_a_summary(shop_folder: Path, tmp_path: Path) -> None:
    @flow
    def nightly() -> DbtRunnerResult | None:
        return run_dbt_build(
            project_dir=shop_folder,
            dbt_cli_profile=profile(tmp_path),
            overwrite_profiles=True,
            create_summary_artifact=True,
            extra_command_args=["--exclude", "best"],
            stream_output=False,
        )

    with strongroom_test_harness() as journal:
        result = nightly()
        assert result is not None
        assert result.success
        [artifact] = list_artifacts(key="dbt-build-task-summary")
        assert str(artifact.data).startswith("# dbt build")
        [run] = journal.flow_runs()
        assert not any("OK created sql" in entry.message for entry in journal.logs(run.id))
    assert not list(shop_folder.rglob("profiles.yml"))


def test_a_profile_that_would_pass_over_a_file_has_to_say_so(shop_folder: Path, tmp_path: Path) -> None:
    (shop_folder / "profiles.yml").write_text("shop: {}\n")
    options: dict[str, Any] = {"profiles_dir": shop_folder, "project_dir": shop_folder}
    with pytest.raises(ValueError, match="pass overwrite_profiles=True"):
        trigger_dbt_cli_command.fn("dbt debug", dbt_cli_profile=profile(tmp_path), **options)
    with pytest.raises(ValueError, match="needs a dbt_cli_profile"):
        trigger_dbt_cli_command.fn("dbt debug", overwrite_profiles=True, **options)


def test_an_operation_of_dbt_gives_its_lines(shop_folder: Path, tmp_path: Path) -> None:
    operation = DbtCoreOperation(
        commands=["dbt seed", "dbt run --select customers"],
        project_dir=shop_folder,
        dbt_cli_profile=profile(tmp_path),
        overwrite_profiles=True,
    )
    with operation as running:
        process = running.trigger()
        process.wait_for_completion()
        lines = process.fetch_result()
    assert process.return_code == 0
    assert any("OK loaded seed file main.orders" in line for line in lines)
    assert any("created sql table model main.customers" in line for line in lines)


def test_an_operation_of_the_shell_is_one_script(tmp_path: Path, canary: Callable[[str], str]) -> None:
    secret = canary("token")
    operation = DbtCoreOperation(
        commands=["cd / && pwd", "echo token is $TOKEN", "which dbt >/dev/null && echo found"],
        working_dir=tmp_path,
        env={"TOKEN": SecretStr(secret)},
    )
    assert operation.run() == ["/", "token is **********", "found"]
    with pytest.raises(DbtFailed, match="exit code 3"):
        DbtCoreOperation(commands=["exit 3;"], working_dir=tmp_path).run()


def test_an_operation_that_is_closed_ends_what_it_started(tmp_path: Path) -> None:
    with DbtCoreOperation(commands=["echo begun; sleep 1000"], working_dir=tmp_path) as operation:
        process = operation.trigger()
    assert process.return_code == 1
    with pytest.raises(Exception, match="was cancelled"):
        process.wait_for_completion()
