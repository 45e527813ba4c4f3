"""A project with all that authors put into projects: built, documented, compared with what it was, and seen as runs."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop import write
from strongroom import DuckDB, LocalFolder, flow
from strongroom.events import list_events
from strongroom.graphs.reading import read_graph
from strongroom.graphs.vertex import Vertex
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import (
    DbtNodeFailed,
    DbtProfile,
    DbtProject,
    DbtResult,
    dbt_build,
    dbt_deps,
    dbt_docs_generate,
    dbt_run_operation,
    dbt_show,
    dbt_source_freshness,
)

FILES = {
    "dbt_project.yml": """
        name: emporium
        version: "{{ '1.' ~ '0' }}"
        profile: "{{ env_var('EMPORIUM_PROFILE', 'emporium') }}"
        target-path: "{{ env_var('EMPORIUM_TARGET', 'out') }}/dbt"
        clean-targets: [out, dbt_packages]
        vars: {least: 5}
        on-run-start: ["create table if not exists visits (seen timestamp)"]
        on-run-end: ["insert into visits values (now()::timestamp)"]
        models:
          emporium:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        seeds: {emporium: {+quote_columns: false}}
    """,
    "packages.yml": "packages: [{local: ../greetings}]\n",
    "../greetings/dbt_project.yml": "name: greetings\nversion: '1.0'\n",
    "../greetings/macros/hello.sql": "{% macro hello(who) %}'hello, ' || {{ who }}{% endmacro %}\n",
    "macros/grants.sql": """
        {% macro count_of(name) %}
          {% set found = run_query('select count(*) from ' ~ ref(name)) %}
          {{ log('there are ' ~ found.rows[0][0], info=true) }}
        {% endmacro %}
    """,
    "seeds/raw/orders.csv": "id,customer,amount,day\n1,ann,10,2020-01-01\n2,bob,20,2020-01-02\n3,ann,3,2020-01-03\n",
    "models/staging/stg_orders.sql": "select * from {{ ref('orders') }} where amount >= {{ var('least') }}\n",
    "models/staging/ephemeral.sql": """
        {{ config(materialized='ephemeral') }}
        select customer, sum(amount) as spent from {{ ref('stg_orders') }} group by 1
    """,
    "models/customers.sql": "select *, {{ greetings.hello('customer') }} as greeting from {{ ref('ephemeral') }}\n",
    "models/events.sql": """
        {{ config(materialized='incremental', unique_key='id', post_hook='analyze') }}
        select * from {{ ref('stg_orders') }}
        {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
    """,
    "models/scored.py": """
        def model(dbt, session):
            dbt.config(materialized="table")
            orders = dbt.ref("stg_orders")
            return orders.project("customer, amount * 2 as score")
    """,
    "models/retired.sql": "{{ config(enabled=false) }} select * from {{ ref('nowhere') }}\n",
    "models/schema.yml": """
        models:
          - name: customers
            description: Who buys.
            config: {meta: {owner: ann}}
            columns: [{name: customer, data_tests: [unique, not_null]}]
        unit_tests:
          - name: buyers_are_greeted
            model: customers
            given: [{input: ref('ephemeral'), format: sql, rows: "select 'cyd' as customer, 15 as spent"}]
            expect: {rows: [{customer: cyd, spent: 15, greeting: 'hello, cyd'}]}
        sources:
          - name: raw
            schema: main
            tables:
              - name: orders
                loaded_at_field: day::timestamp
                freshness: {warn_after: {count: 1, period: day}, error_after: {count: 2, period: day}}
        exposures:
          - {name: board, type: dashboard, owner: {name: ann}, depends_on: [ref('customers')]}
    """,
    "snapshots/kept.sql": """
        {% snapshot kept %}
        {{ config(unique_key='customer', strategy='check', check_cols='all', target_schema='kept') }}
        select * from {{ ref('customers') }}
        {% endsnapshot %}
    """,
}


@dataclass(frozen=True)
class Emporium:
    """The project after its build, with the runs that it left."""

    project: DbtProject
    folder: Path
    warehouse: DuckDB
    result: DbtResult
    graph: Vertex
    assets: dict[str, dict[str, object]]


@flow
def nightly(project: DbtProject) -> DbtResult:
    dbt_deps(project)
    return dbt_build(project)


@pytest.fixture(scope="module")
def emporium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emporium]:
    folder = tmp_path_factory.mktemp("emporium")
    write(folder / "a folder of another name", FILES)
    warehouse = DuckDB(path=str(folder / "emporium.duckdb"))
    project = DbtProject(
        project_dir=folder / "a folder of another name",
        profile=DbtProfile(warehouse=warehouse, threads=2),
        artifacts=LocalFolder(basepath=folder / "store"),
    )
    with strongroom_test_harness() as journal:
        result = nightly(project)
        [run] = journal.flow_runs()
        graph = read_graph(journal, run)
        made = list_events("strongroom.asset.materialization.succeeded")
        assets = {str(event.resource.id): {**event.resource, **event.payload} for event in made}
        yield Emporium(project, folder, warehouse, result, graph, assets)


def test_every_kind_of_node_is_built(emporium: Emporium) -> None:
    statuses = {node.name: (node.resource_type, node.status) for node in emporium.result.nodes}
    assert statuses == {
        "emporium-on-run-start-0": ("operation", "success"),
        "orders": ("seed", "success"),
        "stg_orders": ("model", "success"),
        "buyers_are_greeted": ("unit_test", "pass"),
        "customers": ("model", "success"),
        "events": ("model", "success"),
        "scored": ("model", "success"),
        "unique_customers_customer": ("test", "pass"),
        "not_null_customers_customer": ("test", "pass"),
        "kept": ("snapshot", "success"),
        "board": ("exposure", "no-op"),
        "emporium-on-run-end-0": ("operation", "success"),
    }


def test_packages_schemas_variables_and_python_do_their_work(emporium: Emporium) -> None:
    fetch = emporium.warehouse.fetch_all
    assert fetch("select * from customers order by 1") == [("ann", 10, "hello, ann"), ("bob", 20, "hello, bob")]
    assert fetch("select count(*) from main_staging.stg_orders") == [(2,)]
    assert fetch("select score from scored order by 1") == [(20,), (40,)]
    assert fetch("select count(*) from kept.kept") == [(2,)]
    assert fetch("select count(*) > 0 from visits") == [(True,)]


def test_the_graph_of_the_run_has_the_lineage_through_ephemeral_models(emporium: Emporium) -> None:
    build = next(vertex for vertex in emporium.graph.walk() if vertex.name.startswith("dbt build"))
    after = {vertex.name: [before.name for before in vertex.after] for vertex in build.inside}
    assert after["stg_orders"] == ["orders"]
    assert after["customers"] == ["stg_orders"]
    assert after["unique_customers_customer"] == ["customers"]
    assert after["kept"] == ["customers"]
    assert all(vertex.seconds is not None for vertex in build.inside if vertex.name in ("orders", "customers", "kept"))


def test_models_seeds_and_snapshots_are_told_as_assets(emporium: Emporium) -> None:
    names = sorted(key.rpartition("/")[2] for key in emporium.assets)
    assert names == ["customers", "events", "kept", "orders", "scored", "stg_orders"]
    customers = next(asset for key, asset in emporium.assets.items() if key.endswith("/customers"))
    assert customers["strongroom.asset.description"] == "Who buys."
    assert customers["strongroom.asset.owners"] == "ann"
    assert customers["unique_id"] == "model.emporium.customers"


def test_artifacts_are_where_the_project_says_and_in_the_store(emporium: Emporium, tmp_path: Path) -> None:
    assert (emporium.project.project_dir / "out/dbt/manifest.json").is_file()
    assert {key.rpartition("/")[2] for key in emporium.result.artifacts} >= {"manifest.json", "run_results.json"}
    assert emporium.result.artifacts[0].startswith("dbt/runs/2")
    fetched = emporium.project.fetch_artifacts(tmp_path / "fetched")
    assert (fetched / "manifest.json").is_file()


def test_sources_that_are_too_old_fail_with_their_age(emporium: Emporium) -> None:
    @flow
    def look() -> None:
        dbt_source_freshness(emporium.project)

    state = look(return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, DbtNodeFailed)
    [node] = error.nodes
    assert (node.unique_id, node.status) == ("source.emporium.raw.orders", "error")
    assert "Loaded last at 2020-01-03 00:00:00" in node.message
    assert "error after 2 days" in node.message
    assert (emporium.folder / "store/dbt/last/sources.json").is_file()


def test_documentation_is_stored_and_served_to_this_machine_alone(emporium: Emporium) -> None:
    @flow
    def document() -> str:
        return dbt_docs_generate(emporium.project).command

    assert document() == "docs generate"
    assert (emporium.folder / "store/dbt/latest/catalog.json").is_file()
    with emporium.project.serve_docs() as documentation:
        assert b"emporium" in urllib.request.urlopen(documentation.url, timeout=30).read()
        elsewhere = urllib.request.Request(documentation.url, headers={"Host": "evil.example.com:80"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(elsewhere, timeout=30)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(documentation.url + "run_results.json", timeout=30)


def test_what_was_modified_is_built_and_the_rest_is_taken_from_the_state(emporium: Emporium, tmp_path: Path) -> None:
    model = emporium.project.project_dir / "models/customers.sql"
    before = model.read_text()
    model.write_text(before + "where spent > 15\n")
    profile = DbtProfile(warehouse=emporium.warehouse, schema_name="review")
    review = emporium.project.model_copy(update={"profile": profile, "target_path": tmp_path / "target"})
    try:
        result = review.invoke(["run", "--select", "state:modified", "--defer"], state=True)
    finally:
        model.write_text(before)
    assert [node.name for node in result.nodes if node.resource_type == "model"] == ["customers"]
    assert emporium.warehouse.fetch_all("select customer from review.customers") == [("bob",)]


def test_macros_are_run_and_rows_are_shown(emporium: Emporium) -> None:
    @flow
    def look() -> list[dict[str, object]]:
        dbt_run_operation(emporium.project, "count_of", {"name": "customers"})
        return dbt_show(emporium.project, inline="select customer from {{ ref('customers') }} order by 1", limit=1)

    assert look() == [{"customer": "ann"}]
