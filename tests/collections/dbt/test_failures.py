"""A build that fails in a flow: the task's error, the nodes' runs, the log, and no secret in any of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
from canaries import find
from shop import SHOP, project_in
from strongroom import flow
from strongroom.journal import TaskRun
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import DbtNodeFailed, DbtProject, dbt_build


@flow
def nightly(project: DbtProject) -> int:
    return len(dbt_build(project).nodes)


@dataclass(frozen=True)
class Broken:
    """What is left of a build with a failing model, a failing test, a warning, and a model that tells a secret."""

    folder: Path
    error: DbtNodeFailed
    build: TaskRun
    nodes: dict[str, TaskRun]
    lines: list[str]
    secret: str


FILES = {
    "dbt_project.yml": SHOP["dbt_project.yml"],
    "models/schema.yml": SHOP["models/schema.yml"],
    "seeds/orders.csv": "id,customer,amount\n1,ann,10\n2,,20\n3,,12\n4,eve,5\n",
    "models/customers.sql": "select customer from {{ ref('orders') }}\n",
    "models/split.sql": "select no_such_column from {{ ref('orders') }}\n",
    "models/after.sql": "select * from {{ ref('split') }}\n",
    "models/telltale.sql": "select error(current_setting('http_proxy_password')) from {{ ref('orders') }}\n",
    "tests/careful.sql": "{{ config(severity='warn') }} select * from {{ ref('orders') }} where amount < 10\n",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    folder, secret = tmp_path_factory.mktemp("broken"), f"canary-{secrets.token_urlsafe(18)}"
    project = project_in(folder, FILES, secrets={"settings": {"http_proxy_password": secret}})
    with strongroom_test_harness() as journal:
        state = nightly(project, return_state=True)
        [run] = journal.flow_runs()
        build, *nodes = journal.task_runs(run.id)
        lines = [entry.message for entry in journal.logs(run.id)]
    error = state.result(raise_on_failure=False)
    assert isinstance(error, DbtNodeFailed)
    return Broken(folder, error, build, {node.name: node for node in nodes}, lines, secret)


def test_a_failing_model_fails_the_task_with_its_own_message(broken: Broken) -> None:
    assert broken.build.state.is_failed()
    split = next(node for node in broken.error.nodes if node.name == "split")
    assert 'Referenced column "no_such_column" not found' in split.message
    for told in (str(broken.error), broken.build.state.message or ""):
        assert split.message in told
        assert "model split (models/split.sql) failed" in told
        assert "Its compiled SQL: target/compiled/shop/models/split.sql" in told


def test_a_failing_test_says_how_many_rows_fail(broken: Broken) -> None:
    failures = {node.name: node.failures for node in broken.error.nodes if node.resource_type == "test"}
    assert failures == {"not_null_customers_customer": 2}
    assert "test not_null_customers_customer (models/schema.yml) failed: Got 2 results" in str(broken.error)


def test_a_failing_test_shows_the_rows_that_fail(broken: Broken) -> None:
    test = next(node for node in broken.error.nodes if node.resource_type == "test")
    assert [dict(row) for row in test.failing_rows] == [{"customer": None}, {"customer": None}]
    assert '{"customer": null}' in str(broken.error)
    careful = next(node for node in broken.error.all_nodes if node.name == "careful")
    assert [row["amount"] for row in careful.failing_rows] == [5]


def test_what_was_skipped_is_said(broken: Broken) -> None:
    assert "Skipped because of that: after." in str(broken.error)


def test_each_node_is_a_run_below_the_task(broken: Broken) -> None:
    assert {node.kind for node in broken.nodes.values()} == {"node"}
    assert {node.parent_id for node in broken.nodes.values()} == {broken.build.id}
    assert {name: node.state.name for name, node in broken.nodes.items()} == {
        "orders": "Completed",
        "customers": "Completed",
        "not_null_customers_customer": "Failed",
        "unique_customers_customer": "Completed",
        "careful": "Warned",
        "split": "Failed",
        "after": "Skipped",
        "telltale": "Failed",
    }
    assert 'Referenced column "no_such_column" not found' in (broken.nodes["split"].state.message or "")


def test_the_runs_of_nodes_have_their_times_and_stand_in_order(broken: Broken) -> None:
    orders, customers = broken.nodes["orders"], broken.nodes["customers"]
    assert customers.upstream == (orders.id,)
    assert broken.build.start_time < orders.start_time < orders.end_time <= customers.start_time  # type: ignore[operator]
    assert broken.nodes["after"].start_time is None


def test_the_lines_of_dbt_stand_in_the_log_of_the_run(broken: Broken) -> None:
    assert any("OK created sql table model main.customers" in line for line in broken.lines)
    assert any("no_such_column" in line for line in broken.lines)


def test_a_secret_of_the_profile_is_on_no_disk_and_in_no_message(broken: Broken) -> None:
    telltale = next(node for node in broken.error.nodes if node.name == "telltale")
    assert "*****" in telltale.message, "the model did not show the setting, so this test proves nothing"
    said = [str(broken.error), *broken.lines, *(str(node.state.message) for node in broken.nodes.values())]
    assert find(broken.secret, "\n".join(said).encode()) is None
    files = [path for path in broken.folder.rglob("*") if path.is_file()]
    assert {"dbt.log", "run_results.json", "manifest.json", "partial_parse.msgpack"} <= {path.name for path in files}
    assert [path for path in files if find(broken.secret, path.read_bytes())] == []
