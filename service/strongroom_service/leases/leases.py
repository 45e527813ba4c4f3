"""Leases: credentials that are made when somebody asks, and taken back when their time is over.

The record of a lease is on the disk before its engine is asked for anything, and goes only after the engine has taken
the credential back. Whatever happens in between, also to this process, somebody finds the record when it is due.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from strongroom import Block
from strongroom_registry.acting import acting
from strongroom_registry.audit import DONE
from strongroom_registry.errors import IntegrityError, StrongroomError, VersionTampered

from strongroom_service.errors import Conflict, InvalidRequest, UnknownThing
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.token_record import KIND as TOKEN
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.leases.calling import call_engine
from strongroom_service.leases.ending import Ending, due_of, lease_of, put, unknown_lease
from strongroom_service.leases.engine import Engine, Issued
from strongroom_service.leases.engines import engine_named, options_of
from strongroom_service.leases.lease import KIND, Lease, LeaseState, Listed
from strongroom_service.leases.role import LeaseRole
from strongroom_service.leases.roles import LeaseRoles, resource_of
from strongroom_service.policies.verbs import Verb

if TYPE_CHECKING:
    from strongroom_service.service import Service
    from strongroom_service.state.records import RecordSession

CREATE_TIME = timedelta(seconds=60)
"""What an engine has to make a credential in."""
GRACE = timedelta(seconds=60)
"""How long after that an unfinished lease is believed to be nobody's."""
RENEW_TIME = timedelta(seconds=120)
PAGE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Made:
    """A lease that was made, and the one moment at which its credential is there."""

    id: str
    lease: Lease
    credential: dict[str, str] = field(repr=False)


class Leases:
    """The leases of a service. Safe to use from several threads and processes.

    Whoever made a lease can see and end it, and renew it as long as he could make it; what others may do with it is
    said by policies on ``workspace/:leases/role``.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.roles = LeaseRoles(service)
        self.ending = Ending(service, self.roles)

    def create(self, caller: Caller, workspace: str, role_name: str, ttl: timedelta | None = None) -> Made:
        """Have a credential made. It is in the audit before it is handed out.

        :param ttl: how long it is to work; the role's ``default_ttl`` if not given.
        :raises Forbidden: the caller may not reveal what the role makes.
        :raises UnknownThing: there is no such role.
        :raises Conflict: there are as many leases as the role allows.
        :raises InvalidRequest: longer than the role allows, or than the engine can.
        :raises EngineFailed: the credential was not made.
        """
        self._service.require(caller, Verb.REVEAL, resource_of(workspace, role_name))
        role = self.roles.found(workspace, role_name).value
        engine = engine_named(role.engine)
        started = time.monotonic()
        id, lease = self._intend(caller, workspace, role_name, role, engine, ttl)
        grant = replace(lease.grant(id), is_in_time=_before(started + CREATE_TIME.total_seconds()))
        try:
            options = options_of(engine, role.options)
            admin = self._administrator(caller, id, role, engine)
            issued = call_engine(role.engine, lambda: engine.create(admin, options, grant))
            self._service.record(caller, "lease", DONE, f"leases/{id}", workspace=workspace)
        except BaseException as error:
            self._abandon(id, error)
            self._service.record(caller, "lease", type(error).__name__, f"leases/{id}", workspace=workspace)
            raise
        return Made(id, self._complete(id, lease, issued), dict(issued.credential))

    def show(self, caller: Caller, id: str) -> Lease:
        """One lease.

        :raises UnknownThing: there is none, or the caller may not view it.
        """
        lease = lease_of(self._service.records.get(KIND, id, Lease), id)
        self._check(caller, Verb.VIEW, id, lease)
        return lease

    def page(
        self,
        caller: Caller,
        workspace: str,
        *,
        role: str = "",
        stuck: bool = False,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[Listed], str]:
        """The leases of a workspace that the caller made or may list, by id, and where the next page begins.

        :param role: those of one role.
        :param stuck: those that could not be ended, again and again.
        :param after: where the last page ended.
        """
        prefix = f"{workspace}/{role}/" if role else f"{workspace}/"
        allowed: dict[str, bool] = {}
        found: list[Listed] = []
        with self._service.records.reading() as session:
            while len(found) <= limit and (ids := session.ids(KIND, prefix, after=after, limit=PAGE_MAX)):
                after = ids[-1]
                for id in ids:
                    listed, name = _listed(session, id), id.split("/")[1]
                    if name not in allowed:
                        allowed[name] = self._may_list(caller, workspace, name)
                    own = listed.lease is not None and _is_own(caller, listed.lease)
                    fits = not stuck or listed.lease is None or listed.lease.is_stuck
                    if fits and (own or allowed[name]):
                        found.append(listed)
        return found[:limit], found[limit - 1].id if len(found) > limit else ""

    def renew(self, caller: Caller, id: str, increment: timedelta | None = None) -> Lease:
        """Have a credential work longer, from now on; never shorter than it would have, and never beyond the role's
        ``max_ttl``.

        :param increment: for how long; as long as when it was made if not given.
        :raises UnknownThing: there is no such lease, or the caller may not view it.
        :raises Forbidden: the caller may not renew it.
        :raises Conflict: it is over, somebody works at it now, its role was removed, or its system does not prolong
            anything.
        :raises EngineFailed: the system did not do it; the lease is as it was.
        """
        claimed = self._claim_to_renew(caller, id, increment)
        engine = engine_named(claimed.role.engine)
        try:
            options = options_of(engine, claimed.role.options)
            admin = self._administrator(caller, id, claimed.role, engine)
            call_engine(claimed.role.engine, lambda: engine.renew(admin, options, claimed.grant(id)))
        except BaseException as error:
            self._settle(id, claimed.claim, {})
            self._record(caller, "lease-renew", type(error).__name__, id)
            raise
        lease = self._settle(id, claimed.claim, {"until": claimed.until, "ttl": claimed.ttl})
        self._record(caller, "lease-renew", DONE if lease is not None else "Conflict", id)
        if lease is None:
            raise _over(id)
        return lease

    def revoke(self, caller: Caller, id: str) -> Lease | None:
        """End a lease now, or as soon as its system lets us.

        :return: None where the credential is gone. A lease that is ``ending`` could not be ended at once and is tried
            again; one that is ``lapsing`` is of a system that takes nothing back.
        :raises UnknownThing: there is no such lease, or the caller may not view it.
        :raises Forbidden: the caller may not delete it.
        """
        with self._service.records.changing() as session:
            lease = lease_of(session.get(KIND, id, Lease), id)
            self._check(caller, Verb.DELETE, id, lease)
            _mark(session, id, lease, f"revoked by {caller.identity}")
        self._record(caller, "lease-revoke", DONE, id)
        self.ending.end(id)
        return self._service.records.get(KIND, id, Lease)

    def revoke_all(self, caller: Caller, workspace: str, role: str) -> int:
        """End all leases of a role, in the order in which they come; how many. They are ``ending`` when this returns.

        :raises Forbidden: the caller may not delete them.
        """
        self._service.require(caller, Verb.DELETE, resource_of(workspace, role))
        with self._service.records.changing() as session:
            found = [_listed(session, id) for id in session.ids(KIND, f"{workspace}/{role}/", limit=100_000)]
            leases = [(one.id, one.lease) for one in found if one.lease is not None]
            for id, lease in leases:
                _mark(session, id, lease, f"revoked by {caller.identity}")
        self._service.record(caller, "lease-revoke-all", DONE, f"leases/{workspace}/{role}", workspace=workspace)
        self.ending.wake()
        return len(leases)

    def forget(self, caller: Caller, id: str) -> None:
        """Strike a lease off without taking its credential back: for systems that are gone for good, and for records
        that somebody changed. The credential works until its end, if there still is one.

        :raises Forbidden: the caller may not destroy it.
        :raises UnknownThing: there is no such lease.
        """
        workspace, role = _places(id)
        self._service.require(caller, Verb.DESTROY, resource_of(workspace, role))
        with self._service.records.changing() as session:
            if not session.remove(KIND, id):
                raise unknown_lease(id)
        self._record(caller, "lease-forget", DONE, id)

    def token_ended(self, session: RecordSession, accessor: str) -> None:
        """A token is over, in this transaction: its leases are to be ended. One that cannot be read stops nothing."""
        for id in session.ids(KIND, parent=accessor, limit=100_000):
            listed = _listed(session, id)
            if listed.lease is not None:
                _mark(session, id, listed.lease, "its token ended")
        self.ending.wake()

    def _intend(
        self,
        caller: Caller,
        workspace: str,
        role_name: str,
        role: LeaseRole,
        engine: Engine[Any],
        ttl: timedelta | None,
    ) -> tuple[str, Lease]:
        """The record of a lease whose credential is not made yet."""
        options = options_of(engine, role.options)
        asked = _checked_ttl(role, engine, options, ttl)
        key = secrets.token_hex(10)
        id = f"{workspace}/{role_name}/{key}"
        name = role.name(
            engine.naming(options), workspace=workspace, role=role_name, identity=caller.identity, lease=key
        )
        with self._service.records.changing() as session:
            now = session.now()
            if not _has_token(session, caller, now):
                raise Conflict(
                    "The token that asks is over with this request, and a lease ends with its token.",
                    "Ask with a token that can be used more often.",
                )
            if len(session.ids(KIND, f"{workspace}/{role_name}/", limit=role.max_leases)) >= role.max_leases:
                raise Conflict(
                    f"There are {role.max_leases} leases of {workspace}/{role_name}, as many as the role allows.",
                    "Revoke some, or raise its max_leases.",
                )
            lease = Lease(
                workspace=workspace,
                role_name=role_name,
                role=role,
                name=name,
                identity=caller.identity,
                accessor=caller.accessor,
                state=LeaseState.CREATING,
                created=now,
                ttl=asked,
                until=now + asked,
                latest=now + role.longest(),
                deadline=now + CREATE_TIME,
                due=now + CREATE_TIME + GRACE,
                claim=secrets.token_hex(8),
            )
            put(session, id, lease)
        return id, lease

    def _administrator(self, caller: Caller, id: str, role: LeaseRole, engine: Engine[Any]) -> Block:
        """The administrator's block, loaded on behalf of whoever asks for the lease."""
        with acting(caller.actor, f"for lease {id}"):
            return self.roles.administrator(role, engine)

    def _complete(self, id: str, intended: Lease, issued: Issued) -> Lease:
        """The lease as it stands, with what its engine noted; one that was ended meanwhile is taken back."""
        until = issued.until or intended.until
        noted = {"undo": dict(issued.undo), "until": until, "latest": max(until, intended.latest), "claim": ""}
        with self._service.records.changing() as session:
            found = session.get(KIND, id, Lease)
            lease = (found or intended).model_copy(update=noted)
            if found is not None and found.state is LeaseState.CREATING and found.claim == intended.claim:
                lease = lease.model_copy(update={"state": LeaseState.ACTIVE})
                lease = lease.model_copy(update={"due": due_of(session, lease)})
                put(session, id, lease)
                return lease
            over = {"state": LeaseState.ENDING, "due": session.now(), "swept": True}
            put(session, id, lease.model_copy(update=over))
        self.ending.wake()
        raise _over(id)

    def _abandon(self, id: str, error: BaseException) -> None:
        """This process knows that nobody makes the credential any more: it can be taken back at once."""
        with self._service.records.changing() as session:
            lease = session.get(KIND, id, Lease)
            if lease is not None:
                over = {"state": LeaseState.ENDING, "due": session.now(), "claim": "", "swept": True}
                put(session, id, lease.model_copy(update={**over, "reason": f"not made: {type(error).__name__}"}))
        self.ending.wake()

    def _claim_to_renew(self, caller: Caller, id: str, increment: timedelta | None) -> Lease:
        with self._service.records.changing() as session:
            lease, now = lease_of(session.get(KIND, id, Lease), id), session.now()
            self._check(caller, Verb.REVEAL if _is_own(caller, lease) else Verb.ADMINISTER, id, lease)
            if lease.state is not LeaseState.ACTIVE or now >= lease.until:
                raise _over(id)
            if not engine_named(lease.role.engine).is_renewable:
                raise Conflict(
                    f"Leases of {lease.workspace}/{lease.role_name} cannot be renewed: their system prolongs nothing.",
                    "Make a new one.",
                )
            if lease.is_claimed(now):
                raise Conflict(f"Somebody else renews the lease {id} now.", "Try again in a moment.")
            until = max(min(now + (increment or lease.ttl), self._latest(lease)), lease.until)
            claim = {"claim": secrets.token_hex(8), "due": min(now + RENEW_TIME, due_of(session, lease))}
            claimed = lease.model_copy(update=claim)
            put(session, id, claimed)
        return claimed.model_copy(update={"until": until, "ttl": until - now})

    def _latest(self, lease: Lease) -> datetime:
        """Beyond which a lease is not renewed, by what its role allows now.

        :raises Conflict: the role was removed.
        """
        try:
            role = self.roles.found(lease.workspace, lease.role_name).value
        except UnknownThing:
            raise Conflict(
                f"The lease role {lease.workspace}/{lease.role_name} was removed: what it made ends at its time.",
                "Ask for a lease of another role.",
            ) from None
        return min(lease.latest, lease.created + role.longest())

    def _settle(self, id: str, claim: str, changed: dict[str, Any]) -> Lease | None:
        """Give a claim back, with what came of it; None where it was lost to somebody who ends the lease."""
        with self._service.records.changing() as session:
            lease = session.get(KIND, id, Lease)
            if lease is None or lease.claim != claim or lease.state is not LeaseState.ACTIVE:
                return None
            lease = lease.model_copy(update={**changed, "claim": ""})
            lease = lease.model_copy(update={"due": due_of(session, lease)})
            put(session, id, lease)
            return lease

    def _may_list(self, caller: Caller, workspace: str, role: str) -> bool:
        try:
            return self._service.decide(caller, Verb.LIST, resource_of(workspace, role)).allowed
        except StrongroomError:  # somebody wrote an id that is none into the database
            return caller.is_root

    def _check(self, caller: Caller, verb: Verb, id: str, lease: Lease) -> None:
        """Whether the caller may do this with a lease. One that he may not view he does not learn of."""
        own = _is_own(caller, lease)
        if own and verb is not Verb.REVEAL:
            return
        resource = resource_of(lease.workspace, lease.role_name)
        if not own and not self._service.decide(caller, Verb.VIEW, resource).allowed:
            raise unknown_lease(id)
        self._service.require(caller, verb, resource)

    def _record(self, caller: Caller, action: str, outcome: str, id: str) -> None:
        self._service.record(caller, action, outcome, f"leases/{id}", workspace=_places(id)[0])


def _has_token(session: RecordSession, caller: Caller, now: datetime) -> bool:
    """Whether the caller's token still counts; who opens the registry himself has none and needs none."""
    if not caller.accessor:
        return caller.is_root
    token = session.get(TOKEN, caller.accessor, TokenRecord)
    return token is not None and token.is_live(now)


def _before(moment: float) -> Callable[[], bool]:
    return lambda: time.monotonic() < moment


def _is_own(caller: Caller, lease: Lease) -> bool:
    return bool(caller.accessor) and caller.accessor == lease.accessor


def _places(id: str) -> tuple[str, str]:
    parts = id.split("/")
    if len(parts) != 3:
        raise unknown_lease(id)
    return parts[0], parts[1]


def _listed(session: RecordSession, id: str) -> Listed:
    try:
        return Listed(id, session.get(KIND, id, Lease))
    except IntegrityError as problem:
        return Listed(id, None, problem)
    except ValueError:
        return Listed(id, None, VersionTampered(f"The lease {id!r:.200} cannot be read.", "Was it a newer version's?"))


def _mark(session: RecordSession, id: str, lease: Lease, reason: str) -> None:
    """Have a lease end. One that is being made stays due when that has to be done with."""
    now = session.now()
    if lease.state is LeaseState.ENDING and lease.swept and not lease.is_claimed(now):
        put(session, id, lease.model_copy(update={"due": now}))
    if lease.state in (LeaseState.ENDING, LeaseState.LAPSING):
        return
    due = lease.due if lease.state is LeaseState.CREATING else now
    changed = {"state": LeaseState.ENDING, "due": due, "claim": "", "reason": reason}
    swept = lease.state is LeaseState.ACTIVE
    put(session, id, lease.model_copy(update={**changed, "swept": swept}))


def _checked_ttl(role: LeaseRole, engine: Engine[Any], options: Any, ttl: timedelta | None) -> timedelta:
    asked = timedelta(seconds=role.default_ttl) if ttl is None else ttl
    durations = engine.durations(options)
    if not durations.shortest <= asked <= min(durations.longest, role.longest()):
        raise InvalidRequest(
            f"The role makes nothing that lasts {asked.total_seconds():.0f} seconds.",
            f"It takes {durations.shortest.total_seconds():.0f} to "
            f"{min(durations.longest, role.longest()).total_seconds():.0f}.",
        )
    return asked


def _over(id: str) -> Conflict:
    return Conflict(f"The lease {id} is over, or ended meanwhile.", "Make a new one.")
