"""dbt in a flow: a task for each command, a run for each node."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop import SHOP, dbt_processes, project_in
from strongroom import DuckDB, flow
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import (
    DbtProject,
    DbtUsageError,
    dbt_build,
    dbt_deps,
    dbt_parse,
    dbt_run,
    dbt_seed,
    dbt_snapshot,
    dbt_test,
)
from strongroom_dbt.tasks import arguments_of


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        ({"select": None, "full_refresh": False}, []),
        ({"select": "orders+ tag:daily"}, ["--select", "orders+ tag:daily"]),
        (
            {"select": ["orders", "customers"], "exclude": ("old",)},
            ["--select", "orders", "customers", "--exclude", "old"],
        ),
        ({"full_refresh": True}, ["--full-refresh"]),
    ],
)
def test_options_become_the_arguments_that_dbt_documents(options: dict[str, object], arguments: list[str]) -> None:
    assert arguments_of("build", options) == ["build", *arguments]  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", ["", [], [""]])
def test_a_selection_of_nothing_is_not_taken_for_everything(nothing: str | list[str]) -> None:
    with pytest.raises(DbtUsageError, match="`select` selects nothing"):
        arguments_of("build", {"select": nothing})


@flow
def every_command(project: DbtProject) -> list[str]:
    dbt_deps(project)
    commands = [dbt_parse(project, target="dev"), dbt_seed(project, full_refresh=True)]
    commands.append(dbt_run(project, select="customers", threads=1))
    commands.append(dbt_test(project, select=["customers"], exclude="unique_customers_customer"))
    commands.append(dbt_snapshot(project, target="prod"))
    return [f"{result.command}: {', '.join(node.name for node in result.nodes)}" for result in commands]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_flow_takes_a_project_through_every_command(tmp_path: Path) -> None:
    files = {
        **SHOP,
        "packages.yml": "packages: [{local: ../greetings}]\n",
        "../greetings/dbt_project.yml": "name: greetings\nversion: '1.0'\n",
        "../greetings/macros/hello.sql": "{% macro hello() %}'hello from ' || '{{ target.name }}'{% endmacro %}\n",
        "snapshots/kept.sql": """
            {% snapshot kept %}
            {{ config(unique_key='customer', strategy='check', check_cols='all', target_schema='main') }}
            select customer, {{ greetings.hello() }} as greeting from {{ ref('customers') }}
            {% endsnapshot %}
        """,
    }
    project = project_in(tmp_path, files)
    warehouse = DuckDB(path=str(tmp_path / "warehouse.duckdb"))
    with strongroom_test_harness():
        assert every_command(project) == [
            "parse: ",
            "seed: orders",
            "run: customers",
            "test: not_null_customers_customer",
            "snapshot: kept",
        ]
    greetings = warehouse.fetch_all("select distinct greeting from kept")
    assert greetings == [("hello from prod",)]
    assert warehouse.fetch_one("select count(*) from information_schema.tables where table_name = 'best'") == (0,)


@flow
def hasty(project: DbtProject) -> str:
    return dbt_build.with_options(timeout_seconds=0.2)(project, return_state=True).name


def test_a_task_that_takes_too_long_ends_its_dbt(shop: DbtProject) -> None:
    with strongroom_test_harness():
        assert hasty(shop) == "TimedOut"
    assert dbt_processes() == []
