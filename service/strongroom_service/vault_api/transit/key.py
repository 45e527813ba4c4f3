"""A named key: its versions, its settings, and what becomes of it. All of it is values; nothing here does I/O."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import material
from strongroom_service.vault_api.transit.kinds import POWERS, Kind, Powers

MAX_VERSIONS = 10_000
_HOUR = timedelta(hours=1)
_Material = Annotated[str, Field(repr=False, max_length=8192)]


class KeyVersion(BaseModel):
    """One version of a key. ``material`` is empty where only the public key was brought; ``public`` is PEM, empty for
    symmetric keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    created: datetime
    material: _Material
    hmac: _Material
    public: str = Field(default="", max_length=2048)


class TransitKey(BaseModel):
    """A named key with all the versions that were not trimmed.

    ``min_encryption_version`` 0 means the latest; ``imported``: the first version came from outside, and
    ``rotatable`` then says whether versions made here may follow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=256)
    kind: Kind
    versions: dict[int, KeyVersion] = Field(min_length=1, max_length=MAX_VERSIONS)
    latest: int = Field(ge=1)
    size: int = Field(default=32, ge=32, le=512)
    derived: bool = False
    convergent: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    deletion_allowed: bool = False
    min_decryption_version: int = Field(default=1, ge=1)
    min_encryption_version: int = Field(default=0, ge=0)
    min_available_version: int = Field(default=0, ge=0)
    auto_rotate_seconds: int = Field(default=0, ge=0)
    imported: bool = False
    rotatable: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Also a key that is restored from outside obeys the rules that those made here do."""
        wanted = set(range(max(1, self.min_available_version), self.latest + 1))
        if set(self.versions) != wanted or max(self.min_decryption_version, self.min_encryption_version) > self.latest:
            raise ValueError("The versions of the key do not fit its settings.")
        return self

    @property
    def powers(self) -> Powers:
        """What the key can do."""
        return POWERS[self.kind]

    def for_use(self, version: int) -> tuple[int, KeyVersion]:
        """The version to encrypt or sign with; 0 means the latest. Raises :class:`InvalidRequest`."""
        number = version or self.latest
        if not 1 <= number <= self.latest:
            raise InvalidRequest(f"The key has no version {number}.", f"Its latest version is {self.latest}.")
        if number < max(self.min_encryption_version, self.min_available_version):
            raise InvalidRequest(
                f"Version {number} of the key may not be used any more.",
                f"Use {self.min_encryption_version} or later, or leave key_version out.",
            )
        return number, self.versions[number]

    def for_reading(self, number: int) -> KeyVersion:
        """The version that something was encrypted or signed with. Raises :class:`InvalidRequest`."""
        if not 1 <= number <= self.latest:
            raise InvalidRequest(f"The key has no version {number}.", "The text was made with another key.")
        if number < max(self.min_decryption_version, self.min_available_version):
            raise InvalidRequest(
                f"Version {number} of the key is too old: it is disallowed by min_decryption_version.",
                "Lower min_decryption_version, if the version was not trimmed.",
            )
        return self.versions[number]

    def rotated(self, version: KeyVersion) -> TransitKey:
        """The key with a new version that was made here. Raises :class:`InvalidRequest`."""
        if not self.rotatable:
            raise InvalidRequest("The key was imported without leave to rotate it here.", "Import a new version of it.")
        return self._with(version)

    def with_version(self, brought: KeyVersion) -> TransitKey:
        """The key with a new version that came from outside."""
        if not self.imported:
            raise InvalidRequest("The key was made here.", "Rotate it instead, or import under another name.")
        if self.derived and not brought.material:
            raise InvalidRequest("A public key alone cannot be derived.", "Import the private key.")
        return self._with(brought)

    def _with(self, version: KeyVersion) -> TransitKey:
        if len(self.versions) >= MAX_VERSIONS:
            raise InvalidRequest(f"The key has {MAX_VERSIONS} versions.", "Trim it first.")
        number = self.latest + 1
        return self._changed(versions={**self.versions, number: version}, latest=number)

    def is_due(self, now: datetime) -> bool:
        """Whether its latest version is older than it may become before a rotation by itself."""
        age = now - self.versions[self.latest].created
        return self.rotatable and self.auto_rotate_seconds > 0 and age >= timedelta(seconds=self.auto_rotate_seconds)

    def configured(
        self,
        *,
        min_decryption_version: int | None = None,
        min_encryption_version: int | None = None,
        deletion_allowed: bool | None = None,
        exportable: bool | None = None,
        allow_plaintext_backup: bool | None = None,
        auto_rotate_seconds: int | None = None,
    ) -> TransitKey:
        """The key with other settings; what is None stays. Raises :class:`InvalidRequest`."""
        decryption = _minimum(min_decryption_version, self.min_decryption_version, "min_decryption_version") or 1
        encryption = _minimum(min_encryption_version, self.min_encryption_version, "min_encryption_version")
        if max(decryption, encryption) > self.latest:
            raise InvalidRequest("No minimum can lie above the latest version.", f"That is {self.latest}.")
        if encryption and decryption > encryption:
            raise InvalidRequest(
                "min_decryption_version is greater than min_encryption_version: what is encrypted could not be read.",
                "Raise min_encryption_version with it.",
            )
        if decryption < self.min_available_version or 0 < encryption < self.min_available_version:
            raise InvalidRequest("Versions that were trimmed cannot come back.", f"Use {self.min_available_version}.")
        return self._changed(
            min_decryption_version=decryption,
            min_encryption_version=encryption,
            deletion_allowed=self.deletion_allowed if deletion_allowed is None else deletion_allowed,
            exportable=_once(exportable, self.exportable, "exportable"),
            allow_plaintext_backup=_once(allow_plaintext_backup, self.allow_plaintext_backup, "allow_plaintext_backup"),
            auto_rotate_seconds=self.auto_rotate_seconds if auto_rotate_seconds is None else auto_rotate_seconds,
        )

    def trimmed(self, first: int) -> TransitKey:
        """The key without the versions before ``first``, which are gone for good. Raises :class:`InvalidRequest`."""
        bound = min(self.min_encryption_version, self.min_decryption_version)
        if not self.min_encryption_version:
            raise InvalidRequest("min_encryption_version is not set.", "Set it first: it says what is still in use.")
        if not max(1, self.min_available_version) <= first <= bound:
            raise InvalidRequest(
                f"min_available_version {first} is out of bounds.",
                f"Use {max(1, self.min_available_version)} to {bound}: what may still be used is not trimmed.",
            )
        kept = {number: version for number, version in self.versions.items() if number >= first}
        return self._changed(versions=kept, min_available_version=first)

    def named(self, name: str) -> TransitKey:
        """The key under another name."""
        return self._changed(name=name)

    def _changed(self, **changes: object) -> TransitKey:
        return TransitKey.model_validate(self.model_dump() | changes)


def new_key(
    name: str,
    kind: Kind,
    now: datetime,
    *,
    derived: bool = False,
    convergent: bool = False,
    exportable: bool = False,
    allow_plaintext_backup: bool = False,
    size: int = 0,
    auto_rotate_seconds: int = 0,
    brought: KeyVersion | None = None,
    rotatable: bool = True,
) -> TransitKey:
    """A key with its first version, new or brought. Raises :class:`InvalidRequest` for what its kind cannot be."""
    if derived and not POWERS[kind].derives:
        raise InvalidRequest(f"Keys of type {kind} cannot be derived.", "Leave derived out.")
    if convergent and not POWERS[kind].seals:
        raise InvalidRequest(f"Keys of type {kind} cannot encrypt convergently.", "Leave convergent_encryption out.")
    if convergent and not derived:
        raise InvalidRequest("Convergent encryption needs derivation.", "Set derived too.")
    if derived and brought and not brought.material:
        raise InvalidRequest("A public key alone cannot be derived.", "Import the private key.")
    if size and (kind is not Kind.HMAC or not 32 <= size <= 512):
        raise InvalidRequest("key_size is for keys of type hmac, 32 to 512 bytes.", "Leave key_size out.")
    return TransitKey(
        name=name,
        kind=kind,
        versions={1: brought or new_version(kind, size or 32, now)},
        latest=1,
        size=size or 32,
        derived=derived,
        convergent=convergent,
        exportable=exportable,
        allow_plaintext_backup=allow_plaintext_backup,
        auto_rotate_seconds=auto_rotate_seconds,
        imported=brought is not None,
        rotatable=rotatable,
    )


def new_version(kind: Kind, size: int, now: datetime) -> KeyVersion:
    """A version with new material; ``size`` in bytes counts for HMAC keys alone."""
    return version_of(kind, material.made(kind, size), now)


def version_of(kind: Kind, text: str, now: datetime) -> KeyVersion:
    """A version with this material, and a key of its own for HMAC (that of type hmac is its own)."""
    public = material.pem_of(material.private_key(text).public_key()) if POWERS[kind].asymmetric else ""
    mac = text if kind is Kind.HMAC else material.encoded(secrets.token_bytes(32))
    return KeyVersion(created=now, material=text, hmac=mac, public=public)


def public_version(pem: str, now: datetime) -> KeyVersion:
    """A version of which only the public key is known: it verifies and encrypts."""
    return KeyVersion(created=now, material="", hmac=material.encoded(secrets.token_bytes(32)), public=pem)


def period(wanted: timedelta) -> int:
    """The seconds of a period after which a key rotates by itself; 0 for never."""
    if wanted and wanted < _HOUR:
        raise InvalidRequest("A key rotates by itself every hour at most.", "Use 1h or more, or 0 for never.")
    return int(wanted.total_seconds())


def _minimum(wanted: int | None, had: int, what: str) -> int:
    if wanted is not None and wanted < 0:
        raise InvalidRequest(f"{what} cannot be negative.", "Use 0 or a version.")
    return had if wanted is None else wanted


def _once(wanted: bool | None, had: bool, what: str) -> bool:
    if wanted is False and had:
        raise InvalidRequest(f"{what} cannot be taken back.", "Make another key.")
    return had if wanted is None else wanted
