"""A protection: which changes of which things need a second person."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from strongroom_service.policies.glob import MalformedPattern
from strongroom_service.policies.path_pattern import PathPattern
from strongroom_service.policies.verbs import Verb
from strongroom_service.telling import unfit

CHANGES = frozenset(Verb) - {Verb.LIST, Verb.VIEW, Verb.REVEAL}
"""What can be protected. What only reads is not: its answer would have to wait for its reader."""
APPROVALS_MAX = 10
TTL_SECONDS = 24 * 3600
TTL_MAX_SECONDS = 90 * 24 * 3600


def _path(text: str) -> str:
    try:
        pattern = PathPattern.parse(text)
    except MalformedPattern as exc:
        raise unfit(str(exc)) from None
    if pattern.selector is not None or any(segment.facts for segment in pattern.segments):
        raise unfit("a protected path has no selector and no template")
    return text


def _change(verb: Verb) -> Verb:
    if verb not in CHANGES:
        raise unfit(f"what can be protected is {', '.join(verb for verb in Verb if verb in CHANGES)}")
    return verb


class Protection(BaseModel):
    """Changes that need a second person, or more of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    description: str = Field("", max_length=1000, description="What it is for.")
    paths: tuple[Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_path)], ...] = Field(
        min_length=1, max_length=50, description='Globs over paths, as in policies: "analytics/prod-*".'
    )
    verbs: tuple[Annotated[Verb, AfterValidator(_change)], ...] = Field(
        (Verb.WRITE, Verb.LABEL, Verb.DELETE, Verb.DESTROY),
        min_length=1,
        max_length=len(CHANGES),
        description="The changes that need approval.",
    )
    approvals: int = Field(1, ge=1, le=APPROVALS_MAX, description="How many others have to approve.")
    approvers: str | None = Field(
        None,
        min_length=1,
        max_length=96,
        description="The policy that approvers have; without, those may who may administer what is changed.",
    )
    ttl_seconds: int = Field(
        TTL_SECONDS, ge=60, le=TTL_MAX_SECONDS, description="How long a change waits until it is dropped."
    )
