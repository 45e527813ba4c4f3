"""Hashes and MACs."""

from __future__ import annotations

import hashlib
import hmac as hmac_
from enum import StrEnum

from cryptography.hazmat.primitives import hashes

from strongroom_service.vault_api.transit import material, texts
from strongroom_service.vault_api.transit.key import TransitKey


class Algorithm(StrEnum):
    """A hash function, by the name that Vault gives it. SHA-1 is left out on purpose."""

    SHA2_224 = "sha2-224"
    SHA2_256 = "sha2-256"
    SHA2_384 = "sha2-384"
    SHA2_512 = "sha2-512"
    SHA3_224 = "sha3-224"
    SHA3_256 = "sha3-256"
    SHA3_384 = "sha3-384"
    SHA3_512 = "sha3-512"

    @property
    def function(self) -> hashes.HashAlgorithm:
        """The function, as ``cryptography`` names it."""
        return _FUNCTIONS[self]

    def digest(self, data: bytes) -> bytes:
        """The hash of some data."""
        return hashlib.new(self._name, data).digest()

    @property
    def _name(self) -> str:
        """The name in ``hashlib``: ``sha256``, ``sha3_256``."""
        family, bits = self.value.split("-")
        return f"sha3_{bits}" if family == "sha3" else f"sha{bits}"


_FUNCTIONS: dict[Algorithm, hashes.HashAlgorithm] = {
    Algorithm.SHA2_224: hashes.SHA224(),
    Algorithm.SHA2_256: hashes.SHA256(),
    Algorithm.SHA2_384: hashes.SHA384(),
    Algorithm.SHA2_512: hashes.SHA512(),
    Algorithm.SHA3_224: hashes.SHA3_224(),
    Algorithm.SHA3_256: hashes.SHA3_256(),
    Algorithm.SHA3_384: hashes.SHA3_384(),
    Algorithm.SHA3_512: hashes.SHA3_512(),
}


def hmac(key: TransitKey, data: bytes, algorithm: Algorithm, *, version: int = 0) -> str:
    """The HMAC of some data, with the key that every version has for this; raises :class:`InvalidRequest`."""
    number, used = key.for_use(version)
    return texts.written(number, _mac(used.hmac, data, algorithm))


def is_hmac(key: TransitKey, data: bytes, algorithm: Algorithm, mac: str) -> bool:
    """Whether a MAC is that of some data; raises :class:`InvalidRequest` for a text that is none."""
    number, said = texts.read(mac, "hmac")
    return hmac_.compare_digest(said, _mac(key.for_reading(number).hmac, data, algorithm))


def _mac(secret: str, data: bytes, algorithm: Algorithm) -> bytes:
    return hmac_.digest(material.decoded(secret, "key"), data, algorithm._name)
