"""Work pools: names under which workers find the runs that they carry out, with a limit for all of them."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

from typing import Any

from strongroom.deployments.records import WorkPool, moment
from strongroom.errors import InvalidDeployment, UnknownWorkPool
from strongroom.ledger import Session

PROCESS = "process"
_COLUMNS = "name, type, description, slots, paused, created"
_ELSEWHERE = "Use the type process, and start workers where runs are to happen, inside of containers too."


def save_pool(
    session: Session,
    name: str,
    *,
    type: str = PROCESS,
    description: str | None = None,
    slots: int | None = None,
    paused: bool = False,
    overwrite: bool = False,
) -> WorkPool:
    """Make a pool, or with ``overwrite`` change the one of this name.

    Raises :class:`~strongroom.errors.InvalidDeployment` for a type other than process, or a name that is taken.
    """
    if type != PROCESS:
        raise InvalidDeployment(f"There are no work pools of the type {type!r:.80}.", _ELSEWHERE)
    if slots is not None and slots < 0:
        raise InvalidDeployment(f"A limit of {slots} is none.", "Give 0 or more.")
    now = session.now()
    change = (
        "DO UPDATE SET description = excluded.description, slots = excluded.slots, paused = excluded.paused, "
        "updated = excluded.updated"
        if overwrite
        else "DO NOTHING"
    )
    rows = session.execute(
        "INSERT INTO work_pools (name, type, description, slots, paused, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (name) {change} RETURNING {_COLUMNS}",
        *(name, type, description, slots, int(paused), now, now),
    )
    if not rows:
        raise InvalidDeployment(f"There is a work pool {name!r:.80} already.", "Use it, or change it with --overwrite.")
    return _record(rows[0])


def checked_pool(session: Session, name: str) -> WorkPool:
    """The pool of this name. Raises :class:`~strongroom.errors.UnknownWorkPool`."""
    rows = session.execute(f"SELECT {_COLUMNS} FROM work_pools WHERE name = ?", name)
    if not rows:
        raise UnknownWorkPool(
            f"There is no work pool {name!r:.80}.", f"Make it: strongroom pool create {name} --type process"
        )
    return _record(rows[0])


def pools(session: Session) -> list[WorkPool]:
    """Every pool, by name."""
    return [_record(row) for row in session.execute(f"SELECT {_COLUMNS} FROM work_pools ORDER BY name")]


def pause_pool(session: Session, name: str, *, paused: bool) -> None:
    """Have workers take no runs of the pool, or take them again. Raises UnknownWorkPool."""
    checked_pool(session, name)
    session.execute("UPDATE work_pools SET paused = ?, updated = ? WHERE name = ?", int(paused), session.now(), name)


def limit_pool(session: Session, name: str, slots: int | None) -> None:
    """How many runs go on at once in all workers of the pool. Raises UnknownWorkPool."""
    checked_pool(session, name)
    session.execute("UPDATE work_pools SET slots = ?, updated = ? WHERE name = ?", slots, session.now(), name)


def delete_pool(session: Session, name: str) -> None:
    """Remove a pool that no deployment names. Raises UnknownWorkPool, or InvalidDeployment where one does."""
    checked_pool(session, name)
    using = session.execute("SELECT flow_name, name FROM deployments WHERE pool = ? ORDER BY flow_name, name", name)
    if using:
        names = ", ".join(f"{flow_name}/{own}" for flow_name, own in using[:3])
        raise InvalidDeployment(f"Deployments use the work pool {name!r}: {names}.", "Delete them first.")
    session.execute("DELETE FROM work_pools WHERE name = ?", name)


def _record(row: tuple[Any, ...]) -> WorkPool:
    name, type_, description, slots, paused, created = row
    return WorkPool(name, type_, description, slots, bool(paused), moment(created))
