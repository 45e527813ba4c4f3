"""The flat fields that other tools' blocks have for a login, made into a way to log in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = (
    "password",
    "passcode",
    "private_key",
    "private_key_path",
    "private_key_passphrase",
    "authenticator",
    "token",
    "endpoint",
    "workload_identity_provider",
)


def folded(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a block with those of :data:`NAMES` folded into ``auth``; as they are where there are none.

    :raises ValueError: they do not say one way to log in.
    """
    flat = {name: data[name] for name in NAMES if data.get(name) is not None}
    rest = {name: value for name, value in data.items() if name not in NAMES}
    if not flat:
        return rest
    if rest.get("auth") is not None:
        raise ValueError(f"give auth or {', '.join(flat)}, and not both")
    return {**rest, "auth": _auth(flat)}


def _auth(flat: dict[str, Any]) -> dict[str, Any]:
    authenticator = str(flat.pop("authenticator", "snowflake")).lower()
    if authenticator in _WITHOUT_PASSWORD:
        flat.pop("password", None)  # which other tools keep beside it, unused
    if authenticator == "snowflake":
        authenticator = _by_what_is_there(flat)
    if authenticator.startswith("https://"):
        flat.setdefault("endpoint", authenticator)
        authenticator = "okta_endpoint"
    if authenticator not in _FIELDS:
        raise ValueError(f"authenticator must be one of {', '.join(['snowflake', *_FIELDS])}")
    method, taken = _FIELDS[authenticator]
    if surplus := sorted(flat.keys() - taken.keys()):
        raise ValueError(f"{', '.join(surplus)} cannot be used with authenticator {authenticator}")
    return {"method": method, **{taken[name]: value for name, value in flat.items()}}


def _by_what_is_there(flat: Mapping[str, Any]) -> str:
    if "private_key" in flat or "private_key_path" in flat:
        return "snowflake_jwt"
    if "passcode" in flat:
        return "username_password_mfa"
    if "token" in flat and "password" not in flat:
        raise ValueError("a token needs an authenticator: oauth, programmatic_access_token or workload_identity")
    return "password"


_WITHOUT_PASSWORD = {"externalbrowser", "workload_identity", "oauth", "snowflake_jwt"}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "password": ("password", _same("password")),
    "username_password_mfa": ("mfa", _same("password", "passcode")),
    "snowflake_jwt": ("key_pair", _same("private_key", "private_key_path", "private_key_passphrase")),
    "oauth": ("oauth", _same("token")),
    "programmatic_access_token": ("access_token", _same("token")),
    "externalbrowser": ("external_browser", {}),
    "okta_endpoint": ("okta", _same("endpoint", "password")),
    "workload_identity": ("workload_identity", {"workload_identity_provider": "provider", "token": "token"}),
}


def authenticator_of(auth: Any) -> str:
    """The authenticator that other tools have for a way to log in."""
    if auth.method == "password":
        return "snowflake"
    return next(name for name, (method, _) in _FIELDS.items() if method == auth.method)
