"""The texts that ciphertexts, signatures and MACs travel as: ``vault:v3:…``."""

from __future__ import annotations

import base64
import binascii
import re

from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit.material import encoded

_TEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/_-]+={0,2})")


def written(version: int, data: bytes, *, url_safe: bool = False) -> str:
    """``vault:v<version>:<base64>``; ``url_safe`` is the unpadded alphabet of JWS."""
    body = base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") if url_safe else encoded(data)
    return f"vault:v{version}:{body}"


def read(text: str, what: str, *, url_safe: bool = False) -> tuple[int, bytes]:
    """The version and the bytes of such a text; raises :class:`InvalidRequest`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"The {what} is not of the form vault:v<version>:<base64>.", "Send it as it was given.")
    body = found[2] + "=" * (-len(found[2]) % 4) if url_safe else found[2]
    try:
        data = base64.b64decode(body, altchars=b"-_" if url_safe else None, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"The {what} holds no base64.", "Send it as it was given.") from None
    if written(int(found[1]), data, url_safe=url_safe) != text:
        raise InvalidRequest(f"The {what} is not written as it was given.", "Send it as it was given.")
    return int(found[1]), data
