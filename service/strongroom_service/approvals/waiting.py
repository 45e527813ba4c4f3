"""A change that waits for approval, as the service keeps it: sealed, and its body no longer than it waits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from strongroom_service.identity.caller import Caller
from strongroom_service.identity.token_record import TokenRecord
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb


class State(StrEnum):
    """How far a change is."""

    PENDING = "pending"
    APPROVED = "approved"
    """Enough have approved it; it is being carried out."""
    DONE = "done"
    FAILED = "failed"
    """It was carried out, and refused: the thing had changed meanwhile, or is gone."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


OPEN = frozenset({State.PENDING, State.APPROVED})


class Requester(BaseModel):
    """Who asked, with what the policies need to know of him.

    :param token: the record of his token, for when it has expired and is gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    identity: str
    accessor: str
    policies: tuple[str, ...]
    facts: dict[str, str]
    address: str
    request_id: str
    is_root: bool
    token: TokenRecord | None

    @classmethod
    def of(cls, caller: Caller, token: TokenRecord | None) -> Requester:
        """The one who sends a request."""
        return cls(
            identity=caller.identity,
            accessor=caller.accessor,
            policies=caller.policies,
            facts=dict(caller.facts),
            address=caller.address,
            request_id=caller.request_id,
            is_root=caller.is_root,
            token=token,
        )

    def caller(self, request_id: str) -> Caller:
        """The requester, whose request is carried out as another one."""
        return Caller(self.identity, self.accessor, self.policies, self.facts, self.address, request_id, self.is_root)


class Approval(BaseModel):
    """That somebody approved it; ``makers`` are those of his token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str
    accessor: str
    at: datetime
    makers: tuple[str, ...] = ()


class Outcome(BaseModel):
    """What came of it: the status of the answer, and where it tells of an error its code and message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int
    code: str = ""
    message: str = ""


class Waiting(BaseModel):
    """A change that waits, or has waited. ``body`` is base64, and empty once it does not wait any more;
    ``fingerprint`` is what the same change of the same requester is known again by."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fingerprint: str
    state: State = State.PENDING
    protections: tuple[str, ...]
    needed: int
    approvers: tuple[str, ...]
    verb: Verb
    resource: str
    requester: Requester
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    size: int
    note: str
    created: datetime
    expires: datetime
    approvals: tuple[Approval, ...] = ()
    claimed: datetime | None = None
    ended_by: str = ""
    reason: str = ""
    outcome: Outcome | None = None

    @property
    def thing(self) -> Resource:
        """What is to be changed."""
        return Resource.parse(self.resource)
