"""``env:NAME``: a variable of this process's environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from strongroom_blocks.errors import InvalidSecretReference, SecretAbsent
from strongroom_blocks.sources.source import Answer

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvironmentVariables:
    """The environment as a source of secrets. It is read anew at each reveal: nothing is quicker to ask."""

    ttl = 0.0

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """The values of variables; bytes where one is no UTF-8. One that is not set is absent."""
        return {name: _value(name) for name in references}

    def check(self, reference: str) -> None:
        """Whether it is the name of a variable: letters, digits, ``_``."""
        if not _NAME.fullmatch(reference):
            raise InvalidSecretReference(
                f'"env:{reference}" names no variable: its name has letters, digits and "_" alone.',
                'Write it as "env:CRM_TOKEN".',
            )


def _value(name: str) -> Answer:
    value = os.environb.get(os.fsencode(name))
    if value is None:
        return SecretAbsent(f'The secret "env:{name}" is absent: no such variable is set.', f"Set {name}.")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
