"""Limits: how many slots there are under a name, for all processes that share the ledger.

A limit whose name is ``tag:<tag>`` is one of tasks: so many runs of tasks with that tag are Running at once::

    create_limit("database", 5)                              # for concurrency("database")
    create_limit("crm-api", 10, slot_decay_per_second=2.0)   # for rate_limit("crm-api")
    create_limit("tag:heavy", 2)                             # for @task(tags=["heavy"])
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from strongroom_blocks.twins import function_twin

from strongroom.concurrency import tag_limits
from strongroom.concurrency.slots import account, ended_leases
from strongroom.errors import InvalidLimit, LimitExists, UnknownLimit
from strongroom.ledger import Session, current_ledger

_REFUSED = "/%&<>"


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """A limit as it stands. ``active_slots`` are those that are taken; ``active`` tells whether it limits at all."""

    id: UUID
    name: str
    limit: int
    active: bool
    active_slots: int
    slot_decay_per_second: float
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class SlotLease:
    """Slots that are taken: by whom (``{"type": "task_run", "id": …}``) and in which process (``pid@host@start``)."""

    lease: str
    slots: int
    holder: dict[str, Any]
    process: str
    taken: datetime
    expires: datetime


def create_limit(
    name: str, limit: int, slot_decay_per_second: float = 0.0, active: bool = True, overwrite: bool = False
) -> ConcurrencyLimit:
    """Make a limit, or with ``overwrite`` change one that exists, whose slots stay taken.

    :param name: how code refers to it; without ``/ % & < >``. ``tag:<tag>`` limits the runs of tasks with that tag.
    :param limit: how many slots there are.
    :param slot_decay_per_second: how many slots that ``rate_limit`` took come back in each second.
    :param active: whether it limits anything yet.
    :raises LimitExists: there is one of this name, and ``overwrite`` is not set.
    :raises InvalidLimit: one of the arguments cannot be.
    """
    _check(name, limit, slot_decay_per_second)
    with current_ledger().changing() as session:
        now = session.now()
        if account(session, name, now) is None:
            session.execute(
                "INSERT INTO concurrency_limits (name, id, slots, active, decay, spent, settled, created, updated) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(name, str(uuid4()), limit, int(active), float(slot_decay_per_second), 0.0, now, now, now),
            )
        elif overwrite:
            _change(session, name, now, limit, slot_decay_per_second, active)
        else:
            raise LimitExists(f"There is a limit {name!r} already.", "Change it, or give overwrite=True.")
        made = _read(session, name, now)
    tag_limits.forget()
    return made


def update_limit(
    name: str, *, limit: int | None = None, slot_decay_per_second: float | None = None, active: bool | None = None
) -> ConcurrencyLimit:
    """Change what is given of a limit. Who has slots keeps them, also where there are fewer from now on.

    Raises :class:`~strongroom.errors.UnknownLimit` and :class:`~strongroom.errors.InvalidLimit`.
    """
    _check(name, 0 if limit is None else limit, 0.0 if slot_decay_per_second is None else slot_decay_per_second)
    with current_ledger().changing() as session:
        now = session.now()
        before = _read(session, name, now)
        _change(
            session,
            name,
            now,
            before.limit if limit is None else limit,
            before.slot_decay_per_second if slot_decay_per_second is None else slot_decay_per_second,
            before.active if active is None else active,
        )
        changed = _read(session, name, now)
    tag_limits.forget()
    return changed


def read_limit(name: str) -> ConcurrencyLimit:
    """A limit as it stands now. Raises :class:`~strongroom.errors.UnknownLimit`."""
    with current_ledger().reading() as session:
        return _read(session, name, session.now())


def list_limits() -> list[ConcurrencyLimit]:
    """Every limit, sorted by name."""
    with current_ledger().reading() as session:
        names = session.execute("SELECT name FROM concurrency_limits")
        return [_read(session, name, session.now()) for (name,) in sorted(names)]


def list_leases(name: str) -> list[SlotLease]:
    """Who has slots of a limit, the longest first."""
    with current_ledger().reading() as session:
        rows = session.execute(
            "SELECT lease, slots, holder, process, taken, expires FROM concurrency_leases "
            "WHERE name = ? ORDER BY taken, lease",
            name,
        )
        ended = ended_leases(session, name, session.now())
    return [
        SlotLease(lease, slots, json.loads(holder), process, _time(taken), _time(expires))
        for lease, slots, holder, process, taken, expires in rows
        if lease not in ended
    ]


def reset_limit(name: str, keep: Collection[str] = ()) -> int:
    """Free all slots of a limit, whoever has them; those who do are told when they renew. Gives how many leases ended.

    ``keep`` names the ids of holders that keep theirs. Raises :class:`~strongroom.errors.UnknownLimit`.
    """
    with current_ledger().changing() as session:
        now = session.now()
        _read(session, name, now)
        session.execute("UPDATE concurrency_limits SET spent = ?, settled = ? WHERE name = ?", 0.0, now, name)
        held = session.execute("SELECT lease, holder FROM concurrency_leases WHERE name = ?", name)
        ended = [lease for lease, holder in held if json.loads(holder).get("id") not in keep]
        for lease in ended:
            session.execute("DELETE FROM concurrency_leases WHERE name = ? AND lease = ?", name, lease)
        return len(ended)


def delete_limit(name: str) -> None:
    """Remove a limit, so that it limits nothing. Raises :class:`~strongroom.errors.UnknownLimit`."""
    with current_ledger().changing() as session:
        _read(session, name, session.now())
        session.execute("DELETE FROM concurrency_leases WHERE name = ?", name)
        session.execute("DELETE FROM concurrency_limits WHERE name = ?", name)
    tag_limits.forget()


acreate_limit = function_twin(create_limit)
aupdate_limit = function_twin(update_limit)
aread_limit = function_twin(read_limit)
areset_limit = function_twin(reset_limit)
adelete_limit = function_twin(delete_limit)


def _read(session: Session, name: str, now: int) -> ConcurrencyLimit:
    known = account(session, name, now)
    if known is None:
        raise UnknownLimit(f"There is no limit {name!r:.80}.", "See those there are: strongroom concurrency ls")
    [(id, created, updated)] = session.execute(
        "SELECT id, created, updated FROM concurrency_limits WHERE name = ?", name
    )
    ended = ended_leases(session, name, now)
    leases = session.execute("SELECT lease, slots FROM concurrency_leases WHERE name = ?", name)
    taken = sum(slots for lease, slots in leases if lease not in ended) + math.ceil(known.spent)
    return ConcurrencyLimit(
        UUID(id), name, known.slots, known.active, taken, known.decay, _time(created), _time(updated)
    )


def _change(session: Session, name: str, now: int, limit: int, decay: float, active: bool) -> None:
    """What was spent so far decays at the rate of before until now, and at the new one from now on."""
    known = account(session, name, now)
    spent = 0.0 if known is None else known.spent
    session.execute(
        "UPDATE concurrency_limits SET slots = ?, decay = ?, active = ?, spent = ?, settled = ?, updated = ? "
        "WHERE name = ?",
        *(limit, float(decay), int(active), spent, now, now, name),
    )


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def _check(name: str, limit: int, decay: float) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > 255 or not name.isprintable():
        raise InvalidLimit(f"{name!r:.80} is no name of a limit.", "Use up to 255 characters that can be seen.")
    if not name.startswith(tag_limits.PREFIX) and (refused := [each for each in _REFUSED if each in name]):
        raise InvalidLimit(f"The limit's name {name!r} has a {refused[0]!r}.", f"Leave out {' '.join(_REFUSED)}.")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit < 1 << 53:
        raise InvalidLimit(f"A limit of {limit!r:.40} slots cannot be.", "Give a whole number, 0 or more.")
    if not isinstance(decay, int | float) or not math.isfinite(decay) or decay < 0:
        raise InvalidLimit(f"A slot decay of {decay!r:.40} cannot be.", "Give slots per second, 0 or more.")
