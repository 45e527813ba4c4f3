"""What a rule of a policy can allow."""

from __future__ import annotations

from enum import StrEnum


class Capability(StrEnum):
    """One kind of doing, or ``DENY``, which forbids all of them."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    LIST = "list"
    SUDO = "sudo"
    DENY = "deny"


_LEGACY = {
    "deny": frozenset({Capability.DENY}),
    "read": frozenset({Capability.READ, Capability.LIST}),
    "write": frozenset({Capability.CREATE, Capability.READ, Capability.UPDATE, Capability.DELETE, Capability.LIST}),
}
_LEGACY["sudo"] = _LEGACY["write"] | {Capability.SUDO}


def of_legacy(word: str) -> frozenset[Capability] | None:
    """What the old word for a whole policy allows (``policy = "write"``); None for one that is none."""
    return _LEGACY.get(word)
