"""Row 10: published vectors of AES-GCM, HKDF and HMAC through our own functions, and how many vectors are ours.

The vectors are those of NIST and of the RFCs as PyPI's ``cryptography-vectors`` carries them. Our functions take no
keys, nonces or associated data from outside, so each vector goes in by the thinnest seam that there is: a sealer
whose key, nonce and associated data are the vector's; :func:`derive`, whose hash alone is the vector's; a workspace
key whose MAC key is. Applicable are the vectors of our one suite: AES-256-GCM with nonces of 96 bits and whole tags,
HMAC-SHA256 with whole tags. Nobody publishes HKDF vectors for SHA-512 there, so those of SHA-1 and SHA-256 are run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cryptography_vectors
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from faults.figure import Figure, Work
from faults.places import key_file
from faults.served import ServedStore, opened_over
from strongroom_registry import derivation
from strongroom_registry.errors import IntegrityError
from strongroom_registry.keyring import WorkspaceKey
from strongroom_registry.sealer import Sealer

OURS = Path(__file__).parent.parent / "vectors"
Vector = dict[str, str]


def run(work: Work) -> Iterator[Figure]:
    with opened_over(ServedStore(), key_file(work.folder), create=True) as registry:
        sealer = registry.sealer("vectors")
        yield encrypted(sealer)
        yield decrypted(sealer)
    yield derived()
    yield authenticated()
    yield ours()


def read(path: str, last: str = "") -> Iterator[Vector]:
    """The vectors of a file of NIST's or an RFC's, each with the settings in brackets before it.

    :param last: the field that ends a vector, where empty lines do not.
    """
    settings: Vector = {}
    vector: Vector = {}
    with cryptography_vectors.open_vector_file(path, "r") as lines:
        for raw in [*lines, ""]:
            line = raw.strip()
            if line.startswith("["):
                name, _, value = line.strip("[]").partition("=")
                settings[name.strip()] = value.strip()
            elif line.startswith("#"):
                continue
            if line and not line.startswith("["):
                name, _, value = line.partition("=")
                vector[name.strip()] = value.strip()
            if vector and (last in vector if last else not line):
                yield settings | vector
                vector = {}


def is_ours(vector: Vector) -> bool:
    """Whether our suite has this vector's sizes."""
    return (vector["Keylen"], vector["IVlen"], vector["Taglen"]) == ("256", "96", "128")


class _Seam:
    """A sealer whose key, nonce and associated data are a vector's."""

    def __init__(self, sealer: Sealer, vector: Vector) -> None:
        self._sealer = sealer
        sealer.seal(b"", b"")  # which begins a session
        self._cipher = AESGCM(bytes.fromhex(vector["Key"]))
        self._nonce = bytes.fromhex(vector["IV"])
        self._associated = bytes.fromhex(vector["AAD"])

    def seal(self, data: bytes) -> bytes:
        session = self._sealer._session._replace(cipher=self._cipher)
        with (
            patch.object(self._sealer, "_session", session),
            patch("strongroom_registry.sealer.os.urandom", lambda _: self._nonce),
            patch.object(Sealer, "_associated", lambda *_: self._associated),
        ):
            return self._sealer.seal(data, b"")[self.header_size :]

    def open(self, ciphertext: bytes) -> bytes:
        start = self._sealer._session.start
        with (
            patch.dict(self._sealer._ciphers, {start: self._cipher}),
            patch.object(Sealer, "_associated", lambda *_: self._associated),
        ):
            return self._sealer.open(start + self._nonce + ciphertext, b"")

    @property
    def header_size(self) -> int:
        return len(self._sealer._session.start) + len(self._nonce)


def encrypted(sealer: Sealer) -> Figure:
    """NIST's vectors for encryption."""
    figure = Figure(10, "AES-256-GCM, encryption", "cryptography-vectors")
    left_out = 0
    for vector in read("ciphers/AES/GCM/gcmEncryptExtIV256.rsp"):
        if not is_ours(vector):
            left_out += 1
            continue
        sealed = _Seam(sealer, vector).seal(bytes.fromhex(vector["PT"]))
        fits = sealed == bytes.fromhex(vector["CT"] + vector["Tag"])
        figure.add("fits" if fits else "differs", None if fits else f"{vector}")
    figure.remark = f"{left_out:,} more have other nonces or tags than our suite"
    return figure


def decrypted(sealer: Sealer) -> Figure:
    """NIST's vectors for decryption, with those that have to be refused."""
    figure = Figure(10, "AES-256-GCM, decryption", "cryptography-vectors")
    left_out = 0
    for vector in read("ciphers/AES/GCM/gcmDecrypt256.rsp"):
        if not is_ours(vector):
            left_out += 1
            continue
        wanted = None if "FAIL" in vector else bytes.fromhex(vector["PT"])
        try:
            payload = _Seam(sealer, vector).open(bytes.fromhex(vector["CT"] + vector["Tag"]))
        except IntegrityError:
            payload = None
        outcome = "refused, as it has to be" if wanted is None else "opens"
        figure.add(outcome, None if payload == wanted else f"{vector}")
    figure.remark = f"{left_out:,} more have other nonces or tags than our suite"
    return figure


def derived() -> Figure:
    """RFC 5869's vectors, and one of 1,200 bytes."""
    figure = Figure(10, "HKDF", "cryptography-vectors")
    for path, algorithm in (
        ("KDF/rfc-5869-HKDF-SHA1.txt", SHA1()),
        ("KDF/rfc-5869-HKDF-SHA256.txt", SHA256()),
        ("KDF/hkdf-generated.txt", SHA256()),
    ):
        for vector in read(path, "OKM"):
            salt = bytes.fromhex(vector["salt"]) if vector.get("salt") else None
            with patch.object(derivation, "_SHA512", algorithm):
                key = derivation.derive(
                    bytes.fromhex(vector["IKM"]), bytes.fromhex(vector["info"]), salt=salt, length=int(vector["L"])
                )
            fits = key.hex() == vector["OKM"]
            figure.add("fits" if fits else "differs", None if fits else f"{path}: {vector}")
    figure.remark = "with the hash of the vector in the place of SHA-512, for which none are published there"
    return figure


def authenticated() -> Figure:
    """RFC 4231's vectors, made and checked."""
    figure = Figure(10, "HMAC-SHA256", "cryptography-vectors")
    for vector in read("HMAC/rfc-4231-sha256.txt", "MD"):
        key = WorkspaceKey(1, bytes(32))
        key._macs[b"vector"] = HMAC(bytes.fromhex(vector["Key"]), SHA256())
        message, wanted = bytes.fromhex(vector["Msg"]), bytes.fromhex(vector["MD"])
        made = key.mac(b"vector", message)
        other = bytes([made[0] ^ 1]) + made[1:]
        fits = made == wanted and key.verify(b"vector", message, made) and not key.verify(b"vector", message, other)
        figure.add("fits" if fits else "differs", None if fits else f"{vector}")
    return figure


def ours() -> Figure:
    """How many vectors the specification has; ``tests/registry/test_vectors.py`` runs each of them."""
    figure = Figure(10, "vectors of our own", "docs/spec/envelope.md")
    for path in sorted(OURS.glob("*.json")):
        vector: dict[str, Any] = json.loads(path.read_text())
        figure.add("must be refused" if "error" in vector["expect"] else "must open")
    if figure.tried < 150:
        figure.add("missing", f"{figure.tried} of 150 are there")
    figure.remark = "each runs in tests/registry/test_vectors.py, and in an independent reader"
    return figure
