"""CRC32C, by which Google's services tell what was damaged on the way: ``verified(data, crc, "the secret")``."""

from __future__ import annotations

from base64 import b64encode
from typing import BinaryIO

from strongroom import require_extra

from strongroom_gcp.errors import GcpDamaged

_AGAIN = "Try again; if it stays so, look at what stands between this machine and Google."


def crc32c(data: bytes) -> int:
    """The checksum of ``data`` (RFC 3720, appendix B.4)."""
    value: int = require_extra("google_crc32c", extra="gcp").value(data)
    return value


def verified(data: bytes, expected: int | None, what: str) -> bytes:
    """``data``, if it has the checksum that came with it.

    :raises GcpDamaged: it has not, or none came.
    """
    if expected is None or crc32c(data) != expected:
        what_of = "does not fit" if expected is not None else "is missing with"
        del data
        raise GcpDamaged(f"The checksum {what_of} {what}: it was damaged on the way.", _AGAIN)
    return data


def received(*confirmed: bool) -> None:
    """Whether the service says that what it received has the checksums that were sent along.

    :raises GcpDamaged: it does not.
    """
    if not all(confirmed):
        raise GcpDamaged("The service does not confirm the checksums of what it was sent.", _AGAIN)


_ZEROS = bytes(1 << 20)


class Crc32c:
    """The checksum of what comes bit by bit."""

    def __init__(self) -> None:
        self._extend = require_extra("google_crc32c", extra="gcp").extend
        self.value = 0

    def update(self, data: bytes) -> Crc32c:
        """Goes on with ``data``."""
        self.value = self._extend(self.value, data)
        return self

    @property
    def text(self) -> str:
        """As Cloud Storage writes it: four bytes, in Base64."""
        return as_text(self.value)


def as_text(value: int) -> str:
    """A checksum as Cloud Storage writes it."""
    return b64encode(value.to_bytes(4, "big")).decode()


def joined(first: int, second: int, length: int) -> int:
    """The checksum of what has the checksum ``first``, followed by ``length`` bytes that have ``second``."""
    extend = require_extra("google_crc32c", extra="gcp").extend
    value = first ^ 0xFFFFFFFF
    for done in range(0, length, len(_ZEROS)):
        value = extend(value, _ZEROS[: length - done])
    return int(value ^ 0xFFFFFFFF ^ second)


def of_file(file: BinaryIO, length: int | None = None) -> str:
    """The checksum of what a file still holds, as Cloud Storage writes it.

    :param length: how many bytes of that at most.
    """
    found = Crc32c()
    left = length
    while block := file.read(len(_ZEROS) if left is None else min(left, len(_ZEROS))):
        found.update(block)
        left = None if left is None else left - len(block)
    return found.text
