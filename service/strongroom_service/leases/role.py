"""What a lease is made by: which engine, which administrator, for how long."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from strongroom_registry.document import is_name

from strongroom_service.errors import InvalidRequest
from strongroom_service.leases.engine import Naming
from strongroom_service.telling import Told, unfit

KIND = "lease-role"
ROLE_NAME = r"^[a-z0-9](?:[a-z0-9_-]{0,46}[a-z0-9])?$"
"""No dots: those part a role's name from its workspace's."""
ROLE_NAME_TOLD = "a name has 1 to 48 of a-z, 0-9, '-', '_', with a letter or a digit at both ends"

_PLACES = ("workspace", "role", "identity", "id")
_PLACE_MAX = 12
ID_DIGITS = 16
"""How many digits of a lease's id stand in a name."""

Seconds = Annotated[int, Field(ge=1, le=366 * 24 * 3600)]


class LeaseRole(BaseModel):
    """A kind of short-lived credential, as an administrator defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    engine: Annotated[
        str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"), Told("an engine has a name such as aws-sts")
    ] = Field(description="Which engine makes it: postgresql, aws-sts, snowflake, or another that is installed.")
    block: Annotated[str, Field(max_length=257)] = Field(
        description='The block of the administrator, as "workspace/name"; its current version is used.'
    )
    options: dict[str, Any] = Field(default_factory=dict, max_length=50, description="What the engine wants to know.")
    default_ttl: Seconds = Field(3600, description="How many seconds a lease lasts that says nothing of it.")
    max_ttl: Seconds = Field(24 * 3600, description="How many seconds at most, renewals included.")
    name_template: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        "sr_{role}_{id}", description="What users are called, of {workspace}, {role}, {identity} and {id}."
    )
    max_leases: Annotated[int, Field(ge=1, le=10_000)] = Field(100, description="How many there are at a time.")

    @field_validator("block")
    @classmethod
    def _names_a_workspace_and_a_block(cls, value: str) -> str:
        workspace, slash, name = value.partition("/")
        if not slash or not is_name(workspace) or not is_name(name):
            raise unfit('must be "workspace/name"')
        return value

    @field_validator("name_template")
    @classmethod
    def _can_be_filled_in(cls, value: str) -> str:
        literal = re.sub(r"\{(?:" + "|".join(_PLACES) + r")\}", "", value)
        if value.count("{id}") != 1:
            raise unfit("must hold {id} once, which tells one lease from another")
        if "{" in literal or "}" in literal or not re.match(r"[a-z]", value):
            raise unfit("must begin with a letter, and hold none but {workspace}, {role}, {identity} and {id}")
        return value

    @model_validator(mode="after")
    def _lasts_no_longer_than_the_longest(self) -> LeaseRole:
        if self.default_ttl > self.max_ttl:
            raise unfit("default_ttl is longer than max_ttl")
        return self

    @property
    def admin(self) -> tuple[str, str]:
        """The workspace and the name of the administrator's block."""
        workspace, _, name = self.block.partition("/")
        return workspace, name

    def name(self, naming: Naming, *, workspace: str, role: str, identity: str, lease: str) -> str:
        """What a user is called. Nothing that anybody else chose gets into it but as letters, digits and ``_``.

        :param lease: at least 16 small letters and digits that no other lease has.
        :raises InvalidRequest: the engine takes no such name, or none so long.
        """
        filled = {"workspace": workspace, "role": role, "identity": identity}
        shown = {place: re.sub(r"[^a-z0-9]+", "_", text.lower())[:_PLACE_MAX] for place, text in filled.items()}
        name = self.name_template.format(**shown, id=lease[:ID_DIGITS])
        if len(name) > naming.longest or not re.fullmatch(f"[a-z0-9_{re.escape(naming.more)}]+", name):
            raise InvalidRequest(
                "The role's name_template makes names that its engine does not take.",
                f"At most {naming.longest} of a-z, 0-9 and '_{naming.more}' are possible.",
            )
        return name

    def longest(self) -> timedelta:
        """How long a lease lasts at most."""
        return timedelta(seconds=self.max_ttl)


def record_name(workspace: str, role: str) -> str:
    """What a role is called in the directory."""
    return f"{workspace}.{role}"
