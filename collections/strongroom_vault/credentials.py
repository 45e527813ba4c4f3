"""Who asks a Vault, and where it is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from strongroom import Block, async_twin, redactor
from strongroom.checks import CheckDenied, CheckFailed, CheckUnreachable

from strongroom_vault import kv, kv_metadata, kv_writing, leases
from strongroom_vault.auth import SERVICE_ACCOUNT, AppRoleAuth, Auth, KubernetesAuth, TokenAuth, field_of
from strongroom_vault.errors import VaultDenied, VaultError, VaultLoginMissing, VaultLoginProblem, VaultUnreachable
from strongroom_vault.faults import asked
from strongroom_vault.kv_metadata import SecretMetadata
from strongroom_vault.leases import DatabaseLogin
from strongroom_vault.sessions import Login, VaultSession, session_for

if TYPE_CHECKING:
    from hvac import Client

_SECONDS = re.compile(r"(\d{1,6})s?")

_EXAMPLE: dict[str, Any] = {
    "url": "https://vault.example.com:8200",
    "auth": {"method": "approle", "role_id": "etl", "secret_id": "…"},
}


class VaultCredentials(Block, slug="vault-credentials", title="Vault Credentials"):
    """A login to HashiCorp Vault or OpenBao: with a token, as an AppRole, as a pod of Kubernetes, or
    with a JSON web token.

    The process logs in once, when it is first needed, renews the token before it runs out, and logs in once more where
    Vault forgot it. Redirects are not followed: they would be shown the token.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    url: str = Field(title="URL", description="Where Vault answers, such as https://vault.example.com:8200.")
    namespace: str | None = Field(None, description="The namespace to work in, where Vault has them.")
    auth: Auth = Field(discriminator="method", description="How to log in.")
    verify: bool = Field(True, description="Whether to verify Vault's certificate.")
    ca_cert_path: Path | None = Field(None, title="CA Certificate Path", description="The authorities to trust.")
    timeout_seconds: float = Field(10, gt=0, le=600, description="What one request may take, answer included.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must begin with http:// or https://, name a host and have no query")
        if parts.username or parts.password:
            raise ValueError("must not hold a user or a password; they belong in auth")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _trusts_or_does_not(self) -> VaultCredentials:
        if not self.verify and self.ca_cert_path:
            raise ValueError("ca_cert_path has no use when verify is false; leave one of them out")
        return self

    @classmethod
    def from_environment(cls, *, url: str | None = None, namespace: str | None = None) -> VaultCredentials:
        """The login that the environment gives, in the variables of Vault's own tools and of its agents.

        ``VAULT_ADDR``, ``VAULT_NAMESPACE``, ``VAULT_CACERT``, ``VAULT_SKIP_VERIFY`` and ``VAULT_CLIENT_TIMEOUT`` (in
        seconds) as in Vault's command line. To log in, the first of: ``VAULT_TOKEN``; ``VAULT_ROLE_ID``, with
        ``VAULT_SECRET_ID``, as an AppRole; ``VAULT_KUBERNETES_ROLE``, as the pod's service account; the file
        ``~/.vault-token``, which ``vault login`` writes.

        :param url: instead of ``VAULT_ADDR``.
        :param namespace: instead of ``VAULT_NAMESPACE``.
        :raises VaultLoginMissing: a variable that is needed is not set.
        :raises BlockValidationError: one makes no sense.
        """
        url = url or os.environ.get("VAULT_ADDR")
        if not url:
            raise VaultLoginMissing("Nothing says where Vault is.", "Set VAULT_ADDR to its address.")
        seconds = _SECONDS.fullmatch(os.environ.get("VAULT_CLIENT_TIMEOUT", ""))
        skips = os.environ.get("VAULT_SKIP_VERIFY", "").lower() in {"1", "t", "true"}
        authorities = os.environ.get("VAULT_CACERT")
        return cls(
            url=url,
            namespace=namespace or os.environ.get("VAULT_NAMESPACE") or None,
            auth=_auth_of_environment(),
            verify=not skips,
            ca_cert_path=Path(authorities) if authorities and not skips else None,
            timeout_seconds=float(seconds[1]) if seconds else 10,
        )

    def get_client(self) -> Client:
        """An hvac client that is logged in and stays so, for what this collection has no method for.

        The process keeps one for each set of values; a block whose values changed gets a new one. Threads may share it.

        :raises VaultError: Vault cannot be reached, or refuses the login.
        :raises MissingExtra: hvac is not installed.
        """
        session = self.session()
        asked(session.keep_logged_in)
        return session.client

    def read_secret(self, path: str, *, version: int | None = None) -> dict[str, Any]:
        """A secret of a key-value engine, in clear, whichever version the engine is of.

        :param path: with the engine's mount, without ``data/``: ``secret/crm``.
        :param version: of the secret, where the engine keeps versions; the newest by default.
        :raises VaultAbsent: there is none, or this version was deleted.
        :raises VaultDenied: the login may not read it.
        """
        found = kv.read(self.session(), path, version)
        redactor.register(found)
        return found

    aread_secret: ClassVar = async_twin(read_secret)

    def write_secret(self, path: str, data: Mapping[str, Any], *, cas: int | None = None) -> int | None:
        """Write a secret whole; returns its new version, None where the engine keeps none.

        :param cas: check-and-set: the version that must be the newest; 0 means that there must be none.
        :raises VaultStale: another version is the newest; nothing was written.
        :raises VaultDenied: the login may not write it.
        """
        return kv_writing.write(self.session(), path, data, cas)

    awrite_secret: ClassVar = async_twin(write_secret)

    def list_secrets(self, path: str) -> list[str]:
        """The names directly below a mount or folder, sorted, folders with a slash; an empty list where there are none.

        :raises VaultDenied: the login may not list them.
        """
        return kv_writing.names(self.session(), path)

    alist_secrets: ClassVar = async_twin(list_secrets)

    def delete_secret(self, path: str, versions: Sequence[int] | None = None) -> None:
        """Delete versions of a secret, by default the newest: :meth:`undelete_secret` brings them back.

        On an engine without versions it is gone for good.
        """
        kv_writing.delete(self.session(), path, versions)

    adelete_secret: ClassVar = async_twin(delete_secret)

    def undelete_secret(self, path: str, versions: Sequence[int]) -> None:
        """Bring deleted versions of a secret back."""
        kv_writing.mark(self.session(), "undelete", path, versions)

    aundelete_secret: ClassVar = async_twin(undelete_secret)

    def destroy_secret(self, path: str, versions: Sequence[int]) -> None:
        """Destroy versions of a secret, for good."""
        kv_writing.mark(self.session(), "destroy", path, versions)

    adestroy_secret: ClassVar = async_twin(destroy_secret)

    def read_metadata(self, path: str) -> SecretMetadata:
        """Which versions a secret has, and what is said of it; not what is in it.

        :raises VaultAbsent: there is no such secret.
        """
        return kv_metadata.read(self.session(), path)

    aread_metadata: ClassVar = async_twin(read_metadata)

    def write_metadata(self, path: str, settings: Mapping[str, Any]) -> None:
        """Change what is said of a secret; what is not named stays.

        :param settings: of ``custom_metadata``, ``max_versions``, ``cas_required`` and ``delete_version_after``.
        """
        kv_metadata.write(self.session(), path, settings)

    awrite_metadata: ClassVar = async_twin(write_metadata)

    def delete_metadata(self, path: str) -> None:
        """Delete a secret with all its versions and what is said of it, for good."""
        kv_metadata.delete(self.session(), path)

    adelete_metadata: ClassVar = async_twin(delete_metadata)

    def database_login(self, role: str, *, mount: str = "database") -> DatabaseLogin:
        """A user that Vault makes in a database for a while; as a context manager, gone at its end.

        :param role: of the database engine, whose statements make the user.
        :raises VaultRefused: there is no such role.
        """
        return leases.database_login(self.session(), mount, role)

    adatabase_login: ClassVar = async_twin(database_login)

    def check(self, timeout: float) -> str:
        """Log in, and ask Vault what it thinks of the token.

        :raises CheckDenied: Vault does not accept the login, or the token may not ask about itself.
        :raises CheckUnreachable: nobody answers within ``timeout`` seconds, or Vault is sealed.
        :raises CheckFailed: Vault does not understand the question.
        """
        session = self.session()
        from strongroom_vault.transport import within

        try:
            with within(timeout):
                asked(session.keep_logged_in)
                answer = asked(session.client.auth.token.lookup_self)
        except VaultUnreachable as exc:
            raise CheckUnreachable(exc.problem, exc.remedy) from None
        except (VaultDenied, VaultLoginProblem) as exc:
            raise CheckDenied(exc.problem, exc.remedy) from None
        except VaultError as exc:
            raise CheckFailed(exc.problem, exc.remedy) from None
        seconds = field_of(answer, "data").get("ttl")
        return f"logged in by {self.auth.method}" + (f", for {seconds} s" if seconds else "")

    acheck: ClassVar = async_twin(check)

    def environment(self) -> dict[str, str]:
        """The variables that Vault's own tools read, with the token that the login gives, in clear.

        :raises VaultError: Vault cannot be reached, or refuses the login.
        """
        variables = {
            "VAULT_ADDR": self.url,
            "VAULT_TOKEN": self.get_client().token,
            "VAULT_NAMESPACE": self.namespace,
            "VAULT_CACERT": str(self.ca_cert_path) if self.ca_cert_path else None,
            "VAULT_SKIP_VERIFY": None if self.verify else "true",
        }
        return {name: value for name, value in variables.items() if value}

    def session(self) -> VaultSession:
        """The process' session for this login. Nothing is sent yet.

        :raises VaultLoginMissing: the authorities' certificates are not where ``ca_cert_path`` says.
        :raises MissingExtra: hvac is not installed.
        """
        if self.ca_cert_path and not self.ca_cert_path.expanduser().exists():
            raise VaultLoginMissing(
                f"There are no certificates at {self.ca_cert_path}.",
                "Correct ca_cert_path of the Vault credentials, or VAULT_CACERT.",
            )
        authorities = str(self.ca_cert_path.expanduser()) if self.ca_cert_path else self.verify
        return session_for(Login(self.url, self.auth, self.namespace, authorities, self.timeout_seconds))


def _auth_of_environment() -> Auth:
    given = os.environ.get
    if given("VAULT_TOKEN"):
        return TokenAuth(token=SecretStr(os.environ["VAULT_TOKEN"]))
    if given("VAULT_ROLE_ID"):
        secret_id = given("VAULT_SECRET_ID")
        return AppRoleAuth(role_id=os.environ["VAULT_ROLE_ID"], secret_id=SecretStr(secret_id) if secret_id else None)
    if given("VAULT_KUBERNETES_ROLE"):
        return KubernetesAuth(role=os.environ["VAULT_KUBERNETES_ROLE"], jwt_path=SERVICE_ACCOUNT)
    path = Path("~/.vault-token").expanduser()
    if path.exists():
        return TokenAuth(token_path=path)
    raise VaultLoginMissing(
        "Nothing says how to log in to Vault.",
        "Set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE, or run: vault login",
    )
