"""The text of a token: ``srt_``, an id of 12, a secret of 43 and a checksum of 6 characters of base62.

The id is public (the audit, listings and people name the token by it) and finds its record; the secret is 32 random
bytes, of which the server keeps a keyed hash alone. The checksum tells a mistyped token from one that never was without
asking the database, and lets scanners of leaked secrets know one when they see it; it protects nothing.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass, field

PREFIX = "srt_"
WRAP_PREFIX = "srw_"
"""Of tokens that open a wrap, and nothing else."""
SECRET_BYTES = 32
_ID, _SECRET, _CHECKSUM = 12, 43, 6
LENGTH = len(PREFIX) + _ID + _SECRET + _CHECKSUM

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_SHAPE = re.compile(rf"([0-9A-Za-z]{{{_ID}}})([0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECKSUM}}})")
_IN_TEXT = re.compile(
    rf"(sr[a-z]_)(?:([0-9A-Za-z]{{{_ID}}})[0-9A-Za-z]{{{_SECRET}}}|[0-9A-Za-z_-]{{{_SECRET}}})[0-9A-Za-z_-]*"
)
_ACCESSOR = re.compile(rf"[0-9A-Za-z]{{{_ID}}}")


class NotAToken(ValueError):
    """A text that is no token: of another shape, or mistyped. It says nothing of the text."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its bearer has it. Neither its text nor its secret shows in ``repr``.

    :param id: its public name, which is its accessor too.
    :param secret: 32 random bytes.
    :param prefix: what it is a token for; another one's text is none of its kind.
    """

    id: str
    secret: bytes = field(repr=False)
    prefix: str = field(default=PREFIX, repr=False)

    @staticmethod
    def make(prefix: str = PREFIX) -> Token:
        """A new token."""
        return Token("".join(secrets.choice(_DIGITS) for _ in range(_ID)), secrets.token_bytes(SECRET_BYTES), prefix)

    @staticmethod
    def parse(text: str, prefix: str = PREFIX) -> Token:
        """Read what a bearer sent; every token has one text alone.

        :raises NotAToken: of what no server made.
        """
        shape = _SHAPE.fullmatch(text, len(prefix)) if len(text) == LENGTH and text.startswith(prefix) else None
        if shape is None:
            raise NotAToken("not of the shape of a token")
        if _checksum(text[:-_CHECKSUM]) != shape[3]:
            raise NotAToken("mistyped: the checksum is another one")
        number = _number(shape[2])
        if number >> 8 * SECRET_BYTES:
            raise NotAToken("not of the shape of a token")
        return Token(shape[1], number.to_bytes(SECRET_BYTES, "big"), prefix)

    @property
    def text(self) -> str:
        """What the bearer keeps and sends."""
        body = f"{self.prefix}{self.id}{_base62(int.from_bytes(self.secret, 'big'), _SECRET)}"
        return body + _checksum(body)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A token cannot be pickled.")


def without_tokens(text: str) -> str:
    """A text without the secrets of tokens, wraps and secret ids that somebody wrote into it, where they do not belong:
    of the first two the public names are left."""
    return _IN_TEXT.sub(r"\1\2…", text) if "sr" in text else text


def is_accessor(text: str) -> bool:
    """Whether a text can be the public name of a token."""
    return _ACCESSOR.fullmatch(text) is not None


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 62 + _VALUES[digit]
    return number
