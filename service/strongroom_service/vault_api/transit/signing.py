"""Signatures with named keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import material, texts
from strongroom_service.vault_api.transit.digests import Algorithm
from strongroom_service.vault_api.transit.encryption import check_context
from strongroom_service.vault_api.transit.key import KeyVersion, TransitKey
from strongroom_service.vault_api.transit.kinds import Kind


class Padding(StrEnum):
    """How RSA signatures are padded."""

    PSS = "pss"
    PKCS1V15 = "pkcs1v15"


class Marshaling(StrEnum):
    """How a signature is written: ECDSA's two numbers as ASN.1, or one after the other as JWS has them (RFC 7518)."""

    ASN1 = "asn1"
    JWS = "jws"


@dataclass(frozen=True, slots=True)
class Manner:
    """How to sign. ``salt_length`` of PSS: ``auto``, ``hash`` or a number of bytes. ECDSA goes by ``algorithm``,
    ``marshaling`` and ``prehashed`` alone, Ed25519 by ``marshaling``."""

    algorithm: Algorithm = Algorithm.SHA2_256
    padding: Padding = Padding.PSS
    marshaling: Marshaling = Marshaling.ASN1
    salt_length: str = "auto"
    prehashed: bool = False

    @property
    def url_safe(self) -> bool:
        """Whether the signature is written in the alphabet of JWS."""
        return self.marshaling is Marshaling.JWS

    def digest(self, data: bytes) -> bytes:
        """The hash that is signed."""
        if not self.prehashed:
            return self.algorithm.digest(data)
        if len(data) != self.algorithm.function.digest_size:
            raise InvalidRequest(f"The input is no hash of {self.algorithm}.", "Send the bytes of the hash as base64.")
        return data


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, the version that made it and, for derived keys, the public key to check it with (base64)."""

    text: str
    version: int
    public: str = ""


def sign(key: TransitKey, data: bytes, manner: Manner, *, version: int = 0, context: bytes = b"") -> Signature:
    """The signature of some data; raises :class:`InvalidRequest`."""
    _check(key, manner, context)
    number, used = key.for_use(version)
    if not used.material:
        raise InvalidRequest("Only the public key is known of this version.", "Import the private key.")
    private = _private(key, used, context)
    match private:
        case ed25519.Ed25519PrivateKey():
            made = private.sign(data)
        case ec.EllipticCurvePrivateKey():
            made = private.sign(manner.digest(data), ec.ECDSA(Prehashed(manner.algorithm.function)))
            made = _as_jws(made, private.key_size) if manner.url_safe else made
        case _:
            made = private.sign(
                manner.digest(data),
                _padding(manner, private.key_size, signing=True),
                Prehashed(manner.algorithm.function),
            )
    public = raw_public(private.public_key()) if key.derived else ""
    return Signature(texts.written(number, made, url_safe=manner.url_safe), number, public)


def verify(key: TransitKey, data: bytes, signature: str, manner: Manner, *, context: bytes = b"") -> bool:
    """Whether a signature is that of some data; raises :class:`InvalidRequest` for a text that is none."""
    _check(key, manner, context)
    number, said = texts.read(signature, "signature", url_safe=manner.url_safe)
    public = public_of(key, key.for_reading(number), context)
    if isinstance(public, ed25519.Ed25519PublicKey):
        return _holds(lambda: public.verify(said, data))
    digest, hashed = manner.digest(data), Prehashed(manner.algorithm.function)
    if isinstance(public, ec.EllipticCurvePublicKey):
        if manner.url_safe and len(said) != 2 * _width(public.key_size):
            return False
        shape = _from_jws(said) if manner.url_safe else said
        return _holds(lambda: public.verify(shape, digest, ec.ECDSA(hashed)))
    pad = _padding(manner, public.key_size, signing=False)
    return _holds(lambda: public.verify(said, digest, pad, hashed))


def _holds(check: Callable[[], None]) -> bool:
    """Whether a signature stands up to its check; a malformed one does not."""
    try:
        check()
    except (InvalidSignature, ValueError):
        return False
    return True


def public_of(key: TransitKey, version: KeyVersion, context: bytes) -> material.PublicKey:
    """The public key of a version: of derived keys, that for a context."""
    return _private(key, version, context).public_key() if key.derived else material.public_key(version.public)


def raw_public(key: material.PublicKey) -> str:
    """The 32 bytes of an Ed25519 key as base64; other keys as PEM."""
    return (
        material.encoded(key.public_bytes_raw()) if isinstance(key, ed25519.Ed25519PublicKey) else material.pem_of(key)
    )


def _private(key: TransitKey, version: KeyVersion, context: bytes) -> material.PrivateKey:
    private = material.private_key(version.material)
    if key.derived and isinstance(private, ed25519.Ed25519PrivateKey):
        seed = material.derived(private.private_bytes_raw(), context, 32)
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return private


def _check(key: TransitKey, manner: Manner, context: bytes) -> None:
    if not key.powers.signs:
        raise InvalidRequest(f"Keys of type {key.kind} do not sign.", "Use a key of type ed25519, or hmac.")
    check_context(key, context)
    if manner.prehashed and key.kind is Kind.ED25519:
        raise InvalidRequest("Ed25519 signs the input itself.", "Leave prehashed out, and send what is to be signed.")


def _padding(manner: Manner, bits: int, *, signing: bool) -> padding.AsymmetricPadding:
    if manner.padding is Padding.PKCS1V15:
        return padding.PKCS1v15()
    function = manner.algorithm.function
    return padding.PSS(padding.MGF1(function), _salt(manner, bits, signing=signing))  # type: ignore[arg-type]


def _salt(manner: Manner, bits: int, *, signing: bool) -> object:
    """The length of the salt. 0 and -1 are what Vault's clients say for ``auto`` and ``hash``."""
    size = manner.algorithm.function.digest_size
    match manner.salt_length:
        case "auto" | "0":
            return padding.PSS.MAX_LENGTH if signing else padding.PSS.AUTO
        case "hash" | "-1":
            return size
    most = (bits + 6) // 8 - size - 2
    if int(manner.salt_length) > most:
        raise InvalidRequest(f"The salt has {most} bytes at most with this key and hash.", "Use auto, hash or less.")
    return int(manner.salt_length)


def _as_jws(signature: bytes, bits: int) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(_width(bits), "big") + s.to_bytes(_width(bits), "big")


def _from_jws(signature: bytes) -> bytes:
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _width(bits: int) -> int:
    """The bytes that each of the two numbers takes."""
    return (bits + 7) // 8
