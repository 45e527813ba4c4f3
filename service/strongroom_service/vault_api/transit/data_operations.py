"""What is done with keys: encrypt, decrypt, rewrap, sign, verify, MAC, hash, and random bytes."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Any

from strongroom_service.errors import InvalidRequest
from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation
from strongroom_service.vault_api.envelope import invalid
from strongroom_service.vault_api.transit import digests, encryption, signing
from strongroom_service.vault_api.transit.digests import Algorithm
from strongroom_service.vault_api.transit.key import TransitKey, new_key
from strongroom_service.vault_api.transit.kinds import POWERS, Kind
from strongroom_service.vault_api.transit.material import encoded
from strongroom_service.vault_api.transit.request import (
    Body,
    TransitRequest,
    bits,
    chosen,
    items,
    needed_bits,
    number,
    one_of,
    refuse_nonce,
    switch,
    worked,
)
from strongroom_service.vault_api.transit.signing import Manner, Marshaling, Padding

RANDOM_MAX = 128 * 1024
_SIGNED = ("input", "context", "hash_algorithm", "algorithm", "signature_algorithm", "marshaling_algorithm")
_MANNER = (*_SIGNED, "salt_length", "prehashed")


class Form(StrEnum):
    """How bytes are written."""

    BASE64 = "base64"
    HEX = "hex"

    def written(self, data: bytes) -> str:
        """The bytes in this form."""
        return data.hex() if self is Form.HEX else encoded(data)


def encrypt(request: TransitRequest) -> Answer:
    """``encrypt/<name>``; makes the key first, where there is none and the caller may create it."""
    key, made_for = _key_to_encrypt(request), ("type", "convergent_encryption")
    request.record("encrypt")

    def one(item: Body) -> dict[str, Any]:
        refuse_nonce(item)
        text, version = encryption.encrypt(
            key,
            needed_bits(item, "plaintext"),
            version=_version(item, request.body),
            context=bits(item, "context") or b"",
            associated_data=bits(item, "associated_data") or b"",
        )
        return {"ciphertext": text, "key_version": version}

    known = ("plaintext", "context", "associated_data", "key_version", "nonce", *made_for)
    return worked(request, one, known, *_idle(request, key), strict=True)


def decrypt(request: TransitRequest) -> Answer:
    """``decrypt/<name>``."""
    key = request.keys.get(request.name)
    request.record("decrypt")

    def one(item: Body) -> dict[str, Any]:
        refuse_nonce(item)
        plaintext = encryption.decrypt(
            key,
            fields.text(item, "ciphertext", longest=2**27),
            context=bits(item, "context") or b"",
            associated_data=bits(item, "associated_data") or b"",
        )
        return {"plaintext": encoded(plaintext)}

    known = ("ciphertext", "context", "associated_data", "nonce")
    return worked(request, one, known, *_idle(request, key), strict=True)


def rewrap(request: TransitRequest) -> Answer:
    """``rewrap/<name>``: from an older version to a newer one; the plaintext is never shown."""
    key = request.keys.get(request.name)
    request.record("rewrap")

    def one(item: Body) -> dict[str, Any]:
        refuse_nonce(item)
        context, bound = bits(item, "context") or b"", bits(item, "associated_data") or b""
        ciphertext = fields.text(item, "ciphertext", longest=2**27)
        plaintext = encryption.decrypt(key, ciphertext, context=context, associated_data=bound)
        text, version = encryption.encrypt(
            key, plaintext, version=_version(item, request.body), context=context, associated_data=bound
        )
        return {"ciphertext": text, "key_version": version}

    known = ("ciphertext", "context", "associated_data", "key_version", "nonce")
    return worked(request, one, known, *_idle(request, key), strict=True)


def data_key(request: TransitRequest) -> Answer:
    """``datakey/plaintext|wrapped/<name>``: a new key, encrypted, and with ``plaintext`` in the clear too."""
    form = request.rest[0]
    if form not in ("plaintext", "wrapped"):
        raise invalid("a data key is asked for as plaintext or wrapped")
    body, key = request.body, request.keys.get(request.name)
    refuse_nonce(body)
    size = number(body, "bits", 256)
    if size not in (128, 256, 512):
        raise invalid("bits is one of 128, 256, 512")
    made = secrets.token_bytes(size // 8)
    text, version = encryption.encrypt(
        key,
        made,
        version=number(body, "key_version"),
        context=bits(body, "context") or b"",
        associated_data=bits(body, "associated_data") or b"",
    )
    request.record("datakey")
    data = {"ciphertext": text, "key_version": version}
    shown = {"plaintext": encoded(made)} if form == "plaintext" else {}
    known = ("context", "associated_data", "bits", "key_version", "nonce")
    return request.answer(data | shown, known, *_idle(request, key))


def sign(request: TransitRequest) -> Answer:
    """``sign/<name>[/<algorithm>]``."""
    key, manner = request.keys.get(request.name), _manner(request)
    request.record("sign")

    def one(item: Body) -> dict[str, Any]:
        made = signing.sign(
            key,
            needed_bits(item, "input"),
            manner,
            version=_version(item, request.body),
            context=bits(item, "context") or b"",
        )
        public = {"public_key": made.public} if made.public else {}
        return {"signature": made.text, "key_version": made.version} | public

    return worked(request, one, (*_MANNER, "key_version"), *_idle(request, key), strict=False)


def verify(request: TransitRequest) -> Answer:
    """``verify/<name>[/<algorithm>]``: a signature or a MAC."""
    key, manner = request.keys.get(request.name), _manner(request)
    request.record("verify")

    def one(item: Body) -> dict[str, Any]:
        signature, mac = fields.text(item, "signature", ""), fields.text(item, "hmac", "")
        if bool(signature) == bool(mac):
            raise invalid("either signature or hmac is to be verified")
        data = needed_bits(item, "input")
        if mac:
            return {"valid": digests.is_hmac(key, data, manner.algorithm, mac)}
        return {"valid": signing.verify(key, data, signature, manner, context=bits(item, "context") or b"")}

    return worked(request, one, (*_MANNER, "signature", "hmac"), *_idle(request, key), strict=False)


def hmac(request: TransitRequest) -> Answer:
    """``hmac/<name>[/<algorithm>]``."""
    key, algorithm = request.keys.get(request.name), _algorithm(request, "algorithm")
    request.record("hmac")

    def one(item: Body) -> dict[str, Any]:
        version = _version(item, request.body)
        return {"hmac": digests.hmac(key, needed_bits(item, "input"), algorithm, version=version)}

    return worked(request, one, ("input", "algorithm", "key_version"), strict=False)


def hash_(request: TransitRequest) -> Answer:
    """``hash[/<algorithm>]``."""
    algorithm = _algorithm(request, "algorithm")
    form = one_of(Form, request.body, "format", Form.HEX)
    digest = algorithm.digest(needed_bits(request.body, "input"))
    request.record("hash")
    return request.answer({"sum": form.written(digest)}, ("input", "algorithm", "format"))


def random(request: TransitRequest) -> Answer:
    """``random[/platform][/<bytes>]``."""
    rest = request.rest[1:] if request.rest[:1] == ("platform",) else request.rest
    wanted = number({"bytes": rest[0]} if rest else request.body, "bytes", 32, most=RANDOM_MAX)
    if fields.text(request.body, "source", "platform") not in ("", "platform"):
        raise invalid("the source of random bytes is platform")
    if not wanted:
        raise invalid("bytes is 1 or more")
    form = one_of(Form, request.body, "format", Form.BASE64)
    request.record("random")
    return request.answer({"random_bytes": form.written(secrets.token_bytes(wanted))}, ("bytes", "format", "source"))


def _idle(request: TransitRequest, key: TransitKey) -> tuple[str, ...]:
    """Clients that serve any key send a context to all of them; they are told where it does not count."""
    sent = not key.derived and any(item.get("context") for item in items(request.body))
    return ("the key is not derived: context does not count",) if sent else ()


def _version(item: Body, body: Body) -> int:
    """The version to use: that of one of a batch goes before that of all."""
    return number(item, "key_version") or number(body, "key_version")


def _algorithm(request: TransitRequest, *names: str) -> Algorithm:
    """The hash function: in the path, or in one of these fields."""
    if request.rest:
        return chosen(Algorithm, request.rest[0], "the algorithm")
    for name in names:
        if request.body.get(name):
            return one_of(Algorithm, request.body, name, Algorithm.SHA2_256)
    return Algorithm.SHA2_256


def _manner(request: TransitRequest) -> Manner:
    body = request.body
    salt = str(body.get("salt_length") or "auto")
    if salt not in ("auto", "hash", "-1") and not (salt.isascii() and salt.isdigit() and len(salt) < 6):
        raise invalid("salt_length is auto, hash or a number of bytes")
    return Manner(
        algorithm=_algorithm(request, "hash_algorithm", "algorithm"),
        padding=one_of(Padding, body, "signature_algorithm", Padding.PSS),
        marshaling=one_of(Marshaling, body, "marshaling_algorithm", Marshaling.ASN1),
        salt_length=salt,
        prehashed=switch(body, "prehashed"),
    )


def _key_to_encrypt(request: TransitRequest) -> TransitKey:
    body, key = request.body, request.keys.find(request.name)
    if key is not None:
        return key
    if request.call.operation is not Operation.CREATE:
        raise invalid("encryption key not found")
    kind = one_of(Kind, body, "type", Kind.AES256)
    if not POWERS[kind].seals:
        raise invalid("a key that encrypting makes is of type aes256-gcm96, aes128-gcm96 or chacha20-poly1305")
    derived = any(item.get("context") for item in items(body))
    convergent = switch(body, "convergent_encryption")
    now = request.call.service.now()
    try:
        made = new_key(request.name, kind, now, derived=derived, convergent=convergent)
    except InvalidRequest as exc:
        raise invalid(str(exc)) from None
    request.keys.add(made)
    return request.keys.get(request.name)
