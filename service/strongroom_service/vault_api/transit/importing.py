"""Keys that are brought, wrapped for the engine: an AES key in RSA-OAEP, and with it the key itself (RFC 5649)."""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import material

BITS = 4096


class Function(StrEnum):
    """The hash of OAEP."""

    SHA1 = "SHA1"
    SHA224 = "SHA224"
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


_FUNCTIONS: dict[Function, hashes.HashAlgorithm] = {
    Function.SHA1: hashes.SHA1(),  # noqa: S303  # in OAEP it need not resist collisions
    Function.SHA224: hashes.SHA224(),
    Function.SHA256: hashes.SHA256(),
    Function.SHA384: hashes.SHA384(),
    Function.SHA512: hashes.SHA512(),
}


def new_wrapping_key() -> str:
    """A private key for others to wrap keys for; it takes a second to find."""
    return material.text_of(rsa.generate_private_key(65537, BITS))


def public_of(wrapping: str) -> str:
    """What others wrap with, as PEM."""
    return material.pem_of(material.private_key(wrapping).public_key())


def unwrapped(wrapping: str, ciphertext: bytes, function: Function) -> bytes:
    """The key that was brought; raises :class:`InvalidRequest`."""
    private, size = cast(rsa.RSAPrivateKey, material.private_key(wrapping)), BITS // 8
    used = _FUNCTIONS[function]
    try:
        ephemeral = private.decrypt(ciphertext[:size], padding.OAEP(padding.MGF1(used), used, None))
        if len(ephemeral) != 32:
            raise ValueError
        return keywrap.aes_key_unwrap_with_padding(ephemeral, ciphertext[size:])
    except (ValueError, keywrap.InvalidUnwrap):
        raise InvalidRequest(
            "The key cannot be unwrapped.",
            "Wrap a 256-bit AES key with wrapping_key (RSA-OAEP), the key with it (AES-KWP), and send one after the "
            "other as base64.",
        ) from None
