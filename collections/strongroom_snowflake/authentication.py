"""Ways to log in to Snowflake. Each gives the arguments that its connector wants for it, in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from strongroom_snowflake import private_key
from strongroom_snowflake.errors import CredentialsProblem, KeyUnusable

_LONGEST = 64 * 1024


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def arguments(self) -> dict[str, Any]:
        """What ``snowflake.connector.connect`` is given, secrets in clear.

        :raises SnowflakeError: a file or a key cannot be used.
        """
        raise NotImplementedError

    def dbt_settings(self) -> dict[str, Any]:
        """The same in the words of dbt's profiles; a secret stays wrapped in its kind.

        :raises CredentialsProblem: dbt has no words for it.
        """
        raise CredentialsProblem(
            f"dbt cannot log in to Snowflake by {getattr(self, 'method', 'this method')}.",
            "Give the credentials block a password, a key pair, a token, or a browser.",
        )


class PasswordAuth(_Auth):
    """A user's password."""

    method: Literal["password"] = "password"
    password: SecretStr = Field(description="The user's password.")

    def arguments(self) -> dict[str, Any]:
        return {"password": self.password.get_secret_value()}

    def dbt_settings(self) -> dict[str, Any]:
        return {"password": self.password}


class MfaAuth(_Auth):
    """A password and a second factor: a passcode of now, or else a push to the user's device."""

    method: Literal["mfa"] = "mfa"
    password: SecretStr = Field(description="The user's password.")
    passcode: SecretStr | None = Field(None, description="The passcode of now; without it the device is asked.")
    cache_token: bool = Field(
        False, description="Have the connector keep the token of this machine, so that the device is asked less often."
    )

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "authenticator": "USERNAME_PASSWORD_MFA",
            "password": self.password.get_secret_value(),
            "client_request_mfa_token": self.cache_token,
        }
        if self.passcode is not None:
            found["passcode"] = self.passcode.get_secret_value()
        return found

    def dbt_settings(self) -> dict[str, Any]:
        return {"authenticator": "username_password_mfa", "password": self.password}


class KeyPairAuth(_Auth):
    """A private key whose public half the user has in Snowflake."""

    method: Literal["key_pair"] = "key_pair"
    private_key: SecretStr | None = Field(None, description="The key in PEM, in whatever shape it was pasted.")
    private_key_path: Path | None = Field(None, description="A file with the key, instead.")
    private_key_passphrase: SecretStr | None = Field(None, description="What the key is encrypted with.")

    @field_validator("private_key", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        inner = value.get_secret_value() if type(value).__name__ == "SecretBytes" else value
        return inner.decode("utf-8", "replace") if isinstance(inner, bytes) else value

    @model_validator(mode="after")
    def _one_of_them(self) -> KeyPairAuth:
        if (self.private_key is None) == (self.private_key_path is None):
            raise ValueError("give private_key or private_key_path, and not both")
        # What stays elsewhere, in another manager of secrets, is not fetched for the asking.
        if type(self.private_key) is SecretStr and type(self.private_key_passphrase) in (SecretStr, type(None)):
            try:
                self.der()
            except KeyUnusable as error:
                raise ValueError(f"{error.problem} {error.remedy}") from None
        return self

    def der(self) -> bytes:
        """The key, in clear.

        :raises KeyUnusable: it is none, its file cannot be read, or its passphrase is not right.
        """
        secret = self.private_key_passphrase
        passphrase = secret.get_secret_value() if secret is not None else None
        if self.private_key is not None:
            return private_key.der(self.private_key.get_secret_value(), passphrase)
        assert self.private_key_path is not None  # noqa: S101
        return private_key.der(_content(self.private_key_path, "private_key_path"), passphrase)

    def arguments(self) -> dict[str, Any]:
        return {"authenticator": "SNOWFLAKE_JWT", "private_key": self.der()}

    def dbt_settings(self) -> dict[str, Any]:
        import base64

        return {"authenticator": "snowflake_jwt", "private_key": SecretStr(base64.b64encode(self.der()).decode())}


class _Token(_Auth):
    token: SecretStr | None = Field(None, description="The token.")
    token_path: Path | None = Field(None, description="A file that holds it instead, which something keeps fresh.")

    @model_validator(mode="after")
    def _has_a_token(self) -> Any:
        if (self.token is None) == (self.token_path is None):
            raise ValueError("give token or token_path, and not both")
        return self

    def _found(self) -> str:
        if self.token is not None:
            return self.token.get_secret_value()
        assert self.token_path is not None  # noqa: S101
        return _content(self.token_path, "token_path").decode("utf-8", "replace").strip()


class OAuthAuth(_Token):
    """An access token of OAuth, fetched by somebody else."""

    method: Literal["oauth"] = "oauth"

    def arguments(self) -> dict[str, Any]:
        return {"authenticator": "OAUTH", "token": self._found()}

    def dbt_settings(self) -> dict[str, Any]:
        return {"authenticator": "oauth", "token": SecretStr(self._found())}


class AccessTokenAuth(_Token):
    """A programmatic access token (PAT) of the user."""

    method: Literal["access_token"] = "access_token"

    def arguments(self) -> dict[str, Any]:
        return {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": self._found()}

    def dbt_settings(self) -> dict[str, Any]:
        return {"password": SecretStr(self._found())}  # which Snowflake takes in a password's place


class BrowserAuth(_Auth):
    """The single sign-on of the account, in a browser of the machine that this process runs on."""

    method: Literal["external_browser"] = "external_browser"
    cache_token: bool = Field(False, description="Have the connector keep the token, so that no browser opens again.")

    def arguments(self) -> dict[str, Any]:
        return {"authenticator": "EXTERNALBROWSER", "client_store_temporary_credential": self.cache_token}

    def dbt_settings(self) -> dict[str, Any]:
        return {"authenticator": "externalbrowser"}


class OktaAuth(_Auth):
    """The password of an account at Okta."""

    method: Literal["okta"] = "okta"
    endpoint: str = Field(pattern=r"^https://[^/\s]+", description="Such as https://name.okta.com.")
    password: SecretStr = Field(description="The password at Okta.")

    def arguments(self) -> dict[str, Any]:
        return {"authenticator": self.endpoint, "password": self.password.get_secret_value()}

    def dbt_settings(self) -> dict[str, Any]:
        return {"authenticator": self.endpoint, "password": self.password}


class WorkloadIdentityAuth(_Auth):
    """The identity that the platform gives this process: a role of AWS, a managed identity, a service account."""

    method: Literal["workload_identity"] = "workload_identity"
    provider: Literal["aws", "azure", "gcp", "oidc"] = Field(description="Who says who this process is.")
    token: SecretStr | None = Field(None, description="For oidc: the token of its provider.")
    token_path: Path | None = Field(None, description="A file with that token, instead.")

    @model_validator(mode="after")
    def _token_where_it_is_used(self) -> WorkloadIdentityAuth:
        given = (self.token is not None) + (self.token_path is not None)
        if given != (1 if self.provider == "oidc" else 0):
            raise ValueError("provider oidc takes token or token_path, and the others neither")
        return self

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "authenticator": "WORKLOAD_IDENTITY",
            "workload_identity_provider": self.provider.upper(),
        }
        if self.token is not None:
            found["token"] = self.token.get_secret_value()
        elif self.token_path is not None:
            found["token"] = _content(self.token_path, "token_path").decode("utf-8", "replace").strip()
        return found


Auth = Annotated[
    PasswordAuth | MfaAuth | KeyPairAuth | OAuthAuth | AccessTokenAuth | BrowserAuth | OktaAuth | WorkloadIdentityAuth,
    Field(discriminator="method"),
]


def _content(path: Path, field: str) -> bytes:
    try:
        with open(path.expanduser(), "rb") as file:
            return file.read(_LONGEST)
    except OSError as error:
        raise KeyUnusable(
            f"The file {path} cannot be read: {error.strerror}.", f"Correct {field} of the Snowflake credentials."
        ) from None
