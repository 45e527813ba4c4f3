"""``prefect.main`` under its name: what ``strongroom`` itself exports of flows and tasks."""

from strongroom.annotations import allow_failure as allow_failure
from strongroom.annotations import unmapped as unmapped
from strongroom.client.orchestration import get_client as get_client
from strongroom.context import tags as tags
from strongroom.flows import Flow as Flow
from strongroom.flows import flow as flow
from strongroom.logging import get_run_logger as get_run_logger
from strongroom.states import State as State
from strongroom.tasks import Task as Task
from strongroom.tasks import task as task
