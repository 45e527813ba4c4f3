"""How leases end: at their time, when somebody says so, with their token, and after a crash.

A lease is worked at by one at a time, who claims it for a while: its record says so, and is due again when that while
is over. So any number of processes can look after the same leases, and one that dies is succeeded by the next.
"""

from __future__ import annotations

import logging
import secrets
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from strongroom_registry.acting import acting
from strongroom_registry.audit import DONE
from strongroom_registry.errors import IntegrityError, StrongroomError

from strongroom_service.errors import UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.token_record import KIND as TOKEN
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.leases.calling import call_engine
from strongroom_service.leases.engines import engine_named, options_of
from strongroom_service.leases.lease import KIND, STUCK_AFTER, Lease, LeaseState

if TYPE_CHECKING:
    from strongroom_service.leases.roles import LeaseRoles
    from strongroom_service.service import Service
    from strongroom_service.state.records import RecordSession

_log = logging.getLogger("strongroom.service")

CLAIM_TIME = timedelta(minutes=5)
"""How long one who ends a lease may take before another one tries."""
SWEEP_AGAIN = timedelta(hours=1)
"""An unfinished lease is taken back twice: its maker may have stood still, and gone on when nobody expected it."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
_LOOKED_AT_FIRST = 50
_LOOKED_AT = 10_000
_ITSELF = Caller("leases")


class Ending:
    """Takes back what is over. Safe to use from several threads and processes."""

    def __init__(self, service: Service, roles: LeaseRoles) -> None:
        self._service = service
        self._roles = roles
        self.woken = threading.Event()

    def wake(self) -> None:
        """Have the reaper of this process look now."""
        self.woken.set()

    def end_due(self, *, stop: threading.Event | None = None) -> int:
        """End all leases that are due, one after the other; how many were worked at."""
        worked = 0
        while stop is None or not stop.is_set():
            claimed = self._claim_next()
            if claimed is None:
                break
            self._work(*claimed)
            worked += 1
        return worked

    def end(self, id: str) -> None:
        """End this lease now, if it is due and nobody else is at it."""
        with self._service.records.changing() as session:
            lease = session.get(KIND, id, Lease)
            claimed = None if lease is None else self._claim(session, id, lease)
        if claimed is not None:
            self._work(id, claimed)

    def _claim_next(self) -> tuple[str, Lease] | None:
        """Claim the lease that is due for longest. One that cannot be read is passed over, and hides no other."""
        for limit in (_LOOKED_AT_FIRST, _LOOKED_AT):
            with self._service.records.changing() as session:
                ids = session.ids(KIND, expired=True, limit=limit)
                for id in ids:
                    if (claimed := self._claim_readable(session, id)) is not None:
                        return id, claimed
            if len(ids) < limit:
                break
        return None

    def _claim_readable(self, session: RecordSession, id: str) -> Lease | None:
        try:
            lease = session.get(KIND, id, Lease)
        except (IntegrityError, ValueError):  # changed by somebody, or of another version
            return None
        return None if lease is None else self._claim(session, id, lease)

    def _claim(self, session: RecordSession, id: str, lease: Lease) -> Lease | None:
        """The lease with this one's claim on it; None where there is nothing to do."""
        now = session.now()
        if now < lease.due:
            return None
        if lease.state is LeaseState.ACTIVE and now < (due := due_of(session, lease)):
            put(session, id, lease.model_copy(update={"due": due, "claim": ""}))
            return None
        claim = {"claim": secrets.token_hex(8), "due": now + CLAIM_TIME}
        if lease.state is LeaseState.ACTIVE:
            reason = "its time was over" if now >= lease.until else "its token ended"
            claim |= {"state": LeaseState.ENDING, "reason": reason, "swept": True}
        claimed = lease.model_copy(update=claim)
        put(session, id, claimed)
        return claimed

    def _work(self, id: str, lease: Lease) -> None:
        try:
            works_until = self._taken_back(id, lease)
            if lease.state is not LeaseState.LAPSING:
                self._record(id, lease, DONE)
        except StrongroomError as error:
            self._failed(id, lease, error)
        else:
            self._done(id, lease, works_until)

    def _taken_back(self, id: str, lease: Lease) -> datetime | None:
        if lease.state is LeaseState.LAPSING:
            return None

        def ask() -> datetime | None:
            engine = engine_named(lease.role.engine)
            with acting(_ITSELF.actor, f"for lease {id}"):
                admin = self._roles.administrator(lease.role, engine)
            return engine.revoke(admin, options_of(engine, lease.role.options), lease.grant(id))

        return call_engine(lease.role.engine, ask)

    def _done(self, id: str, claimed: Lease, works_until: datetime | None) -> None:
        with self._service.records.changing() as session:
            lease = session.get(KIND, id, Lease)
            if lease is None or lease.claim != claimed.claim:
                return
            now = session.now()
            if works_until is not None and works_until > now:
                lapsing = {"state": LeaseState.LAPSING, "until": works_until, "due": works_until, "claim": ""}
                put(session, id, lease.model_copy(update={**lapsing, "problem": ""}))
            elif not lease.swept and lease.state is not LeaseState.LAPSING:
                again = {"state": LeaseState.ENDING, "swept": True, "due": now + SWEEP_AGAIN, "claim": ""}
                put(session, id, lease.model_copy(update={**again, "problem": ""}))
            else:
                session.remove(KIND, id)

    def _failed(self, id: str, claimed: Lease, error: StrongroomError) -> None:
        with self._service.records.changing() as session:
            lease = session.get(KIND, id, Lease)
            if lease is None or lease.claim != claimed.claim:
                return
            attempts = lease.attempts + 1
            problem = f"{error.problem} {error.remedy}".strip()[:1000]
            later = {"attempts": attempts, "problem": problem, "due": session.now() + pause(id, attempts), "claim": ""}
            put(session, id, lease.model_copy(update={**later, "state": LeaseState.ENDING}))
        if attempts in (1, STUCK_AFTER):
            self._tell(id, lease, error, attempts)

    def _tell(self, id: str, lease: Lease, error: StrongroomError, attempts: int) -> None:
        level = logging.ERROR if attempts >= STUCK_AFTER else logging.WARNING
        _log.log(level, "The lease %s could not be ended (attempt %d): %s", id, attempts, error.problem)
        try:
            self._record(id, lease, type(error).__name__)
        except StrongroomError:  # it stands in the record, and is tried again
            return

    def _record(self, id: str, lease: Lease, outcome: str) -> None:
        """Where the workspace is gone, the entry stands in the audit of the service."""
        self._service.record(
            _ITSELF, "lease-end", outcome, f"leases/{id}", workspace=lease.workspace, message=lease.reason
        )


def put(session: RecordSession, id: str, lease: Lease) -> None:
    """Write a lease: found by its id, its token and when it is due."""
    session.put(KIND, id, lease, parent=lease.accessor, expires=lease.due)


def due_of(session: RecordSession, lease: Lease) -> datetime:
    """When a lease that works is to be looked at: at its end, or that of its token, which may be renewed until then."""
    if not lease.accessor:  # made by who opened the registry himself
        return lease.until
    token = session.get(TOKEN, lease.accessor, TokenRecord)
    now = session.now()
    if token is None or not token.is_live(now):
        return now
    return lease.until if token.expires is None else min(lease.until, token.expires)


def lease_of(lease: Lease | None, id: str) -> Lease:
    """The lease; raises UnknownThing where there is none."""
    if lease is None:
        raise unknown_lease(id)
    return lease


def unknown_lease(id: str) -> UnknownThing:
    """That there is no such lease, or that it is not for the one who asks."""
    return UnknownThing(f"There is no lease {id!r:.200}.", "It may be over. See `strongroom lease ls`.")


def pause(id: str, attempts: int) -> timedelta:
    """How long to wait after so many failures: twice as long each time, up to an hour, and no two leases alike."""
    doubled: timedelta = FIRST_PAUSE * 2 ** min(attempts - 1, 20)
    return min(doubled, LONGEST_PAUSE) * (1 + int(id[-2:], 16) / 1024)
