"""Whom the service knows by name: users, who log in, accounts, which machines have tokens of, and groups of both."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from strongroom_service.telling import Told

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?$", max_length=96),
    Told("a name has 1 to 96 of a-z, 0-9, '-', '_', '.', with a letter or a digit at both ends"),
]
"""A name of the directory: of a user, an account, a group, a role, a provider or a policy."""
Line = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Told("it has to be a line of at most 200 characters"),
]
"""A short text for people."""
Names = Annotated[tuple[Name, ...], Field(max_length=100)]
Fact = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f*?+/\\{}\[\]@:]*$"),
    Told("it has to be a line of at most 200 characters, without * ? + / \\ { } [ ] @ :"),
]
"""A short text without what has a meaning of its own in the paths of policies."""
Key = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$"), Told("a key has 1 to 64 of a-z, 0-9, '-' and '_'")
]
Metadata = Annotated[dict[Key, Fact], Field(max_length=32)]
"""What policies may say of somebody: ``{{identity.metadata.team}}``."""

_MODEL = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class User(BaseModel):
    """Somebody who logs in with a password."""

    model_config = _MODEL

    full_name: Line = ""
    policies: Names = ()
    groups: Names = ()
    metadata: Metadata = {}
    disabled: bool = False


class Account(BaseModel):
    """A program, a machine or a service; administrators make tokens for it."""

    model_config = _MODEL

    description: Line = ""
    policies: Names = ()
    groups: Names = ()
    metadata: Metadata = {}
    disabled: bool = False


class Group(BaseModel):
    """Policies that its members have in common. Members name their groups."""

    model_config = _MODEL

    description: Line = ""
    policies: Names = ()
