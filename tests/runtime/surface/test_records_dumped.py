"""What hooks and clients make of the records of runs."""

from __future__ import annotations

import json
from typing import Any

from canaries import Plant
from pydantic import SecretStr
from strongroom import flow, get_client, tags, task
from strongroom.context import get_run_context


def test_a_hook_writes_down_what_ran(canary: Plant) -> None:
    told: list[Any] = []

    def tell(flow: Any, flow_run: Any, state: Any) -> None:
        told.append(flow_run.model_dump())
        told.append(json.loads(flow_run.model_dump_json(indent=2)))

    @task
    def work() -> dict[str, Any]:
        context: Any = get_run_context()
        found: dict[str, Any] = context.task_run.model_dump(mode="json")
        return found

    @flow(on_completion=[tell], version="7")
    def works(x: int, key: SecretStr) -> dict[str, Any]:
        return work()

    with tags("b", "a"):
        of_task = works(3, SecretStr(canary("parameter")))
    python, of_json = told
    assert (python["name"], python["tags"], python["flow_version"]) == (of_json["name"], ["a", "b"], "7")
    assert (of_json["state"]["name"], of_json["state_type"], of_json["auto_scheduled"]) == (
        "Completed",
        "COMPLETED",
        False,
    )
    assert of_json["parameters"]["x"] == 3
    assert (of_task["flow_run_id"], of_task["state_name"]) == (of_json["id"], "Running")
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(of_json["id"]).model_dump()["parameters"] == python["parameters"]
