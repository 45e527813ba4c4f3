"""A second reader of Strongroom's sealed format, written from ``docs/spec`` alone.

It shares no code with the product nor with ``generate.py``: whoever holds the specification can open a registry, and
this file shows it. It reads only. A load through it is not in the audit, so it is a proof of the format and no tool.
"""

import base64
import errno
import hashlib
import hmac
import json
import os
import sqlite3
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LABEL = {
    name: f"strongroom/v1/{name}".encode()
    for name in (
        *(
            "key-id",
            "key-fingerprint",
            "key-wrap",
            "workspace-key",
            "canary",
            "mac",
            "wrap",
            "message",
            "body",
            "sealer",
            "retired-key",
            "recovery",
        ),
        *("state", "head", "version", "audit", "anchor", "trie-path", "trie-node"),
    )
}
FORMAT = bytes([1, 1, 0, 0])  # version, suite, flags of a wrap, a body and a sealed value
FRAMES = {*range(64, 4097, 64), *(2**n for n in range(13, 27))}
STATES = ("live", "deleted", "destroyed")


TABLES = """
CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;
CREATE TABLE workspaces (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL,
    mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE workspace_keys (
    workspace BLOB NOT NULL REFERENCES workspaces,
    epoch INTEGER NOT NULL,
    provider TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    canary BLOB NOT NULL,
    created_at INTEGER NOT NULL,  -- microseconds since 1970-01-01 UTC
    PRIMARY KEY (workspace, epoch, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE heads (
    workspace BLOB NOT NULL REFERENCES workspaces,
    name TEXT NOT NULL,
    document BLOB NOT NULL UNIQUE CHECK (length(document) = 16),
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    path TEXT NOT NULL,  -- where it hangs in the trie: the hash of its name
    PRIMARY KEY (workspace, name),
    UNIQUE (workspace, path)
) STRICT;
CREATE TABLE versions (
    document BLOB NOT NULL REFERENCES heads (document),
    number INTEGER NOT NULL,
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    note BLOB NOT NULL,
    public BLOB NOT NULL,
    wrap BLOB,
    body BLOB NOT NULL,
    PRIMARY KEY (document, number)
) STRICT;
CREATE TABLE trie (
    workspace BLOB NOT NULL REFERENCES workspaces,
    path TEXT NOT NULL,
    node BLOB NOT NULL,
    PRIMARY KEY (workspace, path)
) STRICT;
CREATE TABLE audit (
    workspace BLOB NOT NULL REFERENCES workspaces,
    seq INTEGER NOT NULL,
    record BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (workspace, seq)
) STRICT;
CREATE TABLE uses (
    workspace BLOB NOT NULL REFERENCES workspaces,
    used TEXT NOT NULL,
    user TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (workspace, used, user, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_by_user ON uses (workspace, user, number);
"""  # registry §8
_PATH = "    path TEXT NOT NULL,  -- where it hangs in the trie: the hash of its name\n"
_UNIQUE = ",\n    UNIQUE (workspace, path)"
TABLES_OF_FORMAT_1 = (
    TABLES[: TABLES.index("CREATE TABLE uses")]
    .replace("(workspace, epoch, fingerprint)", "(workspace, epoch)")
    .replace(_PATH, "")
    .replace(_UNIQUE, "")
)  # registry §9


class Refused(Exception):
    """What the reader does not hand out, and the class of the error that the specification names for it."""

    def __init__(self, error: str, why: str = "") -> None:
        super().__init__(f"{error}: {why}")
        self.error = error


def check(fits: object, error: str, why: str = "") -> None:
    """Refuse with this class of error unless the condition holds."""
    if not fits:
        raise Refused(error, why)


# envelope §1: notation


def number(value: int, size: int) -> bytes:
    """``u16``, ``u32`` or ``u64`` of a number."""
    return value.to_bytes(size, "big")


def framed(*parts: bytes) -> bytes:
    """Each part behind its length, one after the other."""
    return b"".join(number(len(part), 4) + part for part in parts)


def hkdf(key: bytes, salt: bytes | None, info: bytes, size: int) -> bytes:
    """RFC 5869 with HMAC-SHA-512; no salt is 64 zero bytes."""
    extracted = hmac.digest(salt if salt is not None else bytes(64), key, "sha512")
    output = block = b""
    counter = 1
    while len(output) < size:
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha512")
        output += block
        counter += 1
    return output[:size]


def sha256(value: object) -> bytes:
    """The SHA-256 of some bytes; nothing for a value that is none, so that it equals no hash."""
    return hashlib.sha256(value).digest() if isinstance(value, bytes) else b""


def seal(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    """``GCM-seal``."""
    return AESGCM(key).encrypt(nonce, data, bound)


def unseal(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    """``GCM-open``, with the class of error that it always has here."""
    try:
        return AESGCM(key).decrypt(nonce, data, bound)
    except InvalidTag:
        raise Refused("SealBroken", "a tag does not fit") from None


def is_text(value: object, most: int) -> bool:
    """Whether a value is text of 1 to so many bytes of UTF-8."""
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= most
    except UnicodeEncodeError:
        return False


def is_bytes(value: object, size: int) -> bool:
    """Whether a value is so many bytes."""
    return isinstance(value, bytes) and len(value) == size


def is_number(value: object, least: int, most: int) -> bool:
    """Whether a value is a whole number within these limits."""
    return type(value) is int and least <= value <= most


# envelope §3 to §6: keys


def key_id(workspace_key: bytes) -> bytes:
    """What names a workspace key in every wrap."""
    return hkdf(workspace_key, None, framed(LABEL["key-id"]), 16)


def mac(workspace_key: bytes, purpose: bytes, data: bytes) -> bytes:
    """The MAC of §6."""
    key = hkdf(workspace_key, None, framed(LABEL["mac"], purpose), 32)
    return hmac.digest(key, data, "sha256")


def fingerprint(kek: bytes) -> str:
    """What names a provider's key in the record of what it wrapped."""
    return hkdf(kek, None, framed(LABEL["key-fingerprint"]), 16).hex()


def read_key_text(text: bytes) -> bytes:
    """The key in the content of a key file or of an environment variable."""
    prefix, digits = text[:18], text[18:].removesuffix(b"\n")
    fits = prefix == b"strongroom-key-v1:" and len(digits) == 64 and not digits.strip(b"0123456789abcdef")
    check(fits, "KeyMalformed", "no text of a key")
    return bytes.fromhex(digits.decode())


class RawKey:
    """A provider of method 1: a key as it is (``file:``, ``env:``)."""

    method = 1

    def __init__(self, kek: bytes, uri: str = "") -> None:
        self._kek, self.uri = kek, uri

    def kek(self, parameters: bytes) -> bytes:
        """The key; there are no parameters."""
        return self._kek

    def fingerprint_for(self, parameters: bytes) -> str:
        """What names the key."""
        return fingerprint(self._kek)


class LaterKey(RawKey):
    """A provider of method 3: the key of the epoch that was current when another was retired (§5.2)."""

    method = 3

    def __init__(self, workspace_key: bytes) -> None:
        super().__init__(hkdf(workspace_key, None, framed(LABEL["retired-key"]), 32))
        self._fingerprint = key_id(workspace_key).hex()

    def fingerprint_for(self, parameters: bytes) -> str:
        """The id of the later key."""
        return self._fingerprint


class Passphrase:
    """A provider of method 2: a passphrase, with salt and costs in the wrapped key."""

    method = 2

    def __init__(self, passphrase: bytes, uri: str = "passphrase:") -> None:
        self._passphrase, self.uri = passphrase, uri

    def kek(self, parameters: bytes) -> bytes:
        """The key that Argon2id makes with these parameters."""
        try:
            secret = unicodedata.normalize("NFC", self._passphrase.decode()).encode()
        except UnicodeDecodeError:
            raise Refused("KeyMalformed", "the passphrase is no UTF-8") from None
        check(8 <= len(secret) <= 1024, "KeyMalformed", "the passphrase is too short or too long")
        memory, iterations, lanes = costs(parameters)
        return Argon2id(salt=parameters[:16], length=32, iterations=iterations, lanes=lanes, memory_cost=memory).derive(
            secret
        )

    def fingerprint_for(self, parameters: bytes) -> str:
        """What names the key that these parameters give."""
        return fingerprint(self.kek(parameters))


class RecoveryCode:
    """A provider of method 4: the private half of a key pair, as a code on paper (§4.6)."""

    method, uri = 4, "recovery:"

    def __init__(self, text: str) -> None:
        self._text = text

    def _private(self) -> X25519PrivateKey:
        letters = "".join(self._text.split()).replace("-", "").upper()
        fits = len(letters) == 40 and not letters.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        check(fits, "KeyMalformed", "no recovery code")
        raw = base64.b32decode(letters)
        secret = raw[:20]
        check(sha256(framed(LABEL["recovery"], secret))[:5] == raw[20:], "KeyMalformed", "the check of the code")
        return X25519PrivateKey.from_private_bytes(hkdf(secret, None, framed(LABEL["recovery"], b"code"), 32))

    def recipient(self) -> bytes:
        """The public half."""
        return self._private().public_key().public_bytes_raw()

    def fingerprint_for(self, parameters: bytes) -> str:
        """What names the public half."""
        return fingerprint(self.recipient())

    def kek(self, parameters: bytes) -> bytes:
        """What this half and the public one that was made for the wrap have in common."""
        check(hmac.compare_digest(parameters[:32], self.recipient()), "WrongKey", "wrapped for another code")
        try:
            shared = self._private().exchange(X25519PublicKey.from_public_bytes(parameters[32:]))
        except ValueError:
            raise Refused("EnvelopeMalformed", "a point of small order") from None
        return hkdf(shared, None, framed(LABEL["recovery"], parameters), 32)


class ServiceKey:
    """A provider of method 128: a key that a service keeps (§4.5), which ``decrypt`` asks."""

    method = 0x80

    def __init__(self, scheme: str, identity: str, decrypt: Callable[[bytes, bytes], bytes]) -> None:
        self.uri, self._scheme, self._decrypt = f"{scheme}:{identity}", scheme.encode(), decrypt
        self._fingerprint = sha256(framed(LABEL["key-fingerprint"], self._scheme, identity.encode()))[:16]

    def parameters_of(self, wrapped: bytes) -> bytes:
        """What the service made, after the checks of the four fields."""
        check(len(wrapped) <= 4096, "EnvelopeMalformed", "too long")
        take = Bytes(wrapped[8:], "EnvelopeMalformed")
        scheme, printed, salt, ciphertext = (take.raw(take.number(4)) for _ in range(4))
        take.end()
        fits = 1 <= len(scheme) <= 32 and len(printed) == len(salt) == 16 and ciphertext
        check(fits, "EnvelopeMalformed", "sizes of the fields")
        check(scheme == self._scheme, "WrongKey", "another kind of service")
        return ciphertext

    def fingerprint_for(self, parameters: bytes) -> str:
        """What names the key of the service."""
        return self._fingerprint.hex()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The workspace key, by asking the service."""
        ciphertext = self.parameters_of(wrapped)
        header = wrapped[: -4 - len(ciphertext)]
        check(header[-36:-20] == self._fingerprint, "WrongKey", "another key of the service")
        workspace_key = self._decrypt(ciphertext, framed(LABEL["key-wrap"], header, context))
        check(len(workspace_key) == 32, "SealBroken", "no key of 32 bytes")
        return workspace_key


Provider = RawKey | Passphrase | RecoveryCode | ServiceKey


def costs(parameters: bytes) -> tuple[int, ...]:
    """Memory, iterations and lanes from the parameters of method 2."""
    return tuple(int.from_bytes(parameters[at : at + 4], "big") for at in (16, 20, 24))


def read_key_file(path: str | Path) -> RawKey:
    """The provider ``file:PATH``: a file that is the reader's own, and nobody else's to read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        error = "KeyExposed" if problem.errno == errno.ELOOP else "KeyUnavailable"
        raise Refused(error, str(problem.strerror)) from None
    try:
        found = os.fstat(handle)
        check(stat.S_ISREG(found.st_mode), "KeyMalformed", "no regular file")
        check(found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o077, "KeyExposed", "others can use it")
        return RawKey(read_key_text(os.read(handle, 100)), f"file:{path}")
    finally:
        os.close(handle)


PARAMETERS = {1: 0, 2: 28, 3: 0, 4: 64}  # how many bytes a method has between the flags and the salt


def parameters_of(provider: Provider, wrapped: bytes) -> bytes:
    """The parameters of a wrapped key, after the checks of its shape (§4.4)."""
    check(isinstance(wrapped, bytes) and len(wrapped) >= 8 and wrapped[:4] == b"SRKW", "EnvelopeMalformed", "no SRKW")
    check(wrapped[4] == 1 and wrapped[6:8] == b"\0\0", "EnvelopeUnsupported", "version or flags")
    check(wrapped[5] in (*PARAMETERS, 0x80), "EnvelopeUnsupported", "method")
    check(wrapped[5] == provider.method, "WrongKey", "wrapped by another kind of provider")
    if isinstance(provider, ServiceKey):
        return provider.parameters_of(wrapped)
    size = PARAMETERS[provider.method]
    check(len(wrapped) == 100 + size, "EnvelopeMalformed", "length of the wrapped key")
    parameters = wrapped[8 : 8 + size]
    if provider.method == 2:
        memory, iterations, lanes = costs(parameters)
        inside = 8192 <= memory <= 524288 and 1 <= iterations <= 8 and 1 <= lanes <= 16
        check(inside, "EnvelopeUnsupported", "costs")
    return parameters


def unwrap_workspace_key(provider: Provider, wrapped: bytes, context: bytes) -> bytes:
    """The workspace key out of its wrapped form (§4.4, and 7 and 8 of §5)."""
    parameters = parameters_of(provider, wrapped)
    if isinstance(provider, ServiceKey):
        return provider.unwrap(wrapped, context)
    end = 8 + len(parameters)
    salt, nonce = wrapped[end : end + 32], wrapped[end + 32 : end + 44]
    header = wrapped[: end + 44]
    wrap_key = hkdf(provider.kek(parameters), salt, framed(LABEL["key-wrap"]), 32)
    workspace_key = unseal(wrap_key, nonce, wrapped[end + 44 :], framed(LABEL["key-wrap"], header, context))
    check(len(workspace_key) == 32, "KeyMalformed", "no key of 32 bytes")
    return workspace_key


@dataclass(frozen=True)
class KeyRecord:
    """One row of the keys of a workspace (§5)."""

    epoch: int
    provider: str
    fingerprint: str
    wrapped: bytes
    canary: bytes
    created_at: int

    def has_shape(self) -> bool:
        """Whether every field is of its type, size and range."""
        return (
            is_number(self.epoch, 1, 2**32 - 1)
            and is_text(self.provider, 4096)
            and is_text(self.fingerprint, 255)
            and isinstance(self.wrapped, bytes)
            and 1 <= len(self.wrapped) <= 4096
            and is_bytes(self.canary, 32)
            and is_number(self.created_at, 0, 2**64 - 1)
        )

    def retired_under(self) -> int:
        """The later epoch whose key wrapped this one, 0 for a record of any other kind (§5.2)."""
        digits = self.provider.removeprefix("epoch:")
        later = int(digits) if digits != self.provider and digits.isascii() and digits.isdecimal() else 0
        return later if later > self.epoch else 0


class Keyring:
    """The workspace keys of one workspace, each opened and proved before its first use."""

    def __init__(self, provider: Provider, store_id: bytes, workspace_id: bytes, records: list[KeyRecord]) -> None:
        check(records, "KeyUnavailable", "the workspace has no key")
        check(all(record.has_shape() for record in records), "EnvelopeMalformed", "shape of a key record")
        names = {(record.epoch, record.fingerprint) for record in records}
        check(len(names) == len(records), "EnvelopeMalformed", "two records with one epoch and fingerprint")
        self.records = records
        self._provider, self.store_id, self.workspace_id = provider, store_id, workspace_id
        self._keys: dict[int, bytes] = {}
        self.newest = max(record.epoch for record in records)
        self.key(self.newest)

    def key(self, epoch: int) -> bytes:
        """The workspace key of an epoch: one that was retired is opened by the keys of later ones."""
        chain: list[KeyRecord] = []
        while epoch not in self._keys:
            records = [record for record in self.records if record.epoch == epoch]
            check(records, "SealBroken", f"no key of epoch {epoch}")
            retired = [record for record in records if record.retired_under()]
            if not retired:
                self._keys[epoch] = self._open(*self._chosen(records))
                break
            chain.append(retired[0])
            epoch = retired[0].retired_under()
        for record in reversed(chain):
            provider = LaterKey(self._keys[epoch])
            parameters = parameters_of(provider, record.wrapped)
            fits = provider.fingerprint_for(parameters) == record.fingerprint
            check(fits, "WrongKey", "retired under another key")
            epoch = record.epoch
            self._keys[epoch] = self._open(record, provider)
        return self._keys[epoch]

    def is_retired(self, epoch: int) -> bool:
        """Whether a record says that an epoch is retired."""
        return any(record.retired_under() for record in self.records if record.epoch == epoch)

    def _chosen(self, records: list[KeyRecord]) -> tuple[KeyRecord, Provider]:
        """The record that the provider's key wrapped, those that name the provider first (§5)."""
        problems = []
        for record in sorted(records, key=lambda record: record.provider != self._provider.uri):
            try:
                found = self._provider.fingerprint_for(parameters_of(self._provider, record.wrapped))
            except Refused as refused:
                problems.append(refused)
                continue
            if found == record.fingerprint:
                return record, self._provider
        check(len(problems) == len(records), "WrongKey", "wrapped by other keys")
        raise problems[0]

    def _open(self, record: KeyRecord, provider: Provider) -> bytes:
        where = (self.store_id, self.workspace_id, number(record.epoch, 4))
        context = framed(LABEL["workspace-key"], *where)
        key = unwrap_workspace_key(provider, record.wrapped, context)
        said = (record.provider.encode(), record.fingerprint.encode(), record.wrapped, number(record.created_at, 8))
        canary = mac(key, LABEL["canary"], framed(LABEL["canary"], *where, *said))
        check(hmac.compare_digest(canary, record.canary), "SealBroken", "canary")
        return key


# envelope §7 to §11: what is sealed


@dataclass(frozen=True)
class Binding:
    """Where a version belongs (§7)."""

    store_id: bytes
    workspace_id: bytes
    document_id: bytes
    generation: int
    version: int
    type: str
    schema: str
    note_hash: bytes
    public_hash: bytes

    def check(self) -> None:
        """Refuse a field of another type, size or range."""
        ids = all(is_bytes(value, 16) for value in (self.store_id, self.workspace_id, self.document_id))
        numbers = all(is_number(value, 1, 2**63 - 1) for value in (self.generation, self.version))
        texts = is_text(self.type, 255) and is_text(self.schema, 255)
        hashes = is_bytes(self.note_hash, 32) and is_bytes(self.public_hash, 32)
        check(ids and numbers and texts and hashes, "EnvelopeMalformed", "shape of the binding")

    def bound(self, label: bytes, header: bytes) -> bytes:
        """The associated data of a wrap or a body."""
        ids = (self.store_id, self.workspace_id, self.document_id)
        numbers = (number(self.generation, 8), number(self.version, 8))
        texts = (self.type.encode(), self.schema.encode())
        return framed(label, header, *ids, *numbers, *texts, self.note_hash, self.public_hash)


def frame_size(content: int) -> int:
    """How large the frame of so many bytes is, those of the length included."""
    return -(-content // 64) * 64 if content <= 4096 else 1 << (content - 1).bit_length()


def check_wrap(wrap: object) -> int:
    """Checks 2 to 5 of §10; gives the epoch that the wrap names."""
    check(isinstance(wrap, bytes) and len(wrap) >= 8 and wrap[:4] == b"SRWR", "EnvelopeMalformed", "no SRWR")
    assert isinstance(wrap, bytes)
    check(wrap[4:8] == FORMAT, "EnvelopeUnsupported", "format of the wrap")
    check(len(wrap) == 120, "EnvelopeMalformed", "length of the wrap")
    epoch = int.from_bytes(wrap[8:12], "big")
    check(epoch, "EnvelopeMalformed", "epoch 0")
    return epoch


def check_body(body: object) -> None:
    """Checks 6 to 8 of §10."""
    check(isinstance(body, bytes) and len(body) >= 8 and body[:4] == b"SRBD", "EnvelopeMalformed", "no SRBD")
    assert isinstance(body, bytes)
    check(body[4:8] == FORMAT, "EnvelopeUnsupported", "format of the body")
    check(len(body) - 100 in FRAMES, "EnvelopeMalformed", "length of the body")


def open_wrap(workspace_key: bytes, epoch: int, binding: Binding, wrap: bytes) -> bytes:
    """Checks 9 and 10 of §10; gives the data key."""
    fits = int.from_bytes(wrap[8:12], "big") == epoch and wrap[12:28] == key_id(workspace_key)
    check(fits, "SealBroken", "wrapped by another workspace key")
    key = hkdf(workspace_key, wrap[28:60], framed(LABEL["wrap"]), 32)
    return unseal(key, wrap[60:72], wrap[72:], binding.bound(LABEL["wrap"], wrap[:72]))


def make_wrap(workspace_key: bytes, epoch: int, binding: Binding, data_key: bytes, salt: bytes, nonce: bytes) -> bytes:
    """The wrap of §8."""
    header = b"SRWR" + FORMAT + number(epoch, 4) + key_id(workspace_key) + salt + nonce
    key = hkdf(workspace_key, salt, framed(LABEL["wrap"]), 32)
    return header + seal(key, nonce, data_key, binding.bound(LABEL["wrap"], header))


def make_body(data_key: bytes, binding: Binding, payload: bytes, salt: bytes, nonce: bytes) -> bytes:
    """The body of §9."""
    content = number(len(payload), 4) + payload
    keys = hkdf(data_key, salt, framed(LABEL["message"]), 64)
    header = b"SRBD" + FORMAT + salt + keys[32:] + nonce
    frame = content.ljust(frame_size(len(content)), b"\0")
    return header + seal(keys[:32], nonce, frame, binding.bound(LABEL["body"], header))


def open_version(workspace_key: bytes, epoch: int, binding: Binding, wrap: bytes, body: bytes) -> bytes:
    """The payload of a version (§10)."""
    binding.check()
    check_wrap(wrap)
    check_body(body)
    data_key = open_wrap(workspace_key, epoch, binding, wrap)
    keys = hkdf(data_key, body[8:40], framed(LABEL["message"]), 64)
    check(hmac.compare_digest(keys[32:], body[40:72]), "SealBroken", "commitment")
    frame = unseal(keys[:32], body[72:84], body[84:], binding.bound(LABEL["body"], body[:84]))
    content = 4 + int.from_bytes(frame[:4], "big")
    check(frame_size(content) == len(frame) and not any(frame[content:]), "EnvelopeMalformed", "padding")
    return frame[4:content]


def rewrap(
    old: tuple[bytes, int], new: tuple[bytes, int], binding: Binding, wrap: bytes, salt: bytes, nonce: bytes
) -> bytes:
    """The data key of a wrap under another workspace key (§8); ``old`` and ``new`` are a key and its epoch."""
    binding.check()
    check_wrap(wrap)
    return make_wrap(*new, binding, open_wrap(*old, binding, wrap), salt, nonce)


def sealer_parts(
    purpose: str, store_id: bytes, workspace_id: bytes, context: bytes, header: bytes
) -> tuple[bytes, ...]:
    """The info of a sealer's key, and the associated data of a value with this header."""
    what = (LABEL["sealer"], purpose.encode())
    return framed(*what), framed(*what, store_id, workspace_id, header, context)


def open_sealed(keys: Any, purpose: str, store_id: bytes, workspace_id: bytes, context: bytes, sealed: bytes) -> bytes:
    """What a sealer sealed (§11); ``keys`` gives the workspace key of an epoch or refuses."""
    check(isinstance(sealed, bytes) and len(sealed) >= 8 and sealed[:4] == b"SRSL", "EnvelopeMalformed", "no SRSL")
    check(sealed[4:8] == FORMAT, "EnvelopeUnsupported", "format of the sealed value")
    check(88 <= len(sealed) <= 1073741912, "EnvelopeMalformed", "length of the sealed value")
    workspace_key = keys(int.from_bytes(sealed[8:12], "big"))
    check(sealed[12:28] == key_id(workspace_key), "SealBroken", "sealed with another workspace key")
    info, bound = sealer_parts(purpose, store_id, workspace_id, context, sealed[:72])
    return unseal(hkdf(workspace_key, sealed[28:60], info, 32), sealed[60:72], sealed[72:], bound)


# registry §2: canonical records


class Bytes:
    """Takes a record apart, and refuses what is left over, ends too early or is no UTF-8."""

    def __init__(self, record: bytes, error: str) -> None:
        self._rest, self._error = record, error

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        check(len(self._rest) >= size, self._error, "a record ends too early")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def number(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self.raw(size), "big")

    def text(self) -> str:
        """A text behind its length."""
        try:
            return self.raw(self.number(4)).decode()
        except UnicodeDecodeError:
            raise Refused(self._error, "text that is no UTF-8") from None

    def more(self) -> bool:
        """Whether the fields follow that may be left out."""
        return bool(self._rest)

    def end(self) -> None:
        """Nothing may be left."""
        check(not self._rest, self._error, "a record goes on too long")


@dataclass(frozen=True)
class State:
    """The state of a workspace (§2.4)."""

    epoch: int
    store_id: bytes
    workspace_id: bytes
    name: str
    seq: int
    root: bytes
    audit_seq: int
    audit_mac: bytes
    oldest: int = 1


@dataclass(frozen=True)
class Head:
    """What is current of a document (§2.3)."""

    epoch: int
    name: str
    document: bytes
    generation: int
    first: int
    current: int
    state: str
    labels: dict[str, int]
    destroyed: tuple[tuple[int, int], ...]
    body_hash: bytes
    seq: int
    updated_at: int
    newest: int = 0

    @property
    def last(self) -> int:
        """The number of the newest version, which may wait to become the current one."""
        return self.newest or self.current

    def is_destroyed(self, version: int) -> bool:
        """Whether this version was destroyed."""
        return any(start <= version <= end for start, end in self.destroyed)


@dataclass(frozen=True)
class VersionRecord:
    """What a version is (§2.2)."""

    epoch: int
    document: bytes
    generation: int
    number: int
    type: str
    schema: str
    note_hash: bytes
    public_hash: bytes
    body_hash: bytes


@dataclass(frozen=True)
class Note:
    """What a version says of itself (§2.1)."""

    created_at: int
    actor: str
    message: str
    references: tuple[str, ...] = ()
    expires_at: int = 0


@dataclass(frozen=True)
class Entry:
    """One entry of the audit (§2.5)."""

    epoch: int
    seq: int
    at: int
    actor: str
    action: str
    outcome: str
    name: str
    document: bytes
    version: int
    label: str
    message: str
    count: int


def read_state(record: bytes) -> State:
    """A state from its canonical bytes."""
    take = Bytes(record, "HeadTampered")
    head = (take.number(4), take.raw(16), take.raw(16), take.text(), take.number(8), take.raw(32))
    state = State(*head, take.number(8), take.raw(32))
    if take.more():
        state = replace(state, oldest=take.number(4))
        check(1 < state.oldest <= state.epoch, "HeadTampered", "the oldest epoch")
    take.end()
    return state


def read_head(record: bytes) -> Head:
    """A head from its canonical bytes."""
    take = Bytes(record, "HeadTampered")
    start = (take.number(4), take.text(), take.raw(16), take.number(8), take.number(8), take.number(8))
    state = take.number(1)
    check(state < len(STATES), "HeadTampered", "no such state")
    labels = {take.text(): take.number(8) for _ in range(take.number(4))}
    destroyed = tuple((take.number(8), take.number(8)) for _ in range(take.number(4)))
    head = Head(*start, STATES[state], labels, destroyed, take.raw(32), take.number(8), take.number(8))
    if take.more():
        head = replace(head, newest=take.number(8))
        check(head.newest > head.current, "HeadTampered", "the newest version")
    take.end()
    return head


def read_version(record: bytes) -> VersionRecord:
    """A version from its canonical bytes."""
    take = Bytes(record, "VersionTampered")
    start = (take.number(4), take.raw(16), take.number(8), take.number(8), take.text(), take.text())
    version = VersionRecord(*start, take.raw(32), take.raw(32), take.raw(32))
    take.end()
    return version


def read_note(note: bytes) -> Note:
    """A note from its canonical bytes."""
    take = Bytes(note, "VersionTampered")
    read = Note(take.number(8), take.text(), take.text())
    if take.more():
        read = replace(read, references=tuple(take.text() for _ in range(take.number(4))), expires_at=take.number(8))
        check(read.references or read.expires_at, "VersionTampered", "fields that say nothing")
    take.end()
    return read


@dataclass(frozen=True)
class Anchor:
    """What is kept of a state elsewhere (§7.1), with its MAC."""

    epoch: int
    store_id: bytes
    workspace_id: bytes
    seq: int
    root: bytes
    audit_seq: int
    audit_mac: bytes
    record: bytes
    mac: bytes


ANCHOR = "strongroom-anchor-v1:"


def read_anchor(line: str) -> Anchor:
    """An anchor from its line."""
    digits = line.rstrip().removeprefix(ANCHOR)
    fits = len(line.rstrip()) == len(ANCHOR) + 296 == len(ANCHOR) + len(digits) and not digits.strip("0123456789abcdef")
    check(fits, "AnchorTampered", "no line of an anchor")
    record, its_mac = bytes.fromhex(digits)[:116], bytes.fromhex(digits)[116:]
    take = Bytes(record, "AnchorTampered")
    start = (take.number(4), take.raw(16), take.raw(16), take.number(8), take.raw(32))
    anchor = Anchor(*start, take.number(8), take.raw(32), record, its_mac)
    take.end()
    return anchor


def anchor_line(text: bytes, store_id: bytes, workspace_id: bytes) -> str:
    """The one line of a file of anchors that is for a workspace."""
    ids = (store_id + workspace_id).hex()
    lines = [line for line in text.decode(errors="replace").splitlines() if line.startswith(ANCHOR)]
    found = [line for line in lines if line[len(ANCHOR) + 8 :].startswith(ids)]
    check(len(found) == 1, "AnchorUnavailable", f"{len(found)} lines for the workspace")
    return found[0]


def read_entry(record: bytes) -> Entry:
    """An audit entry from its canonical bytes."""
    take = Bytes(record, "AuditChainBroken")
    start = (take.number(4), take.number(8), take.number(8), take.text(), take.text(), take.text(), take.text())
    entry = Entry(*start, take.raw(16), take.number(8), take.text(), take.text(), take.number(8))
    take.end()
    return entry


# registry §2 and §4.1: what is proven by a MAC


def record_fits(
    keyring: Keyring, purpose: str, record: bytes, its_mac: bytes, *, before: bytes = b"", oldest: int = 1
) -> bool:
    """Whether a record is what somebody with the workspace key wrote (§2)."""
    if not isinstance(record, bytes) or not isinstance(its_mac, bytes):
        return False
    epoch = int.from_bytes(record[:4], "big")
    if len(record) < 4 or (purpose in ("head", "version") and (epoch < oldest or keyring.is_retired(epoch))):
        return False
    try:
        key = keyring.key(epoch)
    except Refused as refused:
        if refused.error != "SealBroken":
            raise
        return False
    return hmac.compare_digest(mac(key, LABEL[purpose], before + record), its_mac)


def open_state(keyring: Keyring, name: str, record: bytes, its_mac: bytes) -> State:
    """The state of a workspace, verified (§4.1)."""
    check(record_fits(keyring, "state", record, its_mac), "HeadTampered", "MAC of the state")
    state = read_state(record)
    check(state.epoch == keyring.newest, "HeadTampered", "a state of before a rotation")
    found = (state.store_id, state.workspace_id, state.name)
    check(found == (keyring.store_id, keyring.workspace_id, name), "HeadTampered", "the state of something else")
    return state


AuditRow = tuple[bytes, bytes]


def proven_mac(keyring: Keyring, state: State, seq: int, row: Callable[[int], AuditRow | None]) -> bytes:
    """The MAC of an audit entry, proven from the state down to it; ``row`` gives record and MAC of an entry."""
    check(seq <= state.audit_seq, "StoreRolledBack", "a later audit")
    due = found = state.audit_mac
    for entry in range(state.audit_seq, max(seq, 1) - 1, -1):
        record, its_mac = row(entry) or (b"", b"")
        before = (row(entry - 1) or (b"", b""))[1] if entry > 1 else bytes(32)
        fits = its_mac == due and record_fits(keyring, "audit", record, its_mac, before=before)
        check(fits and read_entry(record).seq == entry, "AuditChainBroken", f"entry {entry}")
        found, due = due, before
    return found if seq else bytes(32)


def check_anchor(keyring: Keyring, state: State, text: bytes, row: Callable[[int], AuditRow | None]) -> None:
    """Hold a state against the anchor that a file has for its workspace (§7.1)."""
    where = (keyring.store_id, keyring.workspace_id)
    anchor = read_anchor(anchor_line(text, *where))
    check((anchor.store_id, anchor.workspace_id) == where, "AnchorTampered", "the anchor of something else")
    check(anchor.epoch <= state.epoch, "StoreRolledBack", "a later key")
    check(record_fits(keyring, "anchor", anchor.record, anchor.mac), "AnchorTampered", "MAC of the anchor")
    check(anchor.seq <= state.seq, "StoreRolledBack", "a later state")
    said = (anchor.root, anchor.audit_seq, anchor.audit_mac)
    same = said == (state.root, state.audit_seq, state.audit_mac)
    check(anchor.seq < state.seq or same, "StoreRolledBack", "another state")
    if anchor.seq < state.seq:
        fits = proven_mac(keyring, state, anchor.audit_seq, row) == anchor.audit_mac
        check(fits, "StoreRolledBack", "another past")


# registry §3 and §4: the store


def trie_path(name: str) -> bytes:
    """Where the head of this name hangs in the trie."""
    return sha256(LABEL["trie-path"] + name.encode())


def read_branch(node: bytes) -> list[tuple[int, bytes, bytes]]:
    """The 16 slots of a branch: what it is, the path of a leaf, the MAC of a leaf or the hash of a branch."""
    take = Bytes(node, "RollbackDetected")
    slots = []
    for _ in range(16):
        kind = take.number(1)
        check(kind <= 2, "RollbackDetected", "no such slot")
        slots.append((kind, take.raw(32) if kind == 1 else b"", take.raw(32) if kind else b""))
    take.end()
    return slots


@dataclass(frozen=True)
class Document:
    """A version that was opened, with all that is known about it."""

    head: Head
    record: VersionRecord
    note: Note
    public: bytes
    payload: bytes

    def json(self) -> Any:
        """The payload as JSON (payload §1), refused if it is not written as it must be."""
        value = json.loads(self.payload)
        again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        check(isinstance(value, dict) and again == self.payload, "ValueError", "no payload of a block")
        return value


class Registry:
    """A registry in an SQLite file, read in one moment. Nothing in it counts before it is verified."""

    def __init__(self, path: str | Path, provider: Provider, workspace: str = "default") -> None:
        self._rows = sqlite3.connect(f"file:{Path(path).absolute()}?mode=ro", uri=True, isolation_level=None)
        self._rows.text_factory = lambda text: text.decode(errors="replace")
        try:
            self._rows.execute("PRAGMA trusted_schema = OFF")
            self._rows.execute("BEGIN")
            self._open(provider, workspace)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()

    def _one(self, query: str, *given: object) -> Any:
        return self._rows.execute(query, given).fetchone()

    def _open(self, provider: Provider, workspace: str) -> None:
        (application,) = self._one("PRAGMA application_id")
        check(application == 0x53524D31, "StoreForeign", "no registry")
        (version,) = self._one("PRAGMA user_version")
        check(version <= 2, "StoreNewer", "a later format")
        check(version in (1, 2), "StoreForeign", "a format that never was")
        text_of_all = TABLES if version == 2 else TABLES_OF_FORMAT_1
        declared = {" ".join(text.split()) for text in text_of_all.split(";") if text.strip()}
        tables = {text.split()[2]: text for text in declared}
        found = self._rows.execute("SELECT name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        ours = [(name, " ".join(text.split())) for name, table, text in found if table in tables]
        check(sorted(ours) == sorted(tables.items()), "StoreForeign", "the tables are not those of a registry")
        check(version == 2 or "uses" not in [name for name, *_ in found], "StoreForeign", "in the way of format 2")
        (store_id,) = self._one("SELECT id FROM store") or (None,)
        if not isinstance(store_id, bytes) or len(store_id) != 16:
            raise Refused("StoreForeign", "the id of the store is gone")
        rows = {
            name: row for name, *row in self._rows.execute("SELECT name, id, record, mac FROM workspaces ORDER BY name")
        }
        check(rows, "HeadTampered", "the workspaces are gone")
        problem = self._passed_over(provider, store_id, workspace, *rows[workspace]) if workspace in rows else None
        if workspace in rows and problem is None:
            return
        opened = False
        for name in rows:  # one of the others may be the one, renamed
            if name == workspace:
                continue
            try:
                other = self._passed_over(provider, store_id, name, *rows[name])
            except Refused as refused:
                if workspace not in rows or refused.error == "HeadTampered":
                    raise
                continue
            opened |= other is None
            problem = problem or other
        raise problem if problem is not None and not opened else Refused("UnknownWorkspace", workspace)

    def _passed_over(
        self, provider: Provider, store_id: bytes, name: str, workspace_id: bytes, record: bytes, its_mac: bytes
    ) -> Refused | None:
        """Open a workspace, or tell why the key at hand is not for it; any other problem is raised."""
        fields = "epoch, provider, fingerprint, wrapped, canary, created_at"
        rows = self._rows.execute(f"SELECT {fields} FROM workspace_keys WHERE workspace = ?", (workspace_id,))
        keys = [KeyRecord(*row) for row in rows]
        try:
            keyring = Keyring(provider, store_id, workspace_id, keys)
        except Refused as refused:
            scheme = provider.uri.split(":")[0]
            is_another = keys and all(key.provider.split(":")[0] != scheme for key in keys)
            if refused.error == "WrongKey" or is_another:
                return refused
            raise
        self.keyring = keyring
        self.state = open_state(keyring, name, record, its_mac)
        return None

    def _fits(self, purpose: str, record: bytes, its_mac: bytes, before: bytes = b"") -> bool:
        """Whether a record is what somebody with the workspace key wrote."""
        return record_fits(self.keyring, purpose, record, its_mac, before=before, oldest=self.state.oldest)

    def _branch(self, prefix: str, its_hash: bytes) -> list[tuple[int, bytes, bytes]]:
        where = (self.keyring.workspace_id, prefix)
        row = self._one("SELECT node FROM trie WHERE workspace = ? AND path = ?", *where)
        node = row[0] if row else bytes(16) if prefix == "" else b""
        fits = isinstance(node, bytes) and sha256(LABEL["trie-node"] + node) == its_hash
        check(fits, "RollbackDetected", f"the branch at {prefix!r}")
        return read_branch(node)

    def leaf(self, name: str) -> bytes | None:
        """The MAC that the trie knows of the head of this name, None where there is no such document."""
        path = trie_path(name)
        its_hash = self.state.root
        for depth, digit in enumerate(path.hex()):
            kind, leaf, its_hash = self._branch(path.hex()[:depth], its_hash)[int(digit, 16)]
            if kind != 2:
                return its_hash if kind == 1 and leaf == path else None
        raise Refused("RollbackDetected", "a trie without an end")

    def leaves(self) -> dict[bytes, bytes]:
        """All leaves: the MAC of a head by its path."""
        found = {}
        branches = [("", self.state.root)]
        while branches:
            prefix, its_hash = branches.pop()
            for digit, (kind, path, value) in enumerate(self._branch(prefix, its_hash)):
                below = f"{prefix}{digit:x}"
                if kind == 1:
                    check(path.hex().startswith(below), "RollbackDetected", "a leaf in another place")
                    found[path] = value
                elif kind == 2:
                    branches.append((below, value))
        return found

    def names(self) -> list[str]:
        """The names of all heads; each leaf of the trie must have one."""
        names = [
            name
            for (name,) in self._rows.execute(
                "SELECT name FROM heads WHERE workspace = ? ORDER BY name", (self.keyring.workspace_id,)
            )
        ]
        check({trie_path(name) for name in names} >= set(self.leaves()), "HiddenVersion", "a head was removed")
        return names

    def head(self, name: str) -> Head:
        """The head of a document, verified (§4.2)."""
        query = "SELECT document, record, mac FROM heads WHERE workspace = ? AND name = ?"
        row = self._one(query, self.keyring.workspace_id, name)
        head = None
        if row:
            check(self._fits("head", row[1], row[2]), "HeadTampered", "MAC of the head")
            head = read_head(row[1])
            check((head.name, head.document) == (name, row[0]), "HeadTampered", "the head of something else")
        leaf = self.leaf(name)
        if head is None:
            raise Refused("HiddenVersion" if leaf else "UnknownDocument", name)
        check(leaf is not None and hmac.compare_digest(leaf, row[2]), "RollbackDetected", "an old head")
        return head

    def _version(self, head: Head, version: int) -> tuple[VersionRecord, Note, bytes, bytes | None, bytes]:
        """Record, note, public projection, wrap and body of a version: 1 to 6 of §4.3."""
        query = "SELECT record, mac, note, public, wrap, body FROM versions WHERE document = ? AND number = ?"
        row = self._one(query, head.document, version)
        check(row, "HiddenVersion", "the row of a version was removed")
        record, its_mac, note, public, wrap, body = row
        check(self._fits("version", record, its_mac), "VersionTampered", "MAC of the version")
        read = read_version(record)
        check((read.document, read.number) == (head.document, version), "VersionTampered", "another version")
        fits = version != head.current or read.body_hash == head.body_hash
        check(fits, "RollbackDetected", "the current version is an old one")
        check(sha256(note) == read.note_hash, "VersionTampered", "note")
        if head.is_destroyed(version):
            check(wrap is None and not public and not body, "RollbackDetected", "a destroyed version is back")
        else:
            check(sha256(public) == read.public_hash, "PublicFieldsTampered", "public projection")
        return read, read_note(note), public, wrap, body

    def history(self, name: str) -> list[tuple[VersionRecord, Note, bytes]]:
        """Record, note and public projection of all versions of a document, the oldest first."""
        head = self.head(name)
        return [self._version(head, version)[:3] for version in range(head.last, 0, -1)][::-1]

    def get(self, name: str, version: int | str | None = None) -> Document:
        """Open a version (§4.3): the current one, one by number, or one by label."""
        head = self.head(name)
        check(head.state != "deleted", "DocumentDeleted", name)
        check(head.state != "destroyed", "VersionDestroyed", name)
        if isinstance(version, str):
            check(version in head.labels, "UnknownLabel", version)
            version = head.labels[version]
        elif version is None:
            version = head.current
        check(1 <= version <= head.last, "UnknownVersion", f"{name}@{version}")
        check(not head.is_destroyed(version), "VersionDestroyed", f"{name}@{version}")
        check(version >= head.first, "DocumentDeleted", f"{name}@{version}")
        record, note, public, wrap, body = self._version(head, version)
        check(wrap is not None, "VersionTampered", "there is no wrap")
        assert wrap is not None
        binding = Binding(
            self.keyring.store_id, self.keyring.workspace_id, record.document, record.generation, record.number,
            record.type, record.schema, record.note_hash, record.public_hash,
        )  # fmt: skip
        payload = open_version(self.keyring.key(record.epoch), record.epoch, binding, wrap, body)
        check(sha256(body) == record.body_hash, "RollbackDetected", "a body sealed later")
        return Document(head, record, note, public, payload)

    def audit(self) -> list[Entry]:
        """The whole audit, the oldest first, refused at its first entry that is bad (§6)."""
        entries: list[Entry] = []
        before = bytes(32)
        query = "SELECT seq, record, mac FROM audit WHERE workspace = ? ORDER BY seq"
        for seq, record, its_mac in self._rows.execute(query, (self.keyring.workspace_id,)):
            due = len(entries) + 1
            check(seq == due <= self.state.audit_seq, "AuditChainBroken", f"entry {due}")
            check(self._fits("audit", record, its_mac, before), "AuditChainBroken", f"entry {due}")
            entries.append(read_entry(record))
            check(entries[-1].seq == due, "AuditChainBroken", f"entry {due}")
            before = its_mac
        check(len(entries) == self.state.audit_seq, "AuditChainBroken", f"entry {len(entries) + 1}")
        check(hmac.compare_digest(before, self.state.audit_mac), "AuditChainBroken", f"entry {len(entries)}")
        return entries

    def used_by(self, used: str) -> list[tuple[str, int]]:
        """The versions that refer to a document, by their names (§8): what the table says counts only if they do."""
        self.head(used)
        query = "SELECT user, number FROM uses WHERE workspace = ? AND used = ? ORDER BY user, number"
        return [use for use in self._rows.execute(query, (self.keyring.workspace_id, used)) if self._refers(used, *use)]

    def _refers(self, used: str, user: str, version: int) -> bool:
        try:
            head = self.head(user)
        except Refused as refused:
            if refused.error == "UnknownDocument":
                return False
            raise
        labels = {label for label, number in head.labels.items() if number == version and label != "previous"}
        if head.state != "live" or head.is_destroyed(version) or not (version == head.current or labels):
            return False
        return used in {reference.partition("@")[0] for reference in self._version(head, version)[1].references}

    def check_anchor(self, text: bytes) -> None:
        """Hold the registry against a file of anchors (§7.1)."""
        query = "SELECT record, mac FROM audit WHERE workspace = ? AND seq = ?"
        row = partial(self._one, query, self.keyring.workspace_id)
        check_anchor(self.keyring, self.state, text, row)


# envelope §12: test vectors


def vector_key(label: str) -> bytes:
    """The key that a vector means by a label."""
    return sha256(b"strongroom test key: " + label.encode())


def from_template(template: str, label: str) -> bytes:
    """The text that a template stands for."""
    digits = vector_key(label).hex()
    text = template.replace("{hex}", digits).replace("{HEX}", digits.upper())
    secret = vector_key(label)[:20]
    code = base64.b32encode(secret + sha256(framed(LABEL["recovery"], secret))[:5]).decode()
    groups = "-".join(code[at : at + 5] for at in range(0, 40, 5))
    text = text.replace("{code}", code).replace("{groups}", groups).replace("{lower}", groups.lower())
    for size in range(1, 65):
        text = text.replace(f"{{hex:.{size}}}", digits[:size]).replace(f"{{code:.{size}}}", code[:size])
    return text.encode()


def vector_bytes(value: Any) -> bytes:
    """A byte string of a vector, in hexadecimal or as a repetition."""
    return bytes.fromhex(value["repeat"]) * value["count"] if isinstance(value, dict) else bytes.fromhex(value)


def vector_binding(given: dict[str, Any]) -> Binding:
    """The binding of a vector."""
    fields: dict[str, Any] = {
        field: bytes.fromhex(value) if field.endswith(("_id", "_hash")) else value for field, value in given.items()
    }
    return Binding(**fields)


def run_vector(vector: dict[str, Any]) -> dict[str, Any]:
    """What the reader makes of a vector, in the form of its ``expect`` without ``made_from``.

    Where the vector tells what a good value was made from, the reader makes it again and fails if it differs.
    """
    try:
        return KINDS[vector["kind"]](vector, vector["expect"].get("made_from", {}))
    except Refused as refused:
        return {"error": refused.error}


def run_key_text(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Read the text of a key."""
    return {"fingerprint": fingerprint(read_key_text(from_template(vector["template"], vector["label"])))}


def run_mac(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Make a MAC."""
    key = vector_key(vector["workspace_key"])
    return {
        "key_id": key_id(key).hex(),
        "mac": mac(key, bytes.fromhex(vector["purpose"]), bytes.fromhex(vector["data"])).hex(),
    }


def run_envelope(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Open a version, and make its wrap and body again."""
    key, epoch, binding = vector_key(vector["workspace_key"]), vector["epoch"], vector_binding(vector["binding"])
    wrap, body = bytes.fromhex(vector["wrap"]), bytes.fromhex(vector["body"])
    payload = open_version(key, epoch, binding, wrap, body)
    data_key = vector_key(made["data_key"])
    parts = {part: bytes.fromhex(value) for part, value in made.items() if part != "data_key"}
    assert make_wrap(key, epoch, binding, data_key, parts["wrap_salt"], parts["wrap_nonce"]) == wrap
    assert make_body(data_key, binding, payload, parts["message_salt"], parts["nonce"]) == body
    return {"payload": payload}


def run_rewrap(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Wrap a data key anew."""
    old, new = ((vector_key(side["workspace_key"]), side["epoch"]) for side in (vector["old"], vector["new"]))
    salt, nonce = bytes.fromhex(made.get("wrap_salt", "00" * 32)), bytes.fromhex(made.get("wrap_nonce", "00" * 12))
    wrap = bytes.fromhex(vector["wrap"])
    return {"wrap": rewrap(old, new, vector_binding(vector["binding"]), wrap, salt, nonce)}


def run_recovery_code(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Read a recovery code."""
    code = RecoveryCode(from_template(vector["template"], vector["label"]).decode())
    return {"recipient": code.recipient().hex(), "fingerprint": code.fingerprint_for(b"")}


def vector_provider(given: dict[str, Any]) -> Provider:
    """The provider that a vector opens with."""
    if "passphrase" in given:
        return Passphrase(from_template(**given["passphrase"]))
    if "service" in given:
        service = given["service"]
        kept = vector_key(service["key"])
        ask = lambda ciphertext, bound: unseal(kept, ciphertext[:12], ciphertext[12:], bound)  # noqa: E731
        return ServiceKey(service["scheme"], service["identity"], ask)
    if "recovery" in given:
        return RecoveryCode(from_template(**given["recovery"]).decode())
    return RawKey(vector_key(given["key"]))


def vector_keyring(vector: dict[str, Any]) -> Keyring:
    """The keyring of a vector with records of keys, or with the keys themselves."""
    ids = (bytes.fromhex(vector["store_id"]), bytes.fromhex(vector["workspace_id"]))
    if "records" not in vector:
        return KnownKeys(*ids, {item["epoch"]: vector_key(item["workspace_key"]) for item in vector["keys"]})
    hexadecimal = ("wrapped", "canary")
    records = []
    for record in vector["records"]:
        fields: dict[str, Any] = {f: bytes.fromhex(v) if f in hexadecimal else v for f, v in record.items()}
        records.append(KeyRecord(**fields))
    return Keyring(vector_provider(vector), *ids, records)


class KnownKeys(Keyring):
    """The keys of a workspace as a vector names them."""

    def __init__(self, store_id: bytes, workspace_id: bytes, keys: dict[int, bytes]) -> None:
        self.records, self._keys = [], keys
        self.store_id, self.workspace_id, self.newest = store_id, workspace_id, max(keys)


def run_keyring(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Open the records of a workspace, and the key of one epoch."""
    keyring = vector_keyring(vector)
    epoch = vector.get("opens", keyring.newest)
    key = keyring.key(epoch)
    return {"workspace_key": key, "epoch": epoch, "key_id": key_id(key).hex()}


def run_sealer(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Open a sealed value, and seal it again."""
    keys = vector_keyring(vector).key
    where = (bytes.fromhex(vector["store_id"]), bytes.fromhex(vector["workspace_id"]), bytes.fromhex(vector["context"]))
    sealed = bytes.fromhex(vector["sealed"])
    data = open_sealed(keys, vector["purpose"], *where, sealed)
    if not made:
        return {"data": data}
    salt, nonce = bytes.fromhex(made["salt"]), bytes.fromhex(made["nonce"])
    key = keys(int.from_bytes(sealed[8:12], "big"))
    header = b"SRSL" + FORMAT + sealed[8:12] + key_id(key) + salt + nonce
    info, bound = sealer_parts(vector["purpose"], *where, header)
    assert header + seal(hkdf(key, salt, info, 32), nonce, data, bound) == sealed
    return {"data": data}


READ: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "head": ("HeadTampered", read_head),
    "version": ("VersionTampered", read_version),
    "audit": ("AuditChainBroken", read_entry),
}
LEFT_OUT = {"oldest": 1, "newest": 0, "references": (), "expires_at": 0}  # fields that say nothing


def run_record(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Take a record apart that its MAC, or its hash, proves."""
    record, its_mac, before = (bytes.fromhex(vector[field]) for field in ("record", "mac", "before"))
    read: Any
    if vector["of"] == "note":
        check(sha256(record) == its_mac, "VersionTampered", "note")
        read = read_note(record)
    elif vector["of"] == "state":
        read = open_state(vector_keyring(vector), vector["workspace"], record, its_mac)
    else:
        error, reading = READ[vector["of"]]
        fits = record_fits(
            vector_keyring(vector), vector["of"], record, its_mac, before=before, oldest=vector["oldest"]
        )
        check(fits, error, "MAC of a record")
        read = reading(record)
    fields = {}
    for field, value in asdict(read).items():
        says_nothing = LEFT_OUT.get(field) == value or (field in ("document", "version") and not value)
        fields[field] = None if says_nothing or value == bytes(16) else value
    return {"fields": json.loads(json.dumps(fields, default=bytes.hex))}


def run_anchor(vector: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Hold a state against a file of anchors."""
    keyring, said = vector_keyring(vector), vector["state"]
    hashes = {field: bytes.fromhex(said[field]) for field in ("root", "audit_mac")}
    state = State(store_id=keyring.store_id, workspace_id=keyring.workspace_id, name="", **(said | hashes))
    rows = {row["seq"]: (bytes.fromhex(row["record"]), bytes.fromhex(row["mac"])) for row in vector["audit"]}
    check_anchor(keyring, state, vector["file"].encode(), rows.get)
    return {"anchor": "fits"}


KINDS = {
    "key-text": run_key_text,
    "mac": run_mac,
    "envelope": run_envelope,
    "rewrap": run_rewrap,
    "recovery-code": run_recovery_code,
    "keyring": run_keyring,
    "sealer": run_sealer,
    "record": run_record,
    "anchor": run_anchor,
}


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    """The ``expect`` of a vector, as :func:`run_vector` gives it."""
    expect = {field: value for field, value in vector["expect"].items() if field != "made_from"}
    for field in ("payload", "data", "wrap", "content"):
        if field in expect:
            expect[field] = vector_bytes(expect[field])
    if "workspace_key" in expect:
        expect["workspace_key"] = vector_key(expect["workspace_key"])
    return expect
