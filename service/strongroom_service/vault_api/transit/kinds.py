"""The kinds of keys: what each can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """The type of a key, by the name that Vault gives it."""

    AES128 = "aes128-gcm96"
    AES256 = "aes256-gcm96"
    CHACHA20 = "chacha20-poly1305"
    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    ECDSA_P521 = "ecdsa-p521"
    RSA2048 = "rsa-2048"
    RSA3072 = "rsa-3072"
    RSA4096 = "rsa-4096"
    HMAC = "hmac"


@dataclass(frozen=True, slots=True)
class Powers:
    """What keys of a kind can do. ``seals``: encryption authenticates, and can bind data that it does not hide."""

    size: int = 0
    encrypts: bool = False
    seals: bool = False
    signs: bool = False
    derives: bool = False
    shown: str = ""

    @property
    def asymmetric(self) -> bool:
        """Whether there is a public part to show (under the name ``shown``)."""
        return bool(self.shown)


POWERS: Mapping[Kind, Powers] = MappingProxyType(
    {
        Kind.AES128: Powers(16, encrypts=True, seals=True, derives=True),
        Kind.AES256: Powers(32, encrypts=True, seals=True, derives=True),
        Kind.CHACHA20: Powers(32, encrypts=True, seals=True, derives=True),
        Kind.ED25519: Powers(32, signs=True, derives=True, shown="ed25519"),
        Kind.ECDSA_P256: Powers(256, signs=True, shown="P-256"),
        Kind.ECDSA_P384: Powers(384, signs=True, shown="P-384"),
        Kind.ECDSA_P521: Powers(521, signs=True, shown="P-521"),
        Kind.RSA2048: Powers(2048, encrypts=True, signs=True, shown="rsa-2048"),
        Kind.RSA3072: Powers(3072, encrypts=True, signs=True, shown="rsa-3072"),
        Kind.RSA4096: Powers(4096, encrypts=True, signs=True, shown="rsa-4096"),
        Kind.HMAC: Powers(32),
    }
)
"""``size``: bytes of a symmetric or Ed25519 key, bits of the others."""
