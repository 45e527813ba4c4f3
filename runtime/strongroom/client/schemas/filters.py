"""What a reading of the client is about: ``FlowRunFilter(state={"type": {"any_": ["FAILED"]}})``.

A filter has fields, a field has conditions, and all of them have to hold; a part may be given as a mapping or as the
class of its own that Prefect has for it. Conditions: ``any_``, ``not_any_``, ``all_``, ``like_``, ``startswith_``,
``before_``, ``after_``, ``ge_``, ``le_``, ``gt_``, ``lt_``, ``eq_``, ``is_null_``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from strongroom.errors import InvalidDefinition


def _texts(values: Any) -> set[str]:
    return {_text(value) for value in (values if isinstance(values, list | tuple | set | frozenset) else [values])}


def _text(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


_CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    "any_": lambda value, wanted: bool(_texts(value) & _texts(wanted)),
    "not_any_": lambda value, wanted: not _texts(value) & _texts(wanted),
    "all_": lambda value, wanted: _texts(wanted) <= _texts(value),
    "like_": lambda value, wanted: _text(wanted).strip("%").casefold() in _text(value).casefold(),
    "startswith_": lambda value, wanted: _text(value).startswith(tuple(_texts(wanted))),
    "before_": lambda value, wanted: value is not None and value <= _moment(wanted),
    "after_": lambda value, wanted: value is not None and value >= _moment(wanted),
    "ge_": lambda value, wanted: value is not None and value >= wanted,
    "le_": lambda value, wanted: value is not None and value <= wanted,
    "gt_": lambda value, wanted: value is not None and value > wanted,
    "lt_": lambda value, wanted: value is not None and value < wanted,
    "eq_": lambda value, wanted: value == wanted,
    "is_null_": lambda value, wanted: (value in (None, "") or value == frozenset()) is bool(wanted),
}


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class Filter:
    """Conditions on what is read; raises :class:`~strongroom.errors.InvalidDefinition` for a field that it lacks."""

    fields: ClassVar[Mapping[str, str]] = {}
    """The fields that it may have, each with the attribute that it looks at."""

    def __init__(self, **given: Any) -> None:
        self.operator = str(given.pop("operator", "and_")).rpartition(".")[2].lower().rstrip("_")
        for name in given:
            if name not in self.fields and name not in _CONDITIONS:
                known = ", ".join(self.fields or _CONDITIONS)
                raise InvalidDefinition(f"{type(self).__name__} has no field {name!r}.", f"It has: {known}.")
        self._given = {name: value for name, value in given.items() if value is not None}

    def fits(self, value: Any) -> bool:
        """Whether all conditions hold for one record; any of them, with ``operator="or_"``."""
        held = [self._holds(name, wanted, value) for name, wanted in self._given.items()]
        return not held or (any(held) if self.operator == "or" else all(held))

    def wanted(self, field: str) -> list[str] | None:
        """The values that a field may have, where the filter says them."""
        given = self._given.get(field)
        inner = given._given if isinstance(given, Filter) else given
        return sorted(_texts(inner["any_"])) if isinstance(inner, Mapping) and inner.get("any_") is not None else None

    def _holds(self, name: str, wanted: Any, value: Any) -> bool:
        if name in _CONDITIONS:
            return _CONDITIONS[name](value, wanted)
        attribute = self.fields[name]
        inner = value
        for part in attribute.split("."):
            inner = getattr(inner, part, None)
        if isinstance(wanted, Filter):
            return wanted.fits(inner)
        if not isinstance(wanted, Mapping):
            raise InvalidDefinition(f"{name}={wanted!r:.80} is no condition.", f"Use {name}={{'any_': […]}}.")
        return (FlowRunFilterState(**wanted) if name == "state" else Filter(**wanted)).fits(inner)


def _field(name: str) -> type[Filter]:
    return type(name, (Filter,), {"__doc__": "The conditions of one field.", "__module__": __name__})


class FlowRunFilterState(Filter):
    """Conditions on the state that a run is in."""

    fields: ClassVar = {"type": "type", "name": "name"}


class FlowRunFilter(Filter):
    """Conditions on a flow run."""

    fields: ClassVar = {
        "id": "id",
        "name": "name",
        "tags": "tags",
        "state": "state",
        "flow_version": "flow_version",
        "deployment_id": "deployment_id",
        "start_time": "start_time",
        "end_time": "end_time",
        "expected_start_time": "expected_start_time",
        "next_scheduled_start_time": "expected_start_time",
        "parent_flow_run_id": "parent_flow_run_id",
        "parent_task_run_id": "parent_task_run_id",
        "idempotency_key": "idempotency_key",
    }


class TaskRunFilter(Filter):
    """Conditions on a task run."""

    fields: ClassVar = {
        "id": "id",
        "name": "name",
        "tags": "tags",
        "state": "state",
        "start_time": "start_time",
        "end_time": "end_time",
        "expected_start_time": "created",
        "flow_run_id": "flow_run_id",
    }


class FlowFilter(Filter):
    """Conditions on a flow."""

    fields: ClassVar = {"id": "id", "name": "name"}


class DeploymentFilter(Filter):
    """Conditions on a deployment."""

    fields: ClassVar = {
        "id": "id",
        "name": "name",
        "flow_or_deployment_name": "full_name",
        "tags": "definition.tags",
        "work_queue_name": "queue",
        "paused": "paused",
    }


class LogFilter(Filter):
    """Conditions on a line of a log."""

    fields: ClassVar = {
        "level": "level",
        "timestamp": "timestamp",
        "flow_run_id": "flow_run_id",
        "task_run_id": "task_run_id",
    }


class VariableFilter(Filter):
    """Conditions on a variable."""

    fields: ClassVar = {"name": "name", "tags": "tags"}


class ArtifactFilter(Filter):
    """Conditions on an artifact."""

    fields: ClassVar = {
        "id": "id",
        "key": "key",
        "type": "type",
        "flow_run_id": "flow_run_id",
        "task_run_id": "task_run_id",
    }


TaskRunFilterState = FlowRunFilterState
FlowRunFilterStateType, FlowRunFilterStateName = _field("FlowRunFilterStateType"), _field("FlowRunFilterStateName")
FlowRunFilterId, FlowRunFilterName = _field("FlowRunFilterId"), _field("FlowRunFilterName")
FlowRunFilterTags, FlowRunFilterStartTime = _field("FlowRunFilterTags"), _field("FlowRunFilterStartTime")
FlowRunFilterExpectedStartTime = _field("FlowRunFilterExpectedStartTime")
FlowRunFilterDeploymentId = _field("FlowRunFilterDeploymentId")
FlowRunFilterParentFlowRunId = _field("FlowRunFilterParentFlowRunId")
TaskRunFilterId, TaskRunFilterName = _field("TaskRunFilterId"), _field("TaskRunFilterName")
TaskRunFilterStateType, TaskRunFilterStateName = _field("TaskRunFilterStateType"), _field("TaskRunFilterStateName")
TaskRunFilterFlowRunId, TaskRunFilterTags = _field("TaskRunFilterFlowRunId"), _field("TaskRunFilterTags")
FlowFilterId, FlowFilterName = _field("FlowFilterId"), _field("FlowFilterName")
DeploymentFilterId, DeploymentFilterName = _field("DeploymentFilterId"), _field("DeploymentFilterName")
DeploymentFilterTags = _field("DeploymentFilterTags")
LogFilterFlowRunId, LogFilterTaskRunId = _field("LogFilterFlowRunId"), _field("LogFilterTaskRunId")
LogFilterLevel, LogFilterTimestamp = _field("LogFilterLevel"), _field("LogFilterTimestamp")
ArtifactFilterKey, ArtifactFilterType = _field("ArtifactFilterKey"), _field("ArtifactFilterType")
ArtifactFilterFlowRunId, ArtifactFilterTaskRunId = _field("ArtifactFilterFlowRunId"), _field("ArtifactFilterTaskRunId")
FlowRunFilterEndTime, FlowRunFilterFlowVersion = _field("FlowRunFilterEndTime"), _field("FlowRunFilterFlowVersion")
FlowRunFilterNextScheduledStartTime = _field("FlowRunFilterNextScheduledStartTime")
FlowRunFilterParentTaskRunId = _field("FlowRunFilterParentTaskRunId")
FlowRunFilterIdempotencyKey = _field("FlowRunFilterIdempotencyKey")
TaskRunFilterStartTime, TaskRunFilterEndTime = _field("TaskRunFilterStartTime"), _field("TaskRunFilterEndTime")
DeploymentFilterWorkQueueName = _field("DeploymentFilterWorkQueueName")
VariableFilterName, VariableFilterTags = _field("VariableFilterName"), _field("VariableFilterTags")
ArtifactFilterId = _field("ArtifactFilterId")
