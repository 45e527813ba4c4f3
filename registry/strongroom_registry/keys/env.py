"""``env:NAME``: a key in an environment variable, for containers that are handed their secrets so."""

from __future__ import annotations

import os
import re

from strongroom_registry.errors import InvalidKeyUri, KeyUnavailable
from strongroom_registry.keys.local import LocalKey, RawKeyProvider
from strongroom_registry.keys.material import key_from_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class EnvKey(RawKeyProvider):
    """A key whose text stands in the environment variable ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"env:{name}")

    @classmethod
    def from_uri(cls, uri: str) -> EnvKey:
        """``env:NAME``. The error does not repeat what stands there: it may be the key, given by mistake."""
        name = uri.removeprefix("env:")
        if not _NAME.fullmatch(name):
            raise InvalidKeyUri(
                "A key URI that starts with 'env:' names no environment variable.",
                "Write env:NAME, where NAME is the variable that holds the key.",
            )
        return cls(name)

    def _read(self) -> LocalKey:
        if not os.environ.get(self.name):
            raise KeyUnavailable(
                f"The environment variable {self.name} is not set, or empty.", "Set it to the text of the key."
            )
        return LocalKey(key_from_text(os.environb[self.name.encode()], f"${self.name}"))
