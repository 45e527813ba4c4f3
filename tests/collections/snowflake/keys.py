"""Keys made for the tests, as people hand them around."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def public_pem() -> str:
    return key().public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()


def pem(passphrase: str | None = None, style: form.PrivateFormat = form.PrivateFormat.PKCS8) -> str:
    locked = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    return key().private_bytes(form.Encoding.PEM, style, locked).decode()


def der() -> bytes:
    return key().private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())


def shapes(text: str) -> dict[str, str]:
    """The same PEM as it comes out of clipboards, forms and variables."""
    lines = text.strip().splitlines()
    body = "".join(lines[1:-1])
    return {
        "as it was": text,
        "run together with spaces": " ".join(lines),
        "without any ends of line": "".join(lines),
        "with \\n written out": "\\n".join(lines),
        "with Windows' ends of line": "\r\n".join(lines) + "\r\n",
        "indented": "\n".join("    " + line for line in lines),
        "in quotes": f'"{text.strip()}"',
        "with empty lines": "\n\n".join(lines),
        "with text around it": f"the key:\n{text}\nthank you",
        "wrapped at 76": "\n".join([lines[0], *(body[at : at + 76] for at in range(0, len(body), 76)), lines[-1]]),
        "in base64 once more": base64.b64encode(text.encode()).decode(),
    }
