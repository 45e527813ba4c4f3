"""What approvers are told of a change that waits: all that it would write but what may be secret.

Of most bodies no more is told than the names of their fields. Those are told whole that hold no secret, which whoever
may view the thing can read afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from strongroom_registry.remote import wire

from strongroom_service.api.credentials import SecretIdAsked
from strongroom_service.api.leases import Renewal, RoleAsked
from strongroom_service.api.token_shapes import RenewalAsked, TokenAsked
from strongroom_service.approvals.protection import Protection
from strongroom_service.errors import InvalidRequest
from strongroom_service.http.body import as_json
from strongroom_service.identity.app_role import AppRole
from strongroom_service.identity.people import Account, Group, User
from strongroom_service.identity.providers.provider import ProviderRecord
from strongroom_service.leases.role import LeaseRole
from strongroom_service.plain_fields import plain_fields
from strongroom_service.policies.policy import Policy

_PLAIN: tuple[type[BaseModel], ...] = (
    Policy,
    Protection,
    User,
    Account,
    Group,
    AppRole,
    LeaseRole,
    TokenAsked,
    RenewalAsked,
    SecretIdAsked,
    Renewal,
    RoleAsked,
    wire.LabelPlace,
    wire.Promotion,
    wire.Destruction,
    wire.NewWorkspace,
    wire.RotationOrder,
)
_SECRETS = ("client_secret", "reviewer_token")


class ChangeTold(BaseModel):
    """What a change would write, without what may be secret."""

    values: dict[str, Any] = Field(description="What is no secret, as it was sent.")
    hidden: list[str] = Field(description="The names of what is not told.")
    unconfirmed: list[str] = Field(
        [],
        description="Fields that `public` says something of which the payload does not say, or in another form. "
        "What counts is the payload.",
    )


def change_told(model: type[BaseModel] | None, body: bytes, depth: int) -> ChangeTold | None:
    """What is told of a body; None where there is none.

    :param model: of the bodies that the route takes; None where it takes none, or of whatever form.
    :param depth: how deep its JSON may be nested.
    """
    if not body:
        return None
    try:
        sent = as_json(body, depth)
        given = None if model is None else model.model_validate(sent)
    except (InvalidRequest, ValidationError):
        return None
    if isinstance(given, wire.Draft):
        return _of_draft(given)
    if isinstance(given, ProviderRecord):
        return _without(given, _SECRETS)
    if given is not None and type(given) in _PLAIN:
        return ChangeTold(values=_dumped(given), hidden=[])
    return ChangeTold(values={}, hidden=sorted(map(str, sent)) if isinstance(sent, Mapping) else [])


def _of_draft(draft: wire.Draft) -> ChangeTold:
    """A version of a document: the public fields, and the names of all others."""
    public, fields = _object(lambda: json.loads(draft.public)), _object(lambda: plain_fields(draft.payload))
    values = {**draft.model_dump(mode="json", by_alias=True, exclude={"payload", "public"}), "public": public}
    hidden = [f"payload.{name}" for name in fields if name not in public] if fields else ["payload"]
    unconfirmed = [name for name, value in public.items() if name not in fields or fields[name] != value]
    return ChangeTold(values=values, hidden=hidden, unconfirmed=unconfirmed)


def _object(read: Callable[[], Any]) -> dict[str, Any]:
    """An object of JSON; an empty one where it is none."""
    try:
        found = read()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _without(record: ProviderRecord, secrets: tuple[str, ...]) -> ChangeTold:
    values = _dumped(record)
    found = [name for name in secrets if values["settings"].pop(name, "")]
    return ChangeTold(values=values, hidden=[f"settings.{name}" for name in found])


def _dumped(given: BaseModel) -> dict[str, Any]:
    return given.model_dump(mode="json", by_alias=True)
