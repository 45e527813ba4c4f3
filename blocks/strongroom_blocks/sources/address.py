"""``scheme:rest``: the text that names a secret in a source."""

from __future__ import annotations

import re
from typing import NamedTuple

from strongroom_blocks.errors import InvalidSecretReference

LONGEST = 2048
_SCHEME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_REMEDY = 'Write a scheme, a colon and what the source names the secret by, such as "env:CRM_TOKEN".'


class Address(NamedTuple):
    """The scheme of a source, and what the source understands of a reference: all that stands after the colon."""

    scheme: str
    rest: str

    @staticmethod
    def parse(text: str) -> Address:
        """Take a reference apart. What is none is not quoted: it may be a secret that somebody took for a reference.

        :raises InvalidSecretReference: it has no scheme or nothing after it, is over 2,048 characters long or holds
            control characters.
        """
        if not isinstance(text, str):
            raise InvalidSecretReference(f"A reference to a secret is a text, not {type(text).__name__}.", _REMEDY)
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme):
            raise InvalidSecretReference("This is no reference to a secret: it does not begin with a scheme.", _REMEDY)
        if not rest.strip():
            raise InvalidSecretReference(f'The reference "{scheme}:" names no secret.', _REMEDY)
        if len(text) > LONGEST:
            raise InvalidSecretReference(
                f'A reference to a secret in "{scheme}" has {len(text)} characters, more than {LONGEST}.', _REMEDY
            )
        if not text.isprintable():
            raise InvalidSecretReference(
                f'A reference to a secret in "{scheme}" holds a control character, such as a newline.', _REMEDY
            )
        return Address(scheme, rest)
