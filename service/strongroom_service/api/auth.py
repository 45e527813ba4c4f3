"""``/api/v1/auth``: log in, with what people and machines have to prove who they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from strongroom_service.api.received import RECEIVED
from strongroom_service.api.token_shapes import IssuedToken, TokenText, issued
from strongroom_service.errors import Forbidden, ServiceRefusal, Unauthenticated
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.grant import Issued
from strongroom_service.identity.passwords import LONGEST
from strongroom_service.identity.providers.aws_identity import SignedRequest
from strongroom_service.identity.providers.signed_claims import TEXT_MAX
from strongroom_service.policies.resource import service
from strongroom_service.policies.verbs import Verb

Secret = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class PasswordLogin(BaseModel):
    """The name and the password of a user."""

    model_config = RECEIVED

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Password = Field(repr=False)


class PasswordChange(BaseModel):
    """The password of the caller, and the one that he wants."""

    model_config = RECEIVED

    current: Password = Field(repr=False)
    new: Password = Field(repr=False)


class AppRoleLogin(BaseModel):
    """A role id and a secret id; a role may do without the latter."""

    model_config = RECEIVED

    role_id: Secret
    secret_id: Annotated[str, StringConstraints(max_length=512)] = Field("", repr=False)


class OidcStart(BaseModel):
    """Where the browser is to be sent back."""

    model_config = RECEIVED

    redirect_uri: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class OidcStarted(BaseModel):
    """A sign-in that was started."""

    url: str = Field(description="For the browser.")
    state: str = Field(description="What the browser brings back.")
    secret: str = Field(description="To finish with, for whoever started alone.", repr=False)


class OidcFinish(BaseModel):
    """What the browser brought back, and what belongs to it."""

    model_config = RECEIVED

    state: TokenText
    secret: TokenText = Field(repr=False)
    code: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(repr=False)
    issuer: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, description="What came back as `iss`, if anything did."
    )


class SignedToken(BaseModel):
    """A signed token of somebody else."""

    model_config = RECEIVED

    token: Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX)] = Field(repr=False)


class AwsLogin(BaseModel):
    """A request for GetCallerIdentity that was signed with Signature Version 4, without what is known of it."""

    model_config = RECEIVED

    authorization: Annotated[str, StringConstraints(max_length=600)] = Field(repr=False)
    date: Annotated[str, StringConstraints(max_length=16)] = Field(description="`X-Amz-Date`.")
    session_token: Annotated[str, StringConstraints(max_length=4096)] = Field("", repr=False)


class AwsAsked(BaseModel):
    """What has to be signed to log in with an identity of AWS."""

    sts: str
    region: str
    server: str = Field(description="The value of the header `X-Strongroom-Server`, which the signature covers.")


class Provider(BaseModel):
    """Somebody who vouches for people or machines."""

    name: str
    type: Literal["oidc", "jwt", "kubernetes", "aws"]


class Methods(BaseModel):
    """What can be logged in with besides a password, a role id or a token."""

    providers: list[Provider]


def methods(call: Call) -> Answer:
    found = call.service.logins.providers()
    return Answer(Methods(providers=[Provider(name=name, type=type_) for name, type_ in sorted(found.items())]))


def password(call: Call) -> Answer:
    asked: PasswordLogin = call.body
    logins = call.service.logins.passwords
    return _let_in(call, lambda: logins.login(asked.name, asked.password, call.caller.address))


def change_password(call: Call) -> Answer:
    kind, _, name = call.caller.identity.partition(":")
    if kind != "user":
        raise Forbidden("Only users have passwords.", "Log in with one first.")
    call.require(Verb.VIEW, service("tokens", "self"))
    call.service.logins.passwords.change_password(name, call.body.current, call.body.new, call.caller.address)
    return Answer()


def approle(call: Call) -> Answer:
    asked: AppRoleLogin = call.body
    roles = call.service.logins.app_roles
    return _let_in(call, lambda: roles.login(asked.role_id, asked.secret_id, call.caller.address))


def start_oidc(call: Call) -> Answer:
    try:
        started = call.service.logins.start_oidc(call.params["provider"], call.body.redirect_uri)
    except ServiceRefusal as error:
        _record_refusal(call, error)
        raise
    return Answer(OidcStarted(url=started.url, state=started.state, secret=started.secret))


def finish_oidc(call: Call) -> Answer:
    asked: OidcFinish = call.body
    logins, provider = call.service.logins, call.params["provider"]
    said = {"state": asked.state, "secret": asked.secret, "code": asked.code}
    return _let_in(call, lambda: logins.finish_oidc(provider, issuer=asked.issuer, **said))


def jwt(call: Call) -> Answer:
    return _let_in(call, lambda: call.service.logins.jwt(call.params["provider"], call.body.token))


def kubernetes(call: Call) -> Answer:
    return _let_in(call, lambda: call.service.logins.kubernetes(call.params["provider"], call.body.token))


def aws(call: Call) -> Answer:
    asked: AwsLogin = call.body
    signed = SignedRequest(asked.authorization, asked.date, asked.session_token)
    return _let_in(call, lambda: call.service.logins.aws(call.params["provider"], signed))


def aws_asked(call: Call) -> Answer:
    provider = call.service.logins.aws_provider(call.params["provider"])
    return Answer(AwsAsked(sts=provider.sts, region=provider.region, server=provider.server))


def _let_in(call: Call, proved: Callable[[], Issued]) -> Answer:
    """Answer with a token, and have the audit say for whom, or why for nobody."""
    try:
        made = proved()
    except ServiceRefusal as error:
        _record_refusal(call, error)
        raise
    who = Caller(made.record.identity, made.accessor, address=call.caller.address, request_id=call.caller.request_id)
    call.service.record(who, "login", name=made.record.path)
    return Answer(issued(call.service, made))


def _record_refusal(call: Call, error: ServiceRefusal) -> None:
    why = error.why if isinstance(error, Unauthenticated) else ""
    call.service.record(call.caller, "login", type(error).__name__, call.path, message=why)
    error.is_recorded = True


_TAGS = ("login",)
_BASE = "/api/v1/auth"


def _login(path: str, handler: Callable[[Call], Answer], summary: str, body: type[BaseModel]) -> Route:
    return Route(
        method="POST",
        path=f"{_BASE}/{path}",
        handler=handler,
        summary=summary,
        body=body,
        answer=IssuedToken,
        is_open=True,
        records="",
        tags=_TAGS,
        errors=(502,),
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=f"{_BASE}/methods",
        handler=methods,
        summary="List the providers that people and machines can log in with.",
        answer=Methods,
        is_open=True,
        records="",
        tags=_TAGS,
    ),
    _login("password/login", password, "Log in with a name and a password.", PasswordLogin),
    Route(
        method="POST",
        path=f"{_BASE}/password/change",
        handler=change_password,
        summary="Change the own password; all tokens of the user end.",
        body=PasswordChange,
        status=204,
        records="change-password",
        tags=_TAGS,
    ),
    _login("approle/login", approle, "Log a machine in with a role id and a secret id.", AppRoleLogin),
    Route(
        method="POST",
        path=f"{_BASE}/oidc/{{provider}}/start",
        handler=start_oidc,
        summary="Begin to sign in with a browser.",
        body=OidcStart,
        answer=OidcStarted,
        is_open=True,
        records="",
        tags=_TAGS,
        errors=(502,),
    ),
    _login("oidc/{provider}/finish", finish_oidc, "Finish to sign in with a browser.", OidcFinish),
    _login("jwt/{provider}/login", jwt, "Log in with a signed token of a trusted issuer.", SignedToken),
    _login(
        "kubernetes/{provider}/login", kubernetes, "Log in with the token of a Kubernetes service account.", SignedToken
    ),
    Route(
        method="GET",
        path=f"{_BASE}/aws/{{provider}}",
        handler=aws_asked,
        summary="Learn what has to be signed to log in with an identity of AWS.",
        answer=AwsAsked,
        is_open=True,
        records="",
        tags=_TAGS,
    ),
    _login("aws/{provider}/login", aws, "Log in with an identity of AWS.", AwsLogin),
)
