"""A project is built in a process of its own; what fails says what, where and why in dbt's own words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop import SHOP, Heard, project_in
from strongroom import DuckDB, MissingExtra
from strongroom.checks import CheckAbsent, CheckFailed
from strongroom_dbt import (
    DbtFailed,
    DbtProfile,
    DbtProfileInvalid,
    DbtProject,
    DbtProjectInvalid,
    DbtResult,
    DbtUsageError,
    DbtWarehouseUnavailable,
)


@dataclass(frozen=True)
class Built:
    """A project after its build, with what was heard meanwhile."""

    folder: Path
    project: DbtProject
    result: DbtResult
    heard: Heard


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder, heard = tmp_path_factory.mktemp("built"), Heard()
    project = project_in(folder, SHOP, schema_name="marts", target="dev")
    return Built(folder, project, project.invoke(["build"], vars={"limit": 21}, observer=heard), heard)


def test_a_build_fills_the_warehouse(built: Built) -> None:
    warehouse = DuckDB(path=str(built.folder / "warehouse.duckdb"))
    assert warehouse.fetch_all("select * from marts.customers order by 1") == [("ann", 22, 2), ("bob", 20, 1)]


def test_variables_reach_the_models(built: Built) -> None:
    assert DuckDB(path=str(built.folder / "warehouse.duckdb")).fetch_all("select * from marts.best") == [("ann",)]


def test_the_result_tells_of_every_node(built: Built) -> None:
    assert built.result.success
    assert built.result.command == "build"
    assert built.result.elapsed > 0
    assert built.result.node("orders").rows_affected == 3
    customers = built.result.node("customers")
    assert (customers.resource_type, customers.status) == ("model", "success")
    assert customers.path == "models/customers.sql"
    assert customers.depends_on == ("seed.shop.orders",)
    assert customers.started_at is not None
    assert customers.finished_at is not None
    assert customers.started_at <= customers.finished_at
    assert built.result.node("unique_customers_customer").status == "pass"
    assert built.result.node("unique_customers_customer").failures == 0
    assert built.result.failed == ()


def test_nodes_are_told_of_while_dbt_works_and_in_the_order_of_dependencies(built: Built) -> None:
    assert built.heard.started[:2] == ["seed.shop.orders", "model.shop.customers"]
    assert {node.unique_id for node in built.heard.finished} == {node.unique_id for node in built.result.nodes}
    live = next(node for node in built.heard.finished if node.name == "customers")
    assert live.depends_on == ("seed.shop.orders",)
    assert live.status == "success"


def test_the_lines_of_dbt_are_heard_without_colours(built: Built) -> None:
    assert any("OK created sql table model marts.customers" in line for line in built.heard.lines)
    assert any("target='dev'" in line for line in built.heard.lines)
    assert not any("\x1b" in line for line in built.heard.lines)


def test_artifacts_stay_where_dbt_users_look_for_them(built: Built) -> None:
    assert (built.folder / "shop/target/manifest.json").is_file()
    assert (built.folder / "shop/logs/dbt.log").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models/customers.sql": "select * from {{ ref('best') }}\n"}, "Found a cycle"),
        ({"models/best.sql": "select {{ ref('customers') }\n"}, r"Compilation Error in model best \(models/best.sql\)"),
        ({"packages.yml": "packages: [{local: ../gone}]\n"}, "The task dbt_deps installs the packages"),
    ],
    ids=["cycle", "syntax", "missing package"],
)
def test_a_project_that_dbt_cannot_read_fails_with_its_message(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    project = project_in(tmp_path, {**SHOP, **changes})
    with pytest.raises(DbtProjectInvalid, match=message):
        project.invoke(["build"])


def test_a_failing_hook_is_what_is_told_even_where_dbt_breaks_off_because_of_it(tmp_path: Path) -> None:
    changes = {
        "dbt_project.yml": SHOP["dbt_project.yml"].rstrip() + "\n        on-run-start: [select no_such_column]\n",
        "models/board.yml": "exposures: [{name: board, type: dashboard, owner: {name: ann}}]\n",
    }
    with pytest.raises(DbtFailed, match=r"ERROR hook: shop\.on-run-start\.0"):
        project_in(tmp_path, {**SHOP, **changes}).invoke(["build"])


def test_a_folder_without_a_project_is_refused_before_dbt_starts(tmp_path: Path, shop: DbtProject) -> None:
    elsewhere = shop.model_copy(update={"project_dir": tmp_path})
    with pytest.raises(DbtProjectInvalid, match=r"no file dbt_project\.yml\. Set `project_dir`"):
        elsewhere.invoke(["build"])


def test_debugging_tells_no_secret(tmp_path: Path, canary: Callable[[str], str]) -> None:
    secret, heard = canary("password"), Heard()
    project = project_in(tmp_path, SHOP, secrets={"settings": {"http_proxy_password": secret}})
    result = project.invoke(["debug", "--log-level", "debug"], observer=heard, raise_on_failure=False)
    assert result.command == "debug"
    assert any("profiles.yml file [OK found and valid]" in line for line in heard.lines)
    assert secret not in "\n".join(heard.lines)
    assert secret not in (tmp_path / "shop/logs/dbt.log").read_text()


def test_arguments_that_dbt_does_not_know_are_told(shop: DbtProject) -> None:
    with pytest.raises(DbtUsageError, match="No such option '--selekt'"):
        shop.invoke(["build", "--selekt", "best"])


@pytest.mark.parametrize("arguments", [[], ["--debug", "build"], ["build", "--target", "x"], ["build", "--vars={}"]])
def test_what_the_block_sets_itself_cannot_be_said_twice(shop: DbtProject, arguments: list[str]) -> None:
    with pytest.raises(DbtUsageError):
        shop.invoke(arguments)


def test_a_missing_dbt_names_the_extra_that_installs_it(shop: DbtProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dbt.__version__", raising=False)
    monkeypatch.setitem(sys.modules, "dbt", None)
    with pytest.raises(MissingExtra, match=r'Run: pip install "strongroom\[dbt\]"'):
        shop.invoke(["build"])


def test_an_adapter_that_is_not_installed_names_its_package(shop: DbtProject) -> None:
    elsewhere = shop.model_copy(update={"profile": DbtProfile(settings={"type": "teradata"})})
    with pytest.raises(MissingExtra, match=r'"teradata" is not installed\. Run: pip install dbt-teradata'):
        elsewhere.invoke(["build"])


def test_a_profile_that_the_adapter_does_not_take_is_told(shop: DbtProject) -> None:
    profile = DbtProfile(settings={"type": "duckdb", "path": ["no", "path"]})
    with pytest.raises(DbtProfileInvalid, match="is not of type 'string'"):
        shop.model_copy(update={"profile": profile}).invoke(["build"])


def test_a_warehouse_that_is_in_use_is_told_with_a_remedy(tmp_path: Path, shop: DbtProject) -> None:
    with (
        DuckDB(path=str(tmp_path / "warehouse.duckdb")).connection(),
        pytest.raises(DbtWarehouseUnavailable, match="takes one writing process"),
    ):
        shop.invoke(["build"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("profile: shop", "shop"),
        ("name: shop", "strongroom"),
        ("profile: \"{{ env_var('PROFILE') }}\"", "strongroom"),
        ("profile: [", "strongroom"),
        ("", "strongroom"),
    ],
)
def test_the_profile_has_the_name_that_the_project_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: DbtProject, text: str, name: str
) -> None:
    from strongroom_dbt import invocation

    asked: list[tuple[invocation.Order, str]] = []

    class Session:
        def __init__(self, profile: str) -> None:
            self.profile = profile

        def run(self, order: invocation.Order, *_: object) -> invocation.Ending:
            asked.append((order, self.profile))
            return invocation.Ending(True, None, (), 0.0)

    @contextmanager
    def session(profile: invocation.RenderedProfile, *_: object) -> Iterator[Session]:
        yield Session(profile.text)

    monkeypatch.setattr(invocation, "session", session)
    (tmp_path / "shop/dbt_project.yml").write_text(text)
    shop.invoke(["build"])
    [(order, profile)] = asked
    assert order.arguments[order.arguments.index("--profile") + 1] == name
    assert profile.startswith(f'{{\n  "{name}": {{')


class TestCheck:
    @pytest.fixture
    def project(self, tmp_path: Path) -> DbtProject:
        return DbtProject(project_dir=tmp_path, profile=DbtProfile(warehouse=DuckDB(path=str(tmp_path / "x.duckdb"))))

    def test_a_project_that_is_there_works(self, project: DbtProject) -> None:
        (project.project_dir / "dbt_project.yml").write_text("name: shop\nversion: 1.0\n")
        assert project.check(30) == "the project shop is there"

    def test_none_is_absent(self, project: DbtProject) -> None:
        with pytest.raises(CheckAbsent, match=r"no file dbt_project\.yml"):
            project.check(30)

    @pytest.mark.parametrize("content", [b"", b"- a list", b"name: [", b"\xff", b"name: 3"])
    def test_what_is_no_project_fails(self, project: DbtProject, content: bytes) -> None:
        (project.project_dir / "dbt_project.yml").write_bytes(content)
        with pytest.raises(CheckFailed, match="is no dbt project") as caught:
            project.check(30)
        assert caught.value.word == "failed"
