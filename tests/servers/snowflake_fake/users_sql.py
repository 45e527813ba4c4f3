"""The SQL that makes and removes users of the fake Snowflake. Runs in its environment."""

from __future__ import annotations

import re
from typing import Any

from logins import Users

_NAME = r'"([^"]+)"'
_CREATE = re.compile(rf"create\s+user\s+{_NAME}\s+(.*)", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|\S+)")
_GRANT = re.compile(rf"grant\s+role\s+(\w+)\s+to\s+user\s+{_NAME}", re.IGNORECASE)
_ALTER = re.compile(rf"alter\s+user\s+(if\s+exists\s+)?{_NAME}\s+(set\s+.*|abort\s+all\s+queries)", re.IGNORECASE)
_DROP = re.compile(rf"drop\s+user\s+(if\s+exists\s+)?{_NAME}", re.IGNORECASE)
_KNOWN = {
    "TYPE", "RSA_PUBLIC_KEY", "DEFAULT_ROLE", "DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE", "DAYS_TO_EXPIRY", "COMMENT",
    "DISABLED",
}  # fmt: skip


def change_users(users: Users, sql: str) -> tuple[str, str, str] | None:
    """Do what a statement says of users.

    :return: None for a statement of another kind; else a code, a message and an SQL state, the code empty where it is
        done.
    """
    text = sql.strip().rstrip(";")
    if found := _CREATE.fullmatch(text):
        return _create(users, found[1], found[2])
    if found := _GRANT.fullmatch(text):
        return _with(users, found[2], False, lambda user: user.roles.append(found[1].upper()))
    if found := _DROP.fullmatch(text):
        return _with(users, found[2], bool(found[1]), lambda user: users.by_name.pop(user.name))
    if found := _ALTER.fullmatch(text):
        given = _properties(found[3][4:]) if found[3].lower().startswith("set") else {}
        return _with(users, found[2], bool(found[1]), lambda user: _alter(user, given))
    return None


def _create(users: Users, name: str, given: str) -> tuple[str, str, str]:
    if name.upper() in users.by_name:
        return "002002", f"SQL compilation error: Object '{name}' already exists.", "42710"
    properties = _properties(given)
    if unknown := set(properties) - _KNOWN:
        return "001003", f"SQL compilation error: invalid property {sorted(unknown)}", "42601"
    users.put(name, roles=["PUBLIC"], properties=properties)
    _alter(users.by_name[name.upper()], properties)
    return "", f"User {name} successfully created.", ""


def _alter(user: Any, properties: dict[str, str]) -> None:
    user.properties = {**user.properties, **properties}
    if key := properties.get("RSA_PUBLIC_KEY"):
        lines = "\n".join(key[at : at + 64] for at in range(0, len(key), 64))
        user.public_key = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"
    user.disabled = user.properties.get("DISABLED", "false").lower() == "true"


def _with(users: Users, name: str, if_exists: bool, change: Any) -> tuple[str, str, str]:
    user = users.by_name.get(name.upper())
    if user is None:
        missing = "002003", f"SQL compilation error: User '{name}' does not exist or not authorized.", "02000"
        return ("", "statement succeeded", "") if if_exists else missing
    change(user)
    return "", "Statement executed successfully.", ""


def _properties(text: str) -> dict[str, str]:
    return {name.upper(): value.strip("'").replace("''", "'") for name, value in _PROPERTY.findall(text)}
