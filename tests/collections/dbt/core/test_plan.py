"""Plans and the memory of what was built, from a manifest alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from strongroom_dbt import BuildPlan, CacheConfig
from strongroom_dbt.core.node_cache import NodeCache
from strongroom_dbt.core.plan import Manifest, plan_of


def node(kind: str, *before: str, materialized: str = "table", content: str = "x") -> dict[str, Any]:
    return {
        "resource_type": kind,
        "config": {"materialized": materialized},
        "checksum": {"name": "sha256", "checksum": content},
        "relation_name": content,
        "depends_on": {"nodes": list(before), "macros": ["macro.m"]},
    }


def manifest(**changes: Any) -> Manifest:
    nodes = {
        "seed.a": node("seed", materialized="seed"),
        "model.e": node("model", "seed.a", "source.s", materialized="ephemeral"),
        "model.b": node("model", "model.e"),
        "model.c": node("model", "model.b", materialized="incremental"),
        "test.t": node("test", "model.b"),
    } | changes
    sources = {"source.s": {"freshness": {"warn_after": {"count": 2, "period": "hour"}}}}
    return Manifest({"nodes": nodes, "sources": sources, "macros": {"macro.m": {"macro_sql": "select"}}})


CHOSEN = ("seed.a", "model.b", "model.c", "test.t")
SUCCESS = {"status": "success", "timing": {"duration_seconds": 1.0}}


def test_waves_follow_the_dependencies_through_what_is_not_chosen() -> None:
    plan = plan_of(manifest(), CHOSEN, None)
    assert plan.waves == (("seed.a",), ("model.b",), ("model.c", "test.t"))
    assert (plan.node_count, plan.estimated_parallelism) == (4, 2)
    assert str(plan).startswith("BuildPlan: 4 node(s) in 3 wave(s)  |  max parallelism = 2\n")
    assert "    - model.c [model, incremental]" in str(plan)
    assert BuildPlan(()).estimated_parallelism == 0


def cache(folder: Path, about: Manifest, config: CacheConfig | None = None, *, full_refresh: bool = False) -> NodeCache:
    return NodeCache(config or CacheConfig(), folder, about, "dev", full_refresh)


def test_what_was_built_is_known_until_something_of_it_changes(tmp_path: Path) -> None:
    first = cache(tmp_path, manifest())
    assert set(first.predictions(CHOSEN).values()) == {"miss", "excluded"}
    first.keep(dict.fromkeys(CHOSEN, SUCCESS))
    assert cache(tmp_path, manifest()).predictions(CHOSEN) == {
        "seed.a": "hit",
        "model.b": "hit",
        "model.c": "excluded",
        "test.t": "excluded",
    }
    assert cache(tmp_path, manifest()).result("model.b")["timing"] == {"duration_seconds": 1.0}
    changed = manifest(**{"model.e": node("model", "seed.a", materialized="ephemeral", content="y")})
    assert cache(tmp_path, changed).predictions(["seed.a", "model.b"]) == {"seed.a": "hit", "model.b": "miss"}
    assert cache(tmp_path, manifest(), full_refresh=True).predictions(["seed.a"]) == {"seed.a": "miss"}


def test_what_failed_is_forgotten(tmp_path: Path) -> None:
    cache(tmp_path, manifest()).keep({"model.b": SUCCESS})
    cache(tmp_path, manifest()).keep({"model.b": {"status": "error"}})
    assert cache(tmp_path, manifest()).predictions(["model.b"]) == {"model.b": "miss"}


@pytest.mark.parametrize("config", [CacheConfig(expiration=timedelta(0)), CacheConfig(expiration=timedelta(hours=-1))])
def test_what_has_expired_is_built_again(tmp_path: Path, config: CacheConfig) -> None:
    cache(tmp_path, manifest(), config).keep({"model.b": SUCCESS})
    assert cache(tmp_path, manifest(), config).predictions(["model.b"]) == {"model.b": "miss"}


def test_nodes_are_known_no_longer_than_their_sources_are_fresh(tmp_path: Path) -> None:
    config = CacheConfig(expiration=timedelta(hours=-1), use_source_freshness_expiration=True)
    cache(tmp_path, manifest(), config).keep({"model.b": SUCCESS, "seed.a": SUCCESS})
    assert cache(tmp_path, manifest(), config).predictions(["model.b", "seed.a"]) == {
        "model.b": "hit",
        "seed.a": "miss",
    }


def test_keys_and_results_lie_where_the_configuration_says(tmp_path: Path) -> None:
    config = CacheConfig(key_storage=tmp_path / "keys", result_storage=tmp_path / "results")
    cache(tmp_path / "target", manifest(), config).keep({"model.b": SUCCESS})
    assert [path.name for path in sorted(tmp_path.rglob("*.json"))] == ["dbt-node-keys.json", "dbt-node-results.json"]
    assert cache(tmp_path / "other", manifest(), config).predictions(["model.b"]) == {"model.b": "hit"}
