"""Whether what came down is what was sent: against the checksums that S3 keeps, and the ETag where it is an MD5."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

MIB = 1024 * 1024
_CHUNK = 4 * MIB
_PART_SIZES = (8 * MIB, 16 * MIB, 5 * MIB, 10 * MIB, 15 * MIB, 32 * MIB, 50 * MIB, 64 * MIB, 100 * MIB)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


KNOWN = {"ChecksumSHA256": hashlib.sha256, "ChecksumCRC32": _Crc32, "ChecksumSHA1": hashlib.sha1}
"""The checksums that Python can compute by itself, by their names in S3's answers, the strongest first."""


def kept(answer: Mapping[str, Any]) -> dict[str, str]:
    """The checksums of an answer of S3, by their names in its API."""
    return {
        name: str(value)
        for name, value in answer.items()
        if name.startswith("Checksum") and name != "ChecksumType" and value
    }


def came_in_parts(answer: Mapping[str, Any]) -> bool:
    """Whether the object of an answer was uploaded in parts."""
    return "-" in str(answer.get("ETag", ""))


def matches(file: BinaryIO, answer: Mapping[str, Any], part_size: int | None = None) -> bool | None:
    """Whether a file has the content that the checksums of an answer are of; None where none can be computed.

    :param part_size: in bytes, of an object that came in parts and whose checksum is one of theirs.
    """
    for name, make in KNOWN.items():
        expected = answer.get(name)
        if not expected:
            continue
        digest, _, parts = str(expected).partition("-")
        if not parts and came_in_parts(answer) and answer.get("ChecksumType") != "FULL_OBJECT":
            continue  # not every store says whether it is one of the whole
        if not parts:
            return _encoded(_whole(file, make)) == digest
        if part_size:
            return _encoded(_of_parts(file, make, part_size)) == digest
    return None


def has_etag(path: Path, size: int, etag: str | None) -> bool:
    """Whether a file has an ETag made of MD5 sums: of the whole, or of parts of a usual size.

    A file whose ETag is something else, as with encryption by KMS, does not have it.
    """
    digest, _, parts = (etag or "").strip('"').partition("-")
    with path.open("rb") as file:
        if not parts:
            return _whole(file, _md5).hex() == digest
        for part_size in _PART_SIZES:
            if (
                parts.isdigit()
                and -(-size // part_size) == int(parts)
                and _of_parts(file, _md5, part_size).hex() == digest
            ):
                return True
    return False


def _md5() -> _Hash:
    return hashlib.md5(usedforsecurity=False)


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _whole(file: BinaryIO, make: Any) -> bytes:
    file.seek(0)
    whole: _Hash = make()
    for chunk in _chunks(file, None):
        whole.update(chunk)
    return whole.digest()


def _of_parts(file: BinaryIO, make: Any, part_size: int) -> bytes:
    file.seek(0)
    whole: _Hash = make()
    while True:
        part: _Hash = make()
        read = 0
        for chunk in _chunks(file, part_size):
            part.update(chunk)
            read += len(chunk)
        if not read:
            return whole.digest()
        whole.update(part.digest())


def _chunks(file: BinaryIO, most: int | None) -> Iterator[bytes]:
    left = most
    while chunk := file.read(_CHUNK if left is None else min(_CHUNK, left)):
        yield chunk
        left = None if left is None else left - len(chunk)
