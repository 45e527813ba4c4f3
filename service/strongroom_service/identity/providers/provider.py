"""Who vouches for people and machines besides the service itself: what is set of each, as a record of the directory."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from strongroom_service.identity.app_role import Bounds, Span
from strongroom_service.identity.people import Key, Line, Names
from strongroom_service.telling import Told, unfit

KIND = "provider"

_MODEL = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, ser_json_timedelta="float")

Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Told("it has to be a line of 1 to 500 characters"),
]
Url = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[!-~]+$"),
    Told("it has to be an address that begins with https://, or with http:// if it is this machine's own"),
]
"""An address; one of ``http://`` has to be this machine's own."""
Pem = Annotated[str, StringConstraints(max_length=100_000)]
"""Certificates or keys as text; never a path."""
Claim = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Told("the name of a claim is a line of 1 to 200 characters"),
]
"""The name of a claim; ``/realm_access/roles`` is one inside another."""


class ClaimRule(BaseModel):
    """Who gets what: whoever has all of the claims, each with one of the values, gets the policies, and those of the
    groups. In a value ``*`` stands for any characters."""

    model_config = _MODEL

    claims: Annotated[
        dict[Claim, Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]], Field(max_length=20)
    ]
    policies: Names = ()
    groups: Names = ()

    @field_validator("claims")
    @classmethod
    def _says_whom(cls, claims: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if not claims:
            raise unfit("a rule names at least one claim; sub of * is anybody")
        return claims


class _Provider(BaseModel):
    model_config = _MODEL

    rules: Annotated[tuple[ClaimRule, ...], Field(max_length=200)] = ()
    name_claim: Claim = "sub"
    metadata_claims: Annotated[dict[Key, Claim], Field(max_length=32)] = {}
    token_ttl: Span = timedelta(hours=8)
    token_max_ttl: Span = timedelta(hours=24)
    token_bounds: Bounds = ()


class OidcProvider(_Provider):
    """Signs people in with their browser: authorization code with PKCE."""

    type: Literal["oidc"] = "oidc"
    issuer: Url
    client_id: Text
    client_secret: Annotated[str, StringConstraints(max_length=1000)] = Field("", repr=False)
    scopes: Annotated[tuple[Text, ...], Field(max_length=20)] = ("openid", "profile", "email")
    redirect_uris: Annotated[tuple[Url, ...], Field(max_length=20)] = ()
    ca: Pem = ""


class JwtProvider(_Provider):
    """Believes signed tokens of an issuer: those that CI systems give their jobs, for example.

    The keys are those at ``jwks_url``, those in ``jwks``, or those that the issuer's discovery document names.
    """

    type: Literal["jwt"] = "jwt"
    issuer: Url
    audiences: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    jwks_url: Url | None = None
    jwks: Annotated[str, StringConstraints(max_length=100_000)] = ""
    ca: Pem = ""


class KubernetesProvider(_Provider):
    """Believes the tokens of a cluster's service accounts: asks its API, or checks them with the keys of its issuer."""

    type: Literal["kubernetes"] = "kubernetes"
    api: Url | None = None
    reviewer_token: Annotated[str, StringConstraints(max_length=8192)] = Field("", repr=False)
    issuer: Url | None = None
    jwks_url: Url | None = None
    jwks: Annotated[str, StringConstraints(max_length=100_000)] = ""
    audiences: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    ca: Pem = ""
    name_claim: Claim = "name"


class AwsProvider(_Provider):
    """Believes what AWS STS says of whoever signed a request for it."""

    type: Literal["aws"] = "aws"
    sts: Url = "https://sts.amazonaws.com/"
    region: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$"), Told("it has to be a region, such as eu-central-1")
    ] = "us-east-1"
    server: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,200}$"),
        Told("it has to be the name of the server, such as strongroom.example.com"),
    ]
    ca: Pem = ""
    name_claim: Claim = "principal"


Provider = Annotated[OidcProvider | JwtProvider | KubernetesProvider | AwsProvider, Field(discriminator="type")]


class ProviderRecord(BaseModel):
    """A provider on record."""

    model_config = _MODEL

    description: Line = ""
    disabled: bool = False
    settings: Provider


class StoredProvider(ProviderRecord):
    """A provider as it is kept: with the identities that made it so, and could have it vouch for whomever they like."""

    makers: tuple[str, ...] = ()

    @property
    def record(self) -> ProviderRecord:
        """What was set of it."""
        return ProviderRecord.model_validate(self.model_dump(exclude={"makers"}))
