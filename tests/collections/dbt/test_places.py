"""Two invocations at once on one project: the second writes beside the first, and nothing is left lying around."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shop import SHOP, project_in
from strongroom import DuckDB
from strongroom_dbt import DbtProfile
from strongroom_dbt.places import place_of, target_folder_of


def test_the_first_gets_the_folder_itself(tmp_path: Path) -> None:
    with place_of(tmp_path / "target", alone=False) as place:
        assert place == tmp_path / "target"
    with place_of(tmp_path / "target", alone=True) as again:
        assert again == place


def test_the_second_gets_one_beside_it_whose_files_take_their_places(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "partial_parse.msgpack").write_bytes(b"known")
    with place_of(target, alone=False), place_of(target, alone=False) as second:
        assert second is not None
        assert second.parent == target
        assert (second / "partial_parse.msgpack").read_bytes() == b"known"
        (second / "compiled/models").mkdir(parents=True)
        (second / "compiled/models/one.sql").write_text("select 1")
    assert sorted(path.name for path in target.rglob("*") if path.is_file()) == ["one.sql", "partial_parse.msgpack"]
    assert sorted(path.name for path in target.iterdir()) == ["compiled", "partial_parse.msgpack"]


def test_no_place_is_made_up_where_dbt_alone_knows_it() -> None:
    with place_of(None, alone=False) as place:
        assert place is None


def test_the_target_folder_is_what_the_project_or_the_environment_says(tmp_path: Path) -> None:
    def named(path: str) -> Path | None:
        return target_folder_of(tmp_path, {"target-path": path}, {"WHERE": "there"})

    assert target_folder_of(tmp_path, {}, {}) == tmp_path / "target"
    assert target_folder_of(tmp_path, {"target-path": "out"}, {"DBT_TARGET_PATH": "/elsewhere"}) == Path("/elsewhere")
    assert named("{{ env_var('WHERE') }}/dbt") == tmp_path / "there/dbt"
    assert named("{{ env_var('NOWHERE', 'here') }}") == tmp_path / "here"
    assert named("{{ env_var('NOWHERE') }}") is None
    assert named("{{ target.name }}") is None


def test_two_builds_of_one_project_do_not_disturb_each_other(tmp_path: Path) -> None:
    first = project_in(tmp_path, SHOP)
    profile = DbtProfile(warehouse=DuckDB(path=str(tmp_path / "second.duckdb")))
    second = first.model_copy(update={"profile": profile})
    with ThreadPoolExecutor(2) as threads:
        builds = [threads.submit(project.invoke, ["build"]) for project in (first, second)]
        results = [build.result() for build in builds]
    assert all(result.success for result in results)
    assert DuckDB(path=str(tmp_path / "second.duckdb")).fetch_one("select count(*) from best") == (1,)
    target = tmp_path / "shop/target"
    assert [path for path in target.iterdir() if path.name.startswith(".")] == []
    for result in results:
        compiled = result.node("best").compiled_path
        assert compiled is not None
        assert (tmp_path / "shop" / compiled).is_file()
