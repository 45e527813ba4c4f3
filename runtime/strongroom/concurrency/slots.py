"""The accounts of limits: who gets how many slots, and when they are free again.

Everything here happens inside one transaction on the ledger, and takes the time as an argument, in microseconds::

    free slots of a limit  =  its slots - those of its leases - what rate_limit spent and has not decayed

A lease lasts until it is given back. Whoever finds too few slots takes it away where its process is known to be gone,
or where its time is over and nothing is known of its process, since that one has another machine. A process that
lives on this machine keeps its slots, whatever a clock does.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.errors import ConcurrencySlotAcquisitionError
from strongroom.ledger import Session
from strongroom.processes import has_ended

MICROS = 1_000_000
_ROUNDING = 1e-9

_ACCOUNT = """
    SELECT slots, active, decay, spent, settled, (
        SELECT CAST(COALESCE(SUM(slots), 0) AS BIGINT) FROM concurrency_leases
        WHERE concurrency_leases.name = concurrency_limits.name
    ) FROM concurrency_limits WHERE name = ?
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants: so many slots of each of these limits, as one lease or none.

    :param lease: the id that the lease will have.
    :param duration: how long it is good for where it is not renewed, in microseconds.
    :param holder: who wants it, as JSON; shown to people.
    :param process: the process that will give it back (:func:`~strongroom.processes.this_process`).
    """

    names: tuple[str, ...]
    occupy: int
    lease: str
    duration: int
    holder: str
    process: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The slots are taken: of the limits ``names``. The limits ``missing`` do not exist, so that they limit nothing."""

    names: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """There are not enough slots of the limits ``names``. By decay alone there will be in so many seconds.

    ``seconds`` is 0 where something other than time has to free them.
    """

    names: tuple[str, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """How a limit stands at one moment."""

    name: str
    slots: int
    active: bool
    decay: float
    spent: float
    leased: int

    @property
    def free(self) -> float:
        """How many slots are to be had; negative where the limit was lowered below what is taken."""
        return self.slots - self.leased - self.spent

    def has(self, slots: int) -> bool:
        """Whether so many slots are to be had."""
        return self.free + _ROUNDING >= slots


def account(session: Session, name: str, now: int) -> Account | None:
    """How a limit stands; None where there is none of this name."""
    rows = session.execute(_ACCOUNT, name)
    if not rows:
        return None
    slots, active, decay, spent, settled, leased = rows[0]
    left = spent - decay * max(0, now - settled) / MICROS
    return Account(name, slots, bool(active), decay, max(0.0, left), leased)


def take(session: Session, request: Request, now: int) -> Granted | Later:
    """Take the slots of all limits of a request, or of none. Limits that are switched off are passed by.

    Raises :class:`~strongroom.errors.ConcurrencySlotAcquisitionError` where a limit never has that many.
    """
    accounts, missing = _accounts(session, request.names, request.occupy, now)
    short = [a.name for a in accounts if not a.has(request.occupy)]
    if short and _forget_ended(session, short, now):
        accounts, missing = _accounts(session, request.names, request.occupy, now)
        short = [a.name for a in accounts if not a.has(request.occupy)]
    if short:
        return Later(tuple(short))
    for found in accounts:
        session.execute(
            "INSERT INTO concurrency_leases (name, lease, slots, holder, process, taken, expires) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(found.name, request.lease, request.occupy, request.holder, request.process, now, now + request.duration),
        )
    return Granted(tuple(a.name for a in accounts), missing)


def give_back(session: Session, lease: str) -> bool:
    """End a lease. Gives whether it was still there."""
    return bool(session.execute("DELETE FROM concurrency_leases WHERE lease = ? RETURNING name", lease))


def renew(session: Session, lease: str, duration: int, now: int) -> bool:
    """Have a lease run ``duration`` microseconds from now on. False where it was taken away."""
    renewed = "UPDATE concurrency_leases SET expires = ? WHERE lease = ? RETURNING name"
    return bool(session.execute(renewed, now + duration, lease))


def spend(session: Session, names: tuple[str, ...], occupy: int, now: int) -> Granted | Later:
    """Take slots that come back by decay: of all limits, or of none. Limits that are switched off are passed by.

    Raises :class:`~strongroom.errors.ConcurrencySlotAcquisitionError` where a limit never has that many, or does not
    decay.
    """
    accounts, missing = _accounts(session, names, occupy, now)
    for found in accounts:
        if found.decay <= 0:
            raise ConcurrencySlotAcquisitionError(
                f"The limit {found.name!r} has no slot decay, so that it limits no rate.",
                f"Give it one: strongroom concurrency update {found.name} --slot-decay-per-second 1",
            )
    short = [a for a in accounts if not a.has(occupy)]
    if short and _forget_ended(session, [a.name for a in short], now):
        accounts, missing = _accounts(session, names, occupy, now)
        short = [a for a in accounts if not a.has(occupy)]
    if short:
        by_time = all(a.slots - a.leased >= occupy for a in short)
        seconds = max((occupy - a.free) / a.decay for a in short)
        return Later(tuple(a.name for a in short), seconds if by_time else 0.0)
    for found in accounts:
        session.execute(
            "UPDATE concurrency_limits SET spent = ?, settled = ? WHERE name = ?", found.spent + occupy, now, found.name
        )
    return Granted(tuple(a.name for a in accounts), missing)


def _accounts(session: Session, names: tuple[str, ...], occupy: int, now: int) -> tuple[list[Account], tuple[str, ...]]:
    """How those of the limits stand that are switched on, and which do not exist."""
    found = {name: account(session, name, now) for name in names}
    active = [known for known in found.values() if known is not None and known.active]
    for known in active:
        if known.slots < occupy:
            raise ConcurrencySlotAcquisitionError(
                f"The limit {known.name!r} has {known.slots} slots, so that {occupy} are never to be had.",
                f"Occupy fewer, or raise it: strongroom concurrency update {known.name} --limit {occupy}",
            )
    return active, tuple(name for name, known in found.items() if known is None)


def ended_leases(session: Session, name: str, now: int) -> set[str]:
    """The leases of a limit that whoever wants its slots may take away."""
    rows = session.execute("SELECT lease, process, expires FROM concurrency_leases WHERE name = ?", name)
    known = {process: has_ended(process) for process in {process for _, process, _ in rows}}
    return {lease for lease, process, expires in rows if known[process] or (known[process] is None and expires <= now)}


def _forget_ended(session: Session, names: list[str], now: int) -> bool:
    """Take leases away that ended. Gives whether there were any."""
    ended = {lease for name in names for lease in ended_leases(session, name, now)}
    for lease in ended:
        give_back(session, lease)
    return bool(ended)
