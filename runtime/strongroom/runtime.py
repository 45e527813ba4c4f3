"""What code can ask about the run that it is part of. Outside of one there are no tags and parameters, 0 attempts, the
scheduled start is now, and everything else is None.

``from strongroom.runtime import flow_run, task_run``, then ``flow_run.name``, ``task_run.parameters``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from strongroom.clock import now
from strongroom.context import FlowRunContext, TaskRunContext


class _FlowRun:
    """The flow run around the calling code."""

    @property
    def id(self) -> str | None:
        """The run's id."""
        run = FlowRunContext.get()
        return None if run is None else str(run.flow_run.id)

    @property
    def name(self) -> str | None:
        """The run's name."""
        run = FlowRunContext.get()
        return None if run is None else run.flow_run.name

    @property
    def flow_name(self) -> str | None:
        """The flow's name."""
        run = FlowRunContext.get()
        return None if run is None else run.flow_run.flow_name

    @property
    def flow_version(self) -> str | None:
        """The flow's version."""
        run = FlowRunContext.get()
        return None if run is None else run.flow_run.flow_version

    @property
    def tags(self) -> list[str]:
        """The run's tags, sorted."""
        run = FlowRunContext.get()
        return [] if run is None else sorted(run.flow_run.tags)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the flow was called with, validated."""
        run = FlowRunContext.get()
        return {} if run is None else dict(run.parameters)

    @property
    def run_count(self) -> int:
        """The number of this attempt, from 1."""
        run = FlowRunContext.get()
        return 0 if run is None else run.flow_run.run_count

    @property
    def scheduled_start_time(self) -> datetime:
        """When the run was to begin; for a flow that was called, when it was. Outside of runs, now."""
        run = FlowRunContext.get()
        return now() if run is None else run.flow_run.expected_start_time

    @property
    def parent_flow_run_id(self) -> str | None:
        """The id of the flow run that called this one."""
        run = FlowRunContext.get()
        parent = None if run is None else run.flow_run.parent_flow_run_id
        return None if parent is None else str(parent)

    @property
    def root_flow_run_id(self) -> str | None:
        """The id of the outermost flow run; the run's own where nothing called it."""
        run = FlowRunContext.get()
        while run is not None and run.parent is not None and run.parent.flow_run_context is not None:
            run = run.parent.flow_run_context
        return None if run is None else str(run.flow_run.id)


class _TaskRun:
    """The task run around the calling code."""

    @property
    def id(self) -> str | None:
        """The run's id."""
        run = TaskRunContext.get()
        return None if run is None else str(run.task_run.id)

    @property
    def name(self) -> str | None:
        """The run's name."""
        run = TaskRunContext.get()
        return None if run is None else run.task_run.name

    @property
    def task_name(self) -> str | None:
        """The task's name."""
        run = TaskRunContext.get()
        return None if run is None else run.task_run.task_name

    @property
    def tags(self) -> list[str]:
        """The run's tags, sorted."""
        run = TaskRunContext.get()
        return [] if run is None else sorted(run.task_run.tags)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the task was called with."""
        run = TaskRunContext.get()
        return {} if run is None else dict(run.parameters)

    @property
    def run_count(self) -> int:
        """The number of this attempt, from 1."""
        run = TaskRunContext.get()
        return 0 if run is None else run.task_run.run_count


flow_run = _FlowRun()
task_run = _TaskRun()
