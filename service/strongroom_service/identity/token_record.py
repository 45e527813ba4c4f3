"""What the service keeps of a token: all but its secret, of which it keeps a keyed hash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from strongroom_service.identity.caller import ROOT, Caller

KIND = "token"

DEFAULT = "default"
"""The policy that every token may have, since it is written for everybody."""


ANYBODY = "*"
"""Among the makers of a token: whoever likes could have it, as that of a role that asks for no secret."""


class Rights(StrEnum):
    """Where the policies of a token come from."""

    GIVEN = "given"
    """They were named when it was made, by somebody who may give them away."""
    INHERITED = "inherited"
    """They are those of its identity, at every moment."""
    NARROWED = "narrowed"
    """They were named when it was made, and hold as long as the identity has them too, but for those that it never had.
    What is denied to the identity is denied to the token."""


class End(StrEnum):
    """Why a token that is still on record is none any more."""

    REVOKED = "revoked"
    USED_UP = "used up"


class Standing(NamedTuple):
    """What somebody or something that tokens were made for may do now, and what policies may say of it."""

    policies: tuple[str, ...]
    facts: dict[str, str]
    denies: Callable[[str], bool] = lambda _policy: False
    """Whether a policy denies something."""


class TokenRecord(BaseModel):
    """A token on record. Times are UTC; ``period`` and ``ttl`` are durations, zero where there is none.

    ``expires`` is never after that of the parent, and never moves back; ``last`` is the moment that renewals cannot
    reach beyond. ``origin`` names what the token is only as good as: ``user.alice``, ``approle.etl``; empty where it
    stands for itself. ``facts`` describe the identity and are never chosen by the bearer of a parent, ``metadata`` is
    whatever was written on the token. ``makers`` are the identities that could have kept it, or what it was logged in
    with, for themselves: none of them is another person than its bearer. ``beyond`` are those of narrowed policies that
    the identity did not have: they hold whatever it has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    digest: str
    identity: str
    origin: str = ""
    rights: Rights = Rights.GIVEN
    policies: tuple[str, ...] = ()
    facts: dict[str, str] = {}
    metadata: dict[str, str] = {}
    name: str = ""
    path: str = ""
    parent: str = ""
    orphan: bool = True
    created: datetime
    renewed: datetime | None = None
    expires: datetime | None = None
    last: datetime | None = None
    ttl: timedelta = timedelta()
    max_ttl: timedelta = timedelta()
    period: timedelta = timedelta()
    renewable: bool = True
    uses: int | None = None
    bounds: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    ended: End | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it still is a token at this moment."""
        return self.ended is None and (self.expires is None or now < self.expires)

    def policies_now(self, standing: Standing | None) -> tuple[str, ...]:
        """The policies that hold, of which some may have gone from the identity since.

        :param standing: that of its origin, where it has one.
        """
        if standing is None or self.rights is Rights.GIVEN:
            return self.policies
        if self.rights is Rights.INHERITED:
            return standing.policies
        held = (DEFAULT, *standing.policies, *self.beyond)
        own = [name for name in self.policies if name in held]
        denying = [name for name in standing.policies if name not in own and standing.denies(name)]
        return (*own, *denying)

    def caller(self, accessor: str, standing: Standing | None, *, address: str, request_id: str) -> Caller:
        """The one who bears it."""
        policies = self.policies_now(standing)
        facts = self.facts if standing is None else {**self.facts, **standing.facts}
        return Caller(
            identity=self.identity,
            accessor=accessor,
            policies=policies,
            facts=MappingProxyType(facts),
            address=address,
            request_id=request_id,
            is_root=ROOT in policies,
        )
