"""What a state knows beside its type, name, message and data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(slots=True)
class StateDetails:
    """Whose state it is, when it is due, and how long it waits for somebody.

    :param flow_run_id: the flow run that it is the state of, or that the task run belongs to.
    :param task_run_id: the task run that it is the state of; None for the state of a flow run.
    :param scheduled_time: when a scheduled state is due.
    :param pause_timeout: until when a paused run waits; for ever where it is None.
    :param pause_reschedule: whether the run's process ends meanwhile, and another one goes on.
    :param pause_key: tells one pause of a run from its others.
    """

    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    scheduled_time: datetime | None = None
    pause_timeout: datetime | None = None
    pause_reschedule: bool = False
    pause_key: str | None = None
