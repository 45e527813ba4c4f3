"""Who asks Snowflake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from strongroom import Block, async_twin

from strongroom_snowflake import connections, peers_names
from strongroom_snowflake.authentication import Auth, KeyPairAuth
from strongroom_snowflake.checks import checking
from strongroom_snowflake.errors import KeyUnusable

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_ADDRESS = re.compile(r"^(?:https?://)?([^/:\s]+?)(?:\.snowflakecomputing\.(?:com|cn))?(?::\d+)?/*$", re.IGNORECASE)

EXAMPLE: Any = {
    "account": "acme-shop",
    "user": "etl",
    "auth": {"method": "password", "password": "…"},
    "role": "loader",
}


class SnowflakeCredentials(Block, slug="snowflake-credentials", title="Snowflake Credentials"):
    """A login to Snowflake.

    ``auth`` says how, as one of several methods. The flat fields that other tools have for that are taken, too:
    ``password``, ``private_key``, ``private_key_path``, ``private_key_passphrase``, ``authenticator``, ``token``,
    ``endpoint``, ``workload_identity_provider``, ``passcode``; they can be read again under the same names.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    account: str = Field(min_length=1, description="The account's identifier, such as org-name, or its address.")
    user: str | None = Field(None, description="Who logs in; a workload identity and a token can do without.")
    auth: Auth = Field(description="How: a password, a key pair, a token, a browser, ….")
    role: str | None = Field(None, description="The role to act in; by default that of the user.")
    autocommit: bool | None = Field(None, description="Whether each statement is committed by itself; None: as set.")
    host: str | None = Field(None, description="Where it answers, if not at the account's own address: a private link.")
    port: int | None = Field(None, ge=1, le=65535, description="The port, where it is not the usual one.")
    protocol: Literal["https", "http"] = Field("https", description="http is for emulators.")
    login_timeout: int = Field(60, ge=1, description="Seconds that logging in may take.")
    network_timeout: int | None = Field(
        None,
        ge=1,
        description="Seconds after which the connector gives a request up, and a statement that still runs; by default "
        "never.",
    )

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            account: str,
            user: str | None = None,
            auth: Any = None,
            role: str | None = None,
            autocommit: bool | None = None,
            host: str | None = None,
            port: int | None = None,
            protocol: Literal["https", "http"] = "https",
            login_timeout: int = 60,
            network_timeout: int | None = None,
            password: SecretStr | str | None = None,
            passcode: SecretStr | str | None = None,
            private_key: SecretStr | str | bytes | None = None,
            private_key_path: Path | str | None = None,
            private_key_passphrase: SecretStr | str | None = None,
            authenticator: str | None = None,
            token: SecretStr | str | None = None,
            endpoint: str | None = None,
            workload_identity_provider: str | None = None,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _in_peers_names(cls, data: Any) -> Any:
        return peers_names.folded(data) if isinstance(data, Mapping) else data

    @field_validator("account")
    @classmethod
    def _identifier_alone(cls, value: str) -> str:
        found = _ADDRESS.match(value)
        if found is None:
            raise ValueError("must be an account's identifier, such as org-name, or its address")
        return found[1]

    @model_validator(mode="after")
    def _has_a_user(self) -> SnowflakeCredentials:
        if not self.user and self.auth.method in ("password", "mfa", "key_pair", "okta"):
            raise ValueError(f"a login by {self.auth.method} needs a user")
        return self

    @property
    def authenticator(self) -> str:
        """What the connector calls the method."""
        return peers_names.authenticator_of(self.auth)

    @property
    def password(self) -> SecretStr | None:
        """The password, where there is one."""
        return getattr(self.auth, "password", None)

    @property
    def token(self) -> SecretStr | None:
        """The token, where there is one."""
        return getattr(self.auth, "token", None)

    @property
    def private_key(self) -> SecretStr | None:
        """The private key as it was given, where there is one."""
        return getattr(self.auth, "private_key", None)

    @property
    def private_key_path(self) -> Path | None:
        """The file of the private key, where there is one."""
        return getattr(self.auth, "private_key_path", None)

    @property
    def private_key_passphrase(self) -> SecretStr | None:
        """What the private key is encrypted with, where it is."""
        return getattr(self.auth, "private_key_passphrase", None)

    @property
    def endpoint(self) -> str | None:
        """The address at Okta, where that is asked."""
        return getattr(self.auth, "endpoint", None)

    def resolve_private_key(self) -> bytes:
        """The private key in DER, in clear, as the connector takes it.

        :raises KeyUnusable: the login is by another method, or the key cannot be read.
        """
        if not isinstance(self.auth, KeyPairAuth):
            raise KeyUnusable("These credentials have no private key.", "Save them with a private key.")
        return self.auth.der()

    def get_client(self, /, **connect_kwargs: Any) -> SnowflakeConnection:
        """A connection of the connector's own, for what this collection has no method for; close it when done.

        :param connect_kwargs: what ``snowflake.connector.connect`` takes besides.
        :raises CredentialsProblem: Snowflake does not let this login in.
        :raises ServerUnreachable: nobody answers.
        :raises MissingExtra: the connector is not installed.
        """
        return connections.opened(self, lambda: self.login(**connect_kwargs))

    aget_client: ClassVar = async_twin(get_client)

    def check(self, timeout: float) -> str:
        """Log in and ask who that is.

        :raises CheckDenied: Snowflake does not let this login in.
        :raises CheckUnreachable: nobody answers.
        """
        patience = connections.patience(timeout)
        with (
            checking(f"account {self.account}"),
            connections.one(self, lambda: self.login(**patience)) as connection,
        ):
            row = connection.cursor().execute("select current_user(), current_role()").fetchone()
        return f"logged in as {row[0]}, in role {row[1]}"

    acheck: ClassVar = async_twin(check)

    def login(self, **more: Any) -> connections.Login:
        """What a connection is made with, in clear. ``more`` goes over what the block says."""
        found = {
            "account": self.account,
            "user": self.user,
            "role": self.role,
            "autocommit": self.autocommit,
            "host": self.host,
            "port": self.port,
            "protocol": self.protocol,
            "login_timeout": self.login_timeout,
            "network_timeout": self.network_timeout,
            **self.auth.arguments(),
            **more,
        }
        return connections.Login({name: value for name, value in found.items() if value is not None})
