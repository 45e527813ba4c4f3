"""Keys that a service keeps and never hands out: the frame around what it encrypted, and what their providers share.

The frame says which kind of service and which key it was, so that bytes of another are refused without asking anybody.
It is specified in ``docs/spec/envelope.md``, section 4.5.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from strongroom_registry.derivation import KEY_FINGERPRINT, KEY_SIZE, KEY_WRAP, framed
from strongroom_registry.errors import EnvelopeMalformed, KeyProblem, KeyUnavailable, SealBroken, WrongKey
from strongroom_registry.keys.local import METHOD_REMOTE, check_method, prefix_for

LONGEST = 4096
"""Bytes that a wrapped key may have in all: what the registry keeps."""

_PREFIX = 8
_FINGERPRINT = _SALT = 16
_AGAIN = "Restore the registry from a backup."


class RemoteKeyProvider(ABC):
    """Wraps workspace keys under a key that a service keeps. A subclass says how that one is asked.

    :param uri: the URI that names the key.
    :param identity: what tells the key from every other of its scheme, however it is reached; no secret. A function
        where the service has to be asked, since the URI has a name that it may give to another key: it is called once,
        and raises :class:`KeyProblem`.
    """

    def __init__(self, uri: str, identity: str | Callable[[], str]) -> None:
        self.uri = uri
        self.scheme = uri.partition(":")[0]
        self._identity = identity

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the key; safe to show."""
        return self._fingerprint.hex()

    @cached_property
    def _fingerprint(self) -> bytes:
        identity = self._identity if isinstance(self._identity, str) else self._identity()
        digest = hashlib.sha256(framed(KEY_FINGERPRINT, self.scheme.encode(), identity.encode())).digest()
        return digest[:_FINGERPRINT]

    @abstractmethod
    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        """Have the service encrypt ``plaintext`` (32 bytes) so that it opens with the same ``bound`` alone.

        :param bound: what it is bound to, at most 2 KiB; no secret.
        :raises KeyProblem: the service cannot, or does not bind.
        """

    @abstractmethod
    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        """Have the service decrypt what :meth:`_encrypt` returned.

        :raises KeyProblem: the service cannot.
        :raises SealBroken: ``ciphertext`` was changed, or bound to something else.
        """

    def fingerprint_for(self, wrapped: bytes) -> str:
        self._parse(wrapped)
        return self.fingerprint

    def wrap(self, key: bytes, context: bytes) -> bytes:
        outcome = self._encrypted(key, context)
        del key  # the frames of an error are shown
        if isinstance(outcome, KeyProblem):
            raise outcome
        header, ciphertext = outcome
        wrapped = header + framed(ciphertext)
        if not ciphertext or len(wrapped) > LONGEST:
            raise KeyUnavailable(
                f"{self.uri} made {len(wrapped)} bytes of a workspace key, and {LONGEST} can be kept.",
                "Use a symmetric key.",
            )
        return wrapped

    def _encrypted(self, key: bytes, context: bytes) -> tuple[bytes, bytes] | KeyProblem:
        """The header and what the service made of the key, or its problem without the frames that hold the key."""
        try:
            names = framed(self.scheme.encode(), self._fingerprint, secrets.token_bytes(_SALT))
            header = prefix_for(METHOD_REMOTE) + names
            return header, self._encrypt(key, framed(KEY_WRAP, header, context))
        except KeyProblem as problem:
            return type(problem)(problem.problem, problem.remedy)
        except Exception as error:
            return KeyUnavailable(
                f"{self.uri} could not be asked to wrap a key ({type(error).__name__}).", "Check its settings."
            )

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        frame = self._parse(wrapped)
        if frame.fingerprint != self._fingerprint:
            raise WrongKey(
                f"The workspace key was wrapped with the key {frame.fingerprint.hex()}, and {self.uri} is "
                f"{self.fingerprint}.",
                "Point STRONGROOM_KEY at the one that it was wrapped with.",
            )
        key = self._decrypt(frame.ciphertext, framed(KEY_WRAP, frame.header, context))
        if len(key) != KEY_SIZE:
            del key
            raise SealBroken(f"What {self.uri} decrypted is no workspace key.", _AGAIN)
        return key

    def _parse(self, wrapped: bytes) -> _Frame:
        """Check the shape of a wrapped key, without asking the service.

        :raises IntegrityError: it is none, or one of another format.
        :raises WrongKey: it was wrapped by another kind of provider.
        """
        check_method(wrapped, METHOD_REMOTE)
        frame = _parsed(wrapped)
        if frame.scheme != self.scheme.encode():
            raise WrongKey(
                f"The workspace key was wrapped with a key of {frame.scheme.decode('ascii', 'replace')}:, not of "
                f"{self.scheme}:.",
                "Point STRONGROOM_KEY at the one that it was wrapped with.",
            )
        return frame

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"


@dataclass(frozen=True, slots=True)
class _Frame:
    header: bytes
    scheme: bytes
    fingerprint: bytes
    ciphertext: bytes


def _parsed(wrapped: bytes) -> _Frame:
    fields, ends, at = [], [], _PREFIX
    for _ in range(4):
        size = int.from_bytes(wrapped[at : at + 4], "big")
        fields.append(wrapped[at + 4 : at + 4 + size])
        at += 4 + size
        ends.append(at)
    scheme, fingerprint, salt, ciphertext = fields
    sizes = 1 <= len(scheme) <= 32 and len(fingerprint) == _FINGERPRINT and len(salt) == _SALT and ciphertext
    if not sizes or at != len(wrapped) or at > LONGEST:
        raise EnvelopeMalformed(f"The stored workspace key of {len(wrapped)} bytes is cut off or spoilt.", _AGAIN)
    return _Frame(wrapped[: ends[2]], scheme, fingerprint, ciphertext)
