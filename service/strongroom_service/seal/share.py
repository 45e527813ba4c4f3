"""Shares of the registry's key: any ``threshold`` of them give the key, fewer give nothing.

Shamir's scheme, of pycryptodome, works on 16 bytes; the 32 of a key are shared as two halves, under one number. A share
is its number and both halves: 33 bytes, written in hexadecimal or in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from strongroom_registry.errors import KeyUnavailable

from strongroom_service.errors import InvalidRequest

KEY = 32
_HALF = KEY // 2
SHARE = 1 + KEY
"""The length of a share, in bytes."""
SHARES_MAX = 255


def split(key: bytes, shares: int, threshold: int) -> tuple[bytes, ...]:
    """The shares of a key.

    :param threshold: how many of them give the key again.
    :raises InvalidRequest: no such numbers are possible.
    :raises KeyUnavailable: the extra ``seal`` is not installed.
    """
    if not 1 <= threshold <= shares <= SHARES_MAX or (threshold == 1 and shares > 1):
        raise InvalidRequest(
            f"{threshold} of {shares} shares are not possible.",
            f"Take 2 to {SHARES_MAX} shares, of which 2 or more are needed; or a single one.",
        )
    scheme = _scheme()
    halves = (scheme.Shamir.split(threshold, shares, key[at : at + _HALF], ssss=False) for at in (0, _HALF))
    return tuple(bytes([number]) + first + second for (number, first), (_, second) in zip(*halves, strict=True))


def combine(shares: Sequence[bytes]) -> bytes:
    """The key that shares give; another one where they are too few, or not of one key."""
    scheme = _scheme()
    halves = []
    for at in (1, 1 + _HALF):
        points = [(share[0], share[at : at + _HALF]) for share in shares]
        halves.append(scheme.Shamir.combine(points, ssss=False))
    return b"".join(halves)


def read_share(text: str) -> bytes:
    """A share as it was written down.

    :raises InvalidRequest: it is none.
    """
    for read in (bytes.fromhex, _from_base64):
        try:
            share = read(text)
        except ValueError:
            continue
        if len(share) == SHARE and share[0]:
            return share
    raise InvalidRequest("The key is no share.", f"It has {SHARE * 2} hexadecimal digits, or is base64.")


def shown_shares(shares: Sequence[bytes]) -> Mapping[str, list[str]]:
    """Shares as they are handed out."""
    return {
        "keys": [share.hex() for share in shares],
        "keys_base64": [base64.b64encode(share).decode() for share in shares],
    }


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64") from None


def _scheme() -> Any:
    try:
        from Crypto.Protocol import SecretSharing

        return SecretSharing
    except ImportError:
        raise KeyUnavailable(
            "The seal shamir: needs a library that is not installed.", "pip install 'strongroom[seal]'"
        ) from None
