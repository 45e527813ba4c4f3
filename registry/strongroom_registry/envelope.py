"""Sealing one version of one document, and opening it again.

A version is sealed with a data key of its own. What is stored is a *wrap*, the data key encrypted under the workspace
key, and a *body*, the payload encrypted under a key derived from the data key. Rotating the workspace key rewrites
wraps alone; destroying a version drops its wrap. Both are bound to where they belong by a :class:`Binding`. The
normative text is ``docs/spec/envelope.md``; the order of the checks here is the order there.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq

from strongroom_registry.derivation import BODY, KEY_SIZE, MESSAGE, WRAP, derive, framed
from strongroom_registry.errors import EnvelopeMalformed, EnvelopeUnsupported, SealBroken, TooLarge
from strongroom_registry.keyring import WorkspaceKey

VERSION = 1
SUITE_AES256GCM_HKDFSHA512 = 1

FRAME_MAX = 64 * 1024 * 1024
PAYLOAD_MAX = FRAME_MAX - 4
"""The largest payload, in bytes: with its 4 bytes of length it fills a frame of 64 MiB."""

_WRAP_START = b"SRWR" + bytes([VERSION, SUITE_AES256GCM_HKDFSHA512, 0, 0])
_BODY_START = b"SRBD" + bytes([VERSION, SUITE_AES256GCM_HKDFSHA512, 0, 0])
_START = 8
_SALT = 32
_COMMITMENT = 32
_NONCE = 12
_TAG = 16
_WRAP_HEADER = _START + 4 + 16 + _SALT + _NONCE
_WRAP_SIZE = _WRAP_HEADER + KEY_SIZE + _TAG
_BODY_HEADER = _START + _SALT + _COMMITMENT + _NONCE

_MESSAGE_INFO = framed(MESSAGE)
_BACKUP = "Restore the registry from a backup."


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a sealed version belongs. It opens only where all of this is as it was when it was sealed.

    Ids have 16 bytes; ``generation`` and ``version`` count from 1; ``type`` and ``schema`` have 1 to 255 UTF-8 bytes.
    ``note_hash`` is SHA-256 of the version's canonical note, ``public_hash`` that of the stored bytes of its public
    projection (of ``b""`` where it has none).

    :raises EnvelopeMalformed: a field of another shape; a binding is read from rows that anybody may have changed.
    """

    store_id: bytes
    workspace_id: bytes
    document_id: bytes
    generation: int
    version: int
    type: str
    schema: str
    note_hash: bytes
    public_hash: bytes
    _fields: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, size in _SIZES:
            value = getattr(self, name)
            if type(value) is not bytes or len(value) != size:
                raise EnvelopeMalformed(f"The {name} of a sealed version is not {size} bytes.", _BACKUP)
        for name in ("generation", "version"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value < 2**63:
                raise EnvelopeMalformed(f"The {name} of a sealed version is not a number from 1.", _BACKUP)
        for name in ("type", "schema"):
            if not _is_short_text(getattr(self, name)):
                raise EnvelopeMalformed(f"The {name} of a sealed version is not 1 to 255 bytes of text.", _BACKUP)

        object.__setattr__(self, "_fields", self._framed_fields())

    def framed(self, label: bytes, header: bytes) -> bytes:
        """The associated data of a wrap or a body: its label, its header, then every field, each behind its length."""
        return framed(label, header) + self._fields

    def _framed_fields(self) -> bytes:
        return framed(
            self.store_id,
            self.workspace_id,
            self.document_id,
            self.generation.to_bytes(8, "big"),
            self.version.to_bytes(8, "big"),
            self.type.encode(),
            self.schema.encode(),
            self.note_hash,
            self.public_hash,
        )


_SIZES = (("store_id", 16), ("workspace_id", 16), ("document_id", 16), ("note_hash", 32), ("public_hash", 32))


class Sealed(NamedTuple):
    """A sealed version as it is stored."""

    wrap: bytes
    body: bytes


class Opener:
    """Opens one body, any number of times: its data key is unwrapped and checked. Holds no plaintext."""

    __slots__ = ("_associated", "_cipher", "_header", "_nonce", "_size")

    def __init__(self, cipher: AESGCM, body: bytes, binding: Binding) -> None:
        self._cipher = cipher
        self._header = body[:_BODY_HEADER]
        self._nonce = body[_BODY_HEADER - _NONCE : _BODY_HEADER]
        self._size = len(body)
        self._associated = binding.framed(BODY, self._header)

    def open(self, body: bytes) -> bytes:
        """The payload in ``body``, the one that this opener was made for.

        :raises IntegrityError: it is another body, or was changed.
        """
        if len(body) != self._size or body[:_BODY_HEADER] != self._header:
            _check_body(body)
            raise SealBroken("A sealed body is not the one that its key was unwrapped for.", _BACKUP)
        try:
            payload = _unpadded(self._cipher.decrypt(self._nonce, body[_BODY_HEADER:], self._associated))
        except InvalidTag:
            raise SealBroken(
                "A sealed body was changed, or stands in the place of another block, version or type.", _BACKUP
            ) from None
        if payload is None:
            raise EnvelopeMalformed("A sealed payload is not padded as the format says.", _BACKUP)
        return payload

    def __reduce__(self) -> NoReturn:
        raise TypeError("An opener cannot be pickled or copied: it holds a key.")


def seal(key: WorkspaceKey, binding: Binding, payload: bytes) -> Sealed:
    """Seal the payload of one version under a new data key.

    :raises TooLarge: ``payload`` has more than :data:`PAYLOAD_MAX` bytes.
    """
    if len(payload) > PAYLOAD_MAX:
        raise TooLarge(
            f"A payload of {len(payload)} bytes is too large.", f"At most {PAYLOAD_MAX} bytes fit into one version."
        )
    data_key = os.urandom(KEY_SIZE)
    return Sealed(_wrapped(key, binding, data_key), _sealed_body(binding, data_key, payload))


def opener(key: WorkspaceKey, binding: Binding, sealed: Sealed) -> Opener:
    """Unwrap the data key of a sealed version and check that the body commits to it. Worth keeping for the next time.

    :raises EnvelopeMalformed: wrap or body has a magic, size or number that the format does not allow.
    :raises EnvelopeUnsupported: a newer format, another suite or an unknown flag.
    :raises SealBroken: another key or place, or something was changed.
    """
    _check_wrap(sealed.wrap)
    _check_body(sealed.body)
    _check_key(key, sealed.wrap)
    cipher, commitment = _message_key(_unwrapped(key, binding, sealed.wrap), sealed.body[_START : _START + _SALT])
    if not bytes_eq(commitment, sealed.body[_START + _SALT : _START + _SALT + _COMMITMENT]):
        raise SealBroken("A sealed body does not belong to its data key.", _BACKUP)
    return Opener(cipher, sealed.body, binding)


def open_sealed(key: WorkspaceKey, binding: Binding, sealed: Sealed) -> bytes:
    """The payload of a sealed version; raises as :func:`opener`."""
    return opener(key, binding, sealed).open(sealed.body)


def rewrap(old: WorkspaceKey, new: WorkspaceKey, binding: Binding, wrap: bytes) -> bytes:
    """Wrap the data key of a version anew, under another workspace key; the body stays as it is.

    :raises IntegrityError: as :func:`opener`, of the wrap.
    """
    _check_wrap(wrap)
    _check_key(old, wrap)
    return _wrapped(new, binding, _unwrapped(old, binding, wrap))


def body_hash(body: bytes) -> bytes:
    """What a head commits to: SHA-256 of the body."""
    return hashlib.sha256(body).digest()


def wrap_epoch(wrap: bytes) -> int:
    """The epoch of the workspace key that a wrap names; checks its shape, proves nothing.

    :raises EnvelopeMalformed, EnvelopeUnsupported: as :func:`opener`, of the wrap.
    """
    _check_wrap(wrap)
    return int.from_bytes(wrap[_START : _START + 4], "big")


def _wrapped(key: WorkspaceKey, binding: Binding, data_key: bytes) -> bytes:
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    header = b"".join((_WRAP_START, key.epoch.to_bytes(4, "big"), key.key_id, salt, nonce))
    return header + _wrap_cipher(key, salt).encrypt(nonce, data_key, binding.framed(WRAP, header))


def _unwrapped(key: WorkspaceKey, binding: Binding, wrap: bytes) -> bytes:
    header, salt = wrap[:_WRAP_HEADER], wrap[_WRAP_HEADER - _NONCE - _SALT : _WRAP_HEADER - _NONCE]
    try:
        return _wrap_cipher(key, salt).decrypt(header[-_NONCE:], wrap[_WRAP_HEADER:], binding.framed(WRAP, header))
    except InvalidTag:
        raise SealBroken(
            "The wrapped key of a sealed version was changed, or stands in the place of another.", _BACKUP
        ) from None


def _wrap_cipher(key: WorkspaceKey, salt: bytes) -> AESGCM:
    return AESGCM(key.derive(WRAP, salt=salt))


def _sealed_body(binding: Binding, data_key: bytes, payload: bytes) -> bytes:
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    cipher, commitment = _message_key(data_key, salt)
    header = b"".join((_BODY_START, salt, commitment, nonce))
    return header + cipher.encrypt(nonce, _padded(payload), binding.framed(BODY, header))


def _message_key(data_key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """The cipher of one message and the commitment to its key. Never raises, so no traceback holds the data key."""
    derived = derive(data_key, _MESSAGE_INFO, salt=salt, length=KEY_SIZE + _COMMITMENT)
    return AESGCM(derived[:KEY_SIZE]), derived[KEY_SIZE:]


def _check_wrap(wrap: bytes) -> None:
    _check_start(wrap, _WRAP_START, "wrapped key")
    if len(wrap) != _WRAP_SIZE:
        raise EnvelopeMalformed(f"A wrapped key has {len(wrap)} bytes instead of {_WRAP_SIZE}.", _BACKUP)
    if wrap[_START : _START + 4] == b"\0\0\0\0":
        raise EnvelopeMalformed("A wrapped key names the epoch 0, and epochs count from 1.", _BACKUP)


def _check_body(body: bytes) -> None:
    _check_start(body, _BODY_START, "sealed body")
    if not _is_frame_size(len(body) - _BODY_HEADER - _TAG):
        raise EnvelopeMalformed(f"A sealed body has {len(body)} bytes, which no payload gives.", _BACKUP)


def _check_start(data: bytes, start: bytes, what: str) -> None:
    if type(data) is not bytes or len(data) < _START or data[:4] != start[:4]:
        raise EnvelopeMalformed(f"What stands for a {what} is none.", _BACKUP)
    if data[:_START] != start:
        raise EnvelopeUnsupported(
            f"A {what} has the format {data[4]}, suite {data[5]} and flags {data[6:8].hex()}, and this version knows "
            f"{start[4]}, {start[5]} and {start[6:8].hex()}.",
            "Use the version of Strongroom that wrote it, or restore the registry from a backup.",
        )


def _check_key(key: WorkspaceKey, wrap: bytes) -> None:
    if wrap[_START : _START + 20] != key.epoch.to_bytes(4, "big") + key.key_id:
        raise SealBroken(
            f"A version was sealed with the workspace key {wrap[_START + 4 : _START + 20].hex()} of epoch "
            f"{wrap_epoch(wrap)}, not with {key.key_id.hex()} of epoch {key.epoch}.",
            _BACKUP,
        )


def _frame_size(content: int) -> int:
    """The size of the frame around ``content`` bytes: a multiple of 64 up to 4096, beyond that a power of two."""
    return -(-content // 64) * 64 if content <= 4096 else 1 << (content - 1).bit_length()


def _is_frame_size(size: int) -> bool:
    return 64 <= size <= FRAME_MAX and size == _frame_size(size)


def _padded(payload: bytes) -> bytes:
    content = 4 + len(payload)
    return b"".join((len(payload).to_bytes(4, "big"), payload, bytes(_frame_size(content) - content)))


def _unpadded(frame: bytes) -> bytes | None:
    """The payload in a frame, or None where its length or its padding is not the one way to write it."""
    end = 4 + int.from_bytes(frame[:4], "big")
    if _frame_size(end) != len(frame) or not frame.endswith(bytes(len(frame) - end)):
        return None
    return frame[4:end]


def _is_short_text(value: object) -> bool:
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= 255
    except UnicodeEncodeError:
        return False
