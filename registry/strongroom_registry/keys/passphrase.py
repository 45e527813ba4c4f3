"""``passphrase:``: a key stretched from a passphrase by Argon2id (RFC 9106).

The salt and the costs stand in what was wrapped, in clear, and are bound into it. Costs are capped when they are read,
so that a changed row cannot make a process eat all memory or time.
"""

from __future__ import annotations

import os
import secrets
import struct
import sys
import unicodedata
from pathlib import Path
from typing import NamedTuple, NoReturn

from strongroom_registry.derivation import KEY_SIZE
from strongroom_registry.errors import EnvelopeUnsupported, InvalidKeyUri, KeyMalformed, KeyUnavailable
from strongroom_registry.keys.file import path_of
from strongroom_registry.keys.local import METHOD_ARGON2ID, LocalKey, parameters_of, prefix_for
from strongroom_registry.keys.private_file import read_private

VARIABLE = "STRONGROOM_PASSPHRASE"
SHORTEST = 8
LONGEST = 1024

_PARAMETERS = struct.Struct(">16sIII")


class Cost(NamedTuple):
    """What one guess costs: memory in KiB, passes over it, lanes."""

    memory_kib: int
    iterations: int
    lanes: int


DEFAULT_COST = Cost(64 * 1024, 3, 4)
"""The second recommendation of RFC 9106, section 4."""
LOWEST_COST = Cost(8 * 1024, 1, 1)
HIGHEST_COST = Cost(512 * 1024, 8, 16)


class PassphraseKey:
    """A key stretched from a passphrase: that of ``$STRONGROOM_PASSPHRASE``, of a file, or typed on a terminal.

    It is asked for once in the provider's life, when it is first needed, and typed twice where it wraps something new.

    :param file: where the passphrase lies, instead of the variable or the prompt.
    :param variable: another variable, for a passphrase of something else than a registry.
    :param of: what the passphrase is of, for the prompt.
    :param cost: what the next :meth:`wrap` asks of Argon2id; what was wrapped before keeps its own.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        variable: str = VARIABLE,
        of: str = "the Strongroom registry",
        cost: Cost = DEFAULT_COST,
    ) -> None:
        self._variable, self._of = variable, of
        self._file = Path(os.path.abspath(file.expanduser())) if file else None
        self._cost = cost
        self._secret: _Passphrase | None = None
        self._stretched: dict[bytes, LocalKey] = {}

    @classmethod
    def from_uri(cls, uri: str) -> PassphraseKey:
        """``passphrase:`` or ``passphrase:file=/path``. The error does not repeat what stands there."""
        rest = uri.removeprefix("passphrase:")
        if not rest:
            return cls()
        path = path_of(rest.removeprefix("file=")) if rest.startswith("file=") else None
        if path is None:
            raise InvalidKeyUri(
                "A key URI that starts with 'passphrase:' never holds the passphrase itself.",
                f"Write passphrase: and set {VARIABLE} or type it when asked, or write passphrase:file=/path",
            )
        return cls(path)

    @property
    def uri(self) -> str:
        return f"passphrase:file={self._file}" if self._file else "passphrase:"

    def fingerprint_for(self, wrapped: bytes) -> str:
        return self._key_of(wrapped).fingerprint

    def wrap(self, key: bytes, context: bytes) -> bytes:
        parameters = _PARAMETERS.pack(secrets.token_bytes(16), *self._cost)
        return self._key(parameters, new=True).wrap(prefix_for(METHOD_ARGON2ID, parameters), key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._key_of(wrapped).unwrap(wrapped, context)

    def has_answer(self) -> bool:
        return self._secret is not None or self._file is not None or self._variable in os.environ

    def _key_of(self, wrapped: bytes) -> LocalKey:
        return self._key(_checked(parameters_of(wrapped, METHOD_ARGON2ID, _PARAMETERS.size)))

    def _key(self, parameters: bytes, *, new: bool = False) -> LocalKey:
        if self._secret is None:
            self._secret = _usable(_Passphrase(self._read(new)))
        if parameters not in self._stretched:
            self._stretched[parameters] = self._secret.stretched(parameters)
        return self._stretched[parameters]

    def _read(self, new: bool) -> bytes:
        if self._file:
            return _line(read_private(self._file, LONGEST + 1))
        text = os.environ.get(self._variable)
        return os.fsencode(text if text is not None else _asked(self._of, self._variable, new))

    def __repr__(self) -> str:
        return f"PassphraseKey({self.uri!r})"


class _Passphrase:
    """A passphrase that never shows."""

    __slots__ = ("__secret", "length")

    def __init__(self, raw: bytes) -> None:
        self.__secret = _normal(raw)
        self.length = len(self.__secret)

    def stretched(self, parameters: bytes) -> LocalKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        salt, memory_kib, iterations, lanes = _PARAMETERS.unpack(parameters)
        try:
            argon2 = Argon2id(salt=salt, length=KEY_SIZE, iterations=iterations, lanes=lanes, memory_cost=memory_kib)
            return LocalKey(argon2.derive(self.__secret))
        except UnsupportedAlgorithm:
            raise KeyUnavailable(
                "The OpenSSL that 'cryptography' was built with has no Argon2id, which passphrases need.",
                "Install cryptography's own wheel: pip install --force-reinstall --only-binary :all: cryptography",
            ) from None
        except MemoryError:
            raise KeyUnavailable(
                f"Stretching the passphrase takes {memory_kib // 1024} MiB of memory, which cannot be had now.",
                "Free some, or raise the process's limit.",
            ) from None

    def __repr__(self) -> str:
        return "_Passphrase(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A passphrase cannot be pickled or copied.")


def _usable(passphrase: _Passphrase) -> _Passphrase:
    if not SHORTEST <= passphrase.length <= LONGEST:
        raise KeyMalformed(
            f"The passphrase is shorter than {SHORTEST} bytes, longer than {LONGEST}, or no UTF-8.",
            "Six random words are a good one.",
        )
    return passphrase


def _checked(parameters: bytes) -> bytes:
    """Refuse costs outside of the caps before anything is computed."""
    cost = Cost(*_PARAMETERS.unpack(parameters)[1:])
    inside = all(low <= it <= high for low, it, high in zip(LOWEST_COST, cost, HIGHEST_COST, strict=True))
    if not inside:
        raise EnvelopeUnsupported(
            f"The wrapped workspace key asks Argon2id for {cost.memory_kib} KiB, {cost.iterations} passes and "
            f"{cost.lanes} lanes, outside of what is allowed.",
            "It was changed: restore the registry from a backup.",
        )
    return parameters


def _line(content: bytes) -> bytes:
    return content[:-1] if content.endswith(b"\n") else content


def _normal(raw: bytes) -> bytes:
    """Unicode NFC in UTF-8, so that two keyboards type the same passphrase; empty where it is no UTF-8."""
    try:
        return unicodedata.normalize("NFC", raw.decode()).encode()
    except UnicodeError:
        return b""


def _asked(of: str, variable: str, new: bool) -> str:
    import getpass

    if not sys.stdin.isatty():
        raise KeyUnavailable(
            f"The passphrase of {of} is needed, and there is no terminal to ask for it.",
            f"Set {variable}, or use passphrase:file=/path",
        )
    text = getpass.getpass(f"Passphrase of {of}: ")
    if new and getpass.getpass("Once more: ") != text:
        del text
        raise KeyMalformed("The two passphrases differ.", "Nothing was changed; try again.")
    return text
