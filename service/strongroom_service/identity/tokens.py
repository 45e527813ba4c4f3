"""The tokens of a service: made, believed, renewed and revoked.

Every change of tokens is one transaction beside which nobody else changes them. So a use count is never overdrawn, and
a revoked token never gets a child that outlives it. A child expires no later than its parent, whatever becomes of both.
What an ended token leaves on record until its time is over tells the audit who still tries it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from strongroom_service.errors import InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.identity.address_bounds import admits, bounds_of
from strongroom_service.identity.caller import ROOT, Caller
from strongroom_service.identity.delegation import delegated, not_yours, of_another
from strongroom_service.identity.grant import Grant, Issued, policy_names
from strongroom_service.identity.token import NotAToken, Token
from strongroom_service.identity.token_record import KIND, End, Rights, Standing, TokenRecord
from strongroom_service.state.records import Records, RecordSession
from strongroom_service.waiting import HasToWait

_SEEN_MAX = 2048
"""How many tokens are not taken apart anew each time they are sent."""
KEPT_AFTER = timedelta(days=30)
"""How long an ended token stays on record that would never have expired."""


def no_standing(_origin: str) -> Standing | None:
    """Where nobody has one: every token stands for itself."""
    return None


class _Believed(NamedTuple):
    """A token that was believed, and what it was believed by: while that is the same, it is."""

    record: TokenRecord
    standing: Standing | None
    caller: Caller


class Tokens:
    """The tokens of a service. Safe to use from several threads and processes.

    :param ttl: how long a token lives that says nothing of it.
    :param max_ttl: how long any token lives at most but those of root and periodic ones, renewals included.
    :param standing: what an origin may do now; None where it is gone or disabled, and its tokens with it.
    """

    def __init__(
        self,
        records: Records,
        *,
        ttl: timedelta,
        max_ttl: timedelta,
        standing: Callable[[str], Standing | None] = no_standing,
    ) -> None:
        self._records = records
        self._ttl = min(ttl, max_ttl)
        self._max_ttl = max_ttl
        self._standing = standing
        self._seen: dict[str, Token] = {}
        self._fitted: dict[str, tuple[bytes, str]] = {}
        self._believed: dict[tuple[str, str], _Believed] = {}
        self.on_end: list[Callable[[RecordSession, str], None]] = []
        """Called with the accessor of each token that ends before its time, in the transaction that ends it."""

    def authenticate(
        self, text: str, address: str, *, request_id: str = "", use: bool = True, may_wait: bool = True
    ) -> Caller:
        """Who bears the token that was sent, as far as a request may know.

        :param use: take one of its uses, where these are counted.
        :param may_wait: whether others may be waited for, and the disk, which it takes to count a use.
        :raises HasToWait: it takes that.
        :raises Unauthenticated: always the same outside; ``why`` says for the audit what was wrong, and with which
            token.
        """
        caller = self._believed_before(text, address)
        if caller is not None:
            return caller.asking(request_id)
        token = self._parsed(text)
        record = self._records.get(KIND, token.id, TokenRecord)
        standing = self._believe(token, record, address, self._records.now())
        assert record is not None  # noqa: S101  # _believe() refuses None
        if use and record.uses is not None:
            if not may_wait:
                raise HasToWait
            self._use(token, address)
        caller = record.caller(token.id, standing, address=address, request_id=request_id)
        if record.uses is None:
            if len(self._believed) >= _SEEN_MAX:
                self._believed = {}
            self._believed[text, address] = _Believed(record, standing, caller)
        return caller

    def look_ahead(self, texts: Iterable[str]) -> None:
        """Read the records of tokens together that :meth:`authenticate` will be asked for in this moment."""
        ids = set()
        for text in texts:
            with suppress(Unauthenticated):
                ids.add(self._parsed(text).id)
        self._records.look_ahead(KIND, ids, TokenRecord)

    def make_root(self, *, name: str = "root") -> Issued:
        """A token that everything is allowed to, which does not expire."""
        with self._records.changing() as session:
            return self._make(session, Grant(identity=ROOT, policies=(ROOT,), name=name, path="root"))

    def issue(self, grant: Grant, *, still: Callable[[], bool] = lambda: True) -> Issued:
        """A token without a parent, for somebody who has proved who he is. Nobody logs in as root.

        :param still: whether he would prove that now, too.
        :raises InvalidRequest: a bound, a policy or a number that is none.
        :raises Unauthenticated: he would not, or whom it is for is gone: whoever removed him has ended his tokens, and
            this one is none of them.
        """
        if ROOT in policy_names(grant.policies or ()):
            raise InvalidRequest("Nobody logs in with the policy root.", "Take it from the identity's policies.")
        with self._records.changing() as session:
            if not still():
                raise _refused(f"{grant.identity} logs in with something else by now")
            return self._make(session, grant)

    def create(self, caller: Caller, grant: Grant, *, beyond: bool = False) -> Issued:
        """A child of the caller's token, which ends with it.

        :param beyond: the caller may give away what he does not have: other policies, another identity, a period.
        :raises Forbidden: more than the caller may give away.
        :raises InvalidRequest: a bound, a policy or a number that is none.
        """
        with self._records.changing() as session:
            return self._make(session, *self._delegated(session, caller, grant, beyond=beyond))

    def create_orphan(self, caller: Caller, grant: Grant, *, beyond: bool = False) -> Issued:
        """A token that stays when the caller's ends. Raises as :meth:`create`."""
        if not (beyond or caller.is_root):
            raise not_yours("A token without a parent")
        with self._records.changing() as session:
            grant, _ = self._delegated(session, caller, grant, beyond=beyond)
            return self._make(session, grant)

    def lookup(self, text: str) -> tuple[str, TokenRecord]:
        """The accessor and the record of the token with this text, without using it.

        :raises UnknownThing: it is none, or none any more.
        """
        try:
            token = Token.parse(text)
        except NotAToken:
            raise _unknown() from None
        record = self._records.get(KIND, token.id, TokenRecord)
        if record is None or not self._fits(token, record):
            raise _unknown()
        return token.id, self.of(token.id)

    def of(self, accessor: str) -> TokenRecord:
        """The record of a live token.

        :raises UnknownThing: there is none.
        """
        record = self._records.get(KIND, accessor, TokenRecord)
        if record is None or not record.is_live(self._records.now()):
            raise _unknown()
        return record

    def makers_of(self, caller: Caller) -> tuple[str, ...]:
        """Who could keep a credential that the caller makes for others, for himself."""
        record = self._records.get(KIND, caller.accessor, TokenRecord) if caller.accessor else None
        return () if record is None else self._makers(caller, record)

    def _makers(self, caller: Caller, record: TokenRecord) -> tuple[str, ...]:
        """Root makes the first credential of everybody, and could do without any."""
        return record.makers if caller.is_root else (*record.makers, caller.identity)

    def policies_of(self, record: TokenRecord) -> tuple[str, ...]:
        """The policies that a token has now."""
        return record.policies_now(self._standing(record.origin) if record.origin else None)

    def page(self, *, after: str = "", limit: int = 100) -> list[tuple[str, TokenRecord]]:
        """Live tokens by accessor, those behind ``after``, at most ``limit``."""
        found: list[tuple[str, TokenRecord]] = []
        with self._records.reading() as session:
            now = session.now()
            while len(found) < limit:
                rows = session.page(KIND, TokenRecord, after=after, limit=limit)
                found += [row for row in rows if row[1].is_live(now)]
                if len(rows) < limit:
                    break
                after = rows[-1][0]
        return found[:limit]

    def renew(self, accessor: str, increment: timedelta | None = None) -> TokenRecord:
        """Have a token live on, from now; never shorter than it would have.

        :param increment: for how long; a periodic token goes by its period, and one without an end stays so.
        :raises UnknownThing: it is no token any more.
        :raises InvalidRequest: it is one that cannot be renewed.
        """
        with self._records.changing() as session:
            record, now = self._live(session, accessor), session.now()
            if record.expires is None:
                return record
            if not record.renewable:
                raise InvalidRequest("The token cannot be renewed.", "Log in again, or have a new one made.")
            until = _earliest(now + (record.period or increment or record.ttl), record.last)
            if record.parent:
                until = _earliest(until, self._live(session, record.parent).expires)
            renewed = record.model_copy(update={"expires": max(until, record.expires), "renewed": now})
            _put(session, accessor, renewed)
            return renewed

    def revoke(self, accessor: str, *, with_children: bool = True) -> int:
        """End a token at once, and all that were made with it; how many ended.

        :param with_children: else its children go on without a parent.
        :raises UnknownThing: it is no token any more.
        """
        with self._records.changing() as session:
            record, now = self._live(session, accessor), session.now()
            if with_children:
                return self._end(session, accessor, record, now)
            for child, of_child in session.children(KIND, accessor, TokenRecord):
                _put(session, child, of_child.model_copy(update={"parent": "", "orphan": True}))
            self._finish(session, accessor, record, End.REVOKED, now)
            return 1

    def revoke_identity(self, identity: str) -> int:
        """End all tokens of an identity, and those that were made with them; how many ended."""
        return self._revoke_all(lambda record: record.identity == identity)

    def revoke_origin(self, origin: str) -> int:
        """End all tokens that came by a record of the directory, so that a later one of its name revives none."""
        return self._revoke_all(lambda record: record.origin == origin)

    def _revoke_all(self, is_meant: Callable[[TokenRecord], bool]) -> int:
        with self._records.changing() as session:
            now = session.now()
            found = [row for row in _all(session) if is_meant(row[1]) and row[1].is_live(now)]
            return sum(
                self._end(session, accessor, record, now)
                for accessor, record in found
                if self._is_live_still(session, accessor, now)
            )

    def tidy(self, *, limit: int = 1000) -> int:
        """Remove the records of tokens whose time is over; how many."""
        with self._records.changing() as session:
            expired = session.expired(KIND, TokenRecord, limit=limit)
            for accessor, _ in expired:
                session.remove(KIND, accessor)
            return len(expired)

    def _believed_before(self, text: str, address: str) -> Caller | None:
        """Who bears a token without a use count, if it was believed before and all that this stood on is the same."""
        known = self._believed.get((text, address))
        if known is None:
            return None
        record = self._records.get(KIND, known.caller.accessor, TokenRecord)
        if record is not known.record or not record.is_live(self._records.now()):
            return None
        standing = self._standing(record.origin) if record.origin else None
        return known.caller if standing is known.standing else None

    def _believe(self, token: Token, record: TokenRecord | None, address: str, now: datetime) -> Standing | None:
        """The standing of the token's origin; raises Unauthenticated unless the token counts."""
        if record is None or not self._fits(token, record):
            raise _refused("unknown")
        if record.ended is not None:
            raise _refused(record.ended, token, record)
        if not record.is_live(now):
            raise _refused("expired", token, record)
        if not admits(record.bounds, address):
            raise _refused("not from this address", token, record)
        if not record.origin:
            return None
        standing = self._standing(record.origin)
        if standing is None:
            raise _refused(f"{record.origin} is gone or disabled", token, record)
        return standing

    def _parsed(self, text: str) -> Token:
        token = self._seen.get(text)
        if token is not None:
            return token
        try:
            token = Token.parse(text)
        except NotAToken as exc:
            raise _refused(str(exc)) from None
        if len(self._seen) >= _SEEN_MAX:
            self._seen = {}
        self._seen[text] = token
        return token

    def _fits(self, token: Token, record: TokenRecord) -> bool:
        """Compared without a hint of how much of it is right; with former keys too, since keys are rotated."""
        secret, digest = self._fitted.get(token.id, (b"", ""))
        if hmac.compare_digest(secret, token.secret) and hmac.compare_digest(digest, record.digest):
            return True
        name = _name_of(token)
        if hmac.compare_digest(self._records.name(name), record.digest):
            if len(self._fitted) >= _SEEN_MAX:
                self._fitted = {}
            self._fitted[token.id] = token.secret, record.digest
            return True
        return any(hmac.compare_digest(former, record.digest) for former in self._records.former_names(name))

    def _use(self, token: Token, address: str) -> None:
        with self._records.changing() as session:
            now = session.now()
            record = session.get(KIND, token.id, TokenRecord)
            self._believe(token, record, address, now)
            assert record is not None  # noqa: S101  # _believe() refuses None
            left = (record.uses or 0) - 1
            used = record.model_copy(update={"uses": left})
            if left > 0:
                _put(session, token.id, used)
            else:
                self._finish(session, token.id, used, End.USED_UP, now)

    def _delegated(
        self, session: RecordSession, caller: Caller, grant: Grant, *, beyond: bool
    ) -> tuple[Grant, tuple[str, TokenRecord] | None]:
        """The grant with what comes from the caller filled in, and the parent, where there is one."""
        if caller.is_root and not caller.accessor:  # who opens the registry itself, by its key
            names = (ROOT,) if grant.policies is None and not grant.identity else grant.policies
            return of_another(replace(grant, policies=names)), None
        parent = self._parent(session, caller)
        makers = parent.makers if not grant.identity else self._makers(caller, parent)
        return delegated(caller, grant, parent, makers, beyond=beyond), (caller.accessor, parent)

    def _parent(self, session: RecordSession, caller: Caller) -> TokenRecord:
        record = session.get(KIND, caller.accessor, TokenRecord)
        if record is None or not record.is_live(session.now()):
            raise _refused("ended meanwhile")
        return record

    def _make(self, session: RecordSession, grant: Grant, parent: tuple[str, TokenRecord] | None = None) -> Issued:
        if grant.origin and self._standing(grant.origin) is None:
            raise _refused(f"{grant.origin} is gone or disabled")
        token, now = Token.make(), session.now()
        while session.get(KIND, token.id, TokenRecord) is not None:
            token = Token.make()
        record = self._record(token, grant, now, parent)
        _put(session, token.id, record)
        return Issued(token, record)

    def _record(self, token: Token, grant: Grant, now: datetime, parent: tuple[str, TokenRecord] | None) -> TokenRecord:
        _check_numbers(grant)
        policies = policy_names(grant.policies or ())
        ttl, last = self._lifetime(grant, now, is_root=ROOT in policies)
        expires = None if not ttl else _earliest(now + ttl, last)
        if parent is not None and parent[1].expires is not None:
            expires = parent[1].expires if expires is None else min(expires, parent[1].expires)
        return TokenRecord(
            digest=self._records.name(_name_of(token)),
            identity=grant.identity or (ROOT if ROOT in policies else f"token:{token.id}"),
            origin=grant.origin,
            rights=grant.rights or (Rights.INHERITED if grant.policies is None else Rights.GIVEN),
            policies=policies,
            facts=dict(grant.facts),
            metadata=dict(grant.metadata),
            name=grant.name,
            path=grant.path,
            parent=parent[0] if parent else "",
            orphan=parent is None,
            created=now,
            expires=expires,
            last=last,
            ttl=ttl,
            max_ttl=grant.max_ttl or timedelta(),
            period=grant.period or timedelta(),
            renewable=grant.renewable,
            uses=grant.uses,
            bounds=bounds_of(grant.bounds),
            makers=tuple(dict.fromkeys(grant.makers)),
            beyond=grant.beyond,
        )

    def _lifetime(self, grant: Grant, now: datetime, *, is_root: bool) -> tuple[timedelta, datetime | None]:
        """How long a token lives, zero for no end, and the moment that renewals end at."""
        if grant.period:
            return grant.period, now + grant.max_ttl if grant.max_ttl else None
        if is_root:
            ttl, longest = grant.ttl or timedelta(), grant.max_ttl or timedelta()
            return min(ttl or longest, longest or ttl), now + longest if longest else None
        longest = min(grant.max_ttl, self._max_ttl) if grant.max_ttl else self._max_ttl
        return min(grant.ttl or self._ttl, longest), now + longest

    def _live(self, session: RecordSession, accessor: str) -> TokenRecord:
        record = session.get(KIND, accessor, TokenRecord)
        if record is None or not record.is_live(session.now()):
            raise _unknown()
        return record

    def _is_live_still(self, session: RecordSession, accessor: str, now: datetime) -> bool:
        record = session.get(KIND, accessor, TokenRecord)
        return record is not None and record.is_live(now)

    def _finish(self, session: RecordSession, accessor: str, record: TokenRecord, end: End, now: datetime) -> None:
        _put(session, accessor, _ended(record, end, now))
        for told in self.on_end:
            told(session, accessor)

    def _end(self, session: RecordSession, accessor: str, record: TokenRecord, now: datetime) -> int:
        ended, waiting = 0, [(accessor, record)]
        while waiting:
            accessor, record = waiting.pop()
            if record.ended is None:
                self._finish(session, accessor, record, End.REVOKED, now)
                ended += 1
            waiting += session.children(KIND, accessor, TokenRecord)
        return ended


def _put(session: RecordSession, accessor: str, record: TokenRecord) -> None:
    session.put(KIND, accessor, record, parent=record.parent, expires=record.expires)


def _all(session: RecordSession) -> Iterator[tuple[str, TokenRecord]]:
    after = ""
    while rows := session.page(KIND, TokenRecord, after=after, limit=500):
        yield from rows
        after = rows[-1][0]


def _ended(record: TokenRecord, end: End, now: datetime) -> TokenRecord:
    return record.model_copy(update={"ended": end, "expires": _earliest(now + KEPT_AFTER, record.expires)})


def _earliest(moment: datetime, other: datetime | None) -> datetime:
    return moment if other is None else min(moment, other)


def _name_of(token: Token) -> bytes:
    return b"token " + token.id.encode() + token.secret


def _check_numbers(grant: Grant) -> None:
    durations = (grant.ttl, grant.max_ttl, grant.period)
    if any(one is not None and one <= timedelta() for one in durations) or (grant.uses is not None and grant.uses < 1):
        raise InvalidRequest(
            "A duration or a use count of a token is not more than nothing.", "Leave out what is zero."
        )


def _refused(why: str, token: Token | None = None, record: TokenRecord | None = None) -> Unauthenticated:
    which = f"token {token.id} of {record.identity}: " if token and record else "token: "
    return Unauthenticated(
        "The token is not valid, or not here and now.",
        "Log in with 'strongroom login', or ask for a new token.",
        why=which + why,
    )


def _unknown() -> UnknownThing:
    return UnknownThing("There is no such token.", "It may have expired, or have been revoked.")
