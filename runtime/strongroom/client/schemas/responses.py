"""``prefect.client.schemas.responses`` under its name: what the client gives."""

from enum import StrEnum

from strongroom.client.runs import OrchestrationResult as OrchestrationResult
from strongroom.deployments.records import Deployment as DeploymentResponse  # noqa: F401


class SetStateStatus(StrEnum):
    """What came of setting a state. One that cannot be set raises an error here."""

    ACCEPT = "ACCEPT"
