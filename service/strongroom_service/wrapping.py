"""Wraps: a token that opens a value once, in the place of the value.

Whoever is handed such a token and can open it knows that nobody has before him. If he cannot, because it was opened
already, he is told when and from where, and the audit has both.
"""

from __future__ import annotations

import hmac
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from strongroom_registry.audit import DONE
from strongroom_registry.errors import IntegrityError

from strongroom_service.allowance import keeper_of
from strongroom_service.errors import InvalidRequest, RequestTooLarge, UnknownThing, WrapOpened
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.token import WRAP_PREFIX, NotAToken, Token

if TYPE_CHECKING:
    from strongroom_service.service import Service
    from strongroom_service.state.records import RecordSession

KIND = "wrap"
VALUE_MAX = 1024 * 1024
"""The largest value that is wrapped, in bytes of JSON."""
TOLD_FOR = timedelta(days=7)
"""How long it is remembered who opened a wrap."""
_TIDIED = 1000


class Opened(BaseModel):
    """Who opened a wrap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    identity: str
    address: str


class WrapRecord(BaseModel):
    """A wrap on record; ``value`` is the JSON text, and empty once it was opened. ``keeper`` is whom it is counted
    to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    digest: str
    value: str
    creation_path: str
    created: datetime
    ttl: timedelta
    identity: str
    address: str
    is_vault: bool = False
    wrapped_accessor: str = ""
    keeper: str = ""
    opened: Opened | None = None

    @property
    def size(self) -> int:
        """The bytes of its value."""
        return len(self.value.encode())

    @property
    def until(self) -> datetime:
        """When it opens no more."""
        return self.created + self.ttl


@dataclass(frozen=True, slots=True)
class WrapInfo:
    """What stands in the place of a value that was wrapped.

    :param token: opens it; the one moment at which its text is there. Empty where somebody looks without opening.
    :param accessor: its public name, which the audit has.
    :param wrapped_accessor: the accessor of the token inside, where the value is one.
    """

    token: str = field(repr=False)
    accessor: str
    ttl: timedelta
    creation_time: datetime
    creation_path: str
    wrapped_accessor: str = ""


class Unwrapped(NamedTuple):
    """What was in a wrap, and whether it is an answer in Vault's shape."""

    value: Any
    creation_path: str
    creation_time: datetime
    is_vault: bool


class Wraps:
    """The wraps of a service. Safe to use from several threads and processes: of any number who open one at the same
    time, one gets what is in it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def wrap(
        self,
        value: Any,
        ttl: timedelta,
        creation_path: str,
        caller: Caller,
        *,
        is_vault: bool = False,
        wrapped_accessor: str = "",
    ) -> WrapInfo:
        """Put a value away, to be opened once.

        :param value: anything that JSON can say.
        :param ttl: how long it can be opened.
        :param creation_path: which request it answers; whoever opens it can see that it is what he expects.
        :raises InvalidRequest: longer than the service allows, or not at all; or no value of JSON.
        :raises RequestTooLarge: the value is.
        :raises TooManyRequests: as much is kept for the caller as may be.
        """
        self.check_ttl(ttl)
        text = _text(value)
        if len(text.encode()) > VALUE_MAX:
            raise RequestTooLarge("The value is too large to be wrapped.", f"At most {VALUE_MAX} bytes are possible.")
        with self._service.records.changing() as session:
            record = WrapRecord(
                digest="",
                value=text,
                creation_path=creation_path,
                created=session.now(),
                ttl=ttl,
                identity=caller.identity,
                address=caller.address,
                is_vault=is_vault,
                wrapped_accessor=wrapped_accessor,
                keeper=keeper_of(caller),
            )
            info = self._put_new(session, record)
        self._service.record(caller, "wrap", DONE, f"wraps/{info.accessor}", message=creation_path[:200])
        return info

    def check_ttl(self, ttl: timedelta) -> None:
        """Raise InvalidRequest for a duration that no wrap can have."""
        longest = timedelta(seconds=self._service.settings.wrap_max_ttl_seconds)
        if not timedelta(seconds=1) <= ttl <= longest:
            raise InvalidRequest(
                "A wrap cannot last so long, or not at all.",
                f"Ask for 1 to {longest.total_seconds():.0f} seconds.",
            )

    def check_room(self, caller: Caller) -> None:
        """Raise TooManyRequests where nothing more is kept for the caller."""
        with self._service.records.reading() as session:
            self._service.allowance.check(session, keeper_of(caller))

    def lookup(self, text: str) -> WrapInfo:
        """What a wrap is of, without opening it.

        :raises UnknownThing: there is no such wrap, or its time is over.
        :raises WrapOpened: it was opened before.
        """
        token = _parsed(text)
        record = self._service.records.get(KIND, token.id, WrapRecord)
        return _info(token.id, self._unopened(token, record, self._service.now()))

    def unwrap(self, text: str, caller: Caller) -> Unwrapped:
        """Open a wrap. It is in the audit before this returns.

        :raises UnknownThing: there is no such wrap, or its time is over.
        :raises WrapOpened: it was opened before; both are in the audit.
        """
        token = _parsed(text)
        try:
            with self._service.records.changing() as session:
                record = self._opened(session, token, caller)
                self._service.record(caller, "unwrap", DONE, f"wraps/{token.id}", message=record.creation_path[:200])
        except WrapOpened as refusal:
            self._record_replay(token, caller, refusal)
            raise
        return Unwrapped(json.loads(record.value), record.creation_path, record.created, record.is_vault)

    def rewrap(self, text: str, caller: Caller) -> WrapInfo:
        """Another token for what is in a wrap, for as long as that one had; nobody sees it on the way.

        :raises UnknownThing, WrapOpened: as :meth:`unwrap`.
        :raises TooManyRequests: as much is kept for the caller as may be; the wrap is as it was.
        """
        token = _parsed(text)
        try:
            with self._service.records.changing() as session:
                record = self._opened(session, token, caller)
                anew = {"created": session.now(), "keeper": keeper_of(caller)}
                info = self._put_new(session, record.model_copy(update=anew))
                self._service.record(
                    caller, "rewrap", DONE, f"wraps/{token.id}", message=f"it is wraps/{info.accessor} now"
                )
        except WrapOpened as refusal:
            self._record_replay(token, caller, refusal)
            raise
        return info

    def tidy(self) -> int:
        """Remove what opens no more; how many."""
        with self._service.records.changing() as session:
            over = session.ids(KIND, expired=True, limit=_TIDIED)
            for id in over:
                self._drop(session, id)
            return len(over)

    def _drop(self, session: RecordSession, id: str) -> None:
        """Remove a wrap. One that cannot be read stops nothing."""
        with suppress(IntegrityError, ValueError):
            record = session.get(KIND, id, WrapRecord)
            if record is not None:
                self._service.allowance.change(session, record.keeper, -1, -record.size)
        session.remove(KIND, id)

    def _put_new(self, session: RecordSession, record: WrapRecord) -> WrapInfo:
        self._service.allowance.take(session, record.keeper, record.size)
        token = Token.make(WRAP_PREFIX)
        record = record.model_copy(update={"digest": self._service.records.name(_name_of(token))})
        session.put(KIND, token.id, record, expires=record.until)
        return _info(token.id, record, token.text)

    def _opened(self, session: RecordSession, token: Token, caller: Caller) -> WrapRecord:
        """The wrap as it was; on record it is open, and without its value."""
        now = session.now()
        record = self._unopened(token, session.get(KIND, token.id, WrapRecord), now)
        opened = Opened(at=now, identity=caller.identity, address=caller.address)
        emptied = record.model_copy(update={"value": "", "opened": opened})
        session.put(KIND, token.id, emptied, expires=max(record.until, now + TOLD_FOR))
        self._service.allowance.change(session, record.keeper, 0, -record.size)
        return record

    def _unopened(self, token: Token, record: WrapRecord | None, now: datetime) -> WrapRecord:
        if record is None or not self._fits(token, record):
            raise _unknown()
        if record.opened is not None:
            opened = record.opened
            raise WrapOpened(
                f"The wrapping token was used before, at {opened.at.isoformat(timespec='seconds')} by "
                f"{opened.identity} from {opened.address or 'this machine'}.",
                "If that was not you, somebody else has the secret: replace it, and find out who had the token.",
            )
        if now >= record.until:
            raise _unknown()
        return record

    def _fits(self, token: Token, record: WrapRecord) -> bool:
        name = _name_of(token)
        if hmac.compare_digest(self._service.records.name(name), record.digest):
            return True
        return any(hmac.compare_digest(former, record.digest) for former in self._service.records.former_names(name))

    def _record_replay(self, token: Token, caller: Caller, refusal: WrapOpened) -> None:
        record = self._service.records.get(KIND, token.id, WrapRecord)
        first = record.opened if record else None
        told = f"opened by {first.identity} from {first.address or 'this machine'}, " if first else ""
        told += f"tried again by {caller.identity} from {caller.address or 'this machine'}"
        self._service.record(caller, "wrap_replayed", type(refusal).__name__, f"wraps/{token.id}", message=told)
        refusal.is_recorded = True


def _text(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except ValueError:  # a number without end, or half a character
        raise InvalidRequest("The value is none that JSON can say.", "Correct its numbers and texts.") from None
    return text


def _info(accessor: str, record: WrapRecord, token: str = "") -> WrapInfo:
    return WrapInfo(token, accessor, record.ttl, record.created, record.creation_path, record.wrapped_accessor)


def _parsed(text: str) -> Token:
    try:
        return Token.parse(text, WRAP_PREFIX)
    except NotAToken:
        raise _unknown() from None


def _name_of(token: Token) -> bytes:
    return b"wrap " + token.id.encode() + token.secret


def _unknown() -> UnknownThing:
    return UnknownThing("There is no such wrapping token.", "Its time may be over. Ask for what it holds again.")
