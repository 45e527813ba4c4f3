"""Tokens as the interface tells of them, and as they are asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from strongroom_service.api.received import RECEIVED
from strongroom_service.durations import whole_seconds
from strongroom_service.identity.grant import Issued
from strongroom_service.identity.people import Line, Name
from strongroom_service.identity.token_record import Rights, TokenRecord
from strongroom_service.service import Service
from strongroom_service.telling import Told

TTL_MAX = 10 * 366 * 24 * 3600
Seconds = Annotated[int, Field(ge=1, le=TTL_MAX)]
TokenText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MetadataKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), Told("a key has 1 to 64 of A-Z, a-z, 0-9, '_', '.', '-'")
]
Metadata = Annotated[dict[MetadataKey, Line], Field(max_length=32)]
Networks = Annotated[tuple[Annotated[str, StringConstraints(max_length=50)], ...], Field(max_length=50)]


class TokenTold(BaseModel):
    """A token, without its text."""

    accessor: str = Field(description="Its public name, which is no secret.")
    identity: str = Field(description="Whom it stands for: `user:alice`, `account:ci`, `approle:etl`, `root`.")
    name: str
    policies: tuple[str, ...] = Field(description="Those that it has now.")
    rights: Rights
    path: str = Field(description="How it came to be.")
    parent: str | None = Field(description="The accessor of the token that it ends with.")
    metadata: dict[str, str]
    created: datetime
    renewed: datetime | None
    expires: datetime | None = Field(description="None of a token that does not expire.")
    renewable_until: datetime | None = Field(description="The moment that renewals cannot reach beyond.")
    ttl_seconds: int = Field(description="How long it was made for; 0 of a token that does not expire.")
    period_seconds: int = Field(description="How far each renewal reaches, for a token with a period; else 0.")
    renewable: bool
    uses: int | None = Field(description="For how many more requests it is good; None for any number.")
    networks: tuple[str, ...] = Field(description="Where it can be used from; none for anywhere.")


class IssuedToken(BaseModel):
    """A token that was made. Its text is told this once."""

    token: str = Field(description="What is sent as `Authorization: Bearer …`.")
    about: TokenTold


class TokenAsked(BaseModel):
    """The token that is wanted. What is not said is as in the caller's own, or as the service has it."""

    model_config = RECEIVED

    policies: Annotated[tuple[Name, ...], Field(max_length=100)] | None = Field(
        None, description="Those of the caller, or of the account, if not given."
    )
    no_default_policy: bool = Field(False, description="Whether it goes without the policy `default`.")
    account: Name | None = Field(None, description="The service account that it is for; the caller if not given.")
    orphan: bool = Field(False, description="Whether it stays when the caller's token ends.")
    name: Line = Field("", description="For people to know it by.")
    metadata: Metadata = {}
    ttl_seconds: Seconds | None = None
    max_ttl_seconds: Seconds | None = Field(None, description="How long at most, renewals included.")
    period_seconds: Seconds | None = Field(
        None, description="How far each renewal reaches, without end. Takes administer on :service/tokens."
    )
    renewable: bool = True
    uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    networks: Networks = ()


class TokenPage(BaseModel):
    """Tokens by accessor; ``next`` is the cursor of the page that follows, if there is one."""

    tokens: list[TokenTold]
    next: str | None = None


class TokenGiven(BaseModel):
    """The text of a token."""

    model_config = RECEIVED

    token: TokenText = Field(repr=False)


class RenewalAsked(BaseModel):
    """For how long a token is to live on."""

    model_config = RECEIVED

    ttl_seconds: Seconds | None = Field(None, description="From now on; as long as it was made for if not given.")


class Ended(BaseModel):
    """How many tokens ended."""

    ended: int


def told(service: Service, accessor: str, record: TokenRecord) -> TokenTold:
    """What is told of a token."""
    return TokenTold(
        accessor=accessor,
        identity=record.identity,
        name=record.name,
        policies=service.tokens.policies_of(record),
        rights=record.rights,
        path=record.path,
        parent=record.parent or None,
        metadata=record.metadata,
        created=record.created,
        renewed=record.renewed,
        expires=record.expires,
        renewable_until=record.last,
        ttl_seconds=whole_seconds(record.ttl),
        period_seconds=whole_seconds(record.period),
        renewable=record.renewable and record.expires is not None,
        uses=record.uses,
        networks=record.bounds,
    )


def issued(service: Service, made: Issued) -> IssuedToken:
    """What is told of a token that was made now."""
    return IssuedToken(token=made.token.text, about=told(service, made.accessor, made.record))
