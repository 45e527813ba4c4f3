"""Writes the test vectors of ``docs/spec``: ``python tests/vectors/generate.py [FOLDER]``.

Everything is made from labels by SHA-256, so that each run writes the same bytes. The code follows the specification
and shares none with the product. One vector has one thing wrong with it, and is named by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Vector = dict[str, Any]


def key(label: str) -> bytes:
    return hashlib.sha256(b"strongroom test key: " + label.encode()).digest()


def fixed(label: str, size: int) -> bytes:
    """Bytes that stand for random ones."""
    return hashlib.shake_256(b"strongroom test bytes: " + label.encode()).digest(size)


def u(size: int, number: int) -> bytes:
    return number.to_bytes(size, "big")


def framed(*fields: bytes) -> bytes:
    return b"".join(u(4, len(field)) + field for field in fields)


def hkdf(ikm: bytes, salt: bytes | None, info: bytes, size: int = 32) -> bytes:
    return HKDF(SHA512(), size, salt, info).derive(ikm)


def key_id(wk: bytes) -> bytes:
    return hkdf(wk, None, framed(b"strongroom/v1/key-id"), 16)


def mac(wk: bytes, purpose: bytes, data: bytes) -> bytes:
    return hmac.digest(hkdf(wk, None, framed(b"strongroom/v1/mac", purpose)), data, "sha256")


def flip(data: bytes, place: int, bit: int = 0) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


# --- sealed versions (sections 7 to 10) -----------------------------------------------------------------------------

BINDING: Vector = {
    "store_id": fixed("store", 16).hex(),
    "workspace_id": fixed("workspace", 16).hex(),
    "document_id": fixed("document", 16).hex(),
    "generation": 1,
    "version": 3,
    "type": "aws-credentials",
    "schema": "sha256-0123456789abcdef",
    "note_hash": hashlib.sha256(b"a note").hexdigest(),
    "public_hash": hashlib.sha256(b'{"region":"eu-central-1"}').hexdigest(),
}
PAYLOAD = b'{"region":"eu-central-1","token":"not a secret"}'


def bound(label: bytes, header: bytes, binding: Vector) -> bytes:
    ids = [bytes.fromhex(binding[name]) for name in ("store_id", "workspace_id", "document_id")]
    numbers = [u(8, binding["generation"]), u(8, binding["version"])]
    texts = [binding["type"].encode(), binding["schema"].encode()]
    hashes = [bytes.fromhex(binding["note_hash"]), bytes.fromhex(binding["public_hash"])]
    return framed(label, header, *ids, *numbers, *texts, *hashes)


def frame_of(payload: bytes) -> bytes:
    content, size = 4 + len(payload), 64
    while size < content:
        size = size + 64 if size < 4096 else size * 2
    return (u(4, len(payload)) + payload).ljust(size, b"\0")


def make_wrap(
    dek: bytes,
    binding: Vector = BINDING,
    wk: str = "workspace 1",
    epoch: int = 1,
    *,
    salt: bytes = fixed("wrap salt", 32),
    nonce: bytes = fixed("wrap nonce", 12),
    key_label: bytes = b"strongroom/v1/wrap",
    label: bytes = b"strongroom/v1/wrap",
    start: bytes = b"SRWR\1\1\0\0",
) -> bytes:
    header = start + u(4, epoch) + key_id(key(wk)) + salt + nonce
    cipher = AESGCM(hkdf(key(wk), salt, framed(key_label)))
    return header + cipher.encrypt(nonce, dek, bound(label, header, binding))


def make_body(
    dek: bytes,
    frame: bytes,
    binding: Vector = BINDING,
    *,
    salt: bytes = fixed("message salt", 32),
    nonce: bytes = fixed("nonce", 12),
    commitment: bytes | None = None,
    label: bytes = b"strongroom/v1/body",
    start: bytes = b"SRBD\1\1\0\0",
) -> bytes:
    derived = hkdf(dek, salt, framed(b"strongroom/v1/message"), 64)
    header = start + salt + (derived[32:] if commitment is None else commitment) + nonce
    return header + AESGCM(derived[:32]).encrypt(nonce, frame, bound(label, header, binding))


DEK = key("data key")
WRAP = make_wrap(DEK)
BODY = make_body(DEK, frame_of(PAYLOAD))
MADE_FROM = {
    "data_key": "data key",
    "wrap_salt": fixed("wrap salt", 32).hex(),
    "wrap_nonce": fixed("wrap nonce", 12).hex(),
    "message_salt": fixed("message salt", 32).hex(),
    "nonce": fixed("nonce", 12).hex(),
}


def envelope(
    name: str, why: str, expect: Vector | str, wrap: bytes = WRAP, body: bytes = BODY, **changes: Any
) -> Vector:
    """``changes`` are fields of the binding that the reader supplies, or ``wk`` and ``epoch``, the key that he has."""
    wk, epoch = changes.pop("wk", "workspace 1"), changes.pop("epoch", 1)
    return {
        "name": f"envelope-{name}",
        "kind": "envelope",
        "why": why,
        "workspace_key": wk,
        "epoch": epoch,
        "binding": BINDING | changes,
        "wrap": wrap.hex(),
        "body": body.hex(),
        "expect": {"error": expect} if isinstance(expect, str) else expect,
    }


def long(data: bytes) -> str | Vector:
    if len(data) <= 256:
        return data.hex()
    assert data == data[:1] * len(data)
    return {"repeat": data[:1].hex(), "count": len(data)}


def good(
    name: str, why: str, payload: bytes = PAYLOAD, wk: str = "workspace 1", epoch: int = 1, **changes: Any
) -> Vector:
    binding = BINDING | changes
    wrap, body = make_wrap(DEK, binding, wk, epoch), make_body(DEK, frame_of(payload), binding)
    expect = {"payload": long(payload), "made_from": MADE_FROM}
    return envelope(name, why, expect, wrap, body, wk=wk, epoch=epoch, **changes)


def good_envelopes() -> Iterator[Vector]:
    yield good("good", "An ordinary version opens.")
    for size, why in {
        0: "An empty payload fills the smallest frame.",
        1: "One byte.",
        59: "One byte less than the smallest frame holds.",
        60: "The most that a frame of 64 bytes holds.",
        61: "One byte more takes a frame of 128 bytes.",
        4028: "The most that a frame of 4032 bytes holds.",
        4092: "The most that a frame of 4096 bytes holds.",
        4093: "From here on frames are powers of two: 8192 bytes.",
        8188: "The most that a frame of 8192 bytes holds.",
        8189: "A frame of 16384 bytes.",
    }.items():
        yield good(f"good-{size}-bytes", why, b"x" * size)
    yield good("good-payload-of-zeros", "Zero bytes at the end of a payload are no padding.", bytes(40))
    yield good("good-unicode-type-and-schema", "Texts are bound as UTF-8.", type="größe-Ω", schema="схема-1")
    yield good("good-longest-type-and-schema", "Texts of 255 bytes.", type="t" * 255, schema="s" * 255)
    yield good("good-largest-numbers", "Numbers go up to 2^63 - 1.", generation=2**63 - 1, version=2**63 - 1)
    yield good("good-second-epoch", "A wrap names the key and the epoch it was made with.", wk="workspace 2", epoch=2)
    yield good("good-last-epoch", "Epochs have four bytes.", wk="workspace 2", epoch=2**32 - 1)
    yield good("good-no-public-projection", "Without a projection its hash is that of nothing.",
               public_hash=hashlib.sha256(b"").hexdigest())  # fmt: skip


def bad_wraps() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"
    yield envelope("wrap-empty", "The version was destroyed: no wrap is there.", malformed, b"")
    yield envelope("wrap-of-seven-bytes", "Too short for a magic and a version.", malformed, WRAP[:7])
    yield envelope("wrap-of-eight-bytes", "A good start and nothing after it.", malformed, WRAP[:8])
    yield envelope("wrap-magic-changed", "The first byte differs.", malformed, flip(WRAP, 0))
    yield envelope("wrap-is-a-body", "A body stands in the place of the wrap.", malformed, BODY)
    yield envelope("wrap-truncated", "The last byte is missing.", malformed, WRAP[:-1])
    yield envelope("wrap-extended", "A byte follows the tag.", malformed, WRAP + b"\0")
    yield envelope("wrap-format-0", "Format versions count from 1.", unsupported, put(WRAP, 4, b"\0"))
    yield envelope("wrap-format-2", "A newer format.", unsupported, put(WRAP, 4, b"\2"))
    yield envelope("wrap-suite-0", "No suite has the number 0.", unsupported, put(WRAP, 5, b"\0"))
    yield envelope("wrap-suite-2", "A suite that is not known.", unsupported, put(WRAP, 5, b"\2"))
    yield envelope("wrap-first-flag", "The lowest flag is set.", unsupported, put(WRAP, 6, b"\0\1"))
    yield envelope("wrap-last-flag", "The highest flag is set.", unsupported, put(WRAP, 6, b"\x80\0"))
    yield envelope("wrap-format-2-and-longer", "The format is checked before the size that it determines.", unsupported,
                   put(WRAP, 4, b"\2") + b"\0")  # fmt: skip
    yield envelope("wrap-format-2-with-good-tag", "A newer format is refused though its tag would fit.", unsupported,
                   make_wrap(DEK, start=b"SRWR\2\1\0\0"))  # fmt: skip
    yield envelope("wrap-epoch-0", "Epochs count from 1.", malformed, make_wrap(DEK, epoch=0))
    yield envelope("wrap-epoch-changed", "The epoch is not that of the key.", broken, put(WRAP, 8, u(4, 2)))
    yield envelope("wrap-key-id-changed", "The key id is not that of the key.", broken, flip(WRAP, 12))
    yield envelope("wrap-salt-changed", "One bit of the salt.", broken, flip(WRAP, 28))
    yield envelope("wrap-nonce-changed", "One bit of the nonce.", broken, flip(WRAP, 60))
    yield envelope("wrap-data-key-changed", "One bit of the encrypted data key.", broken, flip(WRAP, 72))
    yield envelope("wrap-tag-changed", "The last bit of the tag.", broken, flip(WRAP, 119, 7))
    yield envelope("wrap-tag-zero", "A tag of zeros.", broken, put(WRAP, 104, bytes(16)))
    yield envelope("wrap-of-another-version", "A good wrap of the version before.", broken,
                   make_wrap(DEK, BINDING | {"version": 2}))  # fmt: skip
    yield envelope("wrap-of-another-document", "A good wrap of another document.", broken,
                   make_wrap(DEK, BINDING | {"document_id": fixed("other document", 16).hex()}))  # fmt: skip
    yield envelope("wrap-of-another-data-key", "A good wrap at the right place whose key is not the body's.", broken,
                   make_wrap(key("other data key")))  # fmt: skip
    yield envelope("wrap-under-the-body-label", "The associated data starts with the label of bodies.", broken,
                   make_wrap(DEK, label=b"strongroom/v1/body"))  # fmt: skip
    yield envelope("wrap-key-of-another-label", "The wrapping key was derived for something else.", broken,
                   make_wrap(DEK, key_label=b"strongroom/v1/sealer"))  # fmt: skip
    yield envelope("wrap-of-another-workspace-key", "The reader has another key of the same epoch.", broken,
                   wk="workspace 2")  # fmt: skip
    yield envelope("wrap-of-an-older-epoch", "The reader has the key of the next epoch.", broken,
                   wk="workspace 2", epoch=2)  # fmt: skip
    yield envelope("wrap-key-at-another-epoch", "The right key, kept under another epoch.", broken, epoch=2)


def bad_bodies() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"

    def bad(name: str, why: str, expect: str, body: bytes) -> Vector:
        return envelope(f"body-{name}", why, expect, body=body)

    yield bad("empty", "No body is there.", malformed, b"")
    yield bad("of-seven-bytes", "Too short for a magic and a version.", malformed, BODY[:7])
    yield bad("magic-changed", "The fourth byte differs.", malformed, flip(BODY, 3))
    yield bad("is-a-wrap", "A wrap stands in the place of the body.", malformed, WRAP)
    yield bad("format-0", "Format versions count from 1.", unsupported, put(BODY, 4, b"\0"))
    yield bad("format-2", "A newer format.", unsupported, put(BODY, 4, b"\2"))
    yield bad("suite-0", "No suite has the number 0.", unsupported, put(BODY, 5, b"\0"))
    yield bad("suite-2", "A suite that is not known.", unsupported, put(BODY, 5, b"\2"))
    yield bad("first-flag", "The lowest flag is set.", unsupported, put(BODY, 6, b"\0\1"))
    yield bad("last-flag", "The highest flag is set.", unsupported, put(BODY, 6, b"\x80\0"))
    yield bad("flag-with-good-tag", "An unknown flag is refused though the tag fits.", unsupported,
              make_body(DEK, frame_of(PAYLOAD), start=b"SRBD\1\1\0\1"))  # fmt: skip
    yield bad("header-alone", "Nothing follows the header.", malformed, BODY[:84])
    yield bad("without-a-frame", "A good tag over nothing at all.", malformed, make_body(DEK, b""))
    yield bad("truncated", "The last byte is missing.", malformed, BODY[:-1])
    yield bad("extended", "A byte follows the tag.", malformed, BODY + b"\0")
    yield bad("frame-of-4160-bytes", "Beyond 4096 bytes a multiple of 64 is no frame.", malformed,
              make_body(DEK, frame_of(b"x" * 4092) + bytes(64)))  # fmt: skip
    yield bad("frame-of-32-bytes", "No frame is smaller than 64 bytes.", malformed,
              make_body(DEK, (u(4, 4) + b"xxxx").ljust(32, b"\0")))  # fmt: skip
    longer = make_body(DEK, frame_of(b"x" * 100))
    yield bad(
        "truncated-to-a-frame", "64 bytes are missing, and what is left has the size of a frame.", broken, longer[:-64]
    )
    yield bad(
        "extended-to-a-frame", "64 bytes follow, and the whole has the size of a frame.", broken, BODY + bytes(64)
    )
    yield bad("salt-changed", "One bit of the message salt.", broken, flip(BODY, 8))
    yield bad("commitment-changed", "One bit of the commitment.", broken, flip(BODY, 40))
    yield bad("commitment-zero", "A commitment of zeros under a good tag.", broken,
              make_body(DEK, frame_of(PAYLOAD), commitment=bytes(32)))  # fmt: skip
    other = hkdf(key("other data key"), fixed("message salt", 32), framed(b"strongroom/v1/message"), 64)[32:]
    yield bad("commitment-to-another-key", "It commits to another data key, and its tag fits with this one.", broken,
              make_body(DEK, frame_of(PAYLOAD), commitment=other))  # fmt: skip
    yield bad("nonce-changed", "One bit of the nonce.", broken, flip(BODY, 72))
    yield bad("ciphertext-changed", "The first bit of the encrypted frame.", broken, flip(BODY, 84, 7))
    yield bad("tag-changed", "The last bit of the tag.", broken, flip(BODY, len(BODY) - 1))
    yield bad("tag-zero", "A tag of zeros.", broken, BODY[:-16] + bytes(16))
    yield bad("of-another-version", "A good body of the version before, under the same data key.", broken,
              make_body(DEK, frame_of(PAYLOAD), BINDING | {"version": 2}))  # fmt: skip
    yield bad("of-another-data-key", "A good body at the right place, under another data key.", broken,
              make_body(key("other data key"), frame_of(PAYLOAD)))  # fmt: skip
    yield bad("under-the-wrap-label", "The associated data starts with the label of wraps.", broken,
              make_body(DEK, frame_of(PAYLOAD), label=b"strongroom/v1/wrap"))  # fmt: skip


def bad_paddings() -> Iterator[Vector]:
    def bad(name: str, why: str, frame: bytes) -> Vector:
        return envelope(f"padding-{name}", why, "EnvelopeMalformed", body=make_body(DEK, frame))

    smallest = frame_of(b"x" * 20)
    yield bad("first-byte-not-zero", "The byte after the payload is not zero.", put(smallest, 24, b"\1"))
    yield bad("last-byte-not-zero", "The last byte of the frame is not zero.", put(smallest, 63, b"\1"))
    yield bad("of-0x80", "Padded as ISO 7816-4 would.", put(smallest, 24, b"\x80"))
    yield bad("longer-than-needed", "A payload of 20 bytes in a frame of 128.", smallest + bytes(64))
    yield bad("power-of-two-longer-than-needed", "A payload of 4092 bytes in a frame of 8192.",
              frame_of(b"x" * 4092) + bytes(4096))  # fmt: skip
    yield bad("length-beyond-the-frame", "The length says one byte more than the frame has.",
              put(frame_of(b"x" * 60), 0, u(4, 61)))  # fmt: skip
    yield bad(
        "length-of-four-gibibytes", "The length is the largest that its field holds.", put(smallest, 0, b"\xff" * 4)
    )
    yield bad("length-too-small", "The length leaves out the payload's last byte.", put(smallest, 0, u(4, 19)))
    yield bad("length-little-endian", "The length is written in the wrong byte order.", put(smallest, 0, b"\x14\0\0\0"))


def bad_bindings() -> Iterator[Vector]:
    for name, value in {
        "store_id": fixed("other store", 16).hex(),
        "workspace_id": fixed("other workspace", 16).hex(),
        "document_id": fixed("other document", 16).hex(),
        "generation": 2,
        "version": 4,
        "type": "aws-credential",
        "schema": "sha256-0123456789abcdee",
        "note_hash": hashlib.sha256(b"another note").hexdigest(),
        "public_hash": hashlib.sha256(b'{"region":"eu-central-2"}').hexdigest(),
    }.items():
        dashed = name.replace("_", "-")
        yield envelope(f"binding-other-{dashed}", f"The reader's {name} is not the one that was sealed.", "SealBroken",
                       **{name: value})  # fmt: skip
    yield envelope("binding-generation-and-version-swapped", "Two numbers in each other's place.", "SealBroken",
                   generation=3, version=1)  # fmt: skip
    yield envelope("binding-type-and-schema-shifted", "The same letters, divided at another place.", "SealBroken",
                   type="aws-credentialss", schema="ha256-0123456789abcdef")  # fmt: skip
    yield envelope("binding-document-and-workspace-swapped", "Two ids in each other's place.", "SealBroken",
                   workspace_id=BINDING["document_id"], document_id=BINDING["workspace_id"])  # fmt: skip
    for name, field, value in [
        ("short-store-id", "store_id", bytes(15).hex()),
        ("long-document-id", "document_id", bytes(17).hex()),
        ("empty-workspace-id", "workspace_id", ""),
        ("short-note-hash", "note_hash", bytes(31).hex()),
        ("empty-public-hash", "public_hash", ""),
        ("generation-0", "generation", 0),
        ("version-0", "version", 0),
        ("version-negative", "version", -1),
        ("version-beyond-63-bits", "version", 2**63),
        ("type-empty", "type", ""),
        ("type-of-256-bytes", "type", "t" * 256),
        ("schema-empty", "schema", ""),
        ("schema-of-256-bytes-in-128-letters", "schema", "ß" * 128),
    ]:
        yield envelope(f"binding-{name}", f"The reader's {field} has not the shape that it must have.",
                       "EnvelopeMalformed", **{field: value})  # fmt: skip


def rewraps() -> Iterator[Vector]:
    old, new = {"workspace_key": "workspace 1", "epoch": 1}, {"workspace_key": "workspace 2", "epoch": 2}
    salt, nonce = fixed("rewrap salt", 32), fixed("rewrap nonce", 12)

    def rewrap(name: str, why: str, wrap: bytes, expect: Vector | str, old: Vector = old) -> Vector:
        expected = {"error": expect} if isinstance(expect, str) else expect
        return {"name": f"rewrap-{name}", "kind": "rewrap", "why": why, "old": old, "new": new, "binding": BINDING,
                "wrap": wrap.hex(), "expect": expected}  # fmt: skip

    after = make_wrap(DEK, wk="workspace 2", epoch=2, salt=salt, nonce=nonce)
    made = {"wrap": after.hex(), "made_from": {"wrap_salt": salt.hex(), "wrap_nonce": nonce.hex()}}
    yield rewrap("good", "The data key is wrapped anew, under the key of the next epoch.", WRAP, made)
    yield rewrap("already-done", "The wrap names the new key already.", after, "SealBroken")
    yield rewrap("with-another-old-key", "The old key is not the one that wrapped.", WRAP, "SealBroken",
                 {"workspace_key": "workspace 3", "epoch": 1})  # fmt: skip
    yield rewrap("of-a-changed-wrap", "A changed wrap is not carried over.", flip(WRAP, 119), "SealBroken")


# --- keys (sections 3 to 6) -----------------------------------------------------------------------------------------

STORE, WORKSPACE = fixed("store", 16), fixed("workspace", 16)
CREATED = 1_767_225_600_123_456


def key_texts() -> Iterator[Vector]:
    def text(name: str, why: str, template: str, *, fits: bool = False) -> Vector:
        expect = {"fingerprint": fingerprint(key("key file"))} if fits else {"error": "KeyMalformed"}
        return {"name": f"key-text-{name}", "kind": "key-text", "why": why, "template": template, "label": "key file",
                "expect": expect}  # fmt: skip

    prefix = "strongroom-key-v1:"
    yield text("good", "A key and its newline.", prefix + "{hex}\n", fits=True)
    yield text("good-without-newline", "A key without a newline.", prefix + "{hex}", fits=True)
    yield text("empty", "An empty file.", "")
    yield text("without-prefix", "The digits alone.", "{hex}\n")
    yield text("with-another-prefix", "A key of another version.", "strongroom-key-v2:{hex}\n")
    yield text("in-uppercase", "Uppercase digits.", prefix + "{HEX}\n")
    yield text("with-two-newlines", "One newline too many.", prefix + "{hex}\n\n")
    yield text("with-carriage-return", "An editor changed the end of the line.", prefix + "{hex}\r\n")
    yield text("with-space-before", "A space before the key.", " " + prefix + "{hex}\n")
    yield text("with-space-after", "A space after the key.", prefix + "{hex} ")
    yield text("with-one-digit-more", "65 digits.", prefix + "{hex}0\n")
    yield text("with-a-letter-that-is-no-digit", "64 characters, one of which is no digit.", prefix + "{hex:.63}g\n")
    yield text("cut-off", "63 digits: the copy was cut off.", prefix + "{hex:.63}\n")


def macs() -> Iterator[Vector]:
    def one(name: str, why: str, purpose: bytes, data: bytes, epoch: int = 1, wk: str = "workspace 1") -> Vector:
        expect = {"key_id": key_id(key(wk)).hex(), "mac": mac(key(wk), purpose, data).hex()}
        return {"name": f"mac-{name}", "kind": "mac", "why": why, "workspace_key": wk, "epoch": epoch,
                "purpose": purpose.hex(), "data": data.hex(), "expect": expect}  # fmt: skip

    yield one("of-a-head", "One purpose.", b"head", b"some bytes")
    yield one("of-another-purpose", "The same bytes for another purpose.", b"audit", b"some bytes")
    yield one("of-nothing", "No bytes at all.", b"head", b"")
    yield one("without-purpose", "An empty purpose is framed like any other.", b"", b"some bytes")
    yield one("of-many-bytes", "More than one block of SHA-256.", b"head", fixed("data", 200))
    yield one(
        "of-another-key",
        "Another key; the epoch itself is not part of a MAC.",
        b"head",
        b"some bytes",
        2,
        "workspace 2",
    )


def fingerprint(kek: bytes) -> str:
    return hkdf(kek, None, framed(b"strongroom/v1/key-fingerprint"), 16).hex()


def wrapped_key(
    kek: bytes, wk: bytes, epoch: int, start: bytes, store: bytes = STORE, workspace: bytes = WORKSPACE
) -> bytes:
    salt, nonce = fixed(f"key salt {epoch}", 32), fixed(f"key nonce {epoch}", 12)
    header = start + salt + nonce
    context = framed(b"strongroom/v1/workspace-key", store, workspace, u(4, epoch))
    cipher = AESGCM(hkdf(kek, salt, framed(b"strongroom/v1/key-wrap")))
    return header + cipher.encrypt(nonce, wk, framed(b"strongroom/v1/key-wrap", header, context))


def canary(record: Vector, wk: bytes) -> str:
    texts = (record["provider"].encode(), record["fingerprint"].encode(), bytes.fromhex(record["wrapped"]))
    numbers = u(4, record["epoch"]), u(8, record["created_at"])
    label = b"strongroom/v1/canary"
    return mac(wk, label, framed(label, STORE, WORKSPACE, numbers[0], *texts, numbers[1])).hex()


def record(
    wk: str = "workspace 1",
    epoch: int = 1,
    kek: bytes = key("key file"),
    start: bytes = b"SRKW\1\1\0\0",
    provider: str = "file:/keys/test.key",
    printed: str = "",
) -> Vector:
    wrapped = wrapped_key(kek, key(wk), epoch, start)
    made = {"epoch": epoch, "provider": provider, "fingerprint": printed or fingerprint(kek), "wrapped": wrapped.hex(),
            "created_at": CREATED}  # fmt: skip
    return made | {"canary": canary(made, key(wk))}


def keyring(name: str, why: str, records: list[Vector], expect: Vector | str, **given: Any) -> Vector:
    expected = {"error": expect} if isinstance(expect, str) else expect
    ids = {"store_id": STORE.hex(), "workspace_id": WORKSPACE.hex()}
    secret = {} if {"passphrase", "recovery", "service"} & set(given) else {"key": "key file"}
    return {"name": f"keyring-{name}", "kind": "keyring", "why": why, **ids, **secret, **given, "records": records,
            "expect": expected}  # fmt: skip


def opened(wk: str, epoch: int) -> Vector:
    return {"workspace_key": wk, "epoch": epoch, "key_id": key_id(key(wk)).hex()}


def keyrings() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"
    first = record()
    wrapped = bytes.fromhex(first["wrapped"])

    def changed(name: str, why: str, expect: str, **columns: Any) -> Vector:
        return keyring(name, why, [first | columns], expect)

    def wrong(name: str, why: str, expect: str, new: bytes) -> Vector:
        return changed(f"wrapped-{name}", why, expect, wrapped=new.hex())

    yield keyring("good", "A record opens with its key.", [first], opened("workspace 1", 1))
    yield keyring("good-two-epochs", "The highest epoch is the current one, wherever its record stands.",
                  [record("workspace 2", 2), first], opened("workspace 2", 2))  # fmt: skip
    yield keyring("good-last-epoch", "Epochs have four bytes.", [record(epoch=2**32 - 1)],
                  opened("workspace 1", 2**32 - 1))  # fmt: skip
    yield keyring("without-records", "Nothing to open.", [], "KeyUnavailable")
    yield keyring("two-of-one-epoch", "Two records claim one epoch.", [first, first], malformed)
    yield keyring("another-key", "The key is not the one that wrapped.", [first], "WrongKey", key="other key file")
    yield keyring("key-of-a-passphrase", "Wrapped by a passphrase, opened with a key.", [by_passphrase()], "WrongKey")
    yield keyring("of-another-store", "The reader's store id is another.", [first], broken,
                  store_id=fixed("other store", 16).hex())  # fmt: skip
    yield keyring("of-another-workspace", "The reader's workspace id is another.", [first], broken,
                  workspace_id=fixed("other workspace", 16).hex())  # fmt: skip
    yield changed("epoch-changed", "The record was moved to another epoch.", broken, epoch=2)
    yield changed("epoch-0", "Epochs count from 1.", malformed, epoch=0)
    yield changed("epoch-of-33-bits", "Epochs have four bytes.", malformed, epoch=2**32)
    yield changed(
        "provider-changed", "The stored URI was changed; the canary tells.", broken, provider="file:/keys/other.key"
    )
    yield changed("provider-empty", "No URI.", malformed, provider="")
    yield changed("fingerprint-changed", "The stored fingerprint was changed.", "WrongKey", fingerprint="0" * 32)
    yield changed("fingerprint-empty", "No fingerprint.", malformed, fingerprint="")
    yield changed(
        "created-at-changed", "The stored instant was changed; the canary tells.", broken, created_at=CREATED + 1
    )
    yield changed("created-before-1970", "An instant that the format cannot hold.", malformed, created_at=-1)
    yield changed(
        "canary-changed", "One bit of the canary.", broken, canary=flip(bytes.fromhex(first["canary"]), 31).hex()
    )
    yield changed("canary-short", "A canary of 31 bytes.", malformed, canary=first["canary"][:-2])
    yield changed("canary-of-another-purpose", "The MAC was made for a head.", broken,
                  canary=mac(key("workspace 1"), b"head", b"").hex())  # fmt: skip
    yield wrong("empty", "No wrapped key.", malformed, b"")
    yield wrong("magic-changed", "The first byte differs.", malformed, flip(wrapped, 0))
    yield wrong("is-a-wrap", "The wrap of a version stands in its place.", malformed, WRAP)
    yield wrong("truncated", "The last byte is missing.", malformed, wrapped[:-1])
    yield wrong("extended", "A byte follows the tag.", malformed, wrapped + b"\0")
    yield wrong("format-2", "A newer format.", unsupported, put(wrapped, 4, b"\2"))
    yield wrong("method-0", "No method has the number 0.", unsupported, put(wrapped, 5, b"\0"))
    yield wrong("method-5", "A method that is not known.", unsupported, put(wrapped, 5, b"\5"))
    yield wrong("method-3", "Wrapped with the key of a later epoch.", "WrongKey", put(wrapped, 5, b"\3"))
    yield wrong("flag", "An unknown flag.", unsupported, put(wrapped, 7, b"\1"))
    yield wrong("salt-changed", "One bit of the salt.", broken, flip(wrapped, 8))
    yield wrong("nonce-changed", "One bit of the nonce.", broken, flip(wrapped, 40))
    yield wrong("key-changed", "One bit of the encrypted key.", broken, flip(wrapped, 52))
    yield wrong("tag-changed", "One bit of the tag.", broken, flip(wrapped, 99))


PASSPHRASE = {"label": "passphrase", "template": "{hex:.20}"}


def by_passphrase(memory: int = 8192, iterations: int = 1, lanes: int = 1, phrase: str | None = None) -> Vector:
    """A record whose Argon2id was really asked for these costs where they are allowed, and for the lowest elsewhere."""
    allowed = 8192 <= memory <= 524288 and 1 <= iterations <= 8 and 1 <= lanes <= 16
    salt, costs = fixed("argon2 salt", 16), (memory, iterations, lanes)
    m, t, p = costs if allowed else (8192, 1, 1)
    text = key("passphrase").hex()[:20] if phrase is None else phrase
    kek = Argon2id(salt=salt, length=32, iterations=t, lanes=p, memory_cost=m).derive(text.encode())
    start = b"SRKW\1\2\0\0" + salt + b"".join(u(4, cost) for cost in costs)
    return record(kek=kek, start=start, provider="passphrase:")


def passphrases() -> Iterator[Vector]:
    def one(name: str, why: str, stored: Vector, expect: Vector | str, **template: str) -> Vector:
        return keyring(f"passphrase-{name}", why, [stored], expect, passphrase=PASSPHRASE | template)

    fits, unsupported = opened("workspace 1", 1), "EnvelopeUnsupported"
    wrapped, costly = bytes.fromhex(by_passphrase()["wrapped"]), by_passphrase(9000)
    yield one("good", "The lowest costs that are accepted.", by_passphrase(), fits)
    yield one(
        "good-other-costs", "Memory that is no power of two, two passes, four lanes.", by_passphrase(9000, 2, 4), fits
    )
    yield one("good-decomposed", "An e with an accent, typed in two code points and sealed as one.",
              by_passphrase(phrase="pass\u00e9 " + key("passphrase").hex()[:20]), fits,
              template="passe\u0301 {hex:.20}")  # fmt: skip
    yield one("wrong", "Another passphrase.", by_passphrase(), "WrongKey", label="other passphrase")
    yield one("of-seven-bytes", "Too short to be one.", by_passphrase(), "KeyMalformed", template="{hex:.7}")
    yield one(
        "with-space-after", "A space is part of a passphrase.", by_passphrase(), "WrongKey", template="{hex:.20} "
    )
    yield one("of-a-key", "Wrapped by a key, opened with a passphrase.", record(), "WrongKey")
    yield one("salt-changed", "Another salt gives another key.", by_passphrase() | {"wrapped": flip(wrapped, 8).hex()},
              "WrongKey")  # fmt: skip
    yield one("memory-lowered", "Other costs give another key.",
              costly | {"wrapped": put(bytes.fromhex(costly["wrapped"]), 24, u(4, 8192)).hex()},
              "WrongKey")  # fmt: skip
    yield one("memory-below-the-least", "Less memory than is accepted.", by_passphrase(memory=8191), unsupported)
    yield one("memory-beyond-the-most", "More memory than is accepted.", by_passphrase(memory=524289), unsupported)
    yield one("memory-of-four-tebibytes", "All bits of the memory cost.", by_passphrase(memory=2**32 - 1), unsupported)
    yield one("no-iterations", "No pass at all.", by_passphrase(iterations=0), unsupported)
    yield one("iterations-beyond-the-most", "Nine passes.", by_passphrase(iterations=9), unsupported)
    yield one("no-lanes", "No lane at all.", by_passphrase(lanes=0), unsupported)
    yield one("lanes-beyond-the-most", "Seventeen lanes.", by_passphrase(lanes=17), unsupported)
    yield one(
        "truncated", "The last byte is missing.", by_passphrase() | {"wrapped": wrapped[:-1].hex()}, "EnvelopeMalformed"
    )
    yield one(
        "tag-changed", "One bit of the tag.", by_passphrase() | {"wrapped": flip(wrapped, 127).hex()}, "SealBroken"
    )


# --- recovery codes (section 4.6) -----------------------------------------------------------------------------------

RECOVERY = b"strongroom/v1/recovery"
ONCE = key("once")
SMALL_ORDER = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")


def public_half(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def shared(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def private_half(label: str) -> bytes:
    return hkdf(key(label)[:20], None, framed(RECOVERY, b"code"))


def by_code(
    parameters: bytes | None = None, kek: bytes | None = None, label: bytes = RECOVERY, **changes: Any
) -> Vector:
    """A record that was wrapped for the code of ``recovery``; ``parameters`` and ``kek`` stand for what it gives."""
    recipient = public_half(private_half("recovery"))
    given = recipient + public_half(ONCE) if parameters is None else parameters
    made = hkdf(shared(ONCE, recipient), None, framed(label, given)) if kek is None else kek
    printed = hkdf(recipient, None, framed(b"strongroom/v1/key-fingerprint"), 16).hex()
    fields = {"start": b"SRKW\1\4\0\0" + given, "provider": "recovery:", "printed": printed} | changes
    return record(kek=made, **fields)


def code_of(label: str) -> str:
    """The 40 characters of a recovery code."""
    secret = key(label)[:20]
    return base64.b32encode(secret + hashlib.sha256(framed(RECOVERY, secret)).digest()[:5]).decode()


def other_letter(letter: str) -> str:
    return "A" if letter != "A" else "B"


def recovery_codes() -> Iterator[Vector]:
    code, other = code_of("recovery"), code_of("other recovery")

    def one(name: str, why: str, template: str, *, fits: bool = False, label: str = "recovery") -> Vector:
        recipient = public_half(private_half(label))
        printed = hkdf(recipient, None, framed(b"strongroom/v1/key-fingerprint"), 16).hex()
        expect = {"recipient": recipient.hex(), "fingerprint": printed} if fits else {"error": "KeyMalformed"}
        return {"name": f"recovery-code-{name}", "kind": "recovery-code", "why": why, "template": template,
                "label": label, "expect": expect}  # fmt: skip

    yield one("good", "Eight groups of five, as a code is written.", "{groups}", fits=True)
    yield one("good-without-hyphens", "Hyphens mean nothing.", "{code}", fits=True)
    yield one("good-in-lowercase", "Lower case is taken for upper.", "{lower}\n", fits=True)
    yield one(
        "good-with-white-space", "White space means nothing, of whatever kind.", " \t{groups}\r\n\u00a0", fits=True
    )
    yield one("good-of-another-secret", "Another code has another recipient.", "{groups}", fits=True,
              label="other recovery")  # fmt: skip
    yield one("empty", "Nothing was typed.", "")
    yield one("of-39-characters", "The last character is missing.", "{code:.39}")
    yield one("of-41-characters", "A character too many.", "{code}A")
    yield one("last-character-changed", "The check is not that of the secret.", "{code:.39}" + other_letter(code[39]))
    yield one("check-of-another", "The check of another code.", "{code:.32}" + other[32:])
    yield one("secret-of-another", "A character of the secret was mistyped.",
              "{code:.31}" + other_letter(code[31]) + code[32:])  # fmt: skip
    yield one("with-a-zero", "The alphabet has no 0.", "{code:.39}0")
    yield one("with-a-one", "The alphabet has no 1.", "{code:.39}1")
    yield one("with-padding", "The alphabet has no =.", "{code:.32}========")
    yield one("of-a-key", "The text of a key file was given.", "strongroom-key-v1:{hex}")
    yield one("with-a-dash", "A dash is no hyphen.", "{code:.35}\u2013" + code[35:])


def recoveries() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"
    first, fits = by_code(), opened("workspace 1", 1)
    wrapped, code = bytes.fromhex(first["wrapped"]), code_of("recovery")
    private, recipient, once = private_half("recovery"), public_half(private_half("recovery")), public_half(ONCE)

    def one(name: str, why: str, stored: list[Vector], expect: Vector | str, **given: Any) -> Vector:
        secret = {"recovery": {"label": "recovery", "template": "{groups}"}}
        return keyring(f"recovery-{name}", why, stored, expect, **(secret | given))

    def changed(name: str, why: str, expect: str, new: bytes) -> Vector:
        return one(name, why, [first | {"wrapped": new.hex()}], expect)

    yield one("good", "A workspace key opens with a recovery code.", [first], fits)
    high = once[:31] + bytes([once[31] | 0x80])
    shares = hkdf(shared(private, once), None, framed(RECOVERY, recipient + high))
    yield one("good-highest-bit-of-the-point", "X25519 leaves the highest bit out, the parameters do not.",
              [by_code(recipient + high, shares)], fits)  # fmt: skip
    yield one("good-beside-a-key", "Several providers wrapped, the code among them.", [record(), first], fits)
    yield one("wrong-code", "The code of another kit.", [first], "WrongKey",
              recovery={"label": "other recovery", "template": "{groups}"})  # fmt: skip
    yield one("code-mistyped", "The check of the code tells.", [first], "KeyMalformed",
              recovery={"label": "recovery", "template": "{code:.39}" + other_letter(code[39])})  # fmt: skip
    yield one("of-a-key", "Wrapped by a key, opened with a code.", [record()], "WrongKey")
    yield keyring("of-a-recovery-code", "Wrapped for a code, opened with a key.", [first], "WrongKey")
    yield one("fingerprint-changed", "The stored fingerprint was changed.", [first | {"fingerprint": "0" * 32}],
              "WrongKey")  # fmt: skip
    yield one("provider-changed", "The stored URI was changed; the canary tells.",
              [first | {"provider": "recovery:file=/else"}], broken)  # fmt: skip
    yield changed("recipient-changed", "One bit of the recipient.", "WrongKey", flip(wrapped, 8))
    yield one("of-another-recipient", "Wrapped for another code, under the fingerprint of this one.",
              [by_code(public_half(private_half("other recovery")) + once)], "WrongKey")  # fmt: skip
    yield one("points-swapped", "The two public keys stand in each other's place.", [by_code(once + recipient)],
              "WrongKey")  # fmt: skip
    yield changed("point-changed", "One bit of the key that was made for the wrap.", broken, flip(wrapped, 41))
    yield changed("highest-bit-of-the-point-changed", "A bit that X25519 leaves out is bound all the same.", broken,
                  flip(wrapped, 71, 7))  # fmt: skip
    for name, point in {"zero": bytes(32), "one": b"\1" + bytes(31), "small-order": SMALL_ORDER}.items():
        kek = hkdf(bytes(32), None, framed(RECOVERY, recipient + point))
        yield one(f"point-of-{name}", "The exchange gives zero, whoever the recipient is; the rest fits.",
                  [by_code(recipient + point, kek)], malformed)  # fmt: skip
    yield one("key-without-the-points", "The key was derived without the two public keys.",
              [by_code(None, hkdf(shared(ONCE, recipient), None, framed(RECOVERY)))], broken)  # fmt: skip
    yield one("key-of-another-label", "The key was derived for a wrap.", [by_code(label=b"strongroom/v1/wrap")], broken)
    yield changed("truncated", "The last byte is missing.", malformed, wrapped[:-1])
    yield changed("extended", "A byte follows the tag.", malformed, wrapped + b"\0")
    yield changed("without-points", "The size of what a key wrapped.", malformed, wrapped[:8] + wrapped[72:])
    yield changed("flag", "An unknown flag.", unsupported, put(wrapped, 6, b"\1"))
    yield changed("salt-changed", "One bit of the salt.", broken, flip(wrapped, 72))
    yield changed("nonce-changed", "One bit of the nonce.", broken, flip(wrapped, 104))
    yield changed("key-changed", "One bit of the encrypted key.", broken, flip(wrapped, 116))
    yield changed("tag-changed", "One bit of the tag.", broken, flip(wrapped, 163))
    yield one("canary-changed", "One bit of the canary.",
              [first | {"canary": flip(bytes.fromhex(first["canary"]), 0).hex()}], broken)  # fmt: skip


# --- keys that a service keeps (section 4.5) ------------------------------------------------------------------------

SERVICE = {"scheme": "service", "identity": "one", "key": "service"}


def by_service(
    scheme: bytes = b"service", identity: str = "one", wk: bytes = key("workspace 1"), after: bytes = b"", **more: bytes
) -> Vector:
    """A record that a service wrapped, which keeps a key of AES-GCM and puts the nonce before what it encrypts."""
    label = b"strongroom/v1/key-wrap"
    printed = hashlib.sha256(framed(b"strongroom/v1/key-fingerprint", scheme, identity.encode())).digest()[:16]
    fields = (more.get("stored", scheme), more.get("printed", printed), more.get("salt", fixed("service salt", 16)))
    header, nonce = more.get("start", b"SRKW\1\x80\0\0") + framed(*fields), fixed("service nonce", 12)
    context = framed(b"strongroom/v1/workspace-key", STORE, WORKSPACE, u(4, 1))
    sealed = nonce + AESGCM(key("service")).encrypt(nonce, wk, framed(label, more.get("bound", header), context))
    made = {"epoch": 1, "provider": f"service:{identity}", "fingerprint": printed.hex(), "created_at": CREATED,
            "wrapped": (header + framed(more.get("ciphertext", sealed)) + after).hex()}  # fmt: skip
    return made | {"canary": canary(made, key("workspace 1"))}


def services() -> Iterator[Vector]:
    malformed, broken, first = "EnvelopeMalformed", "SealBroken", by_service()
    wrapped, fits = bytes.fromhex(first["wrapped"]), opened("workspace 1", 1)

    def one(name: str, why: str, stored: Vector, expect: Vector | str, **given: Any) -> Vector:
        return keyring(f"service-{name}", why, [stored], expect, service=SERVICE | given)

    def changed(name: str, why: str, expect: str, new: bytes) -> Vector:
        return one(name, why, first | {"wrapped": new.hex()}, expect)

    yield one("good", "A workspace key opens with a key that a service keeps.", first, fits)
    yield keyring("service-good-beside-a-key", "A key and a service wrapped one key.", [record(), first], fits,
                  service=SERVICE)  # fmt: skip
    yield keyring("of-a-service", "Wrapped by a service, opened with a key.", [first], "WrongKey")
    yield one("of-a-key", "Wrapped by a key, opened with a service.", record(), "WrongKey")
    yield one("other-identity", "Another key of the same service.", first, "WrongKey", identity="two")
    yield one("other-scheme", "A key of the same name that another service keeps.", first, "WrongKey", scheme="other")
    yield changed("scheme-changed", "The scheme in the wrapped key was changed.", "WrongKey", flip(wrapped, 12))
    yield changed("fingerprint-in-it-changed", "The fingerprint in the wrapped key was changed.", "WrongKey",
                  flip(wrapped, 23))  # fmt: skip
    yield one("fingerprint-changed", "The stored fingerprint was changed.", first | {"fingerprint": "0" * 32},
              "WrongKey")  # fmt: skip
    yield changed("salt-changed", "One bit of the salt.", broken, flip(wrapped, 43))
    yield changed("ciphertext-changed", "One bit of what the service made.", broken, flip(wrapped, 80))
    yield one("bound-to-another-header", "The service bound it to another header.", by_service(bound=b""), broken)
    yield one("key-of-31-bytes", "What comes back is no key.", by_service(wk=key("workspace 1")[:31]), broken)
    yield one("ciphertext-empty", "The service made nothing.", by_service(ciphertext=b""), malformed)
    yield one("scheme-empty", "No scheme.", by_service(stored=b""), malformed)
    yield one("scheme-of-33-bytes", "A scheme that is too long.", by_service(stored=b"s" * 33), malformed)
    yield one("fingerprint-of-15-bytes", "A fingerprint that is too short.", by_service(printed=bytes(15)), malformed)
    yield one("salt-of-17-bytes", "A salt that is too long.", by_service(salt=bytes(17)), malformed)
    yield one("extended", "A byte follows the ciphertext.", by_service(after=b"\0"), malformed)
    yield changed("truncated", "The last byte is missing.", malformed, wrapped[:-1])
    yield changed("header-alone", "The ciphertext is not there.", malformed, wrapped[:59])
    yield one("flag", "An unknown flag.", by_service(start=b"SRKW\1\x80\0\1"), "EnvelopeUnsupported")
    yield one("canary-changed", "One bit of the canary.",
              first | {"canary": flip(bytes.fromhex(first["canary"]), 0).hex()}, broken)  # fmt: skip


# --- several wraps and retired epochs (sections 5 and 5.2) ----------------------------------------------------------


def retired(
    wk: str = "workspace 1",
    epoch: int = 1,
    under: int = 2,
    label: bytes = b"strongroom/v1/retired-key",
    start: bytes = b"SRKW\1\3\0\0",
    **changes: str,
) -> Vector:
    """The record of an epoch that was retired when the key ``workspace <under>`` of that epoch was current."""
    later = key(f"workspace {under}")
    said = {"provider": f"epoch:{under}", "printed": key_id(later).hex()} | changes
    return record(wk, epoch, hkdf(later, None, framed(label)), start, **said)


def several_wraps() -> Iterator[Vector]:
    mine, other, third = record(), record(kek=key("other key file")), record(kek=key("third key file"))
    fits, mangled = opened("workspace 1", 1), {"wrapped": "00"}

    def one(name: str, why: str, records: list[Vector], expect: Vector | str, **given: Any) -> Vector:
        return keyring(f"several-{name}", why, records, expect, **given)

    yield one("good-first", "Two keys wrapped; the reader has that of the first record.", [mine, other], fits)
    yield one("good-last", "Two keys wrapped; the reader has that of the last record.", [other, mine], fits)
    yield one("good-of-every-kind", "A key, a passphrase and a code wrapped one key.",
              [by_passphrase(), by_code(), mine], fits)  # fmt: skip
    yield one("good-by-passphrase", "A key, a passphrase and a code wrapped; the reader has the passphrase.",
              [mine, by_code(), by_passphrase()], fits, passphrase=PASSPHRASE)  # fmt: skip
    yield one("good-beside-a-mangled-one", "The record of another provider is no wrapped key at all.",
              [other | mangled, mine], fits)  # fmt: skip
    yield one("good-two-epochs", "Each epoch has a record of each key.",
              [record("workspace 2", 2, key("other key file")), record("workspace 2", 2), other, mine],
              opened("workspace 2", 2))  # fmt: skip
    yield one("none-of-mine", "The key is none of those that wrapped.", [other, third], "WrongKey")
    yield one("none-of-mine-and-a-mangled-one", "A key that says its fingerprint for one record is a wrong key.",
              [other | mangled, third], "WrongKey")  # fmt: skip
    yield one("all-mangled", "No record lets the key say its fingerprint: the first problem counts.",
              [mine | mangled, other | {"wrapped": put(bytes.fromhex(other["wrapped"]), 4, b"\2").hex()}],
              "EnvelopeMalformed")  # fmt: skip
    yield one("mine-broken", "The one that the key fits is broken, and no other is tried.",
              [mine | {"wrapped": flip(bytes.fromhex(mine["wrapped"]), 99).hex()}, other], "SealBroken")  # fmt: skip
    yield one("newest-epoch-is-not-mine", "The key wrapped the first epoch alone.",
              [mine, record("workspace 2", 2, key("other key file"))], "WrongKey")  # fmt: skip
    yield one("same-fingerprint-twice", "Two records of one epoch with one fingerprint.",
              [mine, record(provider="file:/keys/copy.key")], "EnvelopeMalformed")  # fmt: skip
    yield one("of-another-workspace-key", "The second key of an epoch is another one; each proves itself.",
              [record("workspace 2", 1, key("other key file")), mine], fits)  # fmt: skip
    yield one("canary-of-a-sister", "The canary is that of the record beside it.",
              [mine | {"canary": other["canary"]}, other], "SealBroken")  # fmt: skip


def retirements() -> Iterator[Vector]:
    broken, two, three = "SealBroken", record("workspace 2", 2), record("workspace 3", 3)
    fits, gone = opened("workspace 1", 1), retired()
    wrapped = bytes.fromhex(gone["wrapped"])

    def one(name: str, why: str, records: list[Vector], expect: Vector | str, opens: int = 1) -> Vector:
        return keyring(f"retired-{name}", why, records, expect, opens=opens)

    def changed(name: str, why: str, expect: str, new: bytes) -> Vector:
        return one(name, why, [gone | {"wrapped": new.hex()}, two], expect)

    yield one("good", "The key of a retired epoch opens with that of the current one.", [two, gone], fits)
    yield one("good-chain", "It was retired under an epoch that is retired itself.",
              [three, retired("workspace 2", 2, 3), gone], fits)  # fmt: skip
    yield one("good-before-any-other", "A record of another provider beside it is not looked at.",
              [record(kek=key("other key file")), gone, two], fits)  # fmt: skip
    yield one("good-leading-zero", "The epoch is a number; zeros before it mean nothing.",
              [two, retired(provider="epoch:02")], fits)  # fmt: skip
    yield one("good-not-looked-at", "A broken record of a retired epoch hurts nobody who does not ask for it.",
              [two, gone | {"wrapped": "00"}], opened("workspace 2", 2), opens=2)  # fmt: skip
    yield one("under-an-epoch-that-is-not-there", "Retired under an epoch without a record.",
              [two, retired(under=3)], broken)  # fmt: skip
    yield one("current-epoch", "The current epoch says that it is retired.", [retired("workspace 2", 2, 3), gone],
              broken, opens=2)  # fmt: skip
    yield one("under-itself", "An epoch that is not later does not retire; the key at hand did not wrap it.",
              [two, retired(under=1)], "WrongKey")  # fmt: skip
    yield one("under-an-earlier-epoch", "Retired under an epoch before it.",
              [three, record(), retired("workspace 2", 2, 1)], "WrongKey", opens=2)  # fmt: skip
    yield one("no-number", "The provider names no epoch.", [two, retired(provider="epoch:two")], "WrongKey")
    yield one("signed-number", "Digits alone name an epoch.", [two, retired(provider="epoch:+2")], "WrongKey")
    yield one("other-digits", "Digits are those of ASCII.", [two, retired(provider="epoch:\u0662")], "WrongKey")
    yield one("fingerprint-of-another", "The fingerprint is not the id of the later key.",
              [two, retired(printed=key_id(key("workspace 3")).hex())], "WrongKey")  # fmt: skip
    yield one("of-another-label", "The key was derived for something else.",
              [two, retired(label=b"strongroom/v1/key-wrap")], broken)  # fmt: skip
    yield one("said-to-be-of-a-key", "Its provider is a file, its method that of a retired epoch.",
              [two, retired(provider="file:/keys/test.key")], "WrongKey")  # fmt: skip
    yield one("by-the-method-of-a-key", "Its provider is a later epoch, its method that of a key.",
              [two, retired(start=b"SRKW\1\1\0\0")], "WrongKey")  # fmt: skip
    yield one("moved", "The record of the first epoch, moved to the second.",
              [three, retired(under=3) | {"epoch": 2}], broken, opens=2)  # fmt: skip
    yield one("provider-changed", "The later epoch was changed, to one that has no such fingerprint.",
              [record("workspace 4", 4), three, retired(under=3) | {"provider": "epoch:4"}], "WrongKey")  # fmt: skip
    yield one("canary-changed", "One bit of the canary.",
              [two, gone | {"canary": flip(bytes.fromhex(gone["canary"]), 0).hex()}], broken)  # fmt: skip
    yield one("created-at-changed", "The stored instant was changed; the canary tells.",
              [two, gone | {"created_at": CREATED + 1}], broken)  # fmt: skip
    yield changed("truncated", "The last byte is missing.", "EnvelopeMalformed", wrapped[:-1])
    yield changed("format-2", "A newer format.", "EnvelopeUnsupported", put(wrapped, 4, b"\2"))
    yield changed("salt-changed", "One bit of the salt.", broken, flip(wrapped, 8))
    yield changed("tag-changed", "One bit of the tag.", broken, flip(wrapped, 99))


# --- sealed values (section 11) -------------------------------------------------------------------------------------


def make_sealed(
    data: bytes,
    purpose: str = "results",
    context: bytes = b"run 1",
    wk: str = "workspace 1",
    epoch: int = 1,
    store: bytes = STORE,
    workspace: bytes = WORKSPACE,
    start: bytes = b"SRSL\1\1\0\0",
) -> bytes:
    salt, nonce, label = fixed("sealer salt", 32), fixed("sealer nonce", 12), b"strongroom/v1/sealer"
    header = start + u(4, epoch) + key_id(key(wk)) + salt + nonce
    cipher = AESGCM(hkdf(key(wk), salt, framed(label, purpose.encode())))
    return header + cipher.encrypt(nonce, data, framed(label, purpose.encode(), store, workspace, header, context))


def sealers() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"
    value = b"a result"
    sealed = make_sealed(value)
    both = [{"workspace_key": "workspace 1", "epoch": 1}, {"workspace_key": "workspace 2", "epoch": 2}]

    def one(name: str, why: str, sealed: bytes, expect: bytes | str, **given: Any) -> Vector:
        made = {"salt": fixed("sealer salt", 32).hex(), "nonce": fixed("sealer nonce", 12).hex()}
        expected = {"error": expect} if isinstance(expect, str) else {"data": long(expect), "made_from": made}
        vector = {"name": f"sealer-{name}", "kind": "sealer", "why": why, "store_id": STORE.hex(),
                  "workspace_id": WORKSPACE.hex(), "keys": both[:1], "purpose": "results", "context": b"run 1".hex(),
                  "sealed": sealed.hex(), "expect": expected}  # fmt: skip
        return vector | given

    def later(name: str, why: str, records: list[Vector], expect: bytes | str, sealed: bytes = sealed) -> Vector:
        vector = one(f"retired-{name}", why, sealed, expect, records=records, key="key file")
        vector["expect"].pop("made_from", None)
        del vector["keys"]
        return vector

    yield one("good", "A value opens.", sealed, value)
    yield one("good-empty", "No bytes at all.", make_sealed(b""), b"")
    yield one("good-1000-bytes", "Values are not padded.", make_sealed(b"y" * 1000), b"y" * 1000)
    yield one("good-empty-context", "An empty context is framed too.", make_sealed(value, context=b""), value,
              context="")  # fmt: skip
    yield one("good-older-epoch", "A value of epoch 1 opens when 2 is the current one.", sealed, value, keys=both)
    yield one("other-context", "The value of another run.", sealed, broken, context=b"run 2".hex())
    yield one("other-purpose", "A value made for another purpose.", sealed, broken, purpose="caches")
    yield one("other-store", "A value of another store.", make_sealed(value, store=fixed("other store", 16)), broken)
    yield one("other-workspace", "A value of another workspace under the same key.",
              make_sealed(value, workspace=fixed("other workspace", 16)), broken)  # fmt: skip
    yield one("other-key", "The workspace has another key of this epoch.", make_sealed(value, wk="workspace 2"), broken)
    yield one("unknown-epoch", "The workspace has no key of this epoch.", make_sealed(value, epoch=7), broken)
    yield one("epoch-0", "Epochs count from 1.", make_sealed(value, epoch=0), broken)
    yield one("empty", "Nothing there.", b"", malformed)
    yield one("magic-changed", "The first byte differs.", flip(sealed, 0), malformed)
    yield one("is-a-body", "A sealed version stands in its place.", BODY, malformed)
    yield one("format-2", "A newer format.", make_sealed(value, start=b"SRSL\2\1\0\0"), unsupported)
    yield one("suite-2", "A suite that is not known.", make_sealed(value, start=b"SRSL\1\2\0\0"), unsupported)
    yield one("flag", "An unknown flag.", make_sealed(value, start=b"SRSL\1\1\0\1"), unsupported)
    yield one("shorter-than-a-tag", "The shortest value has 88 bytes.", sealed[:87], malformed)
    yield one("truncated", "The last byte is missing.", sealed[:-1], broken)
    yield one("extended", "A byte follows the tag.", sealed + b"\0", broken)
    yield one("salt-changed", "One bit of the salt.", flip(sealed, 28), broken)
    yield one("nonce-changed", "One bit of the nonce.", flip(sealed, 60), broken)
    yield one("ciphertext-changed", "One bit of the encrypted value.", flip(sealed, 72), broken)
    yield one("tag-changed", "One bit of the tag.", flip(sealed, len(sealed) - 1), broken)
    two, gone = record("workspace 2", 2), retired()
    yield later("good", "A value of a retired epoch opens with its key.", [two, gone], value)
    yield later("good-current", "A value of the current epoch opens as ever.", [two, gone], value,
                make_sealed(value, wk="workspace 2", epoch=2))  # fmt: skip
    yield later("good-chain", "A value of an epoch that was retired under a retired one.",
                [record("workspace 3", 3), retired("workspace 2", 2, 3), gone], value)  # fmt: skip
    yield later("key-of-the-later-epoch", "The value names the retired epoch and the id of the later key.",
                [two, gone], broken, make_sealed(value, wk="workspace 2", epoch=1))  # fmt: skip
    yield later("record-removed", "The record of the retired epoch is gone.", [two], broken)
    yield later("record-broken", "The record of the retired epoch does not fit its canary.",
                [two, gone | {"created_at": CREATED + 1}], broken)  # fmt: skip
    yield later("value-changed", "One bit of the encrypted value.", [two, gone], broken, flip(sealed, 72))


# --- the records around sealed documents (registry, sections 2 and 7.1) ---------------------------------------------

NAME, MOMENT = "default", u(8, CREATED)
KEYS = [{"workspace_key": f"workspace {epoch}", "epoch": epoch} for epoch in (1, 2, 3)]


def text(value: str | bytes) -> bytes:
    return framed(value.encode() if isinstance(value, str) else value)


def state_bytes(
    epoch: int = 1, tail: bytes = b"", *, seq: int = 9, audit: bytes = fixed("audit mac", 32), **more: Any
) -> bytes:
    root, at = more.get("root", fixed("root", 32)), more.get("audit_seq", 4)
    ids = more.get("store", STORE) + more.get("workspace", WORKSPACE)
    return u(4, epoch) + ids + text(more.get("name", NAME)) + u(8, seq) + root + u(8, at) + audit + tail


def head_bytes(epoch: int = 1, tail: bytes = b"", *, current: int = 4, state: int = 0, **more: Any) -> bytes:
    labels = more.get("labels", [("previous", 3), ("stable", 3)])
    destroyed = u(4, 1) + u(8, 1) + u(8, 2)
    start = u(4, epoch) + text(more.get("name", "lake")) + fixed("document", 16) + u(8, 2) + u(8, 3) + u(8, current)
    told = u(4, more.get("count", len(labels))) + b"".join(text(label) + u(8, number) for label, number in labels)
    return start + u(1, state) + told + destroyed + fixed("body hash", 32) + u(8, 9) + MOMENT + tail


def version_bytes(epoch: int = 1) -> bytes:
    start = u(4, epoch) + fixed("document", 16) + u(8, 2) + u(8, 4) + text("secret") + text("1:abcdef")
    return start + fixed("note hash", 32) + fixed("public hash", 32) + fixed("body hash", 32)


def note_bytes(tail: bytes = b"", message: str | bytes = "why") -> bytes:
    return MOMENT + text("alice") + text(message) + tail


def entry_bytes(action: str = "load", epoch: int = 1, seq: int = 7, **more: Any) -> bytes:
    start = (
        u(4, epoch) + u(8, seq) + MOMENT + text("alice") + text(action) + text("done") + text(more.get("name", NAME))
    )
    told = text(more.get("label", "")) + text(more.get("message", ""))
    return start + more.get("document", bytes(16)) + u(8, more.get("version", 0)) + told + u(8, 1)


FIELDS = {
    "state": ("epoch", "store_id", "workspace_id", "name", "seq", "root", "audit_seq", "audit_mac", "oldest"),
    "head": ("epoch", "name", "document", "generation", "first", "current", "state", "labels", "destroyed", "body_hash",
             "seq", "updated_at", "newest"),
    "version": ("epoch", "document", "generation", "number", "type", "schema", "note_hash", "public_hash", "body_hash"),
    "note": ("created_at", "actor", "message", "references", "expires_at"),
    "audit": ("epoch", "seq", "at", "actor", "action", "outcome", "name", "document", "version", "label", "message",
              "count"),
}  # fmt: skip


def told(of: str, *values: object) -> Vector:
    """What a good record says, by the names of the fields; a field that is left out is null."""
    given = [value.hex() if isinstance(value, bytes) else value for value in values]
    return {"fields": dict(zip(FIELDS[of], given, strict=True))}


def one_record(of: str, name: str, why: str, raw: bytes, expect: Vector | str, **given: Any) -> Vector:
    """A record with its MAC, or a note with its hash; ``wk`` is the key, ``purpose`` that of the MAC."""
    wk = given.pop("wk", f"workspace {int.from_bytes(raw[:4], 'big')}")
    purpose, before = given.pop("purpose", of), given.pop("before", b"")
    made = (
        mac(key(wk), f"strongroom/v1/{purpose}".encode(), before + raw)
        if of != "note"
        else hashlib.sha256(raw).digest()
    )
    expected = {"error": expect} if isinstance(expect, str) else expect
    vector = {"name": f"record-{of}-{name}", "kind": "record", "of": of, "why": why, "store_id": STORE.hex(),
              "workspace_id": WORKSPACE.hex(), "workspace": NAME, "keys": KEYS[:1], "oldest": 1,
              "record": raw.hex(), "mac": given.pop("mac", made).hex(), "before": before.hex(),
              "expect": expected}  # fmt: skip
    return {field: value for field, value in (vector | given).items() if value is not None}


BY_RECORDS = {"keys": None, "records": [record("workspace 2", 2), retired()], "key": "key file"}


def states() -> Iterator[Vector]:
    def says(epoch: int, oldest: int | None) -> Vector:
        values = (STORE, WORKSPACE, NAME, 9, fixed("root", 32), 4, fixed("audit mac", 32))
        return told("state", epoch, *values, oldest)

    def one(name: str, why: str, raw: bytes, expect: Vector | str = "HeadTampered", **given: Any) -> Vector:
        epoch = int.from_bytes(raw[:4], "big")
        return one_record("state", name, why, raw, expect, **({"keys": KEYS[: min(epoch, 3)]} | given))

    yield one("good", "No epoch was retired.", state_bytes(), says(1, None))
    yield one("good-oldest", "The first epoch is retired, the second is not.", state_bytes(3, u(4, 2)), says(3, 2))
    yield one("good-oldest-is-current", "All but the current epoch are retired.", state_bytes(2, u(4, 2)), says(2, 2))
    yield one("oldest-0", "The oldest epoch is out of range.", state_bytes(2, u(4, 0)))
    yield one("oldest-1", "A field that says nothing is left out.", state_bytes(2, u(4, 1)))
    yield one("oldest-above-current", "The oldest epoch is a later one.", state_bytes(2, u(4, 3)))
    yield one("oldest-cut", "The field at the end has three bytes.", state_bytes(2, u(4, 2)[1:]))
    yield one("oldest-extended", "A byte follows the last field.", state_bytes(2, u(4, 2) + b"\0"))
    yield one("oldest-removed", "The last field was cut off.", state_bytes(2),
              mac=mac(key("workspace 2"), b"strongroom/v1/state", state_bytes(2, u(4, 2))))  # fmt: skip
    yield one("truncated", "The last byte is missing.", state_bytes()[:-1])
    yield one("name-no-utf-8", "The name is no UTF-8.", state_bytes(name=b"\xff"))
    yield one("of-another-name", "The state of another workspace.", state_bytes(name="other"))
    yield one("of-another-store", "The state of another store.", state_bytes(store=fixed("other store", 16)))
    yield one("of-another-workspace", "A state with another id.", state_bytes(workspace=fixed("other workspace", 16)))
    yield one("mac-of-a-head", "The MAC was made for a head.", state_bytes(), purpose="head")
    yield one("mac-changed", "One bit of the MAC.", state_bytes(),
              mac=flip(mac(key("workspace 1"), b"strongroom/v1/state", state_bytes()), 0))  # fmt: skip
    yield one("of-an-unknown-epoch", "The workspace has no key of its epoch.", state_bytes(2), keys=KEYS[:1])
    yield one("of-three-bytes", "Too short to say its epoch.", b"\0\0\0", wk="workspace 1", keys=KEYS[:1])
    yield one("of-an-earlier-epoch", "The workspace has a key of a higher epoch.", state_bytes(), keys=KEYS[:2])
    yield one("of-an-epoch-with-a-retired-record", "Its key is there, retired.", state_bytes(), **BY_RECORDS)
    yield one("good-beside-a-retired-record", "The key of the epoch before is there, retired.",
              state_bytes(2, u(4, 2)), says(2, 2), **BY_RECORDS)  # fmt: skip


def heads() -> Iterator[Vector]:
    def says(newest: int | None, epoch: int = 1, labels: Vector | None = None) -> Vector:
        start = (epoch, "lake", fixed("document", 16), 2, 3, 4, "live")
        found = {"previous": 3, "stable": 3} if labels is None else labels
        return told("head", *start, found, [[1, 2]], fixed("body hash", 32), 9, CREATED, newest)

    def one(name: str, why: str, raw: bytes, expect: Vector | str = "HeadTampered", **given: Any) -> Vector:
        return one_record("head", name, why, raw, expect, **given)

    pending = [("pending", 6), ("previous", 3)]
    yield one("good", "The current version is the newest.", head_bytes(), says(None))
    yield one("good-newest", "A newer version waits.", head_bytes(tail=u(8, 6), labels=pending),
              says(6, labels=dict(pending)))  # fmt: skip
    yield one("newest-is-current", "A field that says nothing is left out.", head_bytes(tail=u(8, 4)))
    yield one("newest-below-current", "The newest version is before the current one.", head_bytes(tail=u(8, 3)))
    yield one("newest-0", "No version is the newest.", head_bytes(tail=u(8, 0)))
    yield one("newest-cut", "The field at the end has seven bytes.", head_bytes(tail=u(7, 6)))
    yield one("newest-extended", "A byte follows the last field.", head_bytes(tail=u(8, 6) + b"\0"))
    yield one("newest-added", "A field was put behind the record.", head_bytes(tail=u(8, 6)),
              mac=mac(key("workspace 1"), b"strongroom/v1/head", head_bytes()))  # fmt: skip
    yield one("state-3", "There are three states.", head_bytes(state=3))
    yield one("more-labels-than-there-are", "The count of labels goes beyond the record.", head_bytes(count=2**32 - 1))
    yield one("name-no-utf-8", "The name is no UTF-8.", head_bytes(name=b"\xc3\x28"))
    yield one("mac-of-a-version", "The MAC was made for a version.", head_bytes(), purpose="version")
    yield one("good-older-epoch", "A rotation has not come to it yet.", head_bytes(), says(None), keys=KEYS[:2])
    yield one("of-a-retired-epoch", "Its epoch is retired, and its MAC fits.", head_bytes(), keys=KEYS[:2], oldest=2)
    yield one("of-an-unknown-epoch", "The workspace has no key of its epoch.", head_bytes(2))
    yield one("of-an-epoch-with-a-retired-record", "Its key is there, retired, whatever the state says.", head_bytes(),
              **BY_RECORDS)  # fmt: skip
    yield one("good-beside-a-retired-record", "The key of the epoch before is there, retired.", head_bytes(2),
              says(None, 2), **BY_RECORDS)  # fmt: skip


def versions_and_notes() -> Iterator[Vector]:
    def version(name: str, why: str, raw: bytes, expect: Vector | str = "VersionTampered", **given: Any) -> Vector:
        return one_record("version", name, why, raw, expect, **given)

    def note(name: str, why: str, raw: bytes, expect: Vector | str = "VersionTampered", **given: Any) -> Vector:
        return one_record("note", name, why, raw, expect, **given)

    def says(references: list[str] | None = None, expires: int | None = None, message: str = "why") -> Vector:
        return told("note", CREATED, "alice", message, references, expires)

    hashes = (fixed("note hash", 32), fixed("public hash", 32), fixed("body hash", 32))
    whole = told("version", 1, fixed("document", 16), 2, 4, "secret", "1:abcdef", *hashes)
    yield version("good", "A version.", version_bytes(), whole)
    yield version("truncated", "The last byte is missing.", version_bytes()[:-1])
    yield version("extended", "A byte follows.", version_bytes() + b"\0")
    yield version("of-a-retired-epoch", "Its epoch is retired, and its MAC fits.", version_bytes(), keys=KEYS[:2],
                  oldest=2)  # fmt: skip
    yield version("of-an-epoch-with-a-retired-record", "Its key is there, retired, whatever the state says.",
                  version_bytes(), **BY_RECORDS)  # fmt: skip
    one, two = u(4, 1) + text("lake"), u(4, 2) + text("lake") + text("river@3")
    yield note("good", "It refers to nothing and does not expire.", note_bytes(), says())
    yield note("good-references", "Two references, no expiry.", note_bytes(two + u(8, 0)), says(["lake", "river@3"]))
    yield note("good-expiry", "No reference, an expiry.", note_bytes(u(4, 0) + MOMENT), says(None, CREATED))
    yield note("good-both", "A reference and an expiry.", note_bytes(one + MOMENT), says(["lake"], CREATED))
    yield note("good-empty-message", "An empty message.", note_bytes(message=""), says(message=""))
    yield note("says-nothing", "Fields that say nothing are left out.", note_bytes(u(4, 0) + u(8, 0)))
    yield note("without-expiry", "The references are there, the expiry is not.", note_bytes(one))
    yield note("references-cut", "A count of references, and no more.", note_bytes(u(4, 1)))
    yield note(
        "more-references-than-there-are", "The count goes beyond the note.", note_bytes(put(one, 0, u(4, 9)) + u(8, 0))
    )
    yield note("reference-no-utf-8", "A reference that is no text.", note_bytes(u(4, 1) + text(b"\xff") + u(8, 0)))
    yield note("message-no-utf-8", "A message that is no text.", note_bytes(message=b"\xed\xa0\x80"))
    yield note("extended", "A byte follows the last field.", note_bytes(one + MOMENT + b"\0"))
    yield note("tail-of-one-byte", "A single byte behind the message.", note_bytes(b"\0"))
    yield note("hash-of-another", "The hash is that of another note.", note_bytes(),
               mac=hashlib.sha256(note_bytes(message="else")).digest())  # fmt: skip


def entries() -> Iterator[Vector]:
    before = fixed("audit mac before", 32)

    def says(action: str, *values: object) -> Vector:
        name, document, version, label, message, epoch = values
        start = (epoch, 7, CREATED, "alice", action, "done", name)
        return told("audit", *start, document, version, label, message, 1)

    def one(name: str, why: str, raw: bytes, expect: Vector | str = "AuditChainBroken", **given: Any) -> Vector:
        return one_record("audit", name, why, raw, expect, **({"before": before} | given))

    document, printed = fixed("document", 16), fingerprint(key("key file"))
    for action, name, version, label, message, its_document in [
        ("load", "lake", 4, "", "", document),
        ("promote", "lake", 5, "", "the new token works", document),
        ("rotate", NAME, 2, "workspace", "", None),
        ("rotate", NAME, 3, "data", "all", None),
        ("retire", NAME, 1, "", "", None),
        ("key-add", NAME, None, printed, "file:/keys/test.key", None),
        ("key-remove", NAME, None, printed, "recovery:", None),
    ]:
        raw = entry_bytes(action, version=version or 0, label=label, message=message, name=name,
                          document=its_document or bytes(16))  # fmt: skip
        suffix = f"{action}-{label}" if action == "rotate" else action
        yield one(f"good-{suffix}", f"An entry of {action}.", raw,
                  says(action, name, its_document, version, label, message, 1))  # fmt: skip
    load = entry_bytes(version=4, name="lake", document=document)
    yield one("good-of-a-retired-epoch", "Entries are checked with the key of a retired epoch.", load,
              says("load", "lake", document, 4, "", "", 1), keys=KEYS[:2], oldest=2)  # fmt: skip
    yield one("good-of-an-epoch-with-a-retired-record", "Entries are checked with the key of a retired record.", load,
              says("load", "lake", document, 4, "", "", 1), **BY_RECORDS)  # fmt: skip
    yield one("after-another", "The entry before it is another.", load,
              before=fixed("another audit mac", 32),
              mac=mac(key("workspace 1"), b"strongroom/v1/audit", before + load))  # fmt: skip
    yield one("under-its-own-mac-alone", "The MAC leaves out the entry before.", load,
              mac=mac(key("workspace 1"), b"strongroom/v1/audit", load))  # fmt: skip
    yield one("extended", "A byte follows the count.", load + b"\0")
    yield one("truncated", "The last byte is missing.", load[:-1])
    yield one("of-an-unknown-epoch", "The workspace has no key of its epoch.", entry_bytes(epoch=2))


# --- anchors (registry, section 7.1) --------------------------------------------------------------------------------


def chain(count: int = 4, wk: str = "workspace 1", epoch: int = 1) -> list[Vector]:
    rows, before = [], bytes(32)
    for seq in range(1, count + 1):
        raw = entry_bytes(seq=seq, epoch=epoch, name="lake", version=seq)
        before = mac(key(wk), b"strongroom/v1/audit", before + raw)
        rows.append({"seq": seq, "record": raw.hex(), "mac": before.hex()})
    return rows


def anchor_line(
    seq: int = 9,
    audit_seq: int = 4,
    audit: bytes | None = None,
    *,
    epoch: int = 1,
    purpose: str = "anchor",
    **more: Any,
) -> str:
    entry = chain()[audit_seq - 1]["mac"] if audit_seq in range(1, 5) else "00" * 32
    ids = more.get("store", STORE) + more.get("workspace", WORKSPACE)
    last = bytes.fromhex(entry) if audit is None else audit
    raw = u(4, epoch) + ids + u(8, seq) + more.get("root", fixed("root", 32)) + u(8, audit_seq) + last
    made = mac(key(f"workspace {epoch}"), f"strongroom/v1/{purpose}".encode(), raw)
    return f"strongroom-anchor-v1:{raw.hex()}{made.hex()}"


def anchors() -> Iterator[Vector]:
    here = {"epoch": 1, "seq": 9, "root": fixed("root", 32).hex(), "audit_seq": 4, "audit_mac": chain()[-1]["mac"]}
    behind, tampered, older = anchor_line(7, 2, root=fixed("old root", 32)), "AnchorTampered", "StoreRolledBack"

    def one(name: str, why: str, file: str, error: str = "", **given: Any) -> Vector:
        expect = {"error": error} if error else {"anchor": "fits"}
        vector = {"name": f"anchor-{name}", "kind": "anchor", "why": why, "store_id": STORE.hex(),
                  "workspace_id": WORKSPACE.hex(), "workspace": NAME, "keys": KEYS[:1], "state": here,
                  "audit": chain(), "file": file, "expect": expect}  # fmt: skip
        return vector | given

    def audit(name: str, why: str, error: str, place: int, **columns: str) -> Vector:
        rows = [row | (columns if row["seq"] == place else {}) for row in chain()]
        return one(name, why, behind + "\n", error, audit=rows)

    same = anchor_line()
    other = anchor_line(workspace=fixed("other workspace", 16))
    yield one("good", "The anchor is of the state.", same + "\n")
    yield one("good-behind", "The state came of that of the anchor.", behind + "\n")
    yield one("good-before-any-entry", "An anchor of a state without audit.", anchor_line(1, 0) + "\n")
    yield one("good-among-others", "Lines of others, and lines that are none.", f"# kept here\n{other}\n\n{same}\nend")
    yield one("good-with-white-space-after", "White space at the end of the line.", same + " \r\n")
    yield one("good-of-a-retired-epoch", "The anchor was written with a key that is retired by now.", behind + "\n",
              keys=KEYS[:2], state=here | {"epoch": 2, "oldest": 2})  # fmt: skip
    yield one("none", "The file is empty.", "", "AnchorUnavailable")
    yield one("of-another-workspace", "The file has that of another workspace.", other + "\n", "AnchorUnavailable")
    yield one("of-another-store", "The file has that of another store.",
              anchor_line(store=fixed("other store", 16)) + "\n", "AnchorUnavailable")  # fmt: skip
    yield one("indented", "A line that begins with white space is none.", f" {same}\n", "AnchorUnavailable")
    yield one("twice", "Two lines for one workspace.", f"{same}\n{behind}\n", "AnchorUnavailable")
    yield one("truncated", "The last two digits are missing.", same[:-2] + "\n", tampered)
    yield one("extended", "Two digits follow.", same + "00\n", tampered)
    yield one("in-uppercase", "Uppercase digits behind the ids.", same[:100] + same[100:].upper() + "\n", tampered)
    yield one("with-a-letter-that-is-no-digit", "A letter that is no digit.", same[:-1] + "g\n", tampered)
    yield one("mac-changed", "One digit of the MAC.", same[:-1] + ("0" if same[-1] != "0" else "1") + "\n", tampered)
    yield one("mac-of-a-state", "The MAC was made for a state.", anchor_line(purpose="state") + "\n", tampered)
    yield one("of-epoch-0", "Epochs count from 1.", anchor_line(epoch=0) + "\n", tampered)
    yield one("of-a-later-epoch", "The anchor was written with a later key.", anchor_line(7, 2, epoch=2) + "\n", older)
    yield one("later-seq-without-a-mac", "A later state, with a MAC that does not fit.",
              anchor_line(10, 5, purpose="state") + "\n", tampered)  # fmt: skip
    yield one("later", "The anchor is of a later state.", anchor_line(10, 4) + "\n", older)
    yield one("same-seq-other-root", "The same count, another trie.",
              anchor_line(root=fixed("old root", 32)) + "\n", older)  # fmt: skip
    yield one("same-seq-other-audit", "The same count, another audit.", anchor_line(audit=bytes(32)) + "\n", older)
    yield one("same-seq-other-audit-seq", "The same count, fewer entries.", anchor_line(9, 3) + "\n", older)
    yield one("behind-other-audit", "The audit of that moment was another.", anchor_line(7, 2, bytes(32)) + "\n", older)
    yield one("behind-audit-further", "Fewer transactions, and more entries.",
              anchor_line(7, 5, bytes(32)) + "\n", older)  # fmt: skip
    yield audit("behind-entry-changed", "An entry between the two was changed.", "AuditChainBroken", 3,
                record=chain()[1]["record"])  # fmt: skip
    yield audit("behind-mac-changed", "The MAC of an entry between the two was changed.", "AuditChainBroken", 3,
                mac="00" * 32)  # fmt: skip
    yield one("behind-entry-removed", "An entry between the two is gone.", behind + "\n", "AuditChainBroken",
              audit=[row for row in chain() if row["seq"] != 3])  # fmt: skip


# --- sealed files (export) ------------------------------------------------------------------------------------------

CONTAINER = b"strongroom/v1/container-"
FILE_ID, FILE_SALT, CONTENT = fixed("file", 16), fixed("file salt", 32), b"some lines\n"


def recipient(kek: bytes = key("key file"), start: bytes = b"SRKW\1\1\0\0", **said: Any) -> bytes:
    salt, nonce = fixed("recipient salt", 32), fixed("recipient nonce", 12)
    header, context = start + salt + nonce, framed(CONTAINER + b"key", b"export", FILE_ID)
    cipher = AESGCM(hkdf(kek, salt, framed(b"strongroom/v1/key-wrap")))
    wrapped = header + cipher.encrypt(nonce, key("file"), framed(b"strongroom/v1/key-wrap", header, context))
    uri, printed = said.get("uri", "file:/keys/test.key"), said.get("printed", fingerprint(kek))
    return text(uri) + text(printed) + framed(said.get("wrapped", wrapped))


def file_passphrase() -> bytes:
    salt = fixed("file argon2 salt", 16)
    kek = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=8192).derive(
        key("passphrase").hex()[:20].encode()
    )
    return recipient(kek, b"SRKW\1\2\0\0" + salt + u(4, 8192) + u(4, 1) + u(4, 1), uri="passphrase:")


def sealed_file(recipients: list[bytes] | None = None, content: bytes = CONTENT, **more: Any) -> bytes:
    stored = [recipient()] if recipients is None else recipients
    start = text(more.get("purpose", "export")) + FILE_ID + FILE_SALT
    header = start + u(4, more.get("count", len(stored))) + b"".join(stored) + more.get("after", b"")
    top = more.get("start", b"SRCT\1\1\0\0") + u(4, more.get("size", len(header))) + header
    keys = {name: hkdf(key("file"), FILE_SALT, framed(CONTAINER + name)) for name in (b"header", b"chunk")}
    its_mac = hmac.digest(keys[b"header"], framed(more.get("label", CONTAINER + b"header"), top), "sha256")
    nonce = u(11, more.get("number", 0)) + more.get("last", b"\1")
    bound = framed(CONTAINER + b"chunk", more.get("bound", its_mac))
    return top + its_mac + AESGCM(keys[b"chunk"]).encrypt(nonce, content, bound)


def files() -> Iterator[Vector]:
    malformed, unsupported, broken = "EnvelopeMalformed", "EnvelopeUnsupported", "SealBroken"
    whole, mine, phrase = sealed_file(), [{"key": "key file"}], [{"passphrase": PASSPHRASE}]
    another = recipient(key("other key file"))

    def one(name: str, why: str, file: bytes, expect: bytes | str = malformed, keys: list[Vector] = mine) -> Vector:
        expected = {"error": expect} if isinstance(expect, str) else {"content": long(expect)}
        return {"name": f"file-{name}", "kind": "file", "why": why, "purpose": "export", "keys": keys,
                "file": file.hex(), "expect": expected}  # fmt: skip

    header = int.from_bytes(whole[8:12], "big")
    chunks = 44 + header
    yield one("good", "A file opens with its key.", whole, CONTENT)
    yield one("good-passphrase", "A file opens with its passphrase.", sealed_file([file_passphrase()]), CONTENT, phrase)
    yield one("good-two-recipients", "Any of the recipients opens it.", sealed_file([another, recipient()]), CONTENT)
    yield one("good-two-keys", "All keys at hand are tried, and wrong ones passed over.", whole, CONTENT,
              [*phrase, {"key": "other key file"}, *mine])  # fmt: skip
    yield one("good-beside-a-mangled-one", "What another recipient has is no wrapped key.",
              sealed_file([recipient(key("other key file"), wrapped=b"\0"), recipient()]), CONTENT)  # fmt: skip
    yield one("good-uri-means-nothing", "What a file says of where its key lies is not looked at.",
              sealed_file([recipient(uri="env:ELSEWHERE")]), CONTENT)  # fmt: skip
    yield one("good-empty", "No content is one chunk without any.", sealed_file(content=b""), b"")
    yield one("good-eight-recipients", "The most recipients there are.", sealed_file([another] * 7 + [recipient()]),
              CONTENT)  # fmt: skip
    yield one("another-key", "The key is none of the recipients'.", whole, "WrongKey", [{"key": "other key file"}])
    yield one("key-malformed", "The passphrase is too short to be one.", sealed_file([file_passphrase()]),
              "KeyMalformed", [{"passphrase": PASSPHRASE | {"template": "{hex:.7}"}}])  # fmt: skip
    yield one("empty", "Nothing there.", b"")
    yield one("of-eleven-bytes", "Too short to say how long the header is.", whole[:11])
    yield one("magic-changed", "The first byte differs.", flip(whole, 0))
    yield one("format-2", "A newer format.", sealed_file(start=b"SRCT\2\1\0\0"), unsupported)
    yield one("suite-2", "A suite that is not known.", sealed_file(start=b"SRCT\1\2\0\0"), unsupported)
    yield one("flag", "An unknown flag.", sealed_file(start=b"SRCT\1\1\0\1"), unsupported)
    yield one("header-of-65537-bytes", "The header is longer than one may be.", sealed_file(size=65537))
    yield one("header-cut", "The file ends within the header.", whole[: chunks - 33])
    yield one("mac-cut", "The file ends within the MAC.", whole[: chunks - 1])
    yield one("header-extended", "A byte follows the recipients.", sealed_file(after=b"\0"))
    yield one("header-short", "The header ends within the last recipient.", sealed_file(size=header - 1))
    yield one("no-recipients", "Nobody can open it.", sealed_file([]))
    yield one("nine-recipients", "A recipient too many.", sealed_file([another] * 8 + [recipient()]))
    yield one("more-recipients-than-there-are", "The count goes beyond the header.", sealed_file(count=2))
    yield one("uri-empty", "A recipient without a URI.", sealed_file([recipient(uri="")]))
    yield one("uri-no-utf-8", "A URI that is no text.", sealed_file([recipient(uri=b"\xff")]))
    yield one("fingerprint-empty", "A recipient without a fingerprint.", sealed_file([another, recipient(printed=b"")]))
    yield one(
        "fingerprint-of-256-bytes", "A fingerprint that is too long.", sealed_file([recipient(printed="0" * 256)])
    )
    yield one("wrapped-empty", "A recipient without a wrapped key.", sealed_file([recipient(wrapped=b"")]))
    yield one("wrapped-of-4097-bytes", "A wrapped key that is too long.", sealed_file([recipient(wrapped=bytes(4097))]))
    yield one("purpose-other", "A file for something else.", sealed_file(purpose="backup"))
    yield one("purpose-empty", "A file for nothing.", sealed_file(purpose=""))
    yield one("purpose-of-33-bytes", "A purpose that is too long.", sealed_file(purpose="p" * 33))
    yield one("fingerprint-changed", "The fingerprint is that of no key.", sealed_file([recipient(printed="0" * 32)]),
              "WrongKey")  # fmt: skip
    yield one("wrapped-changed", "One bit of the wrapped key.", flip(whole, chunks - 33), "WrongKey")
    yield one("file-id-changed", "The file key is wrapped for one file.", flip(whole, 22), "WrongKey")
    yield one("good-after-a-broken-one", "A recipient that does not open is passed over for the next.",
              sealed_file([recipient(wrapped=flip(recipient()[-100:], 99)), recipient()]), CONTENT)  # fmt: skip
    yield one("salt-changed", "One bit of the salt.", flip(whole, 38), broken)
    yield one("uri-changed", "The URI of a recipient was changed; the MAC tells.", flip(whole, 90), broken)
    less = sealed_file([recipient(), another])
    cut = header - len(another)
    fewer = less[:8] + u(4, header) + put(less[12 : 12 + header], 70 - 12, u(4, 1)) + less[-(32 + len(CONTENT) + 16) :]
    assert cut < header
    yield one("recipient-removed", "A recipient was taken out; the MAC tells.", fewer, broken)
    yield one("mac-changed", "One bit of the MAC.", flip(whole, chunks - 1), broken)
    yield one("mac-under-the-chunk-label", "The MAC begins with the label of chunks.",
              sealed_file(label=CONTAINER + b"chunk"), broken)  # fmt: skip
    yield one("without-chunks", "Nothing follows the MAC.", whole[:chunks])
    yield one("chunk-of-fifteen-bytes", "Shorter than a tag.", whole[: chunks + 15])
    yield one("chunk-truncated", "The last byte is missing.", whole[:-1], broken)
    yield one("chunk-extended", "A byte follows.", whole + b"\0", broken)
    yield one("chunk-changed", "One bit of the encrypted content.", flip(whole, chunks), broken)
    yield one("tag-changed", "One bit of the tag.", flip(whole, len(whole) - 1), broken)
    yield one("chunk-not-the-last", "The only chunk is not marked as the last.", sealed_file(last=b"\0"), broken)
    yield one("chunk-1-first", "The first chunk counts as the second.", sealed_file(number=1), broken)
    yield one("chunk-of-another-header", "A chunk of a file with another header.", sealed_file(bound=bytes(32)), broken)


# --- backups --------------------------------------------------------------------------------------------------------


def backup_of(
    records: list[tuple[int, bytes]], start: bytes = b"SRBK\1\0\0\0", broken: int = -1, cut: int | None = None
) -> bytes:
    """A backup of these records; the link of the one at ``broken`` does not fit."""
    link, file = hashlib.sha256(b"strongroom/v1/backup" + start).digest(), start
    for place, (kind, content) in enumerate(records):
        frame = u(1, kind) + u(4, len(content)) + content
        link = hashlib.sha256(link + frame).digest()
        file += frame + (flip(link, 0) if place == broken else link)
    return file[:cut]


def backups() -> Iterator[Vector]:
    damaged = "BackupDamaged"

    def header(form: int = 2) -> tuple[int, bytes]:
        return 0, STORE + MOMENT + text("1.0") + u(4, form)

    def end(*counts: int) -> tuple[int, bytes]:
        return 8, b"".join(u(8, count) for count in counts)

    def version(number: int, wrap: bytes = b"\1" + framed(WRAP)) -> tuple[int, bytes]:
        fields = framed(version_bytes(), fixed("version mac", 32), note_bytes(), b"{}")
        return 5, u(8, number) + fields + wrap + framed(BODY)

    printed = fingerprint(key("key file"))
    top = [header(), (1, WORKSPACE + framed(NAME.encode(), state_bytes(), fixed("state mac", 32)))]
    its_key = (
        2,
        u(4, 1) + text("file:/k") + text(printed) + framed(fixed("wrapped", 100), fixed("canary", 32)) + MOMENT,
    )
    node = (3, text("") + framed(bytes(16)))
    path = hashlib.sha256(b"strongroom/v1/trie-path" + b"lake").hexdigest()
    head = (4, text("lake") + fixed("document", 16) + framed(head_bytes(), fixed("head mac", 32)) + text(path))
    use, entry = (6, text("river") + text("lake") + u(8, 2)), (7, u(8, 1) + framed(entry_bytes(), fixed("mac", 32)))
    rows = [*top, its_key, node, head, version(1, b"\0"), version(2), use, entry]
    whole = [*rows, end(1, 1, 1, 1, 2, 1, 1)]

    def one(name: str, why: str, file: bytes, expect: str | list[int] = damaged) -> Vector:
        expected = {"error": expect} if isinstance(expect, str) else {"counts": expect}
        return {"name": f"backup-{name}", "kind": "backup", "why": why, "file": file.hex(), "expect": expected}

    good = backup_of(whole)
    yield one("good", "A backup of a workspace with one document.", good, [1, 1, 1, 1, 2, 1, 1])
    yield one("good-without-documents", "A trie without documents has no node.",
              backup_of([*top, its_key, entry, end(1, 1, 0, 0, 0, 0, 1)]), [1, 1, 0, 0, 0, 0, 1])  # fmt: skip
    yield one("good-head-without-a-version", "A head stands there whatever became of its versions.",
              backup_of([*top, its_key, node, head, entry, end(1, 1, 1, 1, 0, 0, 1)]),
              [1, 1, 1, 1, 0, 0, 1])  # fmt: skip
    yield one("empty", "Nothing there.", b"")
    yield one("magic-changed", "The first byte differs.", flip(good, 0))
    yield one("format-2", "A newer format.", backup_of(whole, b"SRBK\2\0\0\0"), "StoreNewer")
    yield one("format-0", "Formats count from 1.", backup_of(whole, b"SRBK\0\0\0\0"))
    yield one("zero-changed", "A byte that must be zero is not.", backup_of(whole, b"SRBK\1\0\0\1"))
    yield one("rows-of-format-3", "The rows are of a newer format.", backup_of([header(3), *whole[1:]]), "StoreNewer")
    yield one("rows-of-format-1", "The rows are of an older format.", backup_of([header(1), *whole[1:]]))
    yield one("of-seven-bytes", "The file ends within its first bytes.", good[:7])
    yield one("without-records", "Nothing follows the first bytes.", good[:8])
    yield one("cut", "The last byte is missing.", good[:-1])
    yield one("without-an-end", "The file ends after a whole record.", backup_of(rows))
    yield one("extended", "A byte follows the end.", good + b"\0")
    yield one("link-changed", "One bit of a link; those after it go on from the right one.", backup_of(whole, broken=4))
    yield one("data-changed", "One bit of what a record holds.", flip(good, 60))
    yield one("record-removed", "A record was taken out; the counts tell.", backup_of([*rows[:-3], *whole[-2:]]))
    yield one("counts-changed", "The end counts another record.", backup_of([*rows, end(1, 1, 1, 1, 3, 1, 1)]))
    yield one("kind-unknown", "A record of a kind that is not known.", backup_of([*rows, (9, b""), whole[-1]]))
    yield one("without-a-header", "The header is not there.", backup_of(whole[1:]))
    yield one("head-before-a-key", "The workspace has no key before its documents.",
              backup_of([*top, head, *rows[5:], end(1, 0, 0, 1, 2, 1, 1)]))  # fmt: skip
    yield one("version-without-a-head", "A version that follows no head.",
              backup_of([*top, its_key, node, version(2), entry, end(1, 1, 1, 0, 1, 0, 1)]))  # fmt: skip
    yield one("without-audit", "A workspace without an audit entry.",
              backup_of([*rows[:-1], end(1, 1, 1, 1, 2, 1, 0)]))  # fmt: skip
    yield one("mark-of-a-wrap-2", "A wrap is there or not.",
              backup_of([*rows[:6], version(2, b"\2" + framed(WRAP)), *whole[7:]]))  # fmt: skip
    yield one("record-extended", "A byte is left over in a record.",
              backup_of([*rows[:7], (6, use[1] + b"\0"), *whole[8:]]))  # fmt: skip
    yield one("record-cut", "A record ends within a field.", backup_of([*rows[:7], (6, use[1][:-1]), *whole[8:]]))
    yield one("record-beyond-the-most", "A record says that it is longer than one may be.",
              good[:8] + b"\0" + u(4, 83886077) + good[13:])  # fmt: skip


def vectors() -> Iterator[Vector]:
    versions = (good_envelopes, bad_wraps, bad_bodies, bad_paddings, bad_bindings, rewraps)
    keys = (key_texts, macs, keyrings, passphrases, recovery_codes, recoveries, services, several_wraps, retirements)
    registry = (states, heads, versions_and_notes, entries, anchors)
    for section in (*versions, *keys, sealers, *registry, files, backups):
        yield from section()


def text_of(vector: Vector) -> str:
    return json.dumps(vector, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for vector in vectors():
        (folder / f"{vector['name']}.json").write_text(text_of(vector))
