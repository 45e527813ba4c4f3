"""What the service keeps of the roles that machines log in as, and of the secrets that they log in with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strongroom_service.identity.people import Line, Metadata, Names
from strongroom_service.telling import unfit

Bound = Annotated[str, StringConstraints(max_length=50)]
Bounds = Annotated[tuple[Bound, ...], Field(max_length=50)]
"""Networks as CIDR texts; none for anywhere."""
Span = Annotated[timedelta, Field(ge=timedelta(), le=timedelta(days=3650), description="Seconds.")]
"""A duration; zero for what the service gives, or no end."""
Count = Annotated[int, Field(ge=0, le=1_000_000)]
"""A use count; zero for any number."""

_MODEL = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, ser_json_timedelta="float")


class AppRole(BaseModel):
    """A role that machines log in as, with its role id and, unless it asks for none, with a secret id.

    ``token_…`` is what the tokens are like that a login gives, ``secret_id_…`` what secret ids are like that were not
    made with less.
    """

    model_config = _MODEL

    description: Line = ""
    disabled: bool = False
    metadata: Metadata = {}
    bind_secret_id: bool = True
    secret_id_bounds: Bounds = ()
    secret_id_uses: Count = 0
    secret_id_ttl: Span = timedelta()
    local_secret_ids: bool = False
    token_policies: Names = ()
    token_no_default_policy: bool = False
    token_ttl: Span = timedelta()
    token_max_ttl: Span = timedelta()
    token_explicit_max_ttl: Span = timedelta()
    token_period: Span = timedelta()
    token_uses: Count = 0
    token_bounds: Bounds = ()

    def facts(self, name: str) -> dict[str, str]:
        """What policies may say of a machine that logs in as the role of this name."""
        return {"name": name, "kind": "approle", **{f"metadata.{key}": text for key, text in self.metadata.items()}}

    @model_validator(mode="after")
    def _is_bound(self) -> Self:
        """A role id is no secret, so it is not enough by itself."""
        if not (self.bind_secret_id or self.secret_id_bounds or self.token_bounds):
            raise unfit("a role without secret ids needs bounds: the networks that it can log in from")
        return self


class StoredRole(AppRole):
    """A role on record: with its role id, and a serial that a later role of the same name does not have."""

    role_id: str = Field(repr=False)
    serial: str

    @property
    def role(self) -> AppRole:
        """What was set of it."""
        return AppRole.model_validate(self.model_dump(exclude={"role_id", "serial"}))


class SecretIdRecord(BaseModel):
    """A secret id on record, without its text. Times are UTC; ``uses`` is how many are left, None for any number.
    ``given`` are the policies that it gives as long as the role does, None for all that the role has at a login."""

    model_config = _MODEL

    digest: str
    role: str
    metadata: dict[str, str] = {}
    bounds: tuple[str, ...] = ()
    token_bounds: tuple[str, ...] = ()
    created: datetime
    updated: datetime
    expires: datetime | None = None
    ttl: timedelta = timedelta()
    uses: int | None = None
    makers: tuple[str, ...] = ()
    given: tuple[str, ...] | None = None


class SecretIdIndex(BaseModel):
    """Which secret id has this text."""

    model_config = _MODEL

    accessor: str


class RoleIdIndex(BaseModel):
    """Which role has this role id."""

    model_config = _MODEL

    role: str
