"""Ways to log in to Vault: with a token, as an AppRole, as a pod of Kubernetes, with a JSON web token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from strongroom import redactor

from strongroom_vault.errors import VaultAnswerUnusable, VaultDenied, VaultLoginMissing

if TYPE_CHECKING:
    from hvac import Client

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LONGEST = 16 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What a login gave. ``seconds`` is how long the token lives, 0 for one that never expires."""

    token: str
    seconds: float
    renewable: bool


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def log_in(self, client: Client) -> Grant:
        """Ask for a token. ``client`` is not logged in yet, or no longer.

        :raises VaultError: there is nothing to log in with, or Vault says no.
        """
        raise NotImplementedError

    def has_another(self, token: str) -> bool:
        """Whether a new login may give another token than this one, which Vault does not accept any more."""
        return True


class TokenAuth(_Auth):
    """A token that somebody else asked for: as it is, or in a file that Vault Agent keeps fresh."""

    method: Literal["token"] = "token"
    token: SecretStr | None = Field(None, description="The token.")
    token_path: Path | None = Field(None, description="A file that holds it instead, such as a sink of Vault Agent.")

    @model_validator(mode="after")
    def _one_of_them(self) -> TokenAuth:
        if (self.token is None) == (self.token_path is None):
            raise ValueError("give token or token_path, and not both")
        return self

    def log_in(self, client: Client) -> Grant:
        token = client.token = self._read()
        try:
            data = field_of(client.auth.token.lookup_self(), "data")
        except VaultDenied:  # some may not ask about themselves; one that ran out will be told so soon
            return Grant(token, 0, False)
        return Grant(token, float(data.get("ttl") or 0), bool(data.get("renewable")))

    def has_another(self, token: str) -> bool:
        try:
            return self.token_path is not None and self._read() != token
        except VaultLoginMissing:
            return False

    def _read(self) -> str:
        if self.token is not None:
            return self.token.get_secret_value()
        assert self.token_path is not None  # noqa: S101
        return text_of(self.token_path, "token of Vault", "token_path")


class AppRoleAuth(_Auth):
    """A role of the AppRole engine, for machines."""

    method: Literal["approle"] = "approle"
    role_id: str = Field(description="The role's id.")
    secret_id: SecretStr | None = Field(None, description="Its secret id, where the role needs one.")
    mount: str = Field("approle", description="Where the engine is mounted, below auth/.")

    def log_in(self, client: Client) -> Grant:
        secret_id = self.secret_id.get_secret_value() if self.secret_id else None
        return _granted(
            client.auth.approle.login(self.role_id, secret_id, use_token=False, mount_point=self.mount.strip("/"))
        )


class KubernetesAuth(_Auth):
    """The service account of the pod that this process runs in."""

    method: Literal["kubernetes"] = "kubernetes"
    role: str = Field(description="The role in Vault that the service account may take.")
    jwt_path: Path = Field(SERVICE_ACCOUNT, description="The file with the service account's token.")
    mount: str = Field("kubernetes", description="Where the engine is mounted, below auth/.")

    def log_in(self, client: Client) -> Grant:
        jwt = text_of(self.jwt_path, "service account's token", "jwt_path")
        redactor.register(jwt)
        return _granted(
            client.auth.kubernetes.login(self.role, jwt, use_token=False, mount_point=self.mount.strip("/"))
        )


class JWTAuth(_Auth):
    """A JSON web token that somebody else signed: of a CI system, of a cloud's workload identity."""

    method: Literal["jwt"] = "jwt"
    role: str | None = Field(None, description="The role in Vault; by default the engine's own default role.")
    jwt: SecretStr | None = Field(None, description="The token.")
    jwt_path: Path | None = Field(None, description="A file that holds it instead, which is read at each login.")
    mount: str = Field("jwt", description="Where the engine is mounted, below auth/.")

    @model_validator(mode="after")
    def _one_of_them(self) -> JWTAuth:
        if (self.jwt is None) == (self.jwt_path is None):
            raise ValueError("give jwt or jwt_path, and not both")
        return self

    def log_in(self, client: Client) -> Grant:
        if self.jwt is not None:
            token = self.jwt.get_secret_value()
        else:
            assert self.jwt_path is not None  # noqa: S101
            token = text_of(self.jwt_path, "JSON web token", "jwt_path")
            redactor.register(token)
        return _granted(client.auth.jwt.jwt_login(self.role, token, use_token=False, path=self.mount.strip("/")))


Auth = TokenAuth | AppRoleAuth | KubernetesAuth | JWTAuth


def text_of(path: Path, what: str, field: str) -> str:
    """The one line in a file that holds a credential.

    :raises VaultLoginMissing: it cannot be read, or holds none.
    """
    try:
        with open(path.expanduser(), encoding="ascii") as file:
            text = file.read(_LONGEST).removesuffix("\n")
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise VaultLoginMissing(
            f"The {what} at {path} cannot be read: {reason}.", f"Correct {field} of the Vault credentials."
        ) from None
    if not text or not text.isprintable():
        raise VaultLoginMissing(f"The file {path} holds no {what}.", f"Correct {field} of the Vault credentials.")
    return text


def field_of(answer: Any, name: str) -> dict[str, Any]:
    """A mapping in an answer of Vault's.

    :raises VaultAnswerUnusable: there is none.
    """
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise VaultAnswerUnusable(
            f"Vault's answer has no {name!r}.",
            "Check that the address is Vault's, and not that of something before it.",
        )
    return found


def _granted(answer: Any) -> Grant:
    auth = field_of(answer, "auth")
    token, seconds = auth.get("client_token"), auth.get("lease_duration") or 0
    if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
        raise VaultAnswerUnusable("Vault's answer to a login holds no token.", "Check that the address is Vault's.")
    redactor.register(token)
    return Grant(token, float(seconds), bool(auth.get("renewable")))
