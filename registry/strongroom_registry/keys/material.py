"""Raw key material as text: the one module that turns a key-encryption key into characters and back.

A key's text is ``strongroom-key-v1:`` and 64 lowercase hexadecimal digits. The prefix lets a scanner find stray keys.
"""

from __future__ import annotations

import re
import secrets

from strongroom_registry.derivation import KEY_SIZE
from strongroom_registry.errors import KeyMalformed

TEXT_PREFIX = "strongroom-key-v1:"
TEXT_LENGTH = len(TEXT_PREFIX) + 2 * KEY_SIZE

_DIGITS = re.compile(rb"[0-9a-f]{64}")


def new_key_text() -> str:
    """The text of a new random key. Whoever reads it can open what it seals."""
    return TEXT_PREFIX + secrets.token_hex(KEY_SIZE)


def key_from_text(text: bytes, where: str) -> bytes:
    """The 32 bytes of a key's text; one newline at its end is taken off.

    :raises KeyMalformed: any other length, prefix or character; the message names ``where``, never the text.
    """
    stripped = text[:-1] if text.endswith(b"\n") else text
    if len(stripped) != TEXT_LENGTH:
        raise KeyMalformed(
            f"The key at {where} has {len(stripped)} characters instead of {TEXT_LENGTH}.",
            "It was cut off or is no key of Strongroom: restore it from where you keep its copy.",
        )
    prefix, digits = stripped[: len(TEXT_PREFIX)], stripped[len(TEXT_PREFIX) :]
    if prefix != TEXT_PREFIX.encode() or not _DIGITS.fullmatch(digits):
        raise KeyMalformed(
            f"The key at {where} is not {TEXT_PREFIX!r} and 64 digits of 0-9 a-f.",
            "Restore it from where you keep its copy.",
        )
    return bytes.fromhex(digits.decode())
