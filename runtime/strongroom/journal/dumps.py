"""What scripts get of a run's record by ``flow_run.model_dump()``: what it says, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from strongroom.journal.records import FlowRun, TaskRun

_BOTH = (
    "id", "name", "run_count", "expected_start_time", "start_time", "end_time", "total_run_time", "created",
    "state_type", "state_name",
)  # fmt: skip
_OF_FLOWS = (
    "flow_id", "flow_version", "deployment_id", "parent_task_run_id", "idempotency_key", "auto_scheduled",
    "estimated_run_time",
)  # fmt: skip
_OF_TASKS = ("flow_run_id", "task_key", "dynamic_key", "cache_key")


def flow_run_dump(run: FlowRun, mode: Literal["python", "json"]) -> dict[str, Any]:
    """A flow run by Prefect's names; its parameters as people see them."""
    return _dump(run, _BOTH + _OF_FLOWS, mode) | {"parameters": dict(run.parameters_shown)}


def task_run_dump(run: TaskRun, mode: Literal["python", "json"]) -> dict[str, Any]:
    """A task run by Prefect's names."""
    return _dump(run, _BOTH + _OF_TASKS, mode)


def _dump(run: FlowRun | TaskRun, names: tuple[str, ...], mode: Literal["python", "json"]) -> dict[str, Any]:
    said = {name: getattr(run, name) for name in names} | {"tags": sorted(run.tags)}
    state = run.state
    said["state"] = {"type": state.type, "name": state.name, "message": state.message, "timestamp": state.timestamp}
    if mode == "python":
        return said
    from pydantic_core import to_jsonable_python

    found: dict[str, Any] = to_jsonable_python(said)
    return found


def as_json(dump: dict[str, Any], indent: int | None = None) -> str:
    """The text of a dump that JSON can carry."""
    import json

    return json.dumps(dump, indent=indent)
