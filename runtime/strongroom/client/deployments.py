"""What the client does with deployments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from strongroom.client.schemas.filters import DeploymentFilter, FlowFilter
from strongroom.client.schemas.objects import Flow
from strongroom.deployments import store
from strongroom.deployments.records import Deployment
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.ledger import current_ledger
from strongroom.states import State


class DeploymentMethods:
    """Reading deployments, pausing and removing them."""

    def read_deployment(self, deployment_id: UUID | str) -> Deployment:
        """The deployment of this id; raises UnknownDeployment."""
        with current_ledger().reading() as session:
            return store.find(session, UUID(str(deployment_id)))

    def read_deployment_by_name(self, name: str) -> Deployment:
        """The deployment called ``flow/deployment``; raises UnknownDeployment."""
        with current_ledger().reading() as session:
            return store.find(session, name)

    def read_deployments(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        deployment_filter: DeploymentFilter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Deployment]:
        """Deployments, by name."""
        with current_ledger().reading() as session:
            found = store.listed(session)
        found = [each for each in found if flow_filter is None or flow_filter.fits(Flow(each.flow_name))]
        found = [each for each in found if deployment_filter is None or deployment_filter.fits(each)]
        return found[offset : None if limit is None else offset + limit]

    def create_flow_run_from_deployment(
        self,
        deployment_id: UUID | str,
        *,
        parameters: dict[str, Any] | None = None,
        state: State[Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        idempotency_key: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
    ) -> FlowRun:
        """Have a deployment run, without waiting: at the time of ``state``, a Scheduled one, or now.

        See :func:`~strongroom.deployments.run_deployment` for the other parameters and what is raised.
        """
        from strongroom.deployments.flow_runs import ask_for_run

        return ask_for_run(
            UUID(str(deployment_id)),
            parameters=parameters,
            scheduled_time=None if state is None else state.state_details.scheduled_time,
            flow_run_name=name,
            tags=tags,
            idempotency_key=idempotency_key,
            work_queue_name=work_queue_name,
            job_variables=job_variables,
        )

    def pause_deployment(self, deployment_id: UUID | str) -> None:
        """Have its schedules make no runs; those that wait are gone."""
        self._change(deployment_id, lambda session, each: store.pause(session, each.id, paused=True))

    def resume_deployment(self, deployment_id: UUID | str) -> None:
        """Have its schedules make runs again."""
        self._change(deployment_id, lambda session, each: store.pause(session, each.id, paused=False))

    def delete_deployment(self, deployment_id: UUID | str) -> None:
        """Remove it, its schedules, and the runs that nobody has taken."""
        self._change(deployment_id, store.delete)

    def _change(self, deployment_id: UUID | str, change: Any) -> None:
        with current_ledger().changing() as session:
            gone = change(session, store.find(session, UUID(str(deployment_id))))
        current_journal().remove(gone)
