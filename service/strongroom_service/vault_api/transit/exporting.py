"""Keys that leave: the one place where their material is given out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import material
from strongroom_service.vault_api.transit.key import KeyVersion, TransitKey, version_of
from strongroom_service.vault_api.transit.kinds import POWERS


class Part(StrEnum):
    """What of a key is exported."""

    ENCRYPTION = "encryption-key"
    SIGNING = "signing-key"
    HMAC = "hmac-key"
    PUBLIC = "public-key"


class Backup(BaseModel):
    """What a backup holds. It is not encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    strongroom_transit_key: TransitKey


def exported(key: TransitKey, part: Part, version: str = "") -> dict[str, str]:
    """The versions of a part of a key, one or (with no ``version``) all; raises :class:`InvalidRequest`."""
    if not key.exportable and part is not Part.PUBLIC:
        raise InvalidRequest("The key is not exportable.", "Set exportable on it: that cannot be taken back.")
    give = _giver(key, part)
    first = max(key.min_decryption_version, key.min_available_version)
    if version:
        number = key.latest if version == "latest" else _number(version)
        return {str(number): give(key.for_reading(number))}
    return {str(number): give(one) for number, one in sorted(key.versions.items()) if number >= first}


def _giver(key: TransitKey, part: Part) -> Callable[[KeyVersion], str]:
    able = {
        Part.ENCRYPTION: key.powers.encrypts,
        Part.SIGNING: key.powers.signs,
        Part.HMAC: True,
        Part.PUBLIC: key.powers.asymmetric and not key.derived,
    }
    if not able[part]:
        raise InvalidRequest(f"A key of type {key.kind} has no {part}.", "Ask for another part of it.")
    if part is Part.HMAC:
        return lambda version: version.hmac
    if part is Part.PUBLIC:
        return lambda version: version.public
    return _private if key.powers.asymmetric else lambda version: version.material


def _private(version: KeyVersion) -> str:
    """PEM as OpenSSL writes it; an Ed25519 key is its 64 bytes, seed and public key, as base64."""
    if not version.material:
        raise InvalidRequest("Only the public key is known of a version.", "Ask for public-key.")
    key = material.private_key(version.material)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return material.encoded(key.private_bytes_raw() + key.public_key().public_bytes_raw())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode("ascii")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("The version to export is no number.", "Use a number, or latest.")
    return int(text)


def backup(key: TransitKey) -> str:
    """The whole key as one text, with all its versions in the clear."""
    return material.encoded(Backup(strongroom_transit_key=key).model_dump_json().encode("utf-8"))


def restored(text: str) -> TransitKey:
    """The key of a backup; raises :class:`InvalidRequest` for what is none, or what no such key can be."""
    try:
        key = Backup.model_validate_json(base64.b64decode(text, validate=True)).strongroom_transit_key
    except (ValidationError, binascii.Error, ValueError):
        raise InvalidRequest("The backup is none of a key, or is damaged.", "Send it as backup gave it.") from None
    versions = {number: _checked(key, version) for number, version in key.versions.items()}
    return key.model_copy(update={"versions": versions})


def _checked(key: TransitKey, version: KeyVersion) -> KeyVersion:
    """A version whose material is looked at again: it comes from outside, whatever it says."""
    if len(material.decoded(version.hmac, "backup")) < 32 or not (version.material or POWERS[key.kind].asymmetric):
        raise InvalidRequest("The backup holds a version without its key.", "Send it as backup gave it.")
    if not version.material:
        return version.model_copy(update={"public": material.imported_public(key.kind, version.public)})
    text = material.imported_private(key.kind, material.decoded(version.material, "backup"))
    return version_of(key.kind, text, version.created).model_copy(update={"hmac": version.hmac})
