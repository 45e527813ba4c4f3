"""Random bytes and hashes over ``sys``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.envelope import answered, invalid
from strongroom_service.vault_api.sys.route import SysRoute

BYTES_MAX = 128 * 1024
INPUT_MAX = 32 * 1024 * 1024
_ALGORITHMS = {
    "sha2-224": "sha224",
    "sha2-256": "sha256",
    "sha2-384": "sha384",
    "sha2-512": "sha512",
    "sha3-224": "sha3_224",
    "sha3-256": "sha3_256",
    "sha3-384": "sha3_384",
    "sha3-512": "sha3_512",
}


def _random(call: VaultCall, values: Mapping[str, str]) -> Answer:
    size = values.get("bytes", call.body.get("bytes", 32))
    count = fields.integer({"bytes": size}, "bytes", 32, least=1, most=BYTES_MAX) or 32
    return answered(call, {"random_bytes": _written(secrets.token_bytes(count), call, "base64")})


def _hash(call: VaultCall, values: Mapping[str, str]) -> Answer:
    word = values.get("algorithm") or fields.text(call.body, "algorithm", "sha2-256", longest=32)
    if word not in _ALGORITHMS:
        raise invalid(f"unsupported algorithm; known are {', '.join(_ALGORITHMS)}")
    try:
        data = base64.b64decode(fields.text(call.body, "input", longest=INPUT_MAX), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("input is base64") from None
    return answered(call, {"sum": _written(hashlib.new(_ALGORITHMS[word], data).digest(), call, "hex")})


def _written(data: bytes, call: VaultCall, default: str) -> str:
    form = fields.text(call.body, "format", default, longest=16)
    if form not in ("hex", "base64"):
        raise invalid("format is hex or base64")
    return data.hex() if form == "hex" else base64.b64encode(data).decode()


ROUTES = (
    SysRoute("tools/random", {Operation.UPDATE: _random}),
    SysRoute("tools/random/{bytes}", {Operation.UPDATE: _random}),
    SysRoute("tools/hash", {Operation.UPDATE: _hash}),
    SysRoute("tools/hash/{algorithm}", {Operation.UPDATE: _hash}),
)
