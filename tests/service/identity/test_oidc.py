"""People sign in with their browser at a real OpenID provider on loopback, and at ones that cheat."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from servers.oidc import OpenIdProvider, browse, new_key, open_id_provider
from starlette.testclient import TestClient
from strongroom_service.errors import InvalidRequest, ProviderUnavailable, Unauthenticated
from strongroom_service.identity.grant import Issued
from strongroom_service.identity.providers.oidc import KIND, SignInRecord, Started
from strongroom_service.identity.providers.provider import ClaimRule, OidcProvider, ProviderRecord
from strongroom_service.service import Service

from .conftest import Clock

CALLBACK = "http://127.0.0.1:45678/callback"


@pytest.fixture
def provider(clock: Clock) -> Iterator[OpenIdProvider]:
    with open_id_provider(clock=clock) as running:
        yield running


@pytest.fixture
def known(service: Service, provider: OpenIdProvider) -> Callable[..., None]:
    """Have the service know the provider, under the name ``id``."""

    def know(**more: Any) -> None:
        settings = {
            "issuer": provider.address,
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
            "rules": (ClaimRule(claims={"email": ("*@example.com",)}, policies=("reader",)),),
            **more,
        }
        service.directory.put("provider", "id", ProviderRecord(settings=OidcProvider(**settings)))

    know()
    return know


def sign_in(service: Service, *, change: dict[str, str] | None = None) -> Issued:
    """All of it, with some of what comes back changed."""
    started = service.logins.start_oidc("id", CALLBACK)
    return finish(service, started, browse(started.url), **(change or {}))


def finish(service: Service, started: Started, back: dict[str, str], **change: str) -> Issued:
    said = {"state": back["state"], "secret": started.secret, "code": back["code"], "issuer": back["iss"], **change}
    return service.logins.finish_oidc("id", **said)  # type: ignore[arg-type]


def why(service: Service, **change: str) -> str:
    with pytest.raises(
        Unauthenticated, match=r"^What was sent does not prove who you are, or nobody lets you in\."
    ) as no:
        sign_in(service, change=change)
    return no.value.why


def test_somebody_signs_in(service: Service, known: object) -> None:
    issued = sign_in(service)
    assert issued.record.identity == "oidc:id/alice"
    assert issued.record.policies == ("default", "reader")
    assert service.tokens.authenticate(issued.token.text, "127.0.0.1").facts == {"name": "alice", "kind": "oidc"}


def test_the_browser_is_told_no_secret(service: Service, known: object, provider: OpenIdProvider) -> None:
    started = service.logins.start_oidc("id", CALLBACK)
    said = parse_qs(urlsplit(started.url).query)
    assert said["code_challenge_method"] == ["S256"]
    assert said["scope"] == ["openid profile email"]
    assert provider.client_secret not in started.url
    assert started.secret not in started.url
    with service.records.reading() as session:
        [(id, record)] = session.page(KIND, SignInRecord)
    assert record.verifier not in started.url
    assert started.state not in (id, record.model_dump_json())
    assert started.secret not in record.model_dump_json()


def test_a_sign_in_is_finished_once(service: Service, known: object) -> None:
    started = service.logins.start_oidc("id", CALLBACK)
    back = browse(started.url)
    finish(service, started, back)
    with pytest.raises(Unauthenticated) as refused:
        finish(service, started, back)
    assert refused.value.why == "no such sign-in was started here, or it is over"


def test_a_code_is_exchanged_once(service: Service, known: object) -> None:
    first, second = (service.logins.start_oidc("id", CALLBACK) for _ in range(2))
    code = browse(first.url)
    finish(service, first, code)
    with pytest.raises(Unauthenticated) as refused:
        finish(service, second, {**code, "state": second.state})
    assert refused.value.why == "the provider gives nothing for the code (status 400)"


def test_a_code_that_somebody_else_caught_is_good_for_nothing(service: Service, known: object) -> None:
    assert why(service, secret="x" * 43) == "the sign-in was started by somebody else"
    assert why(service, state="x" * 43) == "no such sign-in was started here, or it is over"


def test_somebody_elses_code_that_is_slipped_in_is_good_for_nothing(service: Service, known: object) -> None:
    """The verifier of one sign-in does not belong to the challenge of another."""
    mine, hers = (service.logins.start_oidc("id", CALLBACK) for _ in range(2))
    with pytest.raises(Unauthenticated) as refused:
        finish(service, mine, {**browse(hers.url), "state": mine.state})
    assert refused.value.why == "the provider gives nothing for the code (status 400)"


def test_a_code_of_another_issuer_is_not_taken(service: Service, known: object) -> None:
    assert why(service, issuer="https://attacker.example.com") == "the code is of another issuer"


def test_an_issuer_that_says_it_names_itself_has_to(service: Service, known: object) -> None:
    started = service.logins.start_oidc("id", CALLBACK)
    back = browse(started.url)
    with pytest.raises(Unauthenticated, match="prove") as refused:
        service.logins.finish_oidc("id", state=back["state"], secret=started.secret, code=back["code"])
    assert refused.value.why == "the code is of another issuer"


def test_a_sign_in_does_not_wait_for_ever(service: Service, known: object, clock: Clock) -> None:
    started = service.logins.start_oidc("id", CALLBACK)
    back = browse(started.url)
    clock.forward(minutes=10)
    with pytest.raises(Unauthenticated):
        finish(service, started, back)
    service.logins.start_oidc("id", CALLBACK)
    clock.forward(minutes=10)
    assert service.logins.tidy() == 1


def test_a_sign_in_at_one_provider_is_not_finished_at_another(
    service: Service, known: object, provider: OpenIdProvider
) -> None:
    record = service.directory.get("provider", "id", ProviderRecord)
    assert record is not None
    service.directory.put("provider", "other", record)
    started = service.logins.start_oidc("id", CALLBACK)
    back = browse(started.url)
    with pytest.raises(Unauthenticated):
        service.logins.finish_oidc(
            "other", state=back["state"], secret=started.secret, code=back["code"], issuer=provider.address
        )


def unpadded(value: Any) -> str:
    return urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    body = f"{unpadded(header)}.{unpadded(claims)}"
    return f"{body}.{unpadded(hmac.digest(secret, body.encode(), 'sha256')) if secret else ''}"


STRANGER = new_key()
CHEATS: dict[str, Callable[[OpenIdProvider, dict[str, Any]], str]] = {
    "no signature": lambda _, claims: by_hand({"alg": "none"}, claims, b""),
    "an HMAC with the public key": lambda provider, claims: by_hand(
        {"alg": "HS256", "kid": provider.keys[0].kid}, claims, provider.keys[0].as_pem(private=False)
    ),
    "an HMAC with the client's secret": lambda provider, claims: by_hand(
        {"alg": "HS256"}, claims, provider.client_secret.encode()
    ),
    "a key that is not the provider's": lambda provider, claims: provider.signed(claims, key=STRANGER),
    "another key under a known name": lambda provider, claims: provider.signed(
        claims, key=STRANGER, kid=provider.keys[0].kid
    ),
    "an unknown name of a key": lambda provider, claims: provider.signed(claims, kid="unknown"),
    "expired": lambda provider, claims: provider.signed({**claims, "exp": claims["iat"] - 61}),
    "without an end": lambda provider, claims: provider.signed({**claims, "exp": None}),
    "of the future": lambda provider, claims: provider.signed({**claims, "nbf": claims["iat"] + 600}),
    "for another client": lambda provider, claims: provider.signed({**claims, "aud": "another"}),
    "for several, made for another": lambda provider, claims: provider.signed(
        {**claims, "aud": [claims["aud"], "another"], "azp": "another"}
    ),
    "for several, made for nobody in particular": lambda provider, claims: provider.signed(
        {**claims, "aud": [claims["aud"], "another"]}
    ),
    "made for another": lambda provider, claims: provider.signed({**claims, "azp": "another"}),
    "of another issuer": lambda provider, claims: provider.signed({**claims, "iss": "https://attacker.example.com"}),
    "of another sign-in": lambda provider, claims: provider.signed({**claims, "nonce": "replayed"}),
    "without a nonce": lambda provider, claims: provider.signed(
        {name: value for name, value in claims.items() if name != "nonce"}
    ),
    "with a nonce of another type": lambda provider, claims: provider.signed({**claims, "nonce": [claims["nonce"]]}),
    "without a subject": lambda provider, claims: provider.signed({**claims, "sub": None}),
    "of somebody whose address nobody verified": lambda provider, claims: provider.signed(
        {**claims, "email_verified": False}
    ),
    "of somebody whom no rule is for": lambda provider, claims: provider.signed({**claims, "email": "a@example.org"}),
    "no token at all": lambda *_: "x.y.z",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_provider_that_cheats_lets_nobody_in(
    service: Service, known: Callable[..., None], provider: OpenIdProvider, cheat: str
) -> None:
    if "verified" in cheat:
        known(name_claim="email")
    sign_in(service)
    provider.sign = CHEATS[cheat]
    assert why(service)
    assert len(service.tokens.page()) == 1


def test_keys_are_rotated(service: Service, known: object, provider: OpenIdProvider, clock: Clock) -> None:
    sign_in(service)
    clock.forward(minutes=1)
    provider.rotate(keep=True)
    sign_in(service)
    provider.sign = lambda provider, claims: provider.signed(claims, key=provider.keys[1])
    sign_in(service)
    provider.rotate()
    clock.forward(minutes=10)
    provider.sign = None
    sign_in(service)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:80@attacker.example.com/callback",
        "http://127.0.0.1:1/callback#fragment",
        "http://127.0.0.1:1/callback?x=1",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:port/callback",
        "http://127.0.0.2:1/callback",
        "http://localhost:1/callback",
        "https://attacker.example.com/callback",
        "http://[::1/callback",
        "",
    ],
)
def test_the_browser_is_sent_back_to_who_began_alone(service: Service, known: object, uri: str) -> None:
    with pytest.raises(InvalidRequest):
        service.logins.start_oidc("id", uri)


def test_the_browser_is_sent_where_the_settings_allow(service: Service, known: Callable[..., None]) -> None:
    known(redirect_uris=("https://strongroom.example.com/signed-in",))
    assert service.logins.start_oidc("id", "https://strongroom.example.com/signed-in")
    assert service.logins.start_oidc("id", "http://[::1]:4000/callback")


def test_a_provider_that_is_away_is_no_refusal(service: Service, known: object, provider: OpenIdProvider) -> None:
    provider.is_away = True
    with pytest.raises(ProviderUnavailable):
        service.logins.start_oidc("id", CALLBACK)


def test_pages_elsewhere_than_over_tls_are_not_asked(service: Service, known: object, provider: OpenIdProvider) -> None:
    provider.document = {"token_endpoint": "file:///etc/passwd"}
    with pytest.raises(ProviderUnavailable):
        service.logins.start_oidc("id", CALLBACK)


@pytest.mark.parametrize("record", [None, "disabled", "other"])
def test_nobody_learns_which_providers_there_are_by_asking(service: Service, known: object, record: str | None) -> None:
    there = service.directory.get("provider", "id", ProviderRecord)
    assert there is not None
    if record == "disabled":
        service.directory.put("provider", "id", there.model_copy(update={"disabled": True}))
    with pytest.raises(Unauthenticated, match=r"^What was sent does not prove who you are"):
        service.logins.start_oidc("id" if record == "disabled" else "nobody", CALLBACK)


def test_tokens_end_with_their_provider(service: Service, known: object) -> None:
    issued = sign_in(service)
    service.directory.remove("provider", "id")
    with pytest.raises(Unauthenticated) as refused:
        service.tokens.authenticate(issued.token.text, "127.0.0.1")
    assert "provider.id is gone" in refused.value.why


def test_a_later_provider_of_the_same_name_revives_no_token(
    service: Service, client: TestClient, known: Callable[..., None]
) -> None:
    issued = sign_in(service)
    assert client.delete("/api/v1/identities/providers/id").status_code == 204
    known()
    with pytest.raises(Unauthenticated) as refused:
        service.tokens.authenticate(issued.token.text, "127.0.0.1")
    assert refused.value.why.endswith("revoked")
