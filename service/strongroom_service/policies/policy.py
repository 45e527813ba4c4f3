"""A policy: rules that allow or deny verbs on paths. What is kept, and what comes from outside."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from strongroom_service.errors import InvalidRequest
from strongroom_service.identity.address_bounds import bounds_of
from strongroom_service.policies.glob import MalformedPattern
from strongroom_service.policies.path_pattern import PathPattern
from strongroom_service.policies.verbs import OF_VERSIONS, Verb
from strongroom_service.telling import Told, unfit

ROOT = "root"
"""The policy that allows everything. It is nowhere written down, and nobody can write it."""
DEFAULT = "default"
"""The policy that every token has unless it was made without: its bearer may do what concerns the token itself."""
RESERVED = frozenset({ROOT, DEFAULT})
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?")
RULES_MAX, PATHS_MAX = 200, 50


class Effect(StrEnum):
    """What a rule does to that which it applies to."""

    ALLOW = "allow"
    DENY = "deny"


def _path(text: str) -> str:
    try:
        PathPattern.parse(text)
    except MalformedPattern as exc:
        raise unfit(str(exc)) from None
    return text


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        bounds = bounds_of(texts)
    except InvalidRequest:
        raise unfit('one is no network: write "10.1.0.0/16", "2001:db8::/32" or a single address') from None
    if any(bound.startswith("::ffff:") for bound in bounds):
        raise unfit("an address of IPv4 is compared as such, however it came: write 10.1.0.0/16")
    return bounds


class Condition(BaseModel):
    """When a rule applies."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    addresses: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...], Field(min_length=1, max_length=50), AfterValidator(_networks)
    ] = Field(description='The request comes from one of these networks: ["10.1.0.0/16", "2001:db8::/32"].')


class Rule(BaseModel):
    """Some verbs on some paths, allowed or denied."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    effect: Effect = Field(description="A deny wins over every allow, wherever it stands.")
    paths: tuple[Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_path)], ...] = Field(
        min_length=1, max_length=PATHS_MAX, description='Globs over paths: "analytics/prod-*", "analytics/db@stable".'
    )
    verbs: tuple[Annotated[Verb | Literal["*"], Told(f"a verb is {', '.join(Verb)}, or '*' for all")], ...] = Field(
        min_length=1, max_length=len(Verb) + 1, description='What is allowed or denied; "*" is everything.'
    )
    when: Condition | None = Field(default=None, description="When it applies; always, if there is none.")

    @model_validator(mode="after")
    def _selectors_are_of_versions(self) -> Rule:
        selects = any(PathPattern.parse(path).selector is not None for path in self.paths)
        if selects and not self.all_verbs <= OF_VERSIONS:
            raise unfit(
                f"a path with a selector goes with {', '.join(sorted(OF_VERSIONS))} alone, which are about one version"
            )
        return self

    @property
    def all_verbs(self) -> frozenset[Verb]:
        """The verbs, with those that ``*`` stands for."""
        return frozenset(Verb) if "*" in self.verbs else frozenset(Verb(verb) for verb in self.verbs)

    @property
    def patterns(self) -> tuple[PathPattern, ...]:
        """The paths, read."""
        return tuple(map(PathPattern.parse, self.paths))


class Policy(BaseModel):
    """Rules, and for people what they are for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    description: str = Field(default="", max_length=1000, description="What it is for.")
    rules: tuple[Rule, ...] = Field(default=(), max_length=RULES_MAX, description="In any order: none comes first.")


BUILT_IN = {
    ROOT: Policy(description="Everything.", rules=(Rule(effect=Effect.ALLOW, paths=("**",), verbs=("*",)),)),
    DEFAULT: Policy(
        description="What concerns a token itself: look at it, renew it, revoke it.",
        rules=(Rule(effect=Effect.ALLOW, paths=(":service/tokens/self",), verbs=(Verb.VIEW, Verb.WRITE, Verb.DELETE)),),
    ),
}


def check_policy_name(name: str) -> str:
    """Return ``name`` if a policy can have it.

    :raises InvalidRequest: it is none, or one that looks like a reserved one, in whatever case or form.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    if folded in RESERVED:
        raise InvalidRequest(
            f"The policy {folded} is reserved: it is always there, and stays as it is.", "Use another name."
        )
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r:.100} is no name of a policy.",
            "Use 1 to 96 of a-z, 0-9, '-', '_', '.', with a letter or a digit at both ends.",
        )
    return name
