"""The passwords of users: hashed with Argon2id, and compared with as much work where there is no such user."""

from __future__ import annotations

import os
import secrets
import unicodedata
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field
from strongroom_registry.acting import on_own_behalf
from strongroom_registry.errors import StaleExpectation

from strongroom_service.errors import InvalidRequest
from strongroom_service.state.directory import Directory

KIND = "password"
SHORTEST, LONGEST = 12, 1024

_SALT, _LENGTH = 16, 32
_ITERATIONS, _LANES, _MEMORY_KIB = 2, 1, 19_456
_COST = f"$argon2id$v=19$m={_MEMORY_KIB},t={_ITERATIONS},p={_LANES}$"


class PasswordRecord(BaseModel):
    """A password on record: its hash, with salt and cost, as the PHC format has them. ``makers`` are the identities
    that know it, or knew one that it could be changed with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    phc: str = Field(repr=False)
    changed: datetime
    makers: tuple[str, ...] = ()


class Proof(NamedTuple):
    """That somebody knew a password.

    :param version: which one it was, of those that the user had.
    :param makers: who besides him could have known it.
    """

    version: int
    makers: tuple[str, ...]


class Passwords:
    """The passwords of a service's users. Safe to use from several threads.

    :param directory: of the service.
    :param kind: what it calls them; each place to log in at has its own.
    """

    def __init__(self, directory: Directory, *, kind: str = KIND) -> None:
        self._directory = directory
        self._kind = kind

    def set(
        self, user: str, password: str, now: datetime, *, makers: tuple[str, ...] = (), after: Proof | None = None
    ) -> None:
        """Give a user a password, in the place of the one before.

        :param makers: who besides him could know it.
        :param after: only in the place of the one that was proved to be known.
        :raises InvalidRequest: it is too short or too long.
        :raises StaleExpectation: it is another one by now, or gone.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidRequest(
                f"A password has {SHORTEST} to {LONGEST} characters.", "Three or four unusual words make a good one."
            )
        record = PasswordRecord(phc=hashed(password), changed=now, makers=makers)
        self._directory.put(self._kind, user, record, expect=after.version if after else None)

    def remove(self, user: str) -> bool:
        """Take a user's password away; whether there was one."""
        return self._directory.remove(self._kind, user)

    def has(self, user: str) -> bool:
        """Whether a user has a password."""
        return self._directory.get(self._kind, user, PasswordRecord) is not None

    def proved(self, user: str, password: str, now: datetime) -> Proof | None:
        """The proof that somebody knows the user's password; None where it is another one. Where there is none, a
        password that nobody knows is compared with, so that the answer takes as much work. A hash of another cost than
        today's is renewed on the way."""
        found = self._directory.found(self._kind, user, PasswordRecord)
        fits = _is_made_of(found.value.phc if found else self._nobodys, password[: LONGEST + 1])
        if found is None or not fits:
            return None
        version = found.version
        if not found.value.phc.startswith(_COST):
            renewed = found.value.model_copy(update={"phc": hashed(password), "changed": now})
            try:
                with on_own_behalf():
                    version = self._directory.put(self._kind, user, renewed, expect=version)
            except StaleExpectation:  # it is another one by now
                return None
        return Proof(version, found.value.makers)

    def is_still(self, user: str, proof: Proof) -> bool:
        """Whether the password is the one that was proved to be known."""
        found = self._directory.found(self._kind, user, PasswordRecord)
        return found is not None and found.version == proof.version

    @cached_property
    def _nobodys(self) -> str:
        return hashed(secrets.token_urlsafe(32))


def hashed(password: str) -> str:
    """A password's hash in the PHC format, with a salt of its own."""
    return _argon2id(os.urandom(_SALT)).derive_phc_encoded(_normal(password))


def _argon2id(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=_LENGTH, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB)


def _is_made_of(phc: str, password: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_normal(password), phc)
    except InvalidKey:
        return False
    return True


def _normal(password: str) -> bytes:
    """One text for what looks the same, whatever keyboard it was typed on; nothing is stripped."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
