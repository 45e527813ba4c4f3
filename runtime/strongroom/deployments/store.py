"""Deployments in the ledger: kept, found, listed, paused, removed. Each function is a part of a transaction."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from strongroom import clock
from strongroom.deployments.records import Definition, Deployment, Sealed, StoredSchedule, micros, moment
from strongroom.errors import InvalidDeployment, UnknownDeployment
from strongroom.ledger import Session
from strongroom.results.sealed_values import seal_value, unseal_value
from strongroom.schedules import Schedule

_COLUMNS = "id, flow_name, name, definition, sealed, pool, queue, slots, cancels_new, paused, created, updated"
_SCHEDULE = "id, slug, schedule, active, planned"


def sealed_place(flow_name: str, name: str) -> str:
    """The place that the sealed record of a deployment is bound to."""
    return f"deployment {flow_name}/{name}"


def opened(deployment: Deployment) -> Sealed:
    """What a deployment keeps to itself.

    Raises :class:`~strongroom.errors.ResultProblem` where it does not open, and InvalidDeployment where the ledger
    names other code than the deployment was made with: whoever changed that did not hold the key.
    """
    kept: Sealed = unseal_value(deployment.sealed, sealed_place(deployment.flow_name, deployment.name))
    code = (deployment.definition.entrypoint, deployment.definition.folder)
    if kept.code is not None and kept.code != code:
        raise InvalidDeployment(
            f"The deployment {deployment.full_name!r} was changed in the ledger: its code lies elsewhere now.",
            "See who may write there, and deploy it again.",
        )
    return kept


def schedule_place(schedule_id: UUID) -> str:
    """The place that the parameters of a schedule are bound to."""
    return f"schedule {schedule_id}"


def save(
    session: Session,
    flow_name: str,
    name: str,
    definition: Definition,
    sealed: bytes,
    *,
    pool: str | None,
    queue: str,
    slots: int | None,
    cancels_new: bool,
    paused: bool | None,
) -> UUID:
    """Keep a deployment, over the one of this name; ``paused=None`` leaves one that is there as it is."""
    now = session.now()
    values = (json.dumps(asdict(definition)), sealed, pool, queue, slots, int(cancels_new))
    [(found,)] = session.execute(
        "INSERT INTO deployments (id, flow_name, name, definition, sealed, pool, queue, slots, cancels_new, paused, "
        "created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (flow_name, name) DO UPDATE SET "
        "definition = excluded.definition, sealed = excluded.sealed, pool = excluded.pool, queue = excluded.queue, "
        "slots = excluded.slots, cancels_new = excluded.cancels_new, updated = excluded.updated RETURNING id",
        *(str(uuid4()), flow_name, name, *values, int(bool(paused)), now, now),
    )
    if paused is not None:
        session.execute("UPDATE deployments SET paused = ? WHERE id = ?", int(paused), found)
    return UUID(found)


def save_schedules(session: Session, deployment_id: UUID, schedules: Sequence[Schedule]) -> list[UUID]:
    """Have the deployment run by these schedules alone; one that it has already goes on where it is.

    Gives the ids of the runs that were planned by others and are gone now.
    """
    before = {each.given: each for each in schedules_of(session, [deployment_id])}
    kept = {before[given].id for given in map(_written, schedules) if given in before}
    gone = [each.id for each in before.values() if each.id not in kept]
    removed = remove_schedules(session, gone)
    for place, schedule in enumerate(schedules):
        found = before.get(_written(schedule))
        if found is None:
            add_schedule(session, deployment_id, schedule, place)
        else:
            sealed = _sealed_parameters(schedule, found.id)
            session.execute(
                "UPDATE deployment_schedules SET place = ?, active = ?, parameters = ? WHERE id = ?",
                *(place, int(schedule.active), sealed, str(found.id)),
            )
    return removed


def add_schedule(session: Session, deployment_id: UUID, schedule: Schedule, place: int) -> UUID:
    """One more schedule; an interval without an anchor is counted from now."""
    now, id_ = clock.now(), uuid4()
    shape = {**schedule.to_json(), "given": _written(schedule)}
    if schedule.interval is not None and schedule.anchor_date is None:
        shape["anchor_date"] = now.isoformat()
    session.execute(
        "INSERT INTO deployment_schedules (id, deployment_id, place, slug, schedule, parameters, active, planned) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(str(id_), str(deployment_id), place, schedule.slug, json.dumps(shape)),
        *(_sealed_parameters(schedule, id_), int(schedule.active), micros(now)),
    )
    return id_


def remove_schedules(session: Session, schedule_ids: Iterable[UUID]) -> list[UUID]:
    """Remove schedules and the runs that they planned; gives the ids of those runs."""
    removed: list[UUID] = []
    for id_ in schedule_ids:
        removed += unplan(session, "schedule_id = ?", str(id_))
        session.execute("DELETE FROM deployment_schedules WHERE id = ?", str(id_))
    return removed


def unplan(session: Session, condition: str, *values: Any) -> list[UUID]:
    """Remove runs that schedules planned and that nobody has taken; gives their ids."""
    rows = session.execute(
        "DELETE FROM deployment_runs WHERE stage IN ('scheduled', 'late', 'queued') AND schedule_id IS NOT NULL "
        f"AND {condition} RETURNING id",
        *values,
    )
    return [UUID(row[0]) for row in rows]


def find(session: Session, name: str | UUID) -> Deployment:
    """The deployment called ``flow/deployment``, or with this id. Raises UnknownDeployment, which lists the like."""
    flow_name, slash, own = str(name).partition("/")
    where = "flow_name = ? AND name = ?" if slash else "id = ?"
    rows = session.execute(
        f"SELECT {_COLUMNS} FROM deployments WHERE {where}", *((flow_name, own) if slash else (flow_name,))
    )
    if not rows:
        known = [f"{flow}/{own}" for flow, own in session.execute("SELECT flow_name, name FROM deployments")]
        raise UnknownDeployment(f"There is no deployment {str(name)!r:.80}.", _remedy(str(name), sorted(known)))
    return _with_schedules(session, rows)[0]


def _remedy(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    if not known:
        return 'Make one: my_flow.serve(name="…"), or my_flow.deploy(name="…", work_pool_name="…").'
    near = get_close_matches(name, known, n=3) or known[:5]
    return f"Use the flow's name, a slash, and the deployment's: {', '.join(near)}."


def listed(session: Session, *, flow_name: str | None = None, ids: Sequence[UUID] | None = None) -> list[Deployment]:
    """Deployments by name: all, those of a flow, or those with these ids."""
    rows = session.execute(f"SELECT {_COLUMNS} FROM deployments ORDER BY flow_name, name")
    wanted = None if ids is None else {str(id_) for id_ in ids}
    rows = [row for row in rows if (wanted is None or row[0] in wanted) and flow_name in (None, row[1])]
    return _with_schedules(session, rows)


def schedules_of(session: Session, deployment_ids: Sequence[UUID]) -> list[StoredSchedule]:
    """The schedules of these deployments, in their order."""
    found = []
    for id_ in deployment_ids:
        rows = session.execute(
            f"SELECT {_SCHEDULE} FROM deployment_schedules WHERE deployment_id = ? ORDER BY place", str(id_)
        )
        found += [_schedule(row) for row in rows]
    return found


def pause(session: Session, deployment_id: UUID, *, paused: bool = True) -> list[UUID]:
    """Have schedules make no runs, or make them again; gives the ids of planned runs, which go when it is paused."""
    values = (int(paused), session.now(), str(deployment_id))
    session.execute("UPDATE deployments SET paused = ?, updated = ? WHERE id = ?", *values)
    return unplan(session, "deployment_id = ?", str(deployment_id)) if paused else []


def activate(session: Session, schedule_id: UUID, *, active: bool) -> list[UUID]:
    """Have one schedule make runs or not; gives the ids of planned runs, which go where it is not to."""
    session.execute("UPDATE deployment_schedules SET active = ? WHERE id = ?", int(active), str(schedule_id))
    return [] if active else unplan(session, "schedule_id = ?", str(schedule_id))


def delete(session: Session, deployment: Deployment) -> list[UUID]:
    """Remove a deployment, its schedules, and the runs that nobody has taken, whose ids it gives."""
    id_ = str(deployment.id)
    rows = session.execute(
        "DELETE FROM deployment_runs WHERE deployment_id = ? AND stage IN ('scheduled', 'late', 'queued') RETURNING id",
        id_,
    )
    session.execute("DELETE FROM deployment_schedules WHERE deployment_id = ?", id_)
    session.execute("DELETE FROM deployments WHERE id = ?", id_)
    return [UUID(row[0]) for row in rows]


def schedule_parameters(session: Session, schedule_id: UUID) -> dict[str, Any]:
    """The parameters that go with a schedule."""
    [(record,)] = session.execute("SELECT parameters FROM deployment_schedules WHERE id = ?", str(schedule_id))
    return {} if record is None else unseal_value(record, schedule_place(schedule_id))


def _sealed_parameters(schedule: Schedule, id_: UUID) -> bytes | None:
    return seal_value(schedule.parameters, schedule_place(id_)) if schedule.parameters else None


def _written(schedule: Schedule) -> str:
    """What tells a schedule of a deployment from its others: all but its parameters, and whether it is active."""
    return json.dumps([schedule.to_json(), schedule.slug], sort_keys=True)


def _with_schedules(session: Session, rows: Sequence[tuple[Any, ...]]) -> list[Deployment]:
    return [_deployment(row, tuple(schedules_of(session, [UUID(row[0])]))) for row in rows]


def _deployment(row: tuple[Any, ...], schedules: tuple[StoredSchedule, ...]) -> Deployment:
    id_, flow_name, name, text, sealed, pool, queue, slots, cancels_new, paused, created, updated = row
    shape = json.loads(text)
    definition = Definition(**{**shape, "tags": tuple(shape["tags"])})
    return Deployment(
        UUID(id_), flow_name, name, definition, bytes(sealed), pool, queue, slots, bool(cancels_new), bool(paused),
        moment(created), moment(updated), schedules,
    )  # fmt: skip


def _schedule(row: tuple[Any, ...]) -> StoredSchedule:
    id_, slug, text, active, planned = row
    shape = json.loads(text)
    given = shape.pop("given")
    schedule = Schedule.from_json(shape, slug=slug, active=bool(active))
    return StoredSchedule(UUID(id_), schedule, given, moment(planned))
