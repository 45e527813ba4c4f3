"""The transit engine of the fake Vault: real AES-256-GCM, with derivation, associated data and key versions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from servers.vault_answers import Refusal, not_found

Body = dict[str, Any]


@dataclass
class TransitKey:
    """One named key with its versions; a version that was trimmed is gone for good."""

    name: str
    derived: bool = False
    convergent: bool = False
    associated: bool = True
    """Whether ``associated_data`` binds. Old versions of Vault ignore the parameter, as every unknown one."""
    deletion_allowed: bool = False
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    versions: dict[int, bytes] = field(default_factory=dict)

    def rotate(self) -> int:
        number = max(self.versions, default=0) + 1
        self.versions[number] = secrets.token_bytes(32)
        return number

    def described(self) -> Body:
        return {
            "name": self.name,
            "type": "aes256-gcm96",
            "keys": {str(number): 1_700_000_000 + number for number in self.versions},
            "latest_version": max(self.versions),
            "min_decryption_version": self.min_decryption_version,
            "min_encryption_version": self.min_encryption_version,
            "deletion_allowed": self.deletion_allowed,
            "derived": self.derived,
            "exportable": False,
            "allow_plaintext_backup": False,
            "supports_encryption": True,
            "supports_decryption": True,
            "supports_derivation": True,
            "supports_signing": False,
        }

    def _key(self, version: int, context: bytes) -> bytes:
        if not self.derived:
            return self.versions[version]  # a context is ignored, as Vault does
        if not context:
            raise Refusal(
                400,
                "missing 'context' for key derivation; the key was created using a derived key, which means "
                "additional, per-request information must be included in order to perform operations with the key",
            )
        return HKDF(SHA256(), 32, None, context).derive(self.versions[version])

    def encrypt(self, body: Body) -> Body:
        plaintext, context, associated = _decoded(body, "plaintext"), _decoded(body, "context"), self._associated(body)
        if "nonce" in body:
            raise Refusal(400, "provided nonce not allowed for this key")
        version = int(body.get("key_version") or max(self.versions))
        if version not in self.versions or version < self.min_encryption_version:
            raise Refusal(400, "requested version for encryption is less than the minimum encryption key version")
        key = self._key(version, context)
        nonce = hmac.digest(key, plaintext, hashlib.sha256)[:12] if self.convergent else secrets.token_bytes(12)
        sealed = nonce + AESGCM(key).encrypt(nonce, plaintext, associated)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}

    def decrypt(self, body: Body) -> Body:
        text = str(body.get("ciphertext") or "")
        if not text:
            raise Refusal(400, "missing ciphertext to decrypt")
        if not text.startswith("vault:v"):
            raise Refusal(400, "invalid ciphertext: no prefix")
        number, _, encoded = text.removeprefix("vault:v").partition(":")
        if not number.isdecimal():
            raise Refusal(400, "invalid ciphertext: version number could not be decoded")
        version = int(number)
        if version > max(self.versions):
            raise Refusal(400, "invalid ciphertext: version is too new")
        if version < self.min_decryption_version or version not in self.versions:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            sealed = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise Refusal(400, "invalid ciphertext: could not decode base64") from None
        if len(sealed) < 12:
            raise Refusal(400, "invalid ciphertext length")
        cipher = AESGCM(self._key(version, _decoded(body, "context")))
        try:
            plaintext = cipher.decrypt(sealed[:12], sealed[12:], self._associated(body))
        except (InvalidTag, ValueError):
            raise Refusal(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plaintext).decode()}

    def rewrap(self, body: Body) -> Body:
        """Takes no associated data, as Vault's does not."""
        kept = {name: body[name] for name in ("ciphertext", "context") if name in body}
        return self.encrypt(self.decrypt(kept) | {"context": body.get("context", "")})

    def _associated(self, body: Body) -> bytes | None:
        return _decoded(body, "associated_data") or None if self.associated else None


def _decoded(body: Body, name: str) -> bytes:
    try:
        return base64.b64decode(str(body.get(name) or ""), validate=True)
    except binascii.Error:
        raise Refusal(400, f"failed to base64-decode {name}") from None


@dataclass
class Transit:
    """What is mounted at ``transit/``."""

    keys: dict[str, TransitKey] = field(default_factory=dict)

    def create(self, name: str, **options: Any) -> TransitKey:
        key = self.keys.setdefault(name, TransitKey(name, **options))
        if not key.versions:
            key.rotate()
        return key

    def answer(self, method: str, path: str, body: Body, may_create: bool) -> Body | None:
        """The ``data`` of the answer, or ``None`` for one without a body."""
        action, _, name = path.partition("/")
        if action == "keys":
            return self._administer(method, name, body)
        if method not in {"POST", "PUT"}:
            raise Refusal(405, "unsupported operation")
        if action == "encrypt":
            if name not in self.keys and not may_create:
                raise Refusal(400, "encryption key not found")
            key = self.keys.get(name) or self.create(name, derived=bool(body.get("context")))
            return key.encrypt(body)
        if name not in self.keys:
            raise Refusal(400, "encryption key not found")
        if action == "decrypt":
            return self.keys[name].decrypt(body)
        if action == "rewrap":
            return self.keys[name].rewrap(body)
        raise not_found()

    def _administer(self, method: str, path: str, body: Body) -> Body | None:
        name, _, action = path.partition("/")
        if method == "LIST":
            if not self.keys:
                raise not_found()
            return {"keys": sorted(self.keys)}
        if method in {"POST", "PUT"} and not action:
            options = {"derived": bool(body.get("derived")), "convergent": bool(body.get("convergent_encryption"))}
            return self.create(name, **options).described()
        if name not in self.keys:
            raise not_found() if method == "GET" else Refusal(400, f"no existing key named {name} could be found")
        key = self.keys[name]
        if method == "GET" and not action:
            return key.described()
        if method == "DELETE" and not action:
            if not key.deletion_allowed:
                raise Refusal(400, f"error deleting policy {name}: deletion is not allowed for this key")
            del self.keys[name]
            return None
        return self._change(key, action, body)

    def _change(self, key: TransitKey, action: str, body: Body) -> Body | None:
        if action == "rotate":
            key.rotate()
            return key.described()
        if action == "config":
            for name in ("min_decryption_version", "min_encryption_version"):
                setattr(key, name, int(body.get(name, getattr(key, name))))
            key.deletion_allowed = bool(body.get("deletion_allowed", key.deletion_allowed))
            return key.described()
        if action == "trim":
            least = int(body["min_available_version"])
            if least > key.min_decryption_version:
                raise Refusal(400, "minimum available version cannot be greater than minmum decryption version")
            key.versions = {number: material for number, material in key.versions.items() if number >= least}
            return key.described()
        raise not_found()
