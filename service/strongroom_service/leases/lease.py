"""One lease: what is known of a credential that was made on demand, which is everything but the credential."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from strongroom_registry.errors import IntegrityError

from strongroom_service.leases.engine import Grant
from strongroom_service.leases.role import LeaseRole

KIND = "lease"
STUCK_AFTER = 3
"""A lease that could not be ended so many times is listed as stuck."""


class LeaseState(StrEnum):
    """Where a lease is in its life; when it is over it is not on record any more."""

    CREATING = "creating"
    """The credential is being made, or was not finished."""
    ACTIVE = "active"
    """It works."""
    ENDING = "ending"
    """It is to be taken back, and that is not done."""
    LAPSING = "lapsing"
    """It was revoked, and works until its end: its system takes none back."""


class Lease(BaseModel):
    """A lease on record. Written before its credential is made, so that there is none without a lease.

    :param role: the role as it was when the lease was made; what is changed of it later does not hinder the end.
    :param until: when the credential stops working.
    :param latest: beyond which it is not renewed.
    :param due: when the next one is to look after it; what the record is found by.
    :param claim: who works at it now, until ``due``; empty for nobody.
    :param attempts: how often its end was tried in vain.
    :param problem: what was wrong the last time.
    :param swept: whether an unfinished one was taken back once already.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace: str
    role_name: str
    role: LeaseRole
    name: str
    identity: str
    accessor: str
    state: LeaseState
    created: datetime
    ttl: timedelta
    until: datetime
    latest: datetime
    deadline: datetime
    due: datetime
    undo: dict[str, str] = {}
    claim: str = ""
    attempts: int = 0
    problem: str = ""
    reason: str = ""
    swept: bool = False

    def grant(self, id: str) -> Grant:
        """What an engine is told of it."""
        return Grant(
            lease=id,
            name=self.name,
            ttl=self.ttl,
            until=self.until,
            latest=self.latest,
            deadline=self.deadline,
            undo=self.undo,
        )

    def is_claimed(self, now: datetime) -> bool:
        """Whether somebody works at it."""
        return bool(self.claim) and now < self.due

    @property
    def is_stuck(self) -> bool:
        """Whether it could not be ended, again and again."""
        return self.attempts >= STUCK_AFTER


class Listed(NamedTuple):
    """A lease in a listing: one whose row was changed is listed with what is wrong, and hides no other."""

    id: str
    lease: Lease | None
    quarantine: IntegrityError | None = None
