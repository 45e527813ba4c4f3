"""What machines send to prove who they are, checked with whoever vouches for them: signed tokens, Kubernetes, AWS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from strongroom_service.errors import InvalidRequest, ProviderUnavailable
from strongroom_service.identity.providers.claims import refused
from strongroom_service.identity.providers.key_source import KeySource, verified_offline
from strongroom_service.identity.providers.outward import as_object, fetched
from strongroom_service.identity.providers.provider import JwtProvider, KubernetesProvider
from strongroom_service.identity.providers.signed_claims import TEXT_MAX, check_claims

SERVICE_ACCOUNT = "system:serviceaccount:"


def jwt_claims(provider: JwtProvider, text: str, keys: KeySource, now: datetime) -> dict[str, Any]:
    """The claims of a token of the provider's issuer.

    :raises Unauthenticated: it does not hold.
    :raises ProviderUnavailable: the issuer's keys cannot be had.
    """
    claims = _signed(provider, provider.issuer, text, keys, now)
    check_claims(claims, issuer=provider.issuer, audiences=provider.audiences, now=now)
    return claims


def kubernetes_claims(provider: KubernetesProvider, text: str, keys: KeySource, now: datetime) -> dict[str, Any]:
    """Which service account of the cluster a token is of: ``namespace``, ``service_account``, ``name`` (both, with a
    slash between), ``uid``, ``sub``. Asked of the cluster's API where that is set, which knows too of accounts and pods
    that are gone; else checked with the keys of the cluster's issuer.

    :raises Unauthenticated: it is of none.
    :raises ProviderUnavailable: the cluster cannot be asked.
    """
    if provider.api is not None:
        return _account(*_reviewed(provider, text))
    assert provider.issuer is not None  # noqa: S101  # check_settings() refuses a provider with neither
    claims = _signed(provider, provider.issuer, text, keys, now)
    check_claims(claims, issuer=provider.issuer, audiences=provider.audiences, now=now)
    inner = claims.get("kubernetes.io")
    account = inner.get("serviceaccount") if isinstance(inner, dict) else None
    uid = account.get("uid") if isinstance(account, dict) else None
    return _account(str(claims["sub"]), uid if isinstance(uid, str) else "")


def check_settings(provider: KubernetesProvider) -> None:
    """Raises InvalidRequest where nothing could be asked whether a token is good."""
    if provider.api is None and provider.issuer is None:
        raise InvalidRequest("The provider has neither api nor issuer.", "Set one of them.")


def _signed(
    provider: JwtProvider | KubernetesProvider, issuer: str, text: str, keys: KeySource, now: datetime
) -> dict[str, Any]:
    if provider.jwks:
        return verified_offline(text, provider.jwks)

    def jwks_url() -> str:
        if provider.jwks_url is not None:
            return provider.jwks_url
        found = keys.discovered(issuer, ca=provider.ca, now=now).get("jwks_uri")
        if not isinstance(found, str):
            raise ProviderUnavailable("The identity provider does not say where its keys are.", "Set jwks_url.")
        return found

    return keys.verified(text, jwks_url, ca=provider.ca, now=now)


def _reviewed(provider: KubernetesProvider, text: str) -> tuple[str, str]:
    """Whom a cluster's API says that a token is of (authentication.k8s.io/v1 TokenReview)."""
    if len(text) > TEXT_MAX:
        raise refused("the token of a service account is too long")
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": text, "audiences": list(provider.audiences)},
    }
    url = f"{str(provider.api).rstrip('/')}/apis/authentication.k8s.io/v1/tokenreviews"
    headers = {"content-type": "application/json", "accept": "application/json"}
    headers["authorization"] = f"Bearer {provider.reviewer_token or text}"
    status, content = fetched("POST", url, body=json.dumps(review).encode(), headers=headers, ca=provider.ca)
    if status in (401, 403) and not provider.reviewer_token:
        raise refused(f"the cluster does not let the token review itself (status {status})")
    answer = as_object(content) if status in (200, 201) else None
    said = answer.get("status") if answer else None
    if not isinstance(said, dict):
        raise ProviderUnavailable(f"The cluster's API answers with status {status}.", "Look at reviewer_token.")
    user = said.get("user")
    if said.get("authenticated") is not True or not isinstance(user, dict):
        raise refused("the cluster does not know the token")
    _check_audiences(said.get("audiences"), provider.audiences)
    return str(user.get("username", "")), str(user.get("uid", ""))


def _check_audiences(said: Any, wanted: Sequence[str]) -> None:
    """A cluster that knows nothing of audiences says none; then the token may be for anybody."""
    if not isinstance(said, list) or not set(map(str, said)) & set(wanted):
        raise refused("the token of a service account is for another audience")


def _account(user: str, uid: str) -> dict[str, Any]:
    namespace, _, name = user.removeprefix(SERVICE_ACCOUNT).partition(":")
    if not user.startswith(SERVICE_ACCOUNT) or not namespace or not name or ":" in name:
        raise refused("the token is of no service account")
    return {
        "sub": user,
        "namespace": namespace,
        "service_account": name,
        "name": f"{namespace}/{name}",
        "uid": uid,
    }
