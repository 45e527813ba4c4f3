"""Writes the test vectors of ``docs/spec/envelope.md``: ``python tests/vectors/generate.py [FOLDER]``.

Everything is made from labels by SHA-256, so that each run writes the same bytes. The code follows the specification
and shares none with the product. One vector has one thing wrong with it, and is named by it.
"""

from __future__ import annotations

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
    secret = {} if "passphrase" in given else {"key": "key file"}
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


def vectors() -> Iterator[Vector]:
    versions = (good_envelopes, bad_wraps, bad_bodies, bad_paddings, bad_bindings, rewraps)
    for section in (*versions, key_texts, macs, keyrings, passphrases, sealers):
        yield from section()


def text_of(vector: Vector) -> str:
    return json.dumps(vector, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for vector in vectors():
        (folder / f"{vector['name']}.json").write_text(text_of(vector))
