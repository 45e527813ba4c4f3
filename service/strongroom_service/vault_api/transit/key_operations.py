"""What is done to keys: made, read, configured, rotated, trimmed, exported, backed up, brought, removed."""

from __future__ import annotations

from typing import Any

from strongroom_service.errors import RefusedByKey
from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.envelope import absent, done, invalid, listed, timestamp
from strongroom_service.vault_api.transit import exporting, importing, material, signing
from strongroom_service.vault_api.transit.exporting import Part
from strongroom_service.vault_api.transit.importing import Function
from strongroom_service.vault_api.transit.key import (
    KeyVersion,
    TransitKey,
    new_key,
    period,
    public_version,
    version_of,
)
from strongroom_service.vault_api.transit.keys import checked
from strongroom_service.vault_api.transit.kinds import Kind
from strongroom_service.vault_api.transit.request import (
    TransitRequest,
    bits,
    chosen,
    needed_bits,
    number,
    one_of,
    switch,
)

_MADE = ("type", "derived", "convergent_encryption", "exportable", "allow_plaintext_backup", "auto_rotate_period")
_CONFIG = (
    "min_decryption_version",
    "min_encryption_version",
    "deletion_allowed",
    "exportable",
    "allow_plaintext_backup",
    "auto_rotate_period",
)


def list_keys(request: TransitRequest) -> Answer:
    """LIST ``keys``."""
    request.record("list")
    return listed(request.call, request.keys.names())


def create(request: TransitRequest) -> Answer:
    """POST ``keys/<name>``: a key that is there stays as it is."""
    body = request.body
    made = new_key(
        request.name,
        one_of(Kind, body, "type", Kind.AES256),
        request.call.service.now(),
        derived=switch(body, "derived"),
        convergent=switch(body, "convergent_encryption"),
        exportable=switch(body, "exportable"),
        allow_plaintext_backup=switch(body, "allow_plaintext_backup"),
        size=number(body, "key_size"),
        auto_rotate_seconds=_rotation(request) or 0,
    )
    warnings = () if request.keys.add(made) else (f"key {request.name} existed already and was not changed",)
    return request.answer(described(request.keys.get(request.name)), (*_MADE, "key_size"), *warnings)


def read(request: TransitRequest) -> Answer:
    """GET ``keys/<name>``; with ``context`` the public keys of a derived key for it."""
    key = request.keys.find(request.name)
    if key is None:
        raise absent()
    request.record("view")
    said = {**request.call.query, **request.body}
    return request.answer(described(key, bits(said, "context") or b""), ("context",))


def remove(request: TransitRequest) -> Answer:
    """DELETE ``keys/<name>``."""
    request.keys.remove(request.name)
    return done()


def configure(request: TransitRequest) -> Answer:
    """POST ``keys/<name>/config``."""
    body, auto_rotate_seconds = request.body, _rotation(request)
    key = request.keys.change(
        request.name,
        lambda key: key.configured(
            min_decryption_version=fields.integer(body, "min_decryption_version"),
            min_encryption_version=fields.integer(body, "min_encryption_version"),
            deletion_allowed=fields.boolean(body, "deletion_allowed"),
            exportable=fields.boolean(body, "exportable"),
            allow_plaintext_backup=fields.boolean(body, "allow_plaintext_backup"),
            auto_rotate_seconds=auto_rotate_seconds,
        ),
    )
    return request.answer(described(key), _CONFIG)


def rotate(request: TransitRequest) -> Answer:
    """POST ``keys/<name>/rotate``."""
    return request.answer(described(request.keys.rotate(request.name)), ())


def trim(request: TransitRequest) -> Answer:
    """POST ``keys/<name>/trim``."""
    first = fields.integer(request.body, "min_available_version", least=1)
    if first is None:
        raise invalid("missing min_available_version")
    return request.answer(described(request.keys.trim(request.name, first)), ("min_available_version",))


def export(request: TransitRequest) -> Answer:
    """GET ``export/<part>/<name>[/<version>]``."""
    part, key = chosen(Part, request.rest[0], "the part to export"), request.keys.get(request.name)
    given = exporting.exported(key, part, request.rest[1] if len(request.rest) > 1 else "")
    request.record("export")
    return request.answer({"name": key.name, "type": str(key.kind), "keys": given}, ())


def back_up(request: TransitRequest) -> Answer:
    """GET ``backup/<name>``: the whole key, not encrypted."""
    key = request.keys.get(request.name)
    if not key.exportable:
        raise RefusedByKey("exporting is disallowed on the policy")
    if not key.allow_plaintext_backup:
        raise RefusedByKey("plaintext backup is disallowed on the policy")
    request.record("backup")
    return request.answer({"backup": exporting.backup(key)}, ())


def restore(request: TransitRequest) -> Answer:
    """POST ``restore[/<name>]``."""
    key = exporting.restored(fields.text(request.body, "backup", longest=2**27))
    key = key.named(checked(request.name or key.name))
    if switch(request.body, "force"):
        request.keys.replace(key)
    elif not request.keys.add(key):
        raise RefusedByKey(f"key {key.name!r} already exists")
    return done()


def wrapping_key(request: TransitRequest) -> Answer:
    """GET ``wrapping_key``: what keys from outside are wrapped with."""
    request.record("view")
    return request.answer({"public_key": importing.public_of(request.keys.wrapping_key())}, ())


def bring(request: TransitRequest) -> Answer:
    """POST ``keys/<name>/import``: a key from outside."""
    body, kind = request.body, one_of(Kind, request.body, "type", Kind.AES256)
    brought = _brought(request, kind)
    made = new_key(
        request.name,
        kind,
        request.call.service.now(),
        derived=switch(body, "derived"),
        exportable=switch(body, "exportable"),
        allow_plaintext_backup=switch(body, "allow_plaintext_backup"),
        auto_rotate_seconds=_rotation(request) or 0,
        brought=brought,
        rotatable=switch(body, "allow_rotation"),
    )
    if not request.keys.add(made):
        raise invalid("there is a key of this name; import_version adds a version to it")
    return done()


def bring_version(request: TransitRequest) -> Answer:
    """POST ``keys/<name>/import_version``: another version from outside."""
    had = request.keys.get(request.name)
    brought = _brought(request, had.kind)

    def changed(key: TransitKey) -> TransitKey:
        if key.kind is not had.kind:
            raise invalid("the key was replaced meanwhile; try again")
        return key.with_version(brought)

    request.keys.change(request.name, changed)
    return done()


def described(key: TransitKey, context: bytes = b"") -> dict[str, Any]:
    """What is shown of a key: no secret."""
    said: dict[str, Any] = {
        "name": key.name,
        "type": str(key.kind),
        "keys": {str(number): _shown(key, one, context) for number, one in sorted(key.versions.items())},
        "latest_version": key.latest,
        "min_decryption_version": key.min_decryption_version,
        "min_encryption_version": key.min_encryption_version,
        "min_available_version": key.min_available_version,
        "deletion_allowed": key.deletion_allowed,
        "derived": key.derived,
        "exportable": key.exportable,
        "allow_plaintext_backup": key.allow_plaintext_backup,
        "auto_rotate_period": key.auto_rotate_seconds,
        "imported_key": key.imported,
        "supports_encryption": key.powers.encrypts,
        "supports_decryption": key.powers.encrypts,
        "supports_derivation": key.powers.derives,
        "supports_signing": key.powers.signs,
    }
    if key.derived:
        said |= {"kdf": "hkdf_sha256", "convergent_encryption": key.convergent}
    if key.imported:
        said["imported_key_allow_rotation"] = key.rotatable
    return said


def _shown(key: TransitKey, version: KeyVersion, context: bytes) -> object:
    """When it was made and, of an asymmetric key, its public part."""
    if not key.powers.asymmetric:
        return int(version.created.timestamp())
    public = ""
    if not key.derived:
        public = signing.raw_public(material.public_key(version.public))
    elif context:
        public = signing.raw_public(signing.public_of(key, version, context))
    return {"name": key.powers.shown, "public_key": public, "creation_time": timestamp(version.created)}


def _rotation(request: TransitRequest) -> int | None:
    wanted = fields.duration(request.body, "auto_rotate_period")
    return None if wanted is None else period(wanted)


def _brought(request: TransitRequest, kind: Kind) -> KeyVersion:
    """The version that a request brings: wrapped, or its public key alone."""
    body, now = request.body, request.call.service.now()
    public = fields.text(body, "public_key", "", longest=8192)
    if bool(public) == bool(body.get("ciphertext")):
        raise invalid("either ciphertext or public_key is to be imported")
    if public:
        return public_version(material.imported_public(kind, public), now)
    function = one_of(Function, body, "hash_function", Function.SHA256)
    data = importing.unwrapped(request.keys.wrapping_key(), needed_bits(body, "ciphertext"), function)
    return version_of(kind, material.imported_private(kind, data), now)
