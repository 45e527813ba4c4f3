"""What failed is run again, with what was skipped because of it; what was done is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop import SHOP, Heard, project_in
from strongroom import flow
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import DbtNodeFailed, DbtProject, dbt_build, dbt_retry

FILES = {
    **SHOP,
    "models/flaky.sql": """
        select content from read_csv('{{ var('flag') }}', columns={'content': 'varchar'}), {{ ref('customers') }}
    """,
    "models/later.sql": "select * from {{ ref('flaky') }}\n",
}


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """The model `flaky` fails as long as this file is not there."""
    return tmp_path / "flag.txt"


@pytest.fixture
def flaky(tmp_path: Path, flag: Path) -> DbtProject:
    return project_in(tmp_path, FILES).model_copy(update={"vars": {"flag": str(flag)}})


def test_failed_nodes_are_run_again_in_the_same_process(flaky: DbtProject, flag: Path) -> None:
    class Mending(Heard):
        def log(self, level: str, message: str, node: str) -> None:
            super().log(level, message, node)
            if message == "Attempt 2 of 4: 2 nodes are left.":
                flag.write_text("mended")

    heard = Mending()
    result = flaky.invoke(["build"], retries=3, observer=heard)
    assert result.success
    assert {node.name: node.attempts for node in result.nodes if node.attempts > 1} == {"flaky": 2}
    assert result.node("later").status == "success"
    started = [unique_id.split(".")[2] for unique_id in heard.started]
    assert started.count("customers") == 1
    assert started.count("flaky") == 2


@flow(retries=1)
def nightly(project: DbtProject, flag: Path) -> list[str]:
    try:
        return sorted(node.name for node in dbt_build(project).nodes)
    except DbtNodeFailed:
        flag.write_text("mended")
        raise


def test_another_attempt_of_the_run_leaves_out_what_was_done(flaky: DbtProject, flag: Path) -> None:
    with strongroom_test_harness() as journal:
        assert nightly(flaky, flag) == ["flaky", "later"]
        [run] = journal.flow_runs()
        nodes = {task.name: task for task in journal.task_runs(run.id) if task.kind == "node"}
    assert {name: node.run_count for name, node in nodes.items()} == {
        "orders": 1,
        "customers": 1,
        "not_null_customers_customer": 1,
        "unique_customers_customer": 1,
        "best": 1,
        "flaky": 2,
        "later": 1,
    }
    assert {node.state.name for node in nodes.values()} == {"Completed"}
    assert nodes["flaky"].upstream == (nodes["customers"].id,)


@flow
def mended_by_hand(project: DbtProject, flag: Path) -> list[str]:
    assert not dbt_build(project, raise_on_failure=False).success
    flag.write_text("mended")
    return sorted(node.name for node in dbt_retry(project).nodes)


def test_dbt_retry_goes_on_after_the_last_command(flaky: DbtProject, flag: Path) -> None:
    with strongroom_test_harness():
        assert mended_by_hand(flaky, flag) == ["flaky", "later"]
