"""How often somebody may guess: attempts are counted before they are looked at, so that many at once are no way round.

Three counts stand beside each other: of a name from one address, which stops somebody at a keyboard; of a name from
anywhere, which stops many machines guessing at one person; of an address at any name, which stops one machine trying
everybody. A name that nobody has is counted like any other, so that the answers do not tell which there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from strongroom_service.errors import TooManyRequests
from strongroom_service.ip_addresses import network_of
from strongroom_service.state.records import Records, RecordSession

KIND = "sign-in-attempts"
WINDOW = timedelta(minutes=15)
AT_ONE_NAME_FROM_ONE_ADDRESS, AT_ONE_NAME, FROM_ONE_ADDRESS = 5, 50, 100


class Attempts(BaseModel):
    """Attempts since a moment, which count until the window from then is over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    since: datetime


class _Count(NamedTuple):
    id: str
    most: int


class Lockout:
    """Counts attempts to sign in. Safe to use from several threads and processes.

    :param records: of the service.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def attempt(self, name: str, address: str) -> None:
        """Count an attempt, before it is known whether it succeeds.

        :param name: canonical.
        :raises TooManyRequests: there were too many; this one is not counted, so that they can end.
        """
        with self._records.changing() as session:
            now = session.now()
            found = [(count, self._open(session, count, now)) for count in self._counts(name, address)]
            for count, attempts in found:
                if attempts.number >= count.most:
                    raise TooManyRequests(
                        "Somebody tried too often to sign in with this name or from this address.",
                        f"Try again in {WINDOW // timedelta(minutes=1)} minutes.",
                        retry_after=max(1, int((attempts.since + WINDOW - now).total_seconds())),
                    )
            for count, attempts in found:
                _put(session, count, attempts.model_copy(update={"number": attempts.number + 1}))

    def succeeded(self, name: str, address: str) -> None:
        """Take an attempt back that was none to guess; what the name was tried from this address is forgotten."""
        with self._records.changing() as session:
            now = session.now()
            exact, *others = self._counts(name, address)
            session.remove(KIND, exact.id)
            for count in others:
                attempts = self._open(session, count, now)
                if attempts.number > 1:
                    _put(session, count, attempts.model_copy(update={"number": attempts.number - 1}))
                else:
                    session.remove(KIND, count.id)

    def tidy(self, *, limit: int = 1000) -> int:
        """Remove counts that do not count any more; how many."""
        with self._records.changing() as session:
            expired = session.expired(KIND, Attempts, limit=limit)
            for id, _ in expired:
                session.remove(KIND, id)
            return len(expired)

    def _counts(self, name: str, address: str) -> Iterator[_Count]:
        """The ids tell nobody who reads the database which names were tried: people type passwords there."""
        where = network_of(address)
        yield _Count(self._id("both", name, where), AT_ONE_NAME_FROM_ONE_ADDRESS)
        yield _Count(self._id("name", name), AT_ONE_NAME)
        yield _Count(self._id("address", where), FROM_ONE_ADDRESS)

    def _id(self, *parts: str) -> str:
        return self._records.name("\0".join(("attempts", *parts)).encode("utf-8", "surrogatepass"))

    def _open(self, session: RecordSession, count: _Count, now: datetime) -> Attempts:
        found = session.get(KIND, count.id, Attempts)
        return found if found is not None and now < found.since + WINDOW else Attempts(number=0, since=now)


def _put(session: RecordSession, count: _Count, attempts: Attempts) -> None:
    session.put(KIND, count.id, attempts, expires=attempts.since + WINDOW)
