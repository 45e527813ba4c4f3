"""``recovery:``: a second way in, kept on paper: a code that opens the workspace key when its provider is lost.

The code is the private half of a key pair (X25519, RFC 7748). Only the public half is stored, inside of what it
wrapped, so that the next workspace keys can be wrapped for the same code while the code lies in a safe.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from strongroom_registry.derivation import KEY_FINGERPRINT, RECOVERY, derive, framed
from strongroom_registry.errors import EnvelopeMalformed, InvalidKeyUri, KeyMalformed, KeyUnavailable, WrongKey
from strongroom_registry.keys.file import path_of
from strongroom_registry.keys.local import METHOD_RECOVERY, LocalKey, parameters_of, prefix_for
from strongroom_registry.keys.private_file import read_private

VARIABLE = "STRONGROOM_RECOVERY_CODE"
URI = "recovery:"

_SECRET = 20
_CHECK = 5
_PUBLIC = 32
_GROUP = 5


class RecoveryCode:
    """A code that never shows, unless asked by name. It has 160 random bits, so that nobody need stretch it."""

    __slots__ = ("__private", "__text", "public")

    def __init__(self, text: str) -> None:
        private = _private(text)
        if private is None:
            del text  # a traceback may show the variables of the frame that raises
            raise KeyMalformed(
                "What was given as a recovery code is none, or has a typing error.",
                "It is eight groups of five letters and digits from 2 to 7.",
            )
        self.__text = text
        self.__private = private
        self.public = self.__private.public_key().public_bytes_raw()

    @classmethod
    def new(cls) -> RecoveryCode:
        """A code that nobody has yet."""
        secret = secrets.token_bytes(_SECRET)
        text = base64.b32encode(secret + _checked(secret)).decode()
        return cls("-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP)))

    def shown(self) -> str:
        """The code in clear, to be written down: eight groups of five letters and digits."""
        return self.__text

    def shared(self, other: bytes) -> bytes:
        """What this code and the other half of an exchange have in common."""
        return self.__private.exchange(X25519PublicKey.from_public_bytes(other))

    def __repr__(self) -> str:
        return "RecoveryCode(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A recovery code cannot be pickled or copied.")


class RecoveryKey:
    """The key of a recovery code: that of ``$STRONGROOM_RECOVERY_CODE``, of a file, or typed on a terminal.

    :param code: the code, where it is at hand.
    :param file: where it lies, instead of the variable or the prompt.
    """

    def __init__(self, code: RecoveryCode | None = None, *, file: Path | None = None) -> None:
        self._code = code
        self._file = file

    @classmethod
    def from_uri(cls, uri: str) -> RecoveryKey:
        """``recovery:`` or ``recovery:file=/path``. The error does not repeat what stands there."""
        rest = uri.removeprefix(URI)
        if not rest:
            return cls()
        path = path_of(rest.removeprefix("file=")) if rest.startswith("file=") else None
        if path is None:
            raise InvalidKeyUri(
                "A key URI that starts with 'recovery:' never holds the code itself.",
                f"Write recovery: and set {VARIABLE} or type it when asked, or write recovery:file=/path",
            )
        return cls(file=Path(os.path.abspath(path.expanduser())))

    @property
    def uri(self) -> str:
        return URI

    def fingerprint_for(self, wrapped: bytes) -> str:
        parameters_of(wrapped, METHOD_RECOVERY, 2 * _PUBLIC)
        return fingerprint_of(self._read().public)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrapped_for(self._read().public, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        parameters = parameters_of(wrapped, METHOD_RECOVERY, 2 * _PUBLIC)
        code = self._read()
        if parameters[:_PUBLIC] != code.public:
            raise WrongKey(
                f"The recovery code has the fingerprint {fingerprint_of(code.public)}, and the workspace key was "
                f"wrapped for {fingerprint_of(parameters[:_PUBLIC])}.",
                "Use the code of the newest recovery kit.",
            )
        return _shared_key(_exchanged(code, parameters[_PUBLIC:]), parameters).unwrap(wrapped, context)

    def has_answer(self) -> bool:
        return self._code is not None or self._file is not None or VARIABLE in os.environ

    def _read(self) -> RecoveryCode:
        if self._code is None:
            self._code = RecoveryCode(_asked() if self._file is None else _in_file(self._file))
        return self._code

    def __repr__(self) -> str:
        return "RecoveryKey()"


class RecoveryRecipient:
    """Wraps for a recovery code that is not at hand, by the public half that stands in an earlier wrap.

    :param wrapped: the earlier wrap; whoever calls has proved that it was made with the workspace key.
    """

    def __init__(self, wrapped: bytes) -> None:
        self._public = parameters_of(wrapped, METHOD_RECOVERY, 2 * _PUBLIC)[:_PUBLIC]
        self.uri = URI

    def fingerprint_for(self, wrapped: bytes) -> str:
        return fingerprint_of(parameters_of(wrapped, METHOD_RECOVERY, 2 * _PUBLIC)[:_PUBLIC])

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrapped_for(self._public, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> NoReturn:
        raise KeyUnavailable("The recovery code is not at hand.", f"Set {VARIABLE}.")


def is_recovery(wrapped: bytes) -> bool:
    """Whether a wrap was made for a recovery code."""
    return wrapped[:6] == prefix_for(METHOD_RECOVERY)[:6]


def fingerprint_of(public: bytes) -> str:
    """The name of a recovery code, safe to show: 32 hexadecimal digits."""
    return derive(public, framed(KEY_FINGERPRINT), length=16).hex()


def wrapped_for(public: bytes, key: bytes, context: bytes) -> bytes:
    """A key, wrapped for whoever has the code with this public half."""
    once = X25519PrivateKey.generate()
    parameters = public + once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    return _shared_key(shared, parameters).wrap(prefix_for(METHOD_RECOVERY, parameters), key, context)


def _shared_key(shared: bytes, parameters: bytes) -> LocalKey:
    return LocalKey(derive(shared, framed(RECOVERY, parameters)))


def _exchanged(code: RecoveryCode, other: bytes) -> bytes:
    try:
        return code.shared(other)
    except ValueError:  # a public half of small order, which nobody generates
        raise EnvelopeMalformed(
            "The stored workspace key was wrapped with a key that is none.", "Restore the registry from a backup."
        ) from None


def _in_file(file: Path) -> str:
    return read_private(file, 256).decode("ascii", errors="replace")


def _asked() -> str:
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise KeyUnavailable(
            "The recovery code is needed, and there is no terminal to ask for it.",
            f"Set {VARIABLE}, or use recovery:file=/path",
        )
    import getpass

    return getpass.getpass("Recovery code of the Strongroom registry: ")


def _private(text: str) -> X25519PrivateKey | None:
    """The private key of a code, None where it is none; case, spaces and dashes do not count."""
    plain = "".join(text.split()).replace("-", "").upper()
    try:
        raw = base64.b32decode(plain)
    except ValueError:
        raw = b""
    secret = raw[:_SECRET]
    if len(raw) != _SECRET + _CHECK or raw[_SECRET:] != _checked(secret):
        return None
    return X25519PrivateKey.from_private_bytes(derive(secret, framed(RECOVERY, b"code")))


def _checked(secret: bytes) -> bytes:
    return sha256(framed(RECOVERY, secret)).digest()[:_CHECK]
