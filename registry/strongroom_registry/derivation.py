"""Every label of the format, and the two things that are done with them: framing fields and deriving keys.

A label says what bytes are for. It stands first in everything that is authenticated and in every HKDF ``info``, so that
bytes made for one purpose are never accepted for another. The normative text is ``docs/spec/envelope.md``.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE = 32

KEY_ID = b"strongroom/v1/key-id"
KEY_FINGERPRINT = b"strongroom/v1/key-fingerprint"
KEY_WRAP = b"strongroom/v1/key-wrap"
WORKSPACE_KEY = b"strongroom/v1/workspace-key"
CANARY = b"strongroom/v1/canary"
MAC = b"strongroom/v1/mac"
WRAP = b"strongroom/v1/wrap"
MESSAGE = b"strongroom/v1/message"
BODY = b"strongroom/v1/body"
SEALER = b"strongroom/v1/sealer"
RETIRED = b"strongroom/v1/retired-key"
RECOVERY = b"strongroom/v1/recovery"

_SHA512 = SHA512()


def framed(*fields: bytes) -> bytes:
    """Join fields so that no two lists of fields give the same bytes: each is preceded by its length as 4 bytes."""
    return b"".join([part for field in fields for part in (len(field).to_bytes(4, "big"), field)])


def derive(key: bytes, info: bytes, *, salt: bytes | None = None, length: int = KEY_SIZE) -> bytes:
    """HKDF-SHA512 (RFC 5869). ``info`` is framed and starts with one of the labels above."""
    return HKDF(_SHA512, length, salt, info).derive(key)
