"""Encryption with named keys.

Symmetric keys seal: 12 bytes of nonce, the ciphertext, 16 bytes of tag. A nonce is random or, for convergent keys, a
MAC of all that is sealed, and never the caller's: who chooses nonces can learn the authentication key. RSA keys encrypt
with OAEP and SHA-256.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import material, texts
from strongroom_service.vault_api.transit.key import KeyVersion, TransitKey
from strongroom_service.vault_api.transit.kinds import Kind

_NONCE = 12
_OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)


def encrypt(
    key: TransitKey, plaintext: bytes, *, version: int = 0, context: bytes = b"", associated_data: bytes = b""
) -> tuple[str, int]:
    """The ciphertext, and the version that made it; raises :class:`InvalidRequest`."""
    check(key, context, associated_data)
    number, used = key.for_use(version)
    if not key.powers.seals:
        return texts.written(number, _to_rsa(used, plaintext)), number
    seal, mac = _derived(key, used, context)
    nonce = _nonce(mac, plaintext, associated_data) if key.convergent else secrets.token_bytes(_NONCE)
    return texts.written(number, nonce + _cipher(key, seal).encrypt(nonce, plaintext, associated_data)), number


def decrypt(key: TransitKey, ciphertext: str, *, context: bytes = b"", associated_data: bytes = b"") -> bytes:
    """What was encrypted; raises :class:`InvalidRequest`."""
    check(key, context, associated_data)
    number, data = texts.read(ciphertext, "ciphertext")
    used = key.for_reading(number)
    if not key.powers.seals:
        return _from_rsa(used, data)
    seal, _ = _derived(key, used, context)
    try:
        return _cipher(key, seal).decrypt(data[:_NONCE], data[_NONCE:], associated_data)
    except (InvalidTag, ValueError):
        raise _unreadable() from None


def check(key: TransitKey, context: bytes, associated_data: bytes = b"") -> None:
    """Refuse associated data that would not count, and the lack of a context that must be there."""
    if not key.powers.encrypts:
        raise InvalidRequest(f"Keys of type {key.kind} do not encrypt.", "Use a key of type aes256-gcm96.")
    check_context(key, context)
    if associated_data and not key.powers.seals:
        raise InvalidRequest(f"Keys of type {key.kind} bind no associated data.", "Leave associated_data out.")


def check_context(key: TransitKey, context: bytes) -> None:
    """Refuse the lack of a context that must be there. One that need not be there does not count."""
    if key.derived and not context:
        raise InvalidRequest("The key is derived: context is missing.", "Send the context as base64.")


def _derived(key: TransitKey, version: KeyVersion, context: bytes) -> tuple[bytes, bytes]:
    """The key to seal with and, for convergent keys, the one that nonces are made with."""
    root = material.decoded(version.material, "key")
    if not key.derived:
        return root, b""
    size = key.powers.size
    both = material.derived(root, context, size + 32 if key.convergent else size)
    return both[:size], both[size:]


def _nonce(mac: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Associated data counts too: the same nonce for two of them would give the authentication key away."""
    said = len(associated_data).to_bytes(8, "big") + associated_data + plaintext
    return hmac.digest(mac, said, sha256)[:_NONCE]


def _cipher(key: TransitKey, seal: bytes) -> AESGCM | ChaCha20Poly1305:
    return ChaCha20Poly1305(seal) if key.kind is Kind.CHACHA20 else AESGCM(seal)


def _to_rsa(version: KeyVersion, plaintext: bytes) -> bytes:
    public = cast(rsa.RSAPublicKey, material.public_key(version.public))
    most = public.key_size // 8 - 2 * SHA256.digest_size - 2
    if len(plaintext) > most:
        raise InvalidRequest(
            f"An RSA key of {public.key_size} bits encrypts {most} bytes at most.", "Encrypt a data key with it."
        )
    return public.encrypt(plaintext, _OAEP)


def _from_rsa(version: KeyVersion, data: bytes) -> bytes:
    if not version.material:
        raise InvalidRequest("Only the public key is known of this version.", "Import the private key.")
    private = cast(rsa.RSAPrivateKey, material.private_key(version.material))
    try:
        return private.decrypt(data, _OAEP)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> InvalidRequest:
    return InvalidRequest(
        "The ciphertext cannot be decrypted: another key, another context or other associated data made it, "
        "or it was changed.",
        "Check key, context and associated_data.",
    )
