"""Who may log in to the fake Snowflake, and by what. Runs in its environment."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


class Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class User:
    """A user of the account; what it may log in by is what it has. A passcode is asked for where there is one."""

    name: str
    password: str | None = None
    passcode: str | None = None
    public_key: str | None = None
    tokens: list[str] = field(default_factory=list)
    expired_tokens: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=lambda: ["PUBLIC", "SYSADMIN"])
    warehouses: list[str] | None = None
    masters_expire: bool = False
    disabled: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    logins: int = 0

    @property
    def default_role(self) -> str:
        return self.roles[0]


class Users:
    def __init__(self) -> None:
        self.by_name: dict[str, User] = {}

    def put(self, name: str, **changed: Any) -> None:
        user = self.by_name.setdefault(name.upper(), User(name))
        for key, value in changed.items():
            setattr(user, key, value)

    def let_in(self, data: dict[str, Any]) -> User:
        """The user whom a login request is of.

        :raises Refusal: it is not let in, with Snowflake's own codes.
        """
        authenticator = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        user = self.by_name.get(str(data.get("LOGIN_NAME") or "").upper())
        if user is not None and user.disabled:
            raise Refusal("390101", "User access disabled. Contact your local system administrator.")
        if authenticator in ("OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", "WORKLOAD_IDENTITY"):
            return self._by_token(authenticator, str(data.get("TOKEN")))
        if authenticator == "SNOWFLAKE_JWT":
            if user is None or not user.public_key or not _is_signed(user, data["ACCOUNT_NAME"], str(data["TOKEN"])):
                raise Refusal("390144", "JWT token is invalid.")
            return user
        if user is None or user.password is None or data.get("PASSWORD") != user.password:
            raise Refusal("390100", "Incorrect username or password was specified.")
        if user.passcode is not None and data.get("PASSCODE") != user.passcode:
            raise Refusal("390100", "Incorrect passcode was specified.")
        return user

    def _by_token(self, authenticator: str, token: str) -> User:
        for user in self.by_name.values():
            if token in user.tokens:
                return user
            if token in user.expired_tokens:
                raise Refusal("390318", "OAuth access token expired.")
        if authenticator == "OAUTH":
            raise Refusal("390303", "Invalid OAuth access token.")
        raise Refusal("394400", "Programmatic access token is invalid.")


def _is_signed(user: User, account: str, token: str) -> bool:
    assert user.public_key is not None
    key = load_pem_public_key(user.public_key.encode())
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mark = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    name = f"{account.partition('.')[0].upper()}.{user.name.upper()}"
    try:
        claims = jwt.decode(token, key, algorithms=["RS256", "ES256"], issuer=f"{name}.{mark}")  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return False
    return claims.get("sub") == name
