"""Artifacts in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from strongroom.artifacts.artifact import Artifact, ArtifactId
from strongroom.errors import UnknownArtifact
from strongroom.ledger import current_ledger

_SELECT = "SELECT id, key, type, description, data, flow_run_id, task_run_id, created, updated FROM artifacts "
_NEWEST = "ORDER BY updated DESC, created DESC, id LIMIT ?"
_LATEST_ONLY = (
    "WHERE key IS NULL OR NOT EXISTS (SELECT 1 FROM artifacts newer WHERE newer.key = artifacts.key AND "
    "(newer.updated > artifacts.updated OR newer.updated = artifacts.updated AND newer.id > artifacts.id)) "
)
MOST = 1_000_000


def insert(artifact: Artifact) -> Artifact:
    """Keep an artifact; gives it with its times."""
    with current_ledger().changing() as session:
        now = session.now()
        session.execute(
            "INSERT INTO artifacts (id, key, type, description, data, flow_run_id, task_run_id, created, updated) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(str(artifact.id), artifact.key, artifact.type, _storable(artifact.description)),
            *(json.dumps(artifact.data), _text(artifact.flow_run_id), _text(artifact.task_run_id), now, now),
        )
    return replace(artifact, created=_time(now), updated=_time(now))


def update_data(artifact_id: UUID, kind: str, data: Any, description: str | None) -> Artifact:
    """Replace the content of an artifact of a kind, and its description where one is given.

    Raises :class:`~strongroom.errors.UnknownArtifact`.
    """
    with current_ledger().changing() as session:
        rows = session.execute(
            "UPDATE artifacts SET data = ?, updated = ?, description = CASE WHEN ? = 1 THEN ? ELSE description END "
            "WHERE id = ? AND type = ? "
            "RETURNING id, key, type, description, data, flow_run_id, task_run_id, created, updated",
            *(json.dumps(data), session.now(), int(description is not None), _storable(description) or ""),
            *(str(artifact_id), kind),
        )
    if not rows:
        raise UnknownArtifact(
            f"There is no {kind} artifact {artifact_id!s:.80}.", f"Give the id that create_{kind}_artifact gave."
        )
    return _artifact(rows[0])


def find_artifact(artifact_id: UUID | str) -> Artifact | None:
    """The artifact of this id, or None."""
    with current_ledger().reading() as session:
        rows = session.execute(_SELECT + "WHERE id = ?", str(artifact_id))
    return _artifact(rows[0]) if rows else None


def list_artifacts(*, key: str | None = None, every: bool = False, limit: int = MOST) -> list[Artifact]:
    """Artifacts, the newest first: the versions of a key; else all, or unless ``every``, the newest of each key."""
    with current_ledger().reading() as session:
        if key is not None:
            rows = session.execute(_SELECT + "WHERE key = ? " + _NEWEST, _storable(key), limit)
        else:
            rows = session.execute(_SELECT + ("" if every else _LATEST_ONLY) + _NEWEST, limit)
    return [_artifact(row) for row in rows]


def artifacts_of(flow_run_id: UUID | str) -> list[Artifact]:
    """The artifacts of a flow run and of the tasks in it, not of its subflows, in the order that they were made."""
    with current_ledger().reading() as session:
        rows = session.execute(_SELECT + "WHERE flow_run_id = ? ORDER BY created, id", str(flow_run_id))
    return [_artifact(row) for row in rows]


def delete_artifacts(*, key: str | None = None, artifact_id: UUID | str | None = None) -> int:
    """Remove every version of a key, or the one of an id; how many there were."""
    with current_ledger().changing() as session:
        if artifact_id is not None:
            return len(session.execute("DELETE FROM artifacts WHERE id = ? RETURNING id", str(artifact_id)))
        return len(session.execute("DELETE FROM artifacts WHERE key = ? RETURNING id", _storable(key)))


def delete_artifacts_of(flow_run_ids: Iterable[UUID]) -> int:
    """Remove the artifacts of runs that are removed from the history, but for those with a key; how many there were."""
    removed = 0
    with current_ledger().changing() as session:
        for run in flow_run_ids:
            removed += len(
                session.execute("DELETE FROM artifacts WHERE flow_run_id = ? AND key IS NULL RETURNING id", str(run))
            )
    return removed


def _artifact(row: tuple[Any, ...]) -> Artifact:
    id, key, type, description, data, flow_run_id, task_run_id, created, updated = row
    return Artifact(
        id=ArtifactId(id),
        key=key,
        type=type,
        description=description,
        data=json.loads(data),
        flow_run_id=UUID(flow_run_id) if flow_run_id else None,
        task_run_id=UUID(task_run_id) if task_run_id else None,
        created=_time(created),
        updated=_time(updated),
    )


def _storable(text: str | None) -> str | None:
    """Text as every database takes it: without NUL, and without halves of characters."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
