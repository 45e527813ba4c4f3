"""Deployments, schedules and pools as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.deployments.records import Deployment, StoredSchedule, WorkPool


def deployment_shape(deployment: Deployment) -> dict[str, Any]:
    """A deployment as ``strongroom deployment ls --json`` documents it."""
    definition = deployment.definition
    return {
        "name": deployment.full_name,
        "id": str(deployment.id),
        "paused": deployment.paused,
        "pool": deployment.pool,
        "queue": deployment.queue,
        "schedules": [schedule_shape(each) for each in deployment.schedules],
        "parameters": definition.parameters_shown,
        "tags": list(definition.tags),
        "version": definition.version,
        "description": definition.description,
        "entrypoint": definition.entrypoint,
        "folder": definition.folder,
        "source": definition.source or None,
        "concurrency_limit": deployment.slots,
        "enforce_parameter_schema": definition.enforces_schema,
        "created": deployment.created,
        "updated": deployment.updated,
    }


def schedule_shape(stored: StoredSchedule) -> dict[str, Any]:
    """A schedule as ``strongroom deployment schedule ls --json`` documents it."""
    return {
        "id": str(stored.id),
        "slug": stored.schedule.slug,
        "active": stored.active,
        "schedule": str(stored.schedule),
        **stored.schedule.to_json(),
        "next": stored.schedule.get_dates(3),
    }


def pool_shape(pool: WorkPool) -> dict[str, Any]:
    """A work pool as ``strongroom pool ls --json`` documents it."""
    return {
        "name": pool.name,
        "type": pool.type,
        "description": pool.description,
        "concurrency_limit": pool.slots,
        "paused": pool.paused,
        "created": pool.created,
    }
