"""``/api/v1/tokens``: make, look at, renew and revoke tokens."""

from __future__ import annotations

from strongroom_service.api.paging import Page
from strongroom_service.api.token_shapes import (
    Ended,
    IssuedToken,
    RenewalAsked,
    TokenAsked,
    TokenGiven,
    TokenPage,
    TokenTold,
    issued,
    told,
)
from strongroom_service.durations import span
from strongroom_service.errors import InvalidRequest, UnknownThing
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.grant import Grant
from strongroom_service.identity.people import Account
from strongroom_service.identity.standings import Standings
from strongroom_service.identity.token import is_accessor
from strongroom_service.identity.token_record import DEFAULT, Standing
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.verbs import Verb

TOKENS = service("tokens")
SELF = service("tokens", "self")


def list_tokens(call: Call) -> Answer:
    call.require(Verb.LIST, TOKENS)
    page: Page = call.query
    found = call.service.tokens.page(after=page.after, limit=page.limit + 1)
    shown, last = page.cut(found)
    tokens = [told(call.service, accessor, record) for accessor, record in shown]
    return Answer(TokenPage(tokens=tokens, next=last[0] if last else None))


def create_token(call: Call) -> Answer:
    asked: TokenAsked = call.body
    call.require(Verb.WRITE, TOKENS)
    grant = _grant(call, asked)
    tokens, is_for_another = call.service.tokens, asked.account is not None
    make = tokens.create_orphan if asked.orphan or is_for_another else tokens.create
    made = make(call.caller, grant, beyond=is_for_another or call.service.policies.gives_any(call.caller))
    call.service.record(call.caller, "create-token", name=f"token {made.accessor}", message=made.record.identity)
    return Answer(issued(call.service, made))


def look_at_self(call: Call) -> Answer:
    call.require(Verb.VIEW, SELF)
    return _told(call, _own(call))


def renew_self(call: Call) -> Answer:
    call.require(Verb.WRITE, SELF)
    return _renewed(call, _own(call))


def revoke_self(call: Call) -> Answer:
    call.require(Verb.DELETE, SELF)
    return _revoked(call, _own(call))


def look_up(call: Call) -> Answer:
    """The text is in the body, where no log of addresses has it."""
    call.require(Verb.VIEW, TOKENS)
    accessor, record = call.service.tokens.lookup(call.body.token)
    return Answer(told(call.service, accessor, record))


def read_token(call: Call) -> Answer:
    call.require(Verb.VIEW, _at(call))
    return _told(call, call.params["accessor"])


def renew_token(call: Call) -> Answer:
    call.require(Verb.WRITE, _at(call))
    return _renewed(call, call.params["accessor"])


def revoke_token(call: Call) -> Answer:
    call.require(Verb.DELETE, _at(call))
    return _revoked(call, call.params["accessor"])


def _grant(call: Call, asked: TokenAsked) -> Grant:
    """What is asked for, which gives away no more than the caller may."""
    if asked.period_seconds is not None:
        call.require(Verb.ADMINISTER, TOKENS)
    names = asked.policies
    if names is not None and not asked.no_default_policy:
        names = tuple(dict.fromkeys((DEFAULT, *names)))
    if names is None and asked.no_default_policy:
        raise InvalidRequest("A token without the default policy says which it has.", "Name policies.")
    given, facts = call.caller.policies if names is None else names, call.caller.facts
    identity = origin = ""
    if asked.account is not None:
        identity, origin = f"account:{asked.account}", f"account.{asked.account}"
        standing = _of_account(call, asked.account)
        facts = standing.facts
        if names is not None:
            call.service.policies.check_grant(call.caller, names, facts)
        given = tuple(name for name in standing.policies if names is None or name in names)
        if names is None and not call.service.policies.gives_any(call.caller):
            names = given  # what the account gets later is not the caller's to give
    call.service.policies.check_grant(call.caller, given, facts)
    return Grant(
        policies=names,
        identity=identity,
        origin=origin,
        metadata=asked.metadata,
        name=asked.name,
        path="tokens",
        ttl=span(asked.ttl_seconds),
        max_ttl=span(asked.max_ttl_seconds),
        period=span(asked.period_seconds),
        renewable=asked.renewable,
        uses=asked.uses,
        bounds=asked.networks,
    )


def _of_account(call: Call, name: str) -> Standing:
    """What an account may do that the caller may make tokens for."""
    call.require(Verb.WRITE, service("identities", f"account:{name}"))
    standings = Standings(call.service.directory, call.service.policies.denies)
    standing = standings.of_person("account", name, call.service.directory.get("account", name, Account))
    if standing is None:
        raise UnknownThing("There is no such account, or it is disabled.", "See 'strongroom identity account ls'.")
    return standing


def _at(call: Call) -> Resource:
    accessor = call.params["accessor"]
    if not is_accessor(accessor):
        raise UnknownThing("There is no such token.", "An accessor has 12 letters and digits.")
    return service("tokens", accessor)


def _own(call: Call) -> str:
    if not call.caller.accessor:
        raise UnknownThing("There is no token here: the registry was opened by its key.", "Ask a server.")
    return call.caller.accessor


def _told(call: Call, accessor: str) -> Answer:
    return Answer(told(call.service, accessor, call.service.tokens.of(accessor)))


def _renewed(call: Call, accessor: str) -> Answer:
    record = call.service.tokens.renew(accessor, span(call.body.ttl_seconds))
    call.service.record(call.caller, "renew-token", name=f"token {accessor}")
    return Answer(told(call.service, accessor, record))


def _revoked(call: Call, accessor: str) -> Answer:
    ended = call.service.tokens.revoke(accessor)
    call.service.record(call.caller, "revoke-token", name=f"token {accessor}", message=f"{ended} ended")
    return Answer(Ended(ended=ended))


_TAGS = ("tokens",)
_BASE = "/api/v1/tokens"
_ONE = f"{_BASE}/{{accessor}}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_BASE,
        handler=list_tokens,
        summary="List the tokens that are good now.",
        query=Page,
        answer=TokenPage,
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=_BASE,
        handler=create_token,
        summary="Make a token.",
        description="It has no more policies than the caller's own, unless he may administer `:service/tokens`, "
        "and it ends with the caller's, unless it is an orphan. One for an account takes write on "
        "`:service/identities/account:<name>`, and is always an orphan; made by somebody who gives policies of his own "
        "alone, it has none that the account gets later.",
        body=TokenAsked,
        answer=IssuedToken,
        status=201,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_BASE}/self",
        handler=look_at_self,
        summary="Look at the token that was sent.",
        answer=TokenTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_BASE}/self/renew",
        handler=renew_self,
        summary="Renew the token that was sent.",
        body=RenewalAsked,
        answer=TokenTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=f"{_BASE}/self",
        handler=revoke_self,
        summary="Revoke the token that was sent, and all that were made with it.",
        answer=Ended,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_BASE}/lookup",
        handler=look_up,
        summary="Look at the token with this text, without using it.",
        body=TokenGiven,
        answer=TokenTold,
        records="view",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=read_token,
        summary="Look at a token.",
        answer=TokenTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/renew",
        handler=renew_token,
        summary="Renew a token.",
        body=RenewalAsked,
        answer=TokenTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=revoke_token,
        summary="Revoke a token, and all that were made with it.",
        answer=Ended,
        tags=_TAGS,
        errors=(404,),
    ),
)
