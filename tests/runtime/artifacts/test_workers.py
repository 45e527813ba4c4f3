"""What runs on workers show, and tag limits among them: the ledger is one, and so are those who watch."""

from __future__ import annotations

import os
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.artifacts import (
    Progress,
    artifacts_of,
    create_progress_artifact,
    update_progress_artifact,
    watch_progress,
)
from strongroom.concurrency.limits import create_limit, list_leases, read_limit
from strongroom.runtime import flow_run
from strongroom.task_runners import ProcessPoolTaskRunner


def test_progress_on_a_worker_is_kept_and_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    create_limit("tag:heavy", 1)

    @task(tags=["heavy"])
    def fetch() -> tuple[int, list[str]]:
        progress = create_progress_artifact(0, description="days")
        update_progress_artifact(progress, 100)
        return os.getpid(), [lease.process for lease in list_leases("tag:heavy")]

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def nightly() -> Any:
        return fetch.submit().result(), flow_run.id

    told: list[Progress] = []
    end = watch_progress(told.append)
    (pid, [holder]), run_id = nightly()
    end()
    assert pid != os.getpid()
    assert holder.startswith(f"{pid}@")
    assert read_limit("tag:heavy").active_slots == 0
    [kept] = artifacts_of(run_id)
    assert [(each.artifact_id, each.progress, each.task_run_id) for each in told] == [
        (kept.id, 0.0, kept.task_run_id), (kept.id, 100.0, kept.task_run_id),
    ]  # fmt: skip
