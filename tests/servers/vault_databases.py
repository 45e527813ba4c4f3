"""The database engine of the fake Vault: users that a test makes for real, or that are only told of, and leases."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from servers.vault_answers import Refusal, envelope

Body = dict[str, Any]


@dataclass
class Lease:
    """A user that is lent until ``ends``."""

    username: str
    ends: float
    longest: float


@dataclass
class Databases:
    """A mount with roles; ``make`` and ``drop`` are what the engine's statements do in the database."""

    roles: dict[str, int] = field(default_factory=lambda: {"reader": 3600})
    """How many seconds a user of each role is lent for."""
    make: Callable[[str, str], None] = lambda _username, _password: None
    drop: Callable[[str], None] = lambda _username: None
    leases: dict[str, Lease] = field(default_factory=dict)

    def answer(self, method: str, path: str, now: float) -> Body:
        area, _, role = path.partition("/")
        if method != "GET" or area != "creds":
            raise Refusal(405, "unsupported operation")
        if role not in self.roles:
            raise Refusal(400, f"unknown role: {role}")
        username, password, ttl = f"v_{role}_{secrets.token_hex(6)}", secrets.token_urlsafe(15), self.roles[role]
        self.make(username, password)
        lease_id = f"database/creds/{role}/{secrets.token_urlsafe(18)}"
        self.leases[lease_id] = Lease(username, now + ttl, now + 2 * ttl)
        data = {"username": username, "password": password}
        return {**envelope(data), "lease_id": lease_id, "lease_duration": ttl, "renewable": True}

    def renewed(self, lease_id: str, increment: Any, now: float) -> Body:
        lease = self.leases.get(lease_id)
        if lease is None or lease.ends <= now:
            raise Refusal(400, "lease not found")
        seconds = int(increment or self.roles[lease_id.split("/")[2]])
        lease.ends = min(now + seconds, lease.longest)
        return {**envelope(None), "lease_id": lease_id, "lease_duration": int(lease.ends - now), "renewable": True}

    def revoke(self, lease_id: str) -> None:
        lease = self.leases.pop(lease_id, None)
        if lease is not None:
            self.drop(lease.username)
