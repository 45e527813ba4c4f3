"""Machines log in with tokens of an issuer that is trusted, or of a Kubernetes cluster."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from servers.kubernetes_api import KubernetesApi, kubernetes_api
from servers.oidc import OpenIdProvider, new_key, open_id_provider
from strongroom_service.errors import InvalidRequest, ProviderUnavailable, Unauthenticated
from strongroom_service.identity.providers.provider import ClaimRule, JwtProvider, KubernetesProvider, ProviderRecord
from strongroom_service.identity.providers.vouching import check_settings
from strongroom_service.service import Service

from .conftest import Clock

STRANGER = new_key()
US = "https://strongroom.example.com"
NAMESPACE = ClaimRule(claims={"namespace": ("prod",), "service_account": ("etl",)}, policies=("reader",))


@pytest.fixture
def issuer(clock: Clock) -> Iterator[OpenIdProvider]:
    user = {"sub": "repo:acme/etl:ref:refs/heads/main", "aud": US}
    with open_id_provider(clock=clock, user=user) as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[KubernetesApi]:
    with kubernetes_api() as running:
        yield running


def know(service: Service, settings: JwtProvider | KubernetesProvider) -> None:
    service.directory.put("provider", "ci", ProviderRecord(settings=settings))


def jwt_why(service: Service, text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        service.logins.jwt("ci", text)
    return refused.value.why


@pytest.mark.parametrize("where", ["discovery", "address", "settings"])
def test_a_job_of_a_ci_system_is_let_in(service: Service, issuer: OpenIdProvider, where: str) -> None:
    keys: dict[str, Any] = {
        "discovery": {},
        "address": {"jwks_url": f"{issuer.address}/jwks"},
        "settings": {"jwks": json.dumps({"keys": [key.as_dict(private=False) for key in issuer.keys]})},
    }[where]
    rule = ClaimRule(claims={"sub": ("repo:acme/*:ref:refs/heads/main",)}, policies=("deploy",))
    know(service, JwtProvider(issuer=issuer.address, audiences=(US,), rules=(rule,), **keys))
    record = service.logins.jwt("ci", issuer.signed(issuer.claims())).record
    assert record.identity == "jwt:ci/repo:acme/etl:ref:refs/heads/main"
    assert record.policies == ("default", "deploy")
    assert ("/jwks" in issuer.seen) is (where != "settings")
    assert "no rule" in jwt_why(service, issuer.signed(issuer.claims(sub="repo:acme/etl:pull_request")))
    assert "another audience" in jwt_why(service, issuer.signed(issuer.claims(aud="https://other.example.com")))
    assert "another issuer" in jwt_why(service, issuer.signed(issuer.claims(iss="https://other.example.com")))
    assert "expired" in jwt_why(service, issuer.signed(issuer.claims(exp=1)))
    assert "is by a key that" in jwt_why(service, issuer.signed(issuer.claims(), key=STRANGER))
    assert jwt_why(service, "nonsense")


def on(cluster: KubernetesApi, **more: Any) -> KubernetesProvider:
    reviewer = secrets.token_urlsafe(16)
    cluster.reviewers.add(reviewer)
    said = {"api": cluster.address, "reviewer_token": reviewer, "audiences": (US,), "rules": (NAMESPACE,), **more}
    return KubernetesProvider(**said)


def pod(cluster: KubernetesApi, user: str, audiences: list[str] | None = None) -> str:
    token = secrets.token_urlsafe(32)
    cluster.accounts[token] = user, "uid-1", audiences or [US]
    return token


def cluster_why(service: Service, text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        service.logins.kubernetes("ci", text)
    return refused.value.why


def test_a_pod_is_let_in_whose_cluster_knows_it(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster))
    record = service.logins.kubernetes("ci", pod(cluster, "system:serviceaccount:prod:etl")).record
    assert record.identity == "kubernetes:ci/prod/etl"
    assert record.policies == ("default", "reader")
    assert cluster.seen[0]["audiences"] == [US]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("system:serviceaccount:dev:etl", "no rule is for dev/etl"),
        ("system:serviceaccount:prod:other", "no rule is for prod/other"),
        ("alice", "of no service account"),
        ("system:serviceaccount:prod:etl:x", "of no service account"),
        ("system:serviceaccount::etl", "of no service account"),
        ("x:system:serviceaccount:prod:etl", "of no service account"),
    ],
)
def test_others_of_the_cluster_are_not(service: Service, cluster: KubernetesApi, user: str, why: str) -> None:
    know(service, on(cluster))
    assert why in cluster_why(service, pod(cluster, user))


def test_a_token_that_the_cluster_does_not_know_is_refused(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster))
    assert cluster_why(service, "x") == "the cluster does not know the token"
    assert cluster_why(service, pod(cluster, "system:serviceaccount:prod:etl", ["others"])) == (
        "the cluster does not know the token"
    )
    assert cluster_why(service, "x" * 20_000) == "the token of a service account is too long"


def test_a_cluster_that_says_nothing_of_audiences_is_not_enough(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster))
    cluster.knows_audiences = False
    assert "another audience" in cluster_why(service, pod(cluster, "system:serviceaccount:prod:etl", ["others"]))


def test_a_reviewer_that_may_not_review_is_a_mistake_of_the_settings(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster))
    cluster.reviewers.clear()
    with pytest.raises(ProviderUnavailable, match="status 403"):
        service.logins.kubernetes("ci", pod(cluster, "system:serviceaccount:prod:etl"))


def test_a_pod_may_review_itself(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster, reviewer_token=""))
    token = pod(cluster, "system:serviceaccount:prod:etl")
    assert "does not let the token review itself" in cluster_why(service, token)
    cluster.reviewers.add(token)
    assert service.logins.kubernetes("ci", token)


def test_a_pod_is_let_in_by_the_keys_of_its_clusters_issuer(service: Service, issuer: OpenIdProvider) -> None:
    know(service, KubernetesProvider(issuer=issuer.address, audiences=(US,), rules=(NAMESPACE,)))
    inner = {"namespace": "prod", "serviceaccount": {"name": "etl", "uid": "uid-1"}}
    good = issuer.claims(sub="system:serviceaccount:prod:etl", **{"kubernetes.io": inner})
    assert service.logins.kubernetes("ci", issuer.signed(good)).record.identity == "kubernetes:ci/prod/etl"
    assert "another audience" in cluster_why(service, issuer.signed({**good, "aud": ["others"]}))
    assert "no service account" in cluster_why(service, issuer.signed({**good, "sub": "alice"}))
    assert "does not have" in cluster_why(service, issuer.signed(good, key=STRANGER))


def test_a_cluster_is_asked_or_has_an_issuer() -> None:
    with pytest.raises(InvalidRequest):
        check_settings(KubernetesProvider(audiences=(US,)))


def test_a_provider_of_another_type_lets_nobody_in(service: Service, cluster: KubernetesApi) -> None:
    know(service, on(cluster))
    assert jwt_why(service, "x") == "the provider is no JwtProvider"
