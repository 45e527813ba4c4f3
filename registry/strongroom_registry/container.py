"""A file that is sealed to somebody: what an export travels in, or an index of fingerprints.

One random file key encrypts the content in chunks. The header holds that key wrapped for each recipient, any of whom
opens the file, and is authenticated with the file key itself. A purpose keeps a file of one kind from being taken for
one of another. The normative text is ``docs/spec/export.md``; the order of the checks here is the order there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom_registry.canonical import Cursor, Malformed, blob, many, text
from strongroom_registry.derivation import KEY_SIZE, derive, framed
from strongroom_registry.errors import (
    EnvelopeMalformed,
    EnvelopeUnsupported,
    IntegrityError,
    KeyProblem,
    SealBroken,
    WrongKey,
)
from strongroom_registry.keys.passphrase import PassphraseKey
from strongroom_registry.keys.provider import KeyProvider
from strongroom_registry.keys.resolve import resolve

PASSPHRASE_VARIABLE = "STRONGROOM_FILE_PASSPHRASE"  # noqa: S105  a name
CHUNK = 64 * 1024
"""How many bytes of content each chunk but the last has."""
HEADER_MAX = 64 * 1024
RECIPIENTS_MAX = 8

_MAGIC = b"SRCT"
_START = _MAGIC + bytes([1, 1, 0, 0])
_KEY_LABEL = b"strongroom/v1/container-key"
_HEADER_LABEL = b"strongroom/v1/container-header"
_CHUNK_LABEL = b"strongroom/v1/container-chunk"
_ID, _SALT, _MAC, _TAG = 16, 32, 32, 16
_CHUNKS_MAX = 1 << 32
_AGAIN = "Take another copy of it, or have it made again."


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a file is sealed to, as its header says: the provider's URI and the fingerprint of its key."""

    uri: str
    fingerprint: str
    wrapped: bytes


class _Header(NamedTuple):
    purpose: str
    file_id: bytes
    salt: bytes
    recipients: tuple[Recipient, ...]
    raw: bytes
    mac: bytes


class _Keys(NamedTuple):
    """What one file key gives; holds it no longer."""

    mac: bytes
    cipher: AESGCM


def recipient(uri: str) -> KeyProvider:
    """The provider to seal a file to, or to open one with: any key URI, or ``passphrase:``.

    A file has a passphrase of its own: that of ``$STRONGROOM_FILE_PASSPHRASE``, else typed on the terminal.
    ``passphrase`` without a colon does as well.

    :raises InvalidKeyUri: no provider understands it.
    """
    if uri in ("passphrase", "passphrase:"):
        return PassphraseKey(variable=PASSPHRASE_VARIABLE, of="the file")
    return resolve(uri)


def seal_file(target: BinaryIO, purpose: str, recipients: Sequence[KeyProvider], content: Iterable[bytes]) -> int:
    """Write ``content`` to ``target``, sealed so that each of the recipients can open it; returns the bytes written.

    :param purpose: what the file is, 1 to 32 characters such as ``export``; who opens it has to say the same.
    :param recipients: 1 to 8 providers.
    :param content: pieces of any size; they are not kept together.
    :raises KeyProblem: a recipient cannot wrap the file's key now; nothing was written.
    """
    file_key = os.urandom(KEY_SIZE)
    file_id, salt = os.urandom(_ID), os.urandom(_SALT)
    wrapped = [_wrapped(provider, file_key, _context(purpose, file_id)) for provider in recipients]
    header = text(purpose) + file_id + salt + many(wrapped)
    _check_header_size(len(header), len(wrapped))
    start = _START + len(header).to_bytes(4, "big") + header
    keys = _keys(file_key, salt, start)
    del file_key
    target.write(start + keys.mac)
    written = len(start) + _MAC
    for number, (piece, last) in enumerate(_chunks(content)):
        if number >= _CHUNKS_MAX:
            raise ValueError("too much content for one file")
        written += target.write(keys.cipher.encrypt(_nonce(number, last), piece, _associated(keys.mac)))
    return written


def is_sealed(source: BinaryIO) -> bool:
    """Whether a file, which stands at its start and is left there, is a sealed one of whatever format."""
    start = source.read(len(_MAGIC))
    source.seek(0)
    return start == _MAGIC


def recipients_of(source: BinaryIO, purpose: str) -> tuple[Recipient, ...]:
    """Whom a file says it is sealed to. Nothing proves it yet: to show, and to say which key is missing.

    :raises IntegrityError: it is no sealed file of this purpose.
    """
    return _read_header(source, purpose).recipients


def open_file(source: BinaryIO, purpose: str, keys: Sequence[KeyProvider]) -> Iterator[bytes]:
    """The content of a sealed file, chunk by chunk; each is authenticated before it is handed out.

    That nothing is missing at the end is known only when the iterator is used up: act on nothing before that. The keys
    are those that the caller trusts; a file's own word for where its key lies is never followed.

    :param keys: what may open it; each is tried for each recipient.
    :raises IntegrityError: it is no sealed file of this purpose, was changed or cut short.
    :raises KeyProblem: none of the keys opens it, or a key cannot be had now.
    """
    header = _read_header(source, purpose)
    derived = _unlocked(header, keys)
    if derived is None or not hmac.compare_digest(derived.mac, header.mac):
        raise SealBroken("The header of the sealed file was changed.", _AGAIN)
    return _opened(source, derived)


def _wrapped(provider: KeyProvider, file_key: bytes, context: bytes) -> bytes:
    wrapped = provider.wrap(file_key, context)
    return text(provider.uri) + text(provider.fingerprint_for(wrapped)) + blob(wrapped)


def _context(purpose: str, file_id: bytes) -> bytes:
    return framed(_KEY_LABEL, purpose.encode(), file_id)


def _keys(file_key: bytes, salt: bytes, start: bytes) -> _Keys:
    """Never raises, so no traceback holds the file key."""
    mac_key = derive(file_key, framed(_HEADER_LABEL), salt=salt)
    cipher = AESGCM(derive(file_key, framed(_CHUNK_LABEL), salt=salt))
    return _Keys(hmac.digest(mac_key, framed(_HEADER_LABEL, start), hashlib.sha256), cipher)


def _associated(mac: bytes) -> bytes:
    return framed(_CHUNK_LABEL, mac)


def _nonce(number: int, last: bool) -> bytes:
    """A counter and whether it is the last: a chunk opens at its own place alone, and the end cannot be cut off."""
    return number.to_bytes(11, "big") + bytes([last])


def _chunks(content: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Pieces of :data:`CHUNK` bytes, and which of them is the last; one empty one where there is nothing."""
    waiting = bytearray()
    for piece in content:
        waiting += piece
        while len(waiting) > CHUNK:
            yield bytes(waiting[:CHUNK]), False
            del waiting[:CHUNK]
    yield bytes(waiting), True


def _check_header_size(size: int, recipients: int) -> None:
    if not 1 <= recipients <= RECIPIENTS_MAX or size > HEADER_MAX:
        raise ValueError(f"a file is sealed to 1 to {RECIPIENTS_MAX} recipients")


def _read_header(source: BinaryIO, purpose: str) -> _Header:
    start = _exactly(source, len(_START) + 4)
    if len(start) < len(_START) + 4 or start[:4] != _START[:4]:
        raise EnvelopeMalformed("This is no sealed file of Strongroom.", "Name a file that Strongroom wrote.")
    if start[:8] != _START:
        raise EnvelopeUnsupported(
            f"The sealed file has the format {start[4]}, suite {start[5]} and flags {start[6:8].hex()}.",
            "Use the version of Strongroom that wrote it.",
        )
    size = int.from_bytes(start[8:], "big")
    if size > HEADER_MAX:
        raise EnvelopeMalformed(f"The sealed file announces a header of {size} bytes.", _AGAIN)
    raw, mac = _exactly(source, size), _exactly(source, _MAC)
    if len(raw) < size or len(mac) < _MAC:
        raise EnvelopeMalformed("The sealed file ends within its header.", _AGAIN)
    header = _parsed(start + raw, mac)
    if header.purpose != purpose:
        raise EnvelopeMalformed(
            f"The sealed file is a {header.purpose!r:.40}, where a {purpose!r} is read.", "Name the other file."
        )
    return header


def _parsed(start: bytes, mac: bytes) -> _Header:
    cursor = Cursor(start[len(_START) + 4 :])
    try:
        purpose, file_id, salt = cursor.text(), cursor.take(_ID), cursor.take(_SALT)
        count = cursor.u32()
        if not 1 <= count <= RECIPIENTS_MAX:
            raise Malformed("recipients")
        recipients = tuple(Recipient(cursor.text(), cursor.text(), cursor.blob()) for _ in range(count))
        cursor.end()
        if not all(_is_sized(recipient) for recipient in recipients):
            raise Malformed("recipient")
    except Malformed:
        raise EnvelopeMalformed("The header of the sealed file is none.", _AGAIN) from None
    return _Header(purpose, file_id, salt, recipients, start, mac)


def _is_sized(found: Recipient) -> bool:
    return (
        1 <= len(found.uri.encode()) <= 4096
        and 1 <= len(found.fingerprint.encode()) <= 255
        and 1 <= len(found.wrapped) <= 4096
    )


def _unlocked(header: _Header, keys: Sequence[KeyProvider]) -> _Keys | None:
    """What the first key gives that fits a recipient; None where what it unwraps is no file key."""
    problem: KeyProblem | None = None
    context = _context(header.purpose, header.file_id)
    for found in header.recipients:
        for key in keys:
            try:
                if key.fingerprint_for(found.wrapped) == found.fingerprint:
                    return _derived(key.unwrap(found.wrapped, context), header)
            except (WrongKey, IntegrityError):
                continue
            except KeyProblem as error:
                problem = problem or error
    if problem is not None:
        raise problem
    raise _no_key(header)


def _derived(file_key: bytes, header: _Header) -> _Keys | None:
    return _keys(file_key, header.salt, header.raw) if len(file_key) == KEY_SIZE else None


def _no_key(header: _Header) -> WrongKey:
    told = ", ".join(f"{found.uri:.200} ({found.fingerprint:.64})" for found in header.recipients)
    if all(found.uri.startswith("passphrase:") for found in header.recipients):
        return WrongKey("The passphrase does not open the sealed file.", "Try another, or have the file made again.")
    return WrongKey(
        f"None of the keys at hand opens the sealed file, which says that it is for {told}.",
        "Name the key that it was sealed to.",
    )


def _opened(source: BinaryIO, keys: _Keys) -> Iterator[bytes]:
    associated, number = _associated(keys.mac), 0
    piece = _exactly(source, CHUNK + _TAG)
    while True:
        following = _exactly(source, CHUNK + _TAG) if len(piece) == CHUNK + _TAG else b""
        last = not following
        if len(piece) < _TAG or (len(piece) == _TAG and number):
            raise EnvelopeMalformed("The sealed file was cut short.", _AGAIN)
        yield _opened_chunk(keys.cipher, _nonce(number, last), piece, associated)
        if last:
            return
        piece, number = following, number + 1


def _opened_chunk(cipher: AESGCM, nonce: bytes, piece: bytes, associated: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, piece, associated)
    except InvalidTag:
        raise SealBroken("The sealed file was changed or cut short.", _AGAIN) from None


def _exactly(source: BinaryIO, size: int) -> bytes:
    """``size`` bytes, or all that are left where there are fewer; a pipe hands them over bit by bit."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
