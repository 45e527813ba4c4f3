"""``keyring:service/user``: a key in the operating system's keyring, which opens when its user logs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from strongroom_registry.configuration import configuration_folder
from strongroom_registry.errors import InvalidKeyUri, KeyAbsent, KeyUnavailable
from strongroom_registry.keys.keyring_entry import PATIENCE, KeyringEntry
from strongroom_registry.keys.local import LocalKey, RawKeyProvider
from strongroom_registry.keys.material import key_from_text, new_key_text
from strongroom_registry.keys.private_file import alone_in
from strongroom_registry.private_output import make_private_folder


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

    @contextmanager
    def alone(self) -> Iterator[None]:
        try:
            make_private_folder(configuration_folder())
        except OSError as error:
            raise KeyUnavailable(
                f"{configuration_folder()} cannot be made: {error.strerror}.", "Set XDG_CONFIG_HOME to another place."
            ) from None
        with alone_in(configuration_folder()):
            yield

    def renewed(self) -> KeyringKey:
        """The key of the entry beside this one whose user ends with ``.new``, made where it is missing."""
        next_key = self._beside("new")
        if next_key.generate() is None and next_key.fingerprint == self.fingerprint:
            next_key.entry.remove(self._patience)  # left by a rotation that was killed when all else was done
            next_key = self._beside("new")
            next_key.generate()
        next_key.uri = self.uri  # where it will lie
        return next_key

    def read_again(self) -> None:
        self._read_key = None

    def replace(self) -> str:
        self._read_key = None
        former, next_key = self._beside(f"former-{self.fingerprint[:8]}"), self._beside("new")
        former._take(self)
        self._take(next_key)
        next_key.entry.remove(self._patience)
        return f"the keyring's entry {former.entry}"

    def _beside(self, ending: str) -> KeyringKey:
        return KeyringKey(KeyringEntry(self.entry.service, f"{self.entry.user}.{ending}"), patience=self._patience)

    def _take(self, other: KeyringKey) -> None:
        """Have the text of the other entry in this one, too."""
        self.entry.write(other.entry.read(self._patience), self._patience)
        self._read_key = None
        if self.fingerprint != other.fingerprint:
            raise KeyUnavailable(
                f"The keyring took a key and has another one now: the entry {self.entry}.",
                "Look at it, and repeat the rotation.",
            )

    def _read(self) -> LocalKey:
        where = f"the keyring's entry {self.entry}"
        return LocalKey(key_from_text(self.entry.read(self._patience).encode(errors="replace"), where))
