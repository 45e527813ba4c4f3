"""What transit makes can be used without it, by whoever has the key: the formats are those of Vault's documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CIPHERS: dict[str, tuple[type[AESGCM | ChaCha20Poly1305], int]] = {
    "aes128-gcm96": (AESGCM, 16),
    "aes256-gcm96": (AESGCM, 32),
    "chacha20-poly1305": (ChaCha20Poly1305, 32),
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bits(text: str) -> bytes:
    return base64.b64decode(text.split(":")[2])


@pytest.mark.parametrize("kind", CIPHERS)
@pytest.mark.parametrize("derived", [False, True])
def test_a_ciphertext_is_nonce_ciphertext_and_tag(transit: Any, kind: str, derived: bool) -> None:
    transit("keys/k", type=kind, exportable=True, derived=derived)
    context = {"context": b64(b"tenant 7")} if derived else {}
    text = transit("encrypt/k", plaintext=b64(b"plain"), associated_data=b64(b"row"), **context)["ciphertext"]
    key = base64.b64decode(transit.read("export/encryption-key/k")["keys"]["1"])
    cipher, size = CIPHERS[kind]
    if derived:
        key = HKDF(hashes.SHA256(), size, None, b"tenant 7").derive(key)
    data = bits(text)
    assert cipher(key).decrypt(data[:12], data[12:], b"row") == b"plain"


def test_an_rsa_key_encrypts_with_oaep_and_signs_with_pss_or_pkcs1(transit: Any) -> None:
    transit("keys/k", type="rsa-2048", exportable=True)
    pem = transit.read("export/encryption-key/k")["keys"]["1"]
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    text = transit("encrypt/k", plaintext=b64(b"plain"))["ciphertext"]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert key.decrypt(bits(text), oaep) == b"plain"
    public, sha384 = key.public_key(), hashes.SHA384()
    pss = transit("sign/k/sha2-384", input=b64(b"data"), salt_length="hash")["signature"]
    public.verify(bits(pss), b"data", padding.PSS(padding.MGF1(sha384), 48), sha384)
    pkcs1 = transit("sign/k/sha2-384", input=b64(b"data"), signature_algorithm="pkcs1v15")["signature"]
    public.verify(bits(pkcs1), b"data", padding.PKCS1v15(), sha384)
    told = {"signature_algorithm": "pkcs1v15", "prehashed": True, "input": b64(hashlib.sha384(b"data").digest())}
    assert transit("verify/k/sha2-384", signature=pkcs1, **told) == {"valid": True}


def test_ecdsa_signatures_are_asn1_or_as_jws_has_them(transit: Any) -> None:
    transit("keys/k", type="ecdsa-p521")
    public = serialization.load_pem_public_key(transit.read("keys/k")["keys"]["1"]["public_key"].encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    asn1 = transit("sign/k/sha2-512", input=b64(b"data"))["signature"]
    public.verify(bits(asn1), b"data", ec.ECDSA(hashes.SHA512()))
    jws = transit("sign/k/sha2-512", input=b64(b"data"), marshaling_algorithm="jws")["signature"].split(":")[2]
    raw = base64.urlsafe_b64decode(jws + "=" * (-len(jws) % 4))
    r, s = int.from_bytes(raw[:66], "big"), int.from_bytes(raw[66:], "big")
    public.verify(encode_dss_signature(r, s), b"data", ec.ECDSA(hashes.SHA512()))


def test_an_ed25519_signature_is_that_of_the_input(transit: Any) -> None:
    transit("keys/k", type="ed25519")
    public = base64.b64decode(transit.read("keys/k")["keys"]["1"]["public_key"])
    signature = bits(transit("sign/k", input=b64(b"data"))["signature"])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, b"data")


@pytest.mark.parametrize("kind", ["hmac", "aes256-gcm96"])
def test_an_hmac_is_that_of_the_exported_key(transit: Any, kind: str) -> None:
    transit("keys/k", type=kind, exportable=True)
    key = base64.b64decode(transit.read("export/hmac-key/k")["keys"]["1"])
    made = transit("hmac/k/sha2-512", input=b64(b"data"))["hmac"]
    assert bits(made) == hmac.digest(key, b"data", "sha512")
