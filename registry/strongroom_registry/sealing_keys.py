"""The keys that values are sealed with: one for each session, which is named by what its values begin with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from strongroom_registry.derivation import SEALER, framed
from strongroom_registry.errors import EnvelopeMalformed, EnvelopeUnsupported, SealBroken
from strongroom_registry.keyring import Keyring, WorkspaceKey

VERSION = 1
SUITE_AES256GCM_HKDFSHA512 = 1

START = b"SRSL" + bytes([VERSION, SUITE_AES256GCM_HKDFSHA512, 0, 0])
_NAME = b"strongroom/v1/name"
_EPOCH = slice(8, 12)
_KEY_ID = slice(12, 28)
_SALT = 32
SESSION = len(START) + 4 + 16 + _SALT
"""The length of a session's start: format, epoch, id of the workspace's key, salt."""


class SessionKey(NamedTuple):
    """What values of one session begin with, and the 32 bytes that they are sealed with."""

    start: bytes
    key: bytes


class SealingKeys(Protocol):
    """Who hands out keys of sessions: the workspace's keyring, or a server that has it. Safe to use from many threads.

    A key is for one purpose, one workspace and one session: who has it opens values of that session alone.
    """

    @property
    def store_id(self) -> bytes:
        """The id of the store, 16 bytes; values are bound to it."""

    @property
    def workspace_id(self) -> bytes:
        """The id of the workspace, 16 bytes; values are bound to it."""

    def new(self, purpose: bytes) -> SessionKey:
        """A new session under the current key of the workspace."""

    def is_current(self, start: bytes) -> bool:
        """Whether a session that :meth:`new` gave may go on sealing. Asked for each value: it has to be quick."""

    def key(self, purpose: bytes, start: bytes) -> bytes:
        """The key of a session that anybody began.

        :raises SealBroken: it was begun under a key that the workspace does not have.
        """

    def name(self, purpose: bytes, data: bytes) -> str:
        """64 hexadecimal digits to know ``data`` again by, made with the current key of the workspace."""

    def former_names(self, purpose: bytes, data: bytes) -> Iterator[str]:
        """What :meth:`name` gave under each earlier epoch, the latest first."""


class WorkspaceSealing:
    """Keys of sessions out of the workspace's own, which this process has.

    :param keyring: the workspace's keys; sessions of older epochs still open.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def store_id(self) -> bytes:
        return self._keyring.store_id

    @property
    def workspace_id(self) -> bytes:
        return self._keyring.workspace_id

    def new(self, purpose: bytes) -> SessionKey:
        key = self._keyring.current
        start = b"".join((START, key.epoch.to_bytes(4, "big"), key.key_id, os.urandom(_SALT)))
        return SessionKey(start, key.derive(SEALER, purpose, salt=start[-_SALT:]))

    def is_current(self, start: bytes) -> bool:
        return int.from_bytes(start[_EPOCH], "big") == self._keyring.current.epoch

    def key(self, purpose: bytes, start: bytes) -> bytes:
        check_start(start)
        key = self._keyring.epoch(int.from_bytes(start[_EPOCH], "big"))
        _check_key_id(key, start)
        return key.derive(SEALER, purpose, salt=start[-_SALT:])

    def name(self, purpose: bytes, data: bytes) -> str:
        return self._keyring.current.mac(_NAME, framed(purpose, data)).hex()

    def former_names(self, purpose: bytes, data: bytes) -> Iterator[str]:
        current = self._keyring.current.epoch
        for epoch in reversed(self._keyring.epochs):
            if epoch != current:
                yield self._keyring.epoch(epoch).mac(_NAME, framed(purpose, data)).hex()


def check_start(start: bytes) -> None:
    """Check what a sealed value, or the session of one, begins with.

    :raises EnvelopeMalformed: another magic, or too short.
    :raises EnvelopeUnsupported: another format, suite or flag.
    """
    if type(start) is not bytes or len(start) < SESSION or start[:4] != START[:4]:
        raise EnvelopeMalformed("What stands for a sealed value is none.", "Remove it, and let what made it run again.")
    if start[: len(START)] != START:
        raise EnvelopeUnsupported(
            f"A sealed value has the format {start[4]}, suite {start[5]} and flags {start[6:8].hex()}.",
            "Use the version of Strongroom that wrote it.",
        )


def _check_key_id(key: WorkspaceKey, start: bytes) -> None:
    if start[_KEY_ID] != key.key_id:
        raise SealBroken(
            f"A value was sealed with the workspace key {start[_KEY_ID].hex()}, not with {key.key_id.hex()}.",
            "Remove it, and let what made it run again.",
        )
