"""Key material: made, kept as text, loaded, derived.

Symmetric keys are their bytes, the others PKCS #8 (RFC 5958); each as base64.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit.kinds import POWERS, Kind

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

CURVES: dict[Kind, ec.EllipticCurve] = {
    Kind.ECDSA_P256: ec.SECP256R1(),
    Kind.ECDSA_P384: ec.SECP384R1(),
    Kind.ECDSA_P521: ec.SECP521R1(),
}


def made(kind: Kind, size: int) -> str:
    """New key material of a kind; ``size`` in bytes counts for HMAC keys alone."""
    if kind in CURVES:
        return text_of(ec.generate_private_key(CURVES[kind]))
    if kind is Kind.ED25519:
        return text_of(ed25519.Ed25519PrivateKey.generate())
    if POWERS[kind].asymmetric:
        return text_of(rsa.generate_private_key(65537, POWERS[kind].size))
    return encoded(secrets.token_bytes(size if kind is Kind.HMAC else POWERS[kind].size))


def text_of(key: PrivateKey) -> str:
    """A private key as it is kept."""
    return encoded(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def encoded(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode("ascii")


def decoded(text: str, what: str) -> bytes:
    """The bytes of a base64 text; raises :class:`InvalidRequest`, which names what it was, never what was in it."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"The {what} is not base64.", "Send it in the standard alphabet, padded.") from None


@lru_cache(maxsize=128)
def private_key(material: str) -> PrivateKey:
    """The private key that is kept as this text."""
    key = serialization.load_der_private_key(base64.b64decode(material), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError("Key material of a kind that is not kept here.")
    return key


@lru_cache(maxsize=128)
def public_key(pem: str) -> PublicKey:
    """The public key of a PEM text."""
    key = serialization.load_pem_public_key(pem.encode("ascii"))
    if not isinstance(key, PublicKey):
        raise TypeError("A public key of a kind that is not kept here.")
    return key


def pem_of(key: PublicKey) -> str:
    """A public key as PEM (SubjectPublicKeyInfo)."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def derived(material: bytes, context: bytes, size: int) -> bytes:
    """A key for one context: HKDF with SHA-256 (RFC 5869), no salt, the context as its info."""
    return HKDF(SHA256(), size, None, context).derive(material)


def imported_private(kind: Kind, data: bytes) -> str:
    """What is kept of PKCS #8 (asymmetric) or bare bytes (symmetric) from outside, which are checked."""
    if not POWERS[kind].asymmetric:
        if kind is Kind.HMAC and 32 <= len(data) <= 512:
            return encoded(data)
        if kind is Kind.HMAC or len(data) != POWERS[kind].size:
            raise InvalidRequest(f"The key has not the length of a key of type {kind}.", "Choose the type that it has.")
        return encoded(data)
    try:
        key = serialization.load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidRequest("The key is no private key in PKCS #8.", "Wrap the DER form of PKCS #8.") from None
    if not isinstance(key, PrivateKey) or not fits(kind, key.public_key()):
        raise InvalidRequest(f"The key is none of type {kind}.", "Choose the type that it has.")
    return text_of(key)


def imported_public(kind: Kind, pem: str) -> str:
    """What is kept of a public key from outside."""
    try:
        key = serialization.load_pem_public_key(pem.encode("utf-8"))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidRequest("The public key is no PEM of a public key.", "Send SubjectPublicKeyInfo as PEM.") from None
    if not POWERS[kind].asymmetric or not isinstance(key, PublicKey) or not fits(kind, key):
        raise InvalidRequest(f"The public key is none of type {kind}.", "Choose the type that it has.")
    return pem_of(key)


def fits(kind: Kind, key: PublicKey) -> bool:
    """Whether a key is of a kind."""
    match key:
        case ec.EllipticCurvePublicKey():
            return kind in CURVES and key.curve.name == CURVES[kind].name
        case rsa.RSAPublicKey():
            return kind.startswith("rsa-") and key.key_size == POWERS[kind].size
        case _:
            return kind is Kind.ED25519
