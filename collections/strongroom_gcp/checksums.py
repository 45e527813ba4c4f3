"""CRC32C, by which Google's services tell what was damaged on the way: ``verified(data, crc, "the secret")``."""

from __future__ import annotations

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
