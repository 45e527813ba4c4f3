"""What identities log in with: passwords of users, secret ids of roles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from strongroom_service.api.auth import Password
from strongroom_service.api.identities import unknown
from strongroom_service.api.received import RECEIVED
from strongroom_service.api.token_shapes import Metadata, Networks, Seconds
from strongroom_service.durations import span
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.app_role import SecretIdRecord
from strongroom_service.identity.people import User
from strongroom_service.identity.standings import Standings
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.verbs import Verb


class PasswordGiven(BaseModel):
    """A password."""

    model_config = RECEIVED

    password: Password = Field(repr=False)


class SecretIdAsked(BaseModel):
    """A secret id that is wanted. Its limits may be narrower than the role's, and no wider."""

    model_config = RECEIVED

    ttl_seconds: Seconds | None = None
    uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    networks: Networks = Field((), description="Where it can be logged in from with it.")
    token_networks: Networks = Field((), description="Where the tokens can be used from that it gives.")
    metadata: Metadata = {}


class SecretIdTold(BaseModel):
    """A secret id, without its text."""

    accessor: str
    created: datetime
    expires: datetime | None
    uses: int | None = Field(description="How many are left; None for any number.")
    networks: tuple[str, ...]
    token_networks: tuple[str, ...]
    metadata: dict[str, str]


class SecretIdMade(BaseModel):
    """A secret id that was made. Its text is told this once."""

    secret_id: str
    role_id: str
    about: SecretIdTold


class SecretIds(BaseModel):
    """The secret ids of a role that are good now."""

    secret_ids: list[SecretIdTold]


def set_password(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.ADMINISTER, service("identities", f"user:{name}"))
    user = call.service.directory.get("user", name, User)
    if user is None:
        raise unknown("user")
    enabled = user.model_copy(update={"disabled": False})
    standing = Standings(call.service.directory, call.service.policies.denies).of_person("user", name, enabled)
    if standing is not None:
        call.service.policies.check_grant(call.caller, standing.policies, standing.facts)
    makers = call.service.tokens.makers_of(call.caller)
    call.service.logins.passwords.set_password(name, call.body.password, makers=makers)
    return Answer()


def remove_password(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.ADMINISTER, service("identities", f"user:{name}"))
    if not call.service.logins.passwords.remove_password(name):
        raise unknown("user")
    return Answer()


def make_secret_id(call: Call) -> Answer:
    name, asked, roles = call.params["name"], call.body, call.service.logins.app_roles
    call.require(Verb.WRITE, _role(name))
    role = roles.found(name).value
    call.service.policies.check_grant(call.caller, role.token_policies, role.facts(name))
    made = roles.make_secret_id(
        name,
        metadata=asked.metadata,
        bounds=asked.networks,
        token_bounds=asked.token_networks,
        uses=asked.uses,
        ttl=span(asked.ttl_seconds),
        makers=call.service.tokens.makers_of(call.caller),
        given=None if call.service.policies.gives_any(call.caller) else role.token_policies,
    )
    call.service.record(call.caller, "create-secret-id", name=f"approle:{name}", message=made.accessor)
    return Answer(SecretIdMade(secret_id=made.text, role_id=role.role_id, about=_told(made.accessor, made.record)))


def list_secret_ids(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.LIST, _role(name))
    found = call.service.logins.app_roles.secret_ids(name)
    return Answer(SecretIds(secret_ids=[_told(accessor, record) for accessor, record in found]))


def remove_secret_id(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.DELETE, _role(name))
    call.service.logins.app_roles.remove_secret_id(name, call.params["accessor"])
    return Answer()


def _role(name: str) -> Resource:
    return service("identities", f"approle:{name}")


def _told(accessor: str, record: SecretIdRecord) -> SecretIdTold:
    return SecretIdTold(
        accessor=accessor,
        created=record.created,
        expires=record.expires,
        uses=record.uses,
        networks=record.bounds,
        token_networks=record.token_bounds,
        metadata=record.metadata,
    )


_TAGS = ("identities",)
_PASSWORD = "/api/v1/identities/users/{name}/password"  # noqa: S105  # a path
_SECRET_IDS = "/api/v1/identities/approles/{name}/secret-ids"  # noqa: S105  # a path

ROUTES: tuple[Route, ...] = (
    Route(
        method="PUT",
        path=_PASSWORD,
        handler=set_password,
        summary="Give a user a password; all tokens of the user end.",
        body=PasswordGiven,
        status=204,
        records="set-password",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=_PASSWORD,
        handler=remove_password,
        summary="Take a user's password away.",
        status=204,
        records="remove-password",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=_SECRET_IDS,
        handler=make_secret_id,
        summary="Make a secret id of a role.",
        body=SecretIdAsked,
        answer=SecretIdMade,
        status=201,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=_SECRET_IDS,
        handler=list_secret_ids,
        summary="List the secret ids of a role that are good now.",
        answer=SecretIds,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=f"{_SECRET_IDS}/{{accessor}}",
        handler=remove_secret_id,
        summary="End a secret id.",
        status=204,
        records="remove-secret-id",
        tags=_TAGS,
        errors=(404,),
    ),
)
