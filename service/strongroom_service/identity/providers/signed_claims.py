"""Signed tokens of others (RFC 7519, RFC 8725): which keys are believed, and what a token has to say.

Only algorithms with a public key are known, and a key fits an algorithm by its type, so neither ``none`` nor an HMAC
with a public key for its secret is ever tried. Addresses of keys that a token itself brings along are not looked at.

joserfc is loaded when the first token is checked: many servers never see one, and it takes as long as all the rest of
what logs people in.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from strongroom_service.identity.providers.claims import refused

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey
    from joserfc.jws import JWSRegistry

TEXT_MAX = 16 * 1024
LEEWAY = timedelta(seconds=60)
RSA_BITS_MIN = 2048

_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
PublicKey: TypeAlias = "RSAKey | ECKey"


class UnknownKey(Exception):
    """A token was signed with a key that is not among those that are known, which may be old."""


def public_keys(jwks: Mapping[str, Any]) -> list[PublicKey]:
    """The keys of a JWKS that signatures are checked with. One that nobody understands spoils no other."""
    found: list[PublicKey] = []
    listed = jwks.get("keys")
    for data in listed if isinstance(listed, list) else []:
        key = _public_key(data)
        if key is not None:
            found.append(key)
    return found


def verified(text: str, keys: Sequence[PublicKey]) -> dict[str, Any]:
    """The claims of a token whose signature is by one of the keys.

    :raises UnknownKey: it names another one.
    :raises Unauthenticated: it is none, or somebody changed it.
    """
    if len(text) > TEXT_MAX:
        raise refused("the signed token is too long")
    from joserfc import jwt
    from joserfc.errors import JoseError

    def chosen(signed: Any) -> PublicKey:
        header = signed.headers()
        return _chosen(header.get("alg"), header.get("kid"), keys)

    try:
        return dict(jwt.decode(text, chosen, registry=_headers(), algorithms=list(_TYPES)).claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as exc:
        raise refused(f"the signed token does not hold: {type(exc).__name__}") from None


@cache
def _headers() -> JWSRegistry:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=list(_TYPES), strict_check_header=False)


def check_claims(claims: Mapping[str, Any], *, issuer: str, audiences: Sequence[str], now: datetime) -> None:
    """Whether a token is of this issuer, for us, and for now.

    :raises Unauthenticated: it is not.
    """
    if claims.get("iss") != issuer:
        raise refused("the signed token is of another issuer")
    named = claims.get("aud")
    if not set(named if isinstance(named, list) else [named]) & set(audiences):
        raise refused("the signed token is for another audience")
    expires, not_before, issued = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None or now.timestamp() >= expires + LEEWAY.total_seconds():
        raise refused("the signed token has expired, or never does")
    latest = now.timestamp() + LEEWAY.total_seconds()
    if (not_before is not None and not_before > latest) or (issued is not None and issued > latest):
        raise refused("the signed token is of the future")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise refused("the signed token has no subject")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise refused(f"the claim {name} of the signed token is no moment")
    return float(value)


def _public_key(data: Any) -> PublicKey | None:
    if not isinstance(data, dict) or data.get("use", "sig") != "sig" or data.get("kty") not in ("RSA", "EC"):
        return None
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, JWKRegistry, RSAKey

    try:
        if data["kty"] == "RSA" and _bits(data["n"]) < RSA_BITS_MIN:
            return None
        key = JWKRegistry.import_key({name: value for name, value in data.items() if name != "key_ops"})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(f"{number}==")).bit_length()


def _chosen(algorithm: Any, kid: Any, keys: Sequence[PublicKey]) -> PublicKey:
    """The key that a header names; where it names none, the only one there is."""
    fitting = [key for key in keys if key.key_type == _TYPES.get(algorithm) and key.get("alg", algorithm) == algorithm]
    if kid is not None:
        fitting = [key for key in fitting if key.kid == kid]
    if len(fitting) != 1:
        raise UnknownKey
    return fitting[0]


def parsed_jwks(text: str) -> list[PublicKey]:
    """The keys in a JWKS as text; none where it is not one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return public_keys(value) if isinstance(value, dict) else []
