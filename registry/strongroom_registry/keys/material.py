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

_TEXT = re.compile(re.escape(TEXT_PREFIX.encode()) + rb"([0-9a-f]{64})")


def new_key_text() -> str:
    """The text of a new random key. Whoever reads it can open what it seals."""
    return TEXT_PREFIX + secrets.token_hex(KEY_SIZE)


def key_from_text(text: bytes, where: str) -> bytes:
    """The 32 bytes of a key's text; one newline at its end is taken off.

    :raises KeyMalformed: any other length, prefix or character; the message names ``where``, never the text.
    """
    key = _key(text)
    if key is None:
        del text  # a traceback may show the variables of the frame that raises
        raise KeyMalformed(
            f"What stands at {where} is no key, which is {TEXT_PREFIX!r} and {2 * KEY_SIZE} digits of 0-9 a-f.",
            "It was cut off, changed, or is something else: restore it from where you keep its copy.",
        )
    return key


def _key(text: bytes) -> bytes | None:
    found = _TEXT.fullmatch(text.removesuffix(b"\n"))
    return bytes.fromhex(found[1].decode()) if found else None
