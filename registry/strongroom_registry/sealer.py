"""Sealing what is not a document: results, cached values, parameters of runs.

Made for many small values: one key is derived per sealer and process, so that a value costs one AES-GCM call. Each
value is bound to its purpose, its workspace and a context, so that none is accepted in the place of another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from threading import Lock
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom_registry.derivation import SEALER, framed
from strongroom_registry.errors import EnvelopeMalformed, SealBroken, TooLarge
from strongroom_registry.sealing_keys import SESSION, SealingKeys, check_start

DATA_MAX = 1024 * 1024 * 1024
"""The most that one call seals, in bytes."""
MESSAGES_PER_KEY = 2**24
"""A new key is derived after so many values: with random nonces, two alike are then less likely than 2**-48."""

_NONCE = 12
_HEADER = SESSION + _NONCE
_TAG = 16
_CIPHERS_KEPT = 256


class _Session(NamedTuple):
    """What this process seals with until that is used up, or its key is no longer the current one: the header's start,
    its cipher, a counter of uses."""

    start: bytes
    cipher: AESGCM
    uses: count[int]


class Sealer:
    """Seals and opens values for one purpose within one workspace. Safe to share between threads, and after a fork.

    Nonces are random rather than counted, so that a copied process (a fork, a restored machine) never uses one twice.

    :param keys: who hands out keys of sessions; values of sessions under an older epoch still open.
    :param purpose: what the values are, such as ``"results"``.
    """

    def __init__(self, keys: SealingKeys, purpose: str) -> None:
        self.keys = keys
        self._purpose = purpose.encode()
        self._bound = framed(SEALER, self._purpose, keys.store_id, keys.workspace_id)
        self._ciphers: dict[bytes, AESGCM] = {}
        self._lock = Lock()
        self._session: _Session | None = None  # who only opens needs none

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Encrypt ``data``; it opens again only with the same ``context``, which is stored nowhere.

        :raises TooLarge: more than :data:`DATA_MAX` bytes.
        """
        if len(data) > DATA_MAX:
            raise TooLarge(f"{len(data)} bytes are too many to seal at once.", f"At most {DATA_MAX} are possible.")
        session = self._session
        while session is None or not self.keys.is_current(session.start) or next(session.uses) >= MESSAGES_PER_KEY:
            session = self._renewed(session)
        nonce = os.urandom(_NONCE)
        header = session.start + nonce
        return header + session.cipher.encrypt(nonce, data, self._associated(header, context))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt what :meth:`seal` returned.

        :raises EnvelopeMalformed: no sealed value.
        :raises EnvelopeUnsupported: a newer format, another suite or an unknown flag.
        :raises SealBroken: another context, purpose, workspace or key, or something was changed.
        """
        _check(sealed)
        cipher = self._cipher(sealed[:SESSION])
        header, ciphertext = sealed[:_HEADER], memoryview(sealed)[_HEADER:]
        try:
            return cipher.decrypt(header[SESSION:], ciphertext, self._associated(header, context))
        except InvalidTag:
            raise SealBroken(
                f"A sealed value of {self._purpose.decode()} was changed, or stands in the place of another.",
                "Remove it, and let what made it run again.",
            ) from None

    def name(self, data: bytes) -> str:
        """64 hexadecimal digits to know ``data`` again by, which tell nothing of it without the workspace's key."""
        return self.keys.name(self._purpose, data)

    def former_names(self, data: bytes) -> Iterator[str]:
        """What :meth:`name` gave under each earlier epoch, the latest first: names from before a rotation."""
        return self.keys.former_names(self._purpose, data)

    def _associated(self, header: bytes, context: bytes) -> bytes:
        return self._bound + framed(header, context)

    def _new_session(self) -> _Session:
        start, key = self.keys.new(self._purpose)
        cipher = AESGCM(key)
        self._keep(start, cipher)
        return _Session(start, cipher, count())

    def _renewed(self, used_up: _Session | None) -> _Session:
        with self._lock:
            if self._session is None or self._session is used_up:
                self._session = self._new_session()
            return self._session

    def _cipher(self, start: bytes) -> AESGCM:
        cipher = self._ciphers.get(start)
        if cipher is None:
            cipher = AESGCM(self.keys.key(self._purpose, start))
            self._keep(start, cipher)
        return cipher

    def _keep(self, start: bytes, cipher: AESGCM) -> None:
        if len(self._ciphers) >= _CIPHERS_KEPT:
            self._ciphers = {}
        self._ciphers[start] = cipher

    def __repr__(self) -> str:
        return f"Sealer({self._purpose.decode()!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A sealer cannot be pickled or copied: ask the registry for one where it is needed.")


def _check(sealed: bytes) -> None:
    check_start(sealed)
    if not _HEADER + _TAG <= len(sealed) <= _HEADER + DATA_MAX + _TAG:
        raise EnvelopeMalformed(
            f"A sealed value has {len(sealed)} bytes.", "Remove it, and let what made it run again."
        )
