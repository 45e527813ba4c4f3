"""Everything that somebody can log in with, for the routes to call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from strongroom_service.errors import Unauthenticated
from strongroom_service.identity.app_roles import AppRoles
from strongroom_service.identity.grant import Issued
from strongroom_service.identity.lockout import Lockout
from strongroom_service.identity.providers.aws_identity import AwsIdentity, SignedRequest
from strongroom_service.identity.providers.claims import AnyProvider, grant_of, refused
from strongroom_service.identity.providers.key_source import KeySource
from strongroom_service.identity.providers.oidc import Oidc, Started
from strongroom_service.identity.providers.provider import (
    KIND,
    AwsProvider,
    JwtProvider,
    KubernetesProvider,
    OidcProvider,
    StoredProvider,
)
from strongroom_service.identity.providers.vouching import jwt_claims, kubernetes_claims
from strongroom_service.identity.sign_in import SignIn
from strongroom_service.identity.standings import policies_of_groups
from strongroom_service.identity.tokens import Tokens
from strongroom_service.state.directory import Directory
from strongroom_service.state.records import Records

P = TypeVar("P", bound=OidcProvider | JwtProvider | KubernetesProvider | AwsProvider)


class Logins:
    """Logs people and machines in. Safe to use from several threads and processes."""

    def __init__(self, directory: Directory, records: Records, tokens: Tokens) -> None:
        self._directory = directory
        self._records = records
        self._tokens = tokens
        self._keys = KeySource()
        self._oidc = Oidc(records, self._keys)
        self._aws = AwsIdentity(records)
        self.passwords = SignIn(directory, records, tokens)
        self.app_roles = AppRoles(directory, records, tokens)

    def providers(self) -> dict[str, str]:
        """The types of the providers that people and machines can log in with, by name."""
        found = self._directory.all(KIND, StoredProvider)
        return {name: record.settings.type for name, record in found.items() if not record.disabled}

    def start_oidc(self, name: str, redirect_uri: str) -> Started:
        """Begin a sign-in with a browser; see :meth:`Oidc.start`."""
        return self._oidc.start(name, self._provider(name, OidcProvider), redirect_uri)

    def finish_oidc(self, name: str, *, state: str, secret: str, code: str, issuer: str | None = None) -> Issued:
        """A token for whoever signed in with a browser; raises as :meth:`Oidc.finish`."""
        provider = self._provider(name, OidcProvider)
        return self._let_in(
            name, provider, self._oidc.finish(name, provider, state=state, secret=secret, code=code, issuer=issuer)
        )

    def jwt(self, name: str, text: str) -> Issued:
        """A token for whoever has one of an issuer; raises as :func:`jwt_claims`."""
        provider = self._provider(name, JwtProvider)
        return self._let_in(name, provider, jwt_claims(provider, text, self._keys, self._records.now()))

    def kubernetes(self, name: str, text: str) -> Issued:
        """A token for a service account of a cluster; raises as :func:`kubernetes_claims`."""
        provider = self._provider(name, KubernetesProvider)
        return self._let_in(name, provider, kubernetes_claims(provider, text, self._keys, self._records.now()))

    def aws(self, name: str, signed: SignedRequest) -> Issued:
        """A token for an identity of AWS; raises as :meth:`AwsIdentity.claims`."""
        provider = self._provider(name, AwsProvider)
        return self._let_in(name, provider, self._aws.claims(provider, signed))

    def aws_provider(self, name: str) -> AwsProvider:
        """What has to be signed for a provider; raises Unauthenticated where there is none."""
        return self._provider(name, AwsProvider)

    def tidy(self) -> int:
        """Remove what expired of all kinds; how much."""
        kept = (self._tokens, self.app_roles, self._oidc, self._aws, Lockout(self._records))
        return sum(one.tidy() for one in kept)

    def _provider(self, name: str, kind: type[P]) -> P:
        """One that nobody can log in with is as good as none: who is let in is not told to those who are not."""
        record = self._directory.get(KIND, name, StoredProvider)
        if record is None or record.disabled or not isinstance(record.settings, kind):
            raise _unknown(record, kind)
        return record.settings

    def _let_in(self, name: str, provider: AnyProvider, claims: Mapping[str, Any]) -> Issued:
        """Asking others takes its time, in which the provider may have become another one."""
        now = self._directory.get(KIND, name, StoredProvider)
        if now is None or now.disabled or now.settings != provider:
            raise refused(f"provider {name}: it was changed meanwhile")
        policies = partial(policies_of_groups, self._directory)
        return self._tokens.issue(replace(grant_of(name, provider, claims, policies), makers=now.makers))


def _unknown(record: StoredProvider | None, kind: type[Any]) -> Unauthenticated:
    if record is None:
        return refused("no provider has this name")
    return refused("the provider is disabled" if record.disabled else f"the provider is no {kind.__name__}")
