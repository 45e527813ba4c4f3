"""Keys of AWS that end by themselves, from its Security Token Service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from strongroom_blocks.extras import require_extra

from strongroom_service.errors import EngineFailed
from strongroom_service.leases.engine import Durations, Grant, Issued, Naming
from strongroom_service.telling import Told, unfit

_SHORTEST = timedelta(minutes=15)
_LONGEST = {"assume_role": timedelta(hours=12), "federation_token": timedelta(hours=36)}
_POLICY_MAX = 2048
Arn = Annotated[
    str,
    Field(pattern=r"^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[a-z0-9]*:[A-Za-z0-9+=,.@_/:-]+$", max_length=2048),
    Told("it has to be an ARN, such as arn:aws:iam::123456789012:role/loader"),
]


class AwsStsOptions(BaseModel):
    """Which keys AWS makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["assume_role", "federation_token"] = Field(
        "assume_role", description="Keys of a role, or of the administrator himself, narrowed by the policies."
    )
    role_arn: Arn | None = Field(None, description="The role to assume.")
    external_id: str | None = Field(None, min_length=2, max_length=1224, description="What the role's trust asks for.")
    policy: dict[str, Any] | None = Field(None, description="What the keys are narrowed to, as an IAM policy.")
    policy_arns: tuple[Arn, ...] = Field((), max_length=10, description="The same, as policies that AWS keeps.")

    @model_validator(mode="after")
    def _fits_the_action(self) -> AwsStsOptions:
        if (self.action == "assume_role") != (self.role_arn is not None):
            raise unfit("role_arn goes with assume_role, and only with that")
        if self.action == "federation_token" and not (self.policy or self.policy_arns):
            raise unfit("a federation_token without a policy may do nothing: give policy or policy_arns")
        if self.action == "federation_token" and self.external_id is not None:
            raise unfit("external_id goes with assume_role")
        if self.policy is not None and len(_text(self.policy)) > _POLICY_MAX:
            raise unfit(f"a policy has at most {_POLICY_MAX} characters")
        return self


class AwsSts:
    """Keys by ``AssumeRole`` or ``GetFederationToken``. AWS takes none back before its time: revoking stops renewals,
    and the lease is listed until the keys are over. A role's ``max_ttl`` is therefore what a stolen key is good for."""

    options: ClassVar[type[BaseModel]] = AwsStsOptions
    blocks: ClassVar[tuple[str, ...]] = ("aws-credentials",)
    is_renewable: ClassVar[bool] = False

    def __init__(self) -> None:
        require_extra("boto3", extra="aws")

    def naming(self, options: AwsStsOptions) -> Naming:
        return Naming(64 if options.action == "assume_role" else 32, "=,.@-")

    def durations(self, options: AwsStsOptions) -> Durations:
        return Durations(_SHORTEST, _LONGEST[options.action])

    def create(self, admin: Any, options: AwsStsOptions, grant: Grant) -> Issued:
        from strongroom_aws import faults

        asked = _request(options, grant)
        client = admin.get_client("sts")
        with faults.told():
            answer = client.assume_role(**asked) if options.role_arn else client.get_federation_token(**asked)
        keys = answer["Credentials"]
        credential = {
            "access_key_id": keys["AccessKeyId"],
            "secret_access_key": keys["SecretAccessKey"],
            "session_token": keys["SessionToken"],
        }
        return Issued(credential, {"access_key_id": keys["AccessKeyId"]}, keys["Expiration"].astimezone(UTC))

    def renew(self, admin: Any, options: AwsStsOptions, grant: Grant) -> None:
        raise EngineFailed("AWS does not prolong keys that it made.", "Make a new lease.")

    def revoke(self, admin: Any, options: AwsStsOptions, grant: Grant) -> datetime | None:
        return grant.until if grant.undo else max(grant.until, grant.deadline + grant.ttl)


def _request(options: AwsStsOptions, grant: Grant) -> dict[str, Any]:
    asked: dict[str, Any] = {"DurationSeconds": int(grant.ttl.total_seconds())}
    asked["RoleSessionName" if options.role_arn else "Name"] = grant.name
    if options.role_arn:
        asked["RoleArn"] = options.role_arn
    if options.external_id:
        asked["ExternalId"] = options.external_id
    if options.policy is not None:
        asked["Policy"] = _text(options.policy)
    if options.policy_arns:
        asked["PolicyArns"] = [{"arn": arn} for arn in options.policy_arns]
    return asked


def _text(policy: Mapping[str, Any]) -> str:
    return json.dumps(policy, separators=(",", ":"))
