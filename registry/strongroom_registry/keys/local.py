"""Wrapping under a key that this process holds: what all providers share but those of services."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom_registry.derivation import KEY_FINGERPRINT, KEY_SIZE, KEY_WRAP, derive, framed
from strongroom_registry.errors import EnvelopeMalformed, EnvelopeUnsupported, SealBroken, WrongKey

MAGIC = b"SRKW"
VERSION = 1
METHOD_RAW = 1
METHOD_ARGON2ID = 2
METHOD_EPOCH = 3
METHOD_RECOVERY = 4
METHOD_REMOTE = 128

_METHODS = {
    METHOD_RAW: "a key (file:, env:, keyring:)",
    METHOD_ARGON2ID: "a passphrase (passphrase:)",
    METHOD_EPOCH: "the key of a later epoch",
    METHOD_RECOVERY: "a recovery kit (recovery:)",
    METHOD_REMOTE: "a key that a service keeps",
}

_SALT = 32
_NONCE = 12
_TAIL = _SALT + _NONCE + KEY_SIZE + 16


class LocalKey:
    """A 32-byte key-encryption key. It never shows, and no frame that raises holds it as a variable."""

    __slots__ = ("__material", "fingerprint")

    fingerprint: str
    """32 hexadecimal digits derived from the key; safe to show."""

    def __init__(self, material: bytes) -> None:
        self.__material = material
        self.fingerprint = derive(material, framed(KEY_FINGERPRINT), length=16).hex()

    def wrap(self, prefix: bytes, key: bytes, context: bytes) -> bytes:
        """``prefix`` and what :meth:`unwrap` needs after it."""
        header = prefix + secrets.token_bytes(_SALT + _NONCE)
        return header + self._cipher(header).encrypt(header[-_NONCE:], key, _associated(header, context))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key in ``wrapped``, whose shape has been checked."""
        header, sealed = wrapped[: -KEY_SIZE - 16], wrapped[-KEY_SIZE - 16 :]
        try:
            return self._cipher(header).decrypt(header[-_NONCE:], sealed, _associated(header, context))
        except InvalidTag:
            raise SealBroken(
                f"The wrapped workspace key does not open with the key {self.fingerprint}: it was changed, or belongs "
                "to another registry, workspace or epoch.",
                "Restore the registry from a backup.",
            ) from None

    def _cipher(self, header: bytes) -> AESGCM:
        return AESGCM(derive(self.__material, framed(KEY_WRAP), salt=header[-_NONCE - _SALT : -_NONCE]))

    def __repr__(self) -> str:
        return f"LocalKey({self.fingerprint})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled or copied.")


def prefix_for(method: int, parameters: bytes = b"") -> bytes:
    """The start of a wrapped key: magic, version, method, two flag bytes, the method's parameters."""
    return MAGIC + bytes([VERSION, method, 0, 0]) + parameters


def check_method(wrapped: bytes, method: int) -> None:
    """Check that a wrapped key is one of this method.

    :raises EnvelopeMalformed: another magic.
    :raises EnvelopeUnsupported: another version or flag, or an unknown method.
    :raises WrongKey: another known method.
    """
    if not isinstance(wrapped, bytes) or len(wrapped) < 8 or wrapped[:4] != MAGIC:
        raise EnvelopeMalformed("The stored workspace key is no wrapped key.", "Restore the registry from a backup.")
    if wrapped[4] != VERSION or wrapped[6:8] != b"\0\0":
        raise EnvelopeUnsupported(
            f"The stored workspace key has the format {wrapped[4]} with the flags {wrapped[6:8].hex()}.",
            "Use the version of Strongroom that wrote it, or restore the registry from a backup.",
        )
    if wrapped[5] not in _METHODS:
        raise EnvelopeUnsupported(
            f"The stored workspace key was wrapped by an unknown method, {wrapped[5]}.",
            "Use the version of Strongroom that wrote it, or restore the registry from a backup.",
        )
    if wrapped[5] != method:
        raise WrongKey(
            f"The workspace key was wrapped with {_METHODS[wrapped[5]]}, not with {_METHODS[method]}.",
            "Point STRONGROOM_KEY at the one that it was wrapped with.",
        )


def parameters_of(wrapped: bytes, method: int, size: int) -> bytes:
    """Check a wrapped key's shape, before any cryptography, and return its method's parameters.

    :raises EnvelopeMalformed: another magic or length.
    :raises EnvelopeUnsupported: another version or flag, or an unknown method.
    :raises WrongKey: another known method.
    """
    check_method(wrapped, method)
    if len(wrapped) != 8 + size + _TAIL:
        raise EnvelopeMalformed(
            f"The stored workspace key has {len(wrapped)} bytes instead of {8 + size + _TAIL}.",
            "Restore the registry from a backup.",
        )
    return wrapped[8 : 8 + size]


class RawKeyProvider(ABC):
    """A provider whose key is 32 random bytes that it can read once, when needed; a subclass says how."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._read_key: LocalKey | None = None

    @abstractmethod
    def _read(self) -> LocalKey:
        """The key; raises :class:`KeyProblem`."""

    @property
    def _key(self) -> LocalKey:
        if self._read_key is None:
            self._read_key = self._read()
        return self._read_key

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key, safe to show."""
        return self._key.fingerprint

    def fingerprint_for(self, wrapped: bytes) -> str:
        parameters_of(wrapped, METHOD_RAW, 0)
        return self.fingerprint

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._key.wrap(prefix_for(METHOD_RAW), key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        parameters_of(wrapped, METHOD_RAW, 0)
        return self._key.unwrap(wrapped, context)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"


def _associated(header: bytes, context: bytes) -> bytes:
    return framed(KEY_WRAP, header, context)
