"""Changes that wait for a second person: asked for, approved or refused, and claimed by one process to be carried out.

Each step is one transaction beside which nobody else changes records, so that of any number of approvals that come at
once one is the last, and one process carries the change out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from strongroom_service.approvals.protections import Demand, Protections
from strongroom_service.approvals.waiting import OPEN, Approval, Outcome, State, Waiting
from strongroom_service.errors import Conflict, Forbidden, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.token_record import ANYBODY, End, TokenRecord
from strongroom_service.identity.token_record import KIND as TOKEN
from strongroom_service.policies.policies import Policies
from strongroom_service.policies.verbs import Verb
from strongroom_service.state.records import Records, RecordSession

KIND = "approval"
KEPT_AFTER = timedelta(days=30)
"""How long it is on record what came of a change."""
CARRYING = timedelta(minutes=5)
"""How long a change is believed to be carried out; if the process died, an approver can have it carried out then."""
PENDING_MAX, PENDING_BYTES_MAX = 100, 32 * 1024 * 1024
"""How many changes of one requester wait at a time, and how large their bodies are together."""
ASKER = "approval-asker"


class Asker(BaseModel):
    """A token that changes were asked for with. It outlives the record of the token, which may go before them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: datetime
    revoked: bool = False


class Approvals:
    """The changes that wait in a service. Safe to use from several threads and processes."""

    def __init__(self, records: Records, protections: Protections, policies: Policies) -> None:
        self._records = records
        self._protections = protections
        self._policies = policies

    def ask(self, waiting: Callable[[datetime], Waiting]) -> tuple[str, Waiting]:
        """Keep a change; its id. The same change of the same requester, which waits already, is not kept twice.

        :param waiting: makes the record, at a time.
        :raises Conflict: too many changes of the requester wait.
        """
        with self._records.changing() as session:
            now = session.now()
            made = waiting(now)
            for id, known in session.children(KIND, made.fingerprint, Waiting):
                if _at(known, now).state is State.PENDING:
                    return id, known
            sizes = self._sizes(session, made.requester.identity, now)
            if len(sizes) >= PENDING_MAX or sum(sizes) + made.size > PENDING_BYTES_MAX:
                raise Conflict(
                    f"{len(sizes)} changes of yours wait for approval, and no more can, or none so large.",
                    "Withdraw some, or have them approved.",
                )
            id = secrets.token_hex(8)
            _put(session, id, made)
            _remember(session, made)
            return id, made

    def token_ended(self, session: RecordSession, accessor: str) -> None:
        """A token is over, in this transaction. Where it was revoked, nothing that was asked for with it is done."""
        asker = session.get(ASKER, accessor, Asker)
        token = session.get(TOKEN, accessor, TokenRecord)
        if asker is not None and token is not None and token.ended is End.REVOKED:
            session.put(ASKER, accessor, asker.model_copy(update={"revoked": True}), expires=asker.until + KEPT_AFTER)

    def is_revoked(self, accessor: str) -> bool:
        """Whether the token that changes were asked for with was revoked since."""
        asker = self._records.get(ASKER, accessor, Asker)
        return asker is not None and asker.revoked

    def of(self, caller: Caller, id: str) -> Waiting:
        """A change that waits, or waited, for its requester and for those who may approve it.

        :raises UnknownThing: there is none that the caller may see.
        """
        found = self._records.get(KIND, id, Waiting)
        if found is None or not (_is_his(found, caller) or self.may_approve(caller, found)):
            raise _unknown(id)
        return _at(found, self._records.now())

    def page(self, caller: Caller, *, states: frozenset[State], after: str, limit: int) -> list[tuple[str, Waiting]]:
        """Those that the caller may see, by id, those behind ``after``, at most ``limit``."""
        shown: list[tuple[str, Waiting]] = []
        with self._records.reading() as session:
            now = session.now()
            while len(shown) < limit:
                rows = session.page(KIND, Waiting, after=after, limit=200)
                for id, row in rows:
                    found = _at(row, now)
                    if found.state in states and (_is_his(found, caller) or self.may_approve(caller, found)):
                        shown.append((id, found))
                if len(rows) < 200:
                    break
                after = rows[-1][0]
        return shown[:limit]

    def approve(self, caller: Caller, id: str) -> tuple[Waiting, bool]:
        """Approve a change; how it is now, and whether the caller's process is to carry it out, which then calls
        :meth:`finish`.

        :raises UnknownThing: there is none that the caller may see.
        :raises Forbidden: it is the caller's own, or that of somebody who made his token, or whose token he made; or
            one of them is nobody in particular.
        :raises Conflict: it does not wait any more.
        """
        with self._records.changing() as session:
            found, now = self._open(session, caller, id), session.now()
            if _is_his(found, caller):
                raise Forbidden("Nobody approves his own change, with whichever token.", "Ask somebody else.")
            makers = _makers(session.get(TOKEN, caller.accessor, TokenRecord))
            his = {found.requester.identity, *_makers(found.requester.token)}
            if {caller.identity, *makers} & his or ANYBODY in {*makers, *his}:
                raise Forbidden(
                    "The requester and you may be one person: one of you, or somebody for both, made what the other "
                    "one asks with.",
                    "Ask somebody else; or have root make anew what one of you logs in with.",
                )
            if found.state is State.APPROVED:
                return self._claim_again(session, id, found, now), True
            if any({caller.identity, *makers} & {one.identity, *one.makers} for one in found.approvals):
                raise Conflict(f"You have approved {id} before.", "It takes others as well.")
            approval = Approval(identity=caller.identity, accessor=caller.accessor, at=now, makers=makers)
            given = (*found.approvals, approval)
            is_last = len(given) >= self._needed(found)
            state = State.APPROVED if is_last else State.PENDING
            changed = found.model_copy(update={"approvals": given, "state": state, "claimed": now if is_last else None})
            _put(session, id, changed)
            return changed, is_last

    def refuse(self, caller: Caller, id: str, reason: str = "") -> Waiting:
        """Refuse a change, or withdraw one's own. Raises as :meth:`approve`."""
        with self._records.changing() as session:
            found = self._open(session, caller, id)
            if found.state is not State.PENDING:
                raise _over(id, found)
            state = State.WITHDRAWN if _is_his(found, caller) else State.REFUSED
            ended = {"state": state, "ended_by": caller.actor, "reason": reason, "body": ""}
            changed = found.model_copy(update=ended)
            _put(session, id, changed)
            return changed

    def finish(self, id: str, claimed: Waiting, outcome: Outcome) -> Waiting:
        """Write down what came of a change that this process carried out."""
        with self._records.changing() as session:
            found = session.get(KIND, id, Waiting)
            if found is None or found.claimed != claimed.claimed:
                return claimed
            state = State.DONE if outcome.status < 400 else State.FAILED
            changed = found.model_copy(update={"state": state, "outcome": outcome, "body": ""})
            _put(session, id, changed)
            return changed

    def tidy(self, *, limit: int = 1000) -> int:
        """Drop the bodies of those that waited in vain, and the records whose time is over; how many."""
        count = 0
        with self._records.changing() as session:
            now = session.now()
            for id in session.ids(ASKER, expired=True, limit=limit):
                session.remove(ASKER, id)
            for id in session.ids(KIND, expired=True, limit=limit):
                count += session.remove(KIND, id)
            for id, found in session.page(KIND, Waiting, limit=limit):
                if found.body and _at(found, now).state is State.EXPIRED:
                    _put(session, id, _at(found, now))
                    count += 1
        return count

    def may_approve(self, caller: Caller, waiting: Waiting) -> bool:
        """Whether it is the caller's to approve, were he not the requester. A policy in Vault's language makes nobody
        an approver: it is given by whom that language allows it."""
        demand = self._demand(waiting)
        approvers = demand.approvers if demand is not None else waiting.approvers
        held = {name for name in caller.policies if self._policies.of_vault(name) is None}
        if approvers and set(approvers) <= held:
            return True
        return self._policies.decide(caller, Verb.ADMINISTER, waiting.thing).allowed

    def _demand(self, waiting: Waiting) -> Demand | None:
        return self._protections.demand(waiting.verb, waiting.thing)

    def _needed(self, waiting: Waiting) -> int:
        """As many as when it was asked for, or as many as it takes by now."""
        demand = self._demand(waiting)
        return max(waiting.needed, demand.approvals if demand is not None else 1)

    def _open(self, session: RecordSession, caller: Caller, id: str) -> Waiting:
        """A change that waits still, and is the caller's own or his to approve."""
        found = session.get(KIND, id, Waiting)
        if found is None or not (_is_his(found, caller) or self.may_approve(caller, found)):
            raise _unknown(id)
        found = _at(found, session.now())
        if found.state not in OPEN:
            raise _over(id, found)
        return found

    def _claim_again(self, session: RecordSession, id: str, found: Waiting, now: datetime) -> Waiting:
        if found.claimed is not None and now < found.claimed + CARRYING:
            raise Conflict(f"{id} is being carried out.", "Look again in a moment.")
        claimed = found.model_copy(update={"claimed": now})
        _put(session, id, claimed)
        return claimed

    def _sizes(self, session: RecordSession, identity: str, now: datetime) -> list[int]:
        sizes: list[int] = []
        after = ""
        while True:
            rows = session.page(KIND, Waiting, after=after, limit=200)
            sizes += [
                found.size
                for _, found in rows
                if found.requester.identity == identity and _at(found, now).state is State.PENDING
            ]
            if len(rows) < 200:
                return sizes
            after = rows[-1][0]


def _at(found: Waiting, now: datetime) -> Waiting:
    """How it stands at a time: what waits too long is dropped."""
    if found.state is State.PENDING and now >= found.expires:
        return found.model_copy(update={"state": State.EXPIRED, "body": ""})
    return found


def _put(session: RecordSession, id: str, changed: Waiting) -> None:
    session.put(KIND, id, changed, parent=changed.fingerprint, expires=changed.expires + KEPT_AFTER)


def _remember(session: RecordSession, made: Waiting) -> None:
    accessor = made.requester.accessor
    if accessor:
        known = session.get(ASKER, accessor, Asker) or Asker(until=made.expires)
        kept = known.model_copy(update={"until": max(known.until, made.expires)})
        session.put(ASKER, accessor, kept, expires=kept.until + KEPT_AFTER)


def _makers(token: TokenRecord | None) -> tuple[str, ...]:
    return () if token is None else token.makers


def _is_his(found: Waiting, caller: Caller) -> bool:
    return found.requester.identity == caller.identity


def _unknown(id: str) -> UnknownThing:
    return UnknownThing(f"There is no change {id[:40]} that waits for approval.", "See `strongroom approval ls`.")


def _over(id: str, found: Waiting) -> Conflict:
    return Conflict(f"{id} does not wait any more: it is {found.state}.", "See `strongroom approval show`.")
