"""``shamir:`` — a key that nobody keeps: it comes from shares, and only the memory of an unsealed server has it.

The URI that stands beside what was wrapped says how many shares there are: ``shamir:3/5/1/…`` is the first key, of
which any 3 of 5 shares are needed; making new shares makes a second one. What follows are marks of the shares, one
after the other, by which one that is none is known before it is put to others. ``shamir:`` alone is the key in use.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from strongroom_registry.errors import InvalidKeyUri, KeyUnavailable
from strongroom_registry.keys.local import LocalKey, RawKeyProvider

SCHEME = "shamir:"
_FULL = re.compile(r"shamir:([1-9][0-9]{0,2})/([1-9][0-9]{0,2})/([1-9][0-9]{0,5})/([A-Za-z0-9_-]+)")
_MARK = 6
"""The bytes of a mark: too few to tell anything of a share, which is random, and too many to find another one by."""
_DIGITS = _MARK * 4 // 3


@dataclass(frozen=True, slots=True, order=True)
class Generation:
    """One set of shares; a later one has a higher number.

    :param marks: of the shares, in their order.
    """

    number: int
    threshold: int
    shares: int
    marks: str

    @staticmethod
    def of(number: int, threshold: int, shares: Sequence[bytes]) -> Generation:
        """The set of these shares."""
        return Generation(number, threshold, len(shares), "".join(map(_mark, shares)))

    @staticmethod
    def parse(uri: str) -> Generation | None:
        """The set of shares that a URI names; None for a URI that names none."""
        match = _FULL.fullmatch(uri)
        if match is None or len(match[4]) != int(match[2]) * _DIGITS:
            return None
        return Generation(int(match[3]), int(match[1]), int(match[2]), match[4])

    @property
    def uri(self) -> str:
        """The URI of its key."""
        return f"{SCHEME}{self.threshold}/{self.shares}/{self.number}/{self.marks}"

    def has(self, share: bytes) -> bool:
        """Whether it is one of the shares."""
        at = (share[0] - 1) * _DIGITS
        return hmac.compare_digest(self.marks[at : at + _DIGITS], _mark(share))


def _mark(share: bytes) -> str:
    return urlsafe_b64encode(sha256(b"strongroom share " + share).digest()[:_MARK]).decode()


class HeldKeys:
    """The keys that shares gave, in the memory of this process alone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[str, bytes] = {}
        self._current = ""

    def hold(self, generation: Generation, key: bytes, *, current: bool = True) -> None:
        """Keep a key in memory."""
        with self._lock:
            self._keys[generation.uri] = key
            if current:
                self._current = generation.uri

    def current(self) -> str:
        """The URI of the key in use; empty where there is none."""
        return self._current

    def key(self, uri: str) -> bytes | None:
        """A key, if this process has it."""
        return self._keys.get(uri)

    def drop(self, generation: Generation) -> None:
        """Forget one key."""
        with self._lock:
            self._keys.pop(generation.uri, None)
            if self._current == generation.uri:
                self._current = ""

    def forget(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._keys.clear()
            self._current = ""


HELD = HeldKeys()
"""Those of this process."""


class ShamirKey(RawKeyProvider):
    """Wraps with a key that shares gave."""

    @classmethod
    def from_uri(cls, uri: str) -> ShamirKey:
        """The provider of a URI.

        :raises InvalidKeyUri: the URI names none.
        :raises KeyUnavailable: this process has no such key: it is no server, or is sealed.
        """
        full = HELD.current() if uri == SCHEME else uri
        if not full:
            raise _sealed()
        if Generation.parse(full) is None:
            raise InvalidKeyUri("The key's place is no URI of shares.", "Write shamir: alone.")
        return cls(full)

    def _read(self) -> LocalKey:
        key = HELD.key(self.uri)
        if key is None:
            raise _sealed()
        return LocalKey(key)


def _sealed() -> KeyUnavailable:
    return KeyUnavailable(
        "The registry's key comes from shares, and this process was not given enough of them.",
        "Ask the server that is unsealed; or unseal this one.",
    )
