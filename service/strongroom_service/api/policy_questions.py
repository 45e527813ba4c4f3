"""``/api/v1/policies/:test``, ``:explain``, ``:capabilities``: ask what policies come to."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from strongroom_registry.document import Reference
from strongroom_registry.errors import InvalidReference

from strongroom_service.api.received import RECEIVED
from strongroom_service.errors import UnknownThing
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.standings import Standings
from strongroom_service.identity.token_record import Standing
from strongroom_service.ip_addresses import read_address
from strongroom_service.policies.explanation import Explanation, explain
from strongroom_service.policies.policy import Policy
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.rights import Rights
from strongroom_service.policies.verbs import Verb
from strongroom_service.policies.versions import version_of_block
from strongroom_service.telling import Told, unfit

_MISSING = "Policies that are named and not there; they give nothing."
PolicyName = Annotated[str, Field(min_length=1, max_length=96)]
Identity = Annotated[
    str,
    Field(pattern=r"^(user|account):[a-z0-9._-]{1,96}$"),
    Told("somebody is named as user:alice or account:ci"),
]


def _path_of_a_thing(text: str) -> str:
    path, at, selector = text.partition("@")
    try:
        resource = Resource.parse(path)
        if at and (Reference.parse(f"{resource.path[-1]}@{selector}").type or not resource.is_block):
            raise InvalidReference("Only blocks have versions.")
    except InvalidReference:
        raise unfit("it is no path of a thing; blocks are named as workspace/name") from None
    return text


def _address(text: str) -> str:
    if text and read_address(text) is None:
        raise unfit("it is no address of IPv4 or IPv6")
    return text


Path = Annotated[
    str,
    Field(max_length=512, description='"analytics/prod-db", "analytics/prod-db@stable", ":service/policies/reader".'),
    AfterValidator(_path_of_a_thing),
]


Fact = Annotated[
    str,
    Field(max_length=80, pattern=r"^(name|kind|metadata\..+)$"),
    Told("what is known of somebody is name, kind and metadata.KEY"),
]


class Subject(BaseModel):
    """Somebody who may do what policies allow, for a question about others. Asking one takes ``administer`` on
    ``:service/policies``."""

    model_config = RECEIVED

    identity: Identity | None = Field(None, description='Somebody whom the service knows: "user:alice".')
    policies: tuple[PolicyName, ...] = Field((), max_length=100, description="The policies that they have (too).")
    draft: Policy | None = Field(None, description="A policy that is not written yet, which they have too.")
    facts: dict[Fact, Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict, max_length=64, description='What is known of them: {"name": "alice"}.'
    )
    address: Annotated[str, Field(max_length=64), AfterValidator(_address)] = Field(
        "", description="Where they ask from; empty where it is not known."
    )


class Question(BaseModel):
    """May somebody do that?"""

    model_config = RECEIVED

    verb: Verb
    path: Path


class Explain(Question):
    """May somebody do that, and why?"""

    subject: Subject | None = Field(None, description="Who; the caller, if there is nobody.")


class Test(BaseModel):
    """What may somebody do?"""

    model_config = RECEIVED

    checks: tuple[Question, ...] = Field(min_length=1, max_length=1000)
    subject: Subject | None = Field(None, description="Who; the caller, if there is nobody.")


class Capabilities(BaseModel):
    """What may somebody do with things?"""

    model_config = RECEIVED

    paths: tuple[Path, ...] = Field(min_length=1, max_length=200)
    subject: Subject | None = Field(None, description="Who; the caller, if there is nobody.")


class CheckTold(BaseModel):
    """The answer to one question."""

    verb: Verb
    path: str
    allowed: bool
    why: str


class TestTold(BaseModel):
    """The answers, in the order of the questions."""

    results: list[CheckTold]
    missing: list[str] = Field(description=_MISSING)


class RuleTold(BaseModel):
    """A rule that is about the path."""

    policy: str
    rule: int
    effect: str
    applies: bool
    why: str


class ExplanationTold(CheckTold):
    """An answer with its reasons."""

    rules: list[RuleTold] = Field(description="The rules that are about the path.")
    policies: list[str] = Field(description="The policies that were asked.")
    missing: list[str] = Field(description=_MISSING)
    remedy: str = Field(description="What would have to change for it to be allowed; empty where it is.")


class CapabilitiesTold(BaseModel):
    """The verbs that are allowed, by path."""

    capabilities: dict[str, list[Verb]]


def test_policies(call: Call) -> Answer:
    rights, address = _asked_of(call)
    results = []
    for check in call.body.checks:
        told = _explained(call, rights, check.verb, check.path, address)
        results.append(CheckTold(**_check(told, check.path)))
    return Answer(TestTold(results=results, missing=_missing(call, told)))


def explain_decision(call: Call) -> Answer:
    rights, address = _asked_of(call)
    told = _explained(call, rights, call.body.verb, call.body.path, address)
    rules = [
        RuleTold(
            policy=rule.name.policy,
            rule=rule.name.number,
            effect="deny" if rule.denies else "allow",
            applies=rule.applies,
            why=rule.why,
        )
        for rule in told.heard
    ]
    return Answer(
        ExplanationTold(
            **_check(told, call.body.path),
            rules=rules,
            policies=list(told.policies),
            missing=_missing(call, told),
            remedy=told.remedy,
        )
    )


def capabilities(call: Call) -> Answer:
    rights, address = _asked_of(call)
    return Answer(
        CapabilitiesTold(
            capabilities={
                path: [verb for verb in Verb if _explained(call, rights, verb, path, address).decision.allowed]
                for path in call.body.paths
            }
        )
    )


def _missing(call: Call, told: Explanation) -> list[str]:
    """The policies that are not there, in either language; the same for every question of a request."""
    of_vault = {name: call.service.policies.of_vault(name) for name in told.missing}
    return [name for name, known in of_vault.items() if known is None or known.removed]


def _asked_of(call: Call) -> tuple[Rights | None, str]:
    """Whose rights are asked for, None for root's, and from where."""
    subject: Subject | None = call.body.subject
    if subject is None:
        return None if call.caller.is_root else call.service.policies.rights(call.caller), call.caller.address
    call.require(Verb.ADMINISTER, service("policies"))
    standing = _standing(call, subject.identity) if subject.identity else Standing((), {})
    names = dict.fromkeys((*standing.policies, *subject.policies))
    found = [(name, call.service.policies.found(name)) for name in names]
    held = [(name, None if one is None else one.value) for name, one in found]
    if subject.draft is not None:
        held.append(("draft", subject.draft))
    return Rights.of(held, {**standing.facts, **subject.facts}), subject.address


def _standing(call: Call, identity: str) -> Standing:
    standing = Standings(call.service.directory, call.service.policies.denies).of(identity.replace(":", ".", 1))
    if standing is None:
        raise UnknownThing(
            f"There is no {identity}, or it is disabled.",
            "See `strongroom identity user ls` and `strongroom identity account ls`.",
        )
    return standing


def _explained(call: Call, rights: Rights | None, verb: Verb, path: str, address: str) -> Explanation:
    resource = _resource(call, verb, path)
    if rights is None:
        return call.service.policies.explain(call.caller, verb, resource)
    return explain(rights, verb, resource, address)


def _resource(call: Call, verb: Verb, path: str) -> Resource:
    """What reveals a block without a selector reveals its current version; all else is about the whole of it."""
    plain, at, selector = path.partition("@")
    resource = Resource.parse(plain)
    if not resource.is_block or not (at or verb is Verb.REVEAL):
        return resource
    workspace, name = resource.path
    return version_of_block(workspace, Reference.parse(f"{name}@{selector}" if at else name), call.service.registry)


def _check(told: Explanation, path: str) -> dict[str, object]:
    decision = told.decision
    return {"verb": decision.verb, "path": path, "allowed": decision.allowed, "why": decision.why}


_TAGS = ("policies",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/api/v1/policies/:test",
        handler=test_policies,
        summary="Ask what somebody may do: up to 1,000 questions at once.",
        body=Test,
        answer=TestTold,
        records="test",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path="/api/v1/policies/:explain",
        handler=explain_decision,
        summary="Ask why somebody may do something, or may not.",
        body=Explain,
        answer=ExplanationTold,
        records="explain",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path="/api/v1/policies/:capabilities",
        handler=capabilities,
        summary="Ask which verbs somebody may use on paths.",
        body=Capabilities,
        answer=CapabilitiesTold,
        records="view",
        tags=_TAGS,
    ),
)
