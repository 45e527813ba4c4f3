"""``keyring:service/user``: a key in the operating system's keyring, which opens when its user logs in."""

from __future__ import annotations

from datetime import timedelta

from strongroom_registry.errors import InvalidKeyUri, KeyAbsent, KeyUnavailable
from strongroom_registry.keys.keyring_entry import PATIENCE, KeyringEntry
from strongroom_registry.keys.local import LocalKey, RawKeyProvider
from strongroom_registry.keys.material import key_from_text, new_key_text


class KeyringKey(RawKeyProvider):
    """A key whose text is an entry of the keyring.

    :param patience: how long the keyring may take, a person's typing of its password included.
    """

    def __init__(self, entry: KeyringEntry, *, patience: timedelta = PATIENCE) -> None:
        self.entry = entry
        self._patience = patience
        super().__init__(f"keyring:{entry.service}/{entry.user}")

    @classmethod
    def from_uri(cls, uri: str) -> KeyringKey:
        """``keyring:service/user``. The error does not repeat what stands there: it may be the key, by mistake."""
        entry = KeyringEntry.parse(uri.removeprefix("keyring:"))
        if entry is None:
            raise InvalidKeyUri(
                "A key URI that starts with 'keyring:' names no entry of the keyring.",
                "Write keyring:SERVICE/USER, such as keyring:strongroom/main",
            )
        return cls(entry)

    def generate(self) -> str | None:
        """Put a new key into the keyring where it has no such entry.

        :raises KeyUnavailable: the keyring does not give back what it was given.
        """
        try:
            self.entry.read(self._patience)
        except KeyAbsent:
            self.entry.write(new_key_text(), self._patience)
        else:
            return None
        try:
            self._key  # noqa: B018
        except KeyAbsent:
            raise KeyUnavailable(
                f"The keyring took a new key and does not have it now: the entry {self.entry}.",
                "Choose another backend of the package keyring, or another place for the key.",
            ) from None
        return f"this user's keyring, in the entry {self.entry}"

    def _read(self) -> LocalKey:
        where = f"the keyring's entry {self.entry}"
        return LocalKey(key_from_text(self.entry.read(self._patience).encode(errors="replace"), where))
