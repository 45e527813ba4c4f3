"""How much one asker may have kept at a time: wraps, and answers of requests with an idempotency key.

These are written for whoever asks, without any right of their own. What is kept is counted in the transaction that
keeps it, by a record of its own for each asker.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from strongroom_service.errors import TooManyRequests
from strongroom_service.identity.caller import Caller
from strongroom_service.ip_addresses import network_of

if TYPE_CHECKING:
    from strongroom_service.settings import ServerSettings
    from strongroom_service.state.records import RecordSession

KIND = "kept"
RETRY_AFTER = 60
"""Seconds; what is over is removed about so often."""


class Kept(BaseModel):
    """What somebody has kept: how many, and how many bytes together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = 0
    size: int = 0


def keeper_of(caller: Caller) -> str:
    """Whom what a request has kept is counted to: its identity, or where it has none the address that it is from."""
    if caller.accessor or caller.is_root:
        return caller.identity
    return f"{caller.identity} {network_of(caller.address)}"


class Allowance:
    """Counts, in transactions of those who keep something."""

    def __init__(self, settings: ServerSettings) -> None:
        self._count = settings.identity_kept
        self._size = settings.identity_kept_bytes

    def has_room(self, session: RecordSession, keeper: str, size: int) -> bool:
        """Whether so many bytes more may be kept, of what is counted already."""
        return _of(session, keeper).size + size <= self._size

    def check(self, session: RecordSession, keeper: str, size: int = 0) -> None:
        """Raise TooManyRequests where no more may be kept, or not so much."""
        kept = _of(session, keeper)
        if kept.count >= self._count or kept.size + size > self._size:
            raise TooManyRequests(
                f"{kept.count} wraps and answers to idempotency keys, of {kept.size} bytes, are kept for {keeper}; "
                f"{self._count} of {self._size} bytes may be.",
                "They go when their time is over: wraps by their TTL, opened ones after a week, answers after a day. "
                "Wrap for a shorter time.",
                retry_after=RETRY_AFTER,
            )

    def take(self, session: RecordSession, keeper: str, size: int = 0) -> None:
        """Count one more.

        :param size: of how many bytes.
        :raises TooManyRequests: no more may be kept, or not so much.
        """
        self.check(session, keeper, size)
        self.change(session, keeper, 1, size)

    def change(self, session: RecordSession, keeper: str, count: int, size: int) -> None:
        """Count what was kept besides, or is kept no more."""
        kept = _of(session, keeper)
        changed = Kept(count=max(0, kept.count + count), size=max(0, kept.size + size))
        if changed.count:
            session.put(KIND, _id(keeper), changed)
        elif kept.count:
            session.remove(KIND, _id(keeper))


def _of(session: RecordSession, keeper: str) -> Kept:
    return session.get(KIND, _id(keeper), Kept) or Kept()


def _id(keeper: str) -> str:
    return sha256(keeper.encode("utf-8", "surrogatepass")).hexdigest()
