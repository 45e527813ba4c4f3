"""A key that lives and ends with the process, for a registry in memory."""

from __future__ import annotations

import secrets

from strongroom_registry.derivation import KEY_SIZE
from strongroom_registry.keys.local import LocalKey, RawKeyProvider


class EphemeralKey(RawKeyProvider):
    """A random key that is written nowhere."""

    def __init__(self) -> None:
        super().__init__("ephemeral:")

    def _read(self) -> LocalKey:
        return LocalKey(secrets.token_bytes(KEY_SIZE))
