"""Logins with what another service has signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from joserfc import jwk, jwt
from servers.service import Clock
from strongroom_service.identity.providers.provider import ClaimRule, JwtProvider, KubernetesProvider, ProviderRecord
from strongroom_service.service import Service

Ask = Callable[..., Any]
KEY = jwk.ECKey.generate_key("P-256", {"kid": "1"})


@pytest.fixture(params=["jwt", "kubernetes"])
def kind(request: pytest.FixtureRequest, ask: Ask, service: Service) -> str:
    """A mount of each type, at a path of its name, with the role ``builds``."""
    jwks = jwk.KeySet([KEY]).as_dict(private=False)
    said = {
        "issuer": "https://ci.example.com",
        "audiences": ("strongroom",),
        "jwks": json.dumps(jwks),
        "name_claim": "sub",
        "rules": (ClaimRule(claims={"sub": ("system:serviceaccount:team:*",)}, policies=("builder",)),),
    }
    provider = JwtProvider(**said) if request.param == "jwt" else KubernetesProvider(**said)  # type: ignore[arg-type]
    service.directory.put("provider", "builds", ProviderRecord(settings=provider))
    assert ask(f"sys/auth/{request.param}", type=request.param).status == 204
    return str(request.param)


def signed(clock: Clock, subject: str) -> str:
    now = int(clock.now.timestamp())
    claims = {"iss": "https://ci.example.com", "aud": "strongroom", "sub": subject, "iat": now, "exp": now + 600}
    return jwt.encode({"alg": "ES256", "kid": "1"}, claims, KEY)


def test_whom_another_service_vouches_for_gets_a_token(ask: Ask, kind: str, clock: Clock) -> None:
    text = signed(clock, "system:serviceaccount:team:builder")
    auth = ask(f"auth/{kind}/login", by="", role="builds", jwt=text).auth
    assert "builder" in auth["policies"]
    assert ask("auth/token/lookup-self", "GET", by=auth["client_token"]).status == 200


def test_nobody_else_does(ask: Ask, kind: str, clock: Clock, canary: Plant) -> None:
    text = signed(clock, "system:serviceaccount:team:builder")
    clock.advance(hours=1)
    fresh = signed(clock, "system:serviceaccount:other:builder")
    for role, sent in (("builds", text), ("builds", fresh), ("nothing", fresh), ("builds", canary("jwt"))):
        answer = ask(f"auth/{kind}/login", by="", role=role, jwt=sent)
        assert (answer.status, sent in answer.error) == (400, False)
    assert ask(f"auth/{kind}/config", "GET").status == 404
