"""Nightly inventory sync."""

from __future__ import annotations
import json, hashlib
from dataclasses import dataclass, asdict, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterable
from prefect import flow, task, get_run_logger, unmapped, tags, allow_failure
from prefect.cache_policies import INPUTS, TASK_SOURCE, NO_CACHE
from prefect.futures import wait, PrefectFuture
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.artifacts import create_table_artifact, create_markdown_artifact
from prefect.variables import Variable


@dataclass(frozen=True)
class Store:
    code: str
    country: str


@dataclass
class Report:
    rows: int = 0
    failed: list[str] = field(default_factory=list)


def retry_only_network(task, task_run, state) -> bool:
    try:
        state.result()
    except ConnectionError:
        return True
    except Exception:
        return False
    return False


seen: dict[str, int] = {}


@task(
    retries=2,
    retry_delay_seconds=0,
    retry_condition_fn=retry_only_network,
    task_run_name="fetch-{store.code}",
    tags=["io"],
)
def fetch(store: Store, since: datetime) -> list[dict[str, Any]]:
    seen[store.code] = seen.get(store.code, 0) + 1
    if store.code == "B" and seen["B"] < 2:
        raise ConnectionError("reset")
    if store.code == "C":
        raise ValueError("bad store")
    get_run_logger().info("fetched %s", store.code)
    return [{"sku": f"{store.code}{i}", "qty": i, "at": since.isoformat()} for i in range(3)]


@task(cache_policy=INPUTS + TASK_SOURCE, cache_expiration=timedelta(hours=1))
def clean(rows: list[dict], minimum: int = 1) -> list[dict]:
    return [r for r in rows if r["qty"] >= minimum]


@task(cache_policy=NO_CACHE)
def write(rows: list[dict], folder: Path) -> Path:
    path = folder / f"{rows[0]['sku']}.json"
    path.write_text(json.dumps(rows))
    return path


@task
def summarise(paths: list[Any]) -> Report:
    report = Report()
    for p in paths:
        if isinstance(p, Path):
            report.rows += len(json.loads(p.read_text()))
        else:
            report.failed.append(type(p).__name__)
    return report


@flow(
    name="inventory-sync",
    flow_run_name="sync-{since:%Y%m%d}",
    task_runner=ThreadPoolTaskRunner(max_workers=4),
    retries=0,
    log_prints=True,
)
def sync(stores: list[Store], since: datetime, folder: Path = Path("out")) -> Report:
    folder.mkdir(exist_ok=True)
    with tags("nightly", since.strftime("%a")):
        raw = fetch.map(stores, since=unmapped(since))
        cleaned = clean.map(raw, minimum=1)
        paths = write.map(cleaned, folder=unmapped(folder))
    paths.wait()
    report = summarise([allow_failure(p) for p in paths])
    create_table_artifact(key="inventory-sync", table=[{"rows": report.rows, "failed": len(report.failed)}])
    if report.failed:
        return Completed(message=f"{len(report.failed)} stores failed", data=report)
    return report


if __name__ == "__main__":
    state = sync(
        [{"code": "A", "country": "DE"}, Store("B", "FR"), Store("C", "IT")],
        "2024-05-01T00:00:00",
        return_state=True,
    )
    print(state.name, state.message, state.result())
    print(sorted(p.name for p in Path("out").iterdir()), sorted(seen.items()))
    print(sync([Store("A", "DE")], datetime(2024, 5, 2)))
