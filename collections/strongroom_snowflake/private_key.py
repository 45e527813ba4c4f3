"""A private key as people paste it, made into what Snowflake's connector wants."""

from __future__ import annotations

import base64
import binascii
import re

from strongroom_snowflake.errors import KeyUnusable

_ARMOUR = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HEADER = re.compile(
    r"(Proc-Type:\s*4,ENCRYPTED)\s*(DEK-Info:\s*(?:DES[A-Z0-9-]*,[0-9A-Fa-f]{16}|[A-Z0-9-]+,[0-9A-Fa-f]{32}))"
)
_WIDTH = 64


def der(text: str | bytes, passphrase: str | None = None) -> bytes:
    """The key as unencrypted PKCS#8 in DER.

    :param text: PEM in any shape: with its lines run together, indented, in Windows' ends of line, with ``\\n`` written
        out, in quotes, without its first and last line, or in base64 once more; or DER itself.
    :param passphrase: what it is encrypted with; not used for a key that is not.
    :raises KeyUnusable: there is no key in it, the passphrase is not right, or it is of another kind.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    key = _loaded(_as_pem(text), passphrase.encode() if passphrase else None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise KeyUnusable("The private key is of a kind that Snowflake does not take.", "Make an RSA key of 2048 bits.")
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _loaded(pem: bytes, passphrase: bytes | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, passphrase)
    except TypeError:  # it is encrypted and there is no passphrase, or the reverse
        pass
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(
            "The private key cannot be read" + (" with this passphrase." if passphrase else "."),
            "Paste the whole key, from BEGIN to END" + (", and its own passphrase." if passphrase else "."),
        ) from None
    if passphrase is None:
        raise KeyUnusable("The private key is encrypted.", "Give private_key_passphrase, too.")
    return _loaded(pem, None)


def _as_pem(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        if text[:1] == b"\x30":  # how every DER begins
            return _armoured("PRIVATE KEY", base64.b64encode(text).decode("ascii"))
        text = text.decode("utf-8", "replace")
    text = text.replace("\\r", "").replace("\\n", "\n").strip().strip("\"'")
    found = _ARMOUR.search(text)
    if found is not None:
        return _armoured(found[1], found[2])
    try:
        inner = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        inner = b""
    if inner[:1] == b"\x30":
        return _armoured(_label(inner), base64.b64encode(inner).decode("ascii"))
    if b"-----BEGIN " in inner:
        return _as_pem(inner)
    raise KeyUnusable(
        "What was given as a private key is none.", "Paste the key in PEM, from -----BEGIN to the last -----."
    )


def _label(inner: bytes) -> str:
    """PKCS#8 begins with the number 0 where it is not encrypted, and with the cipher where it is."""
    length = inner[1]
    body = inner[2 + (length & 0x7F if length & 0x80 else 0) :]
    return "PRIVATE KEY" if body[:3] == b"\x02\x01\x00" else "ENCRYPTED PRIVATE KEY"


def _armoured(label: str, body: str) -> bytes:
    header = _HEADER.search(body)
    kept = "".join(f"{line}\n" for line in header.groups()) + "\n" if header else ""
    letters = "".join(_HEADER.sub("", body, count=1).split())
    lines = "\n".join(letters[at : at + _WIDTH] for at in range(0, len(letters), _WIDTH))
    return f"-----BEGIN {label}-----\n{kept}{lines}\n-----END {label}-----\n".encode("ascii", "replace")
