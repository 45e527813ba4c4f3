"""Signed tokens of others: which hold, and which do not whatever they say."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from servers.certificates import certificate_in
from servers.oidc import OpenIdProvider, new_key, open_id_provider
from strongroom_service.errors import InvalidRequest, ProviderUnavailable, Unauthenticated
from strongroom_service.identity.providers.key_source import FRESH, PAUSE, KeySource, verified_offline
from strongroom_service.identity.providers.outward import fetched_json
from strongroom_service.identity.providers.signed_claims import (
    UnknownKey,
    check_claims,
    parsed_jwks,
    public_keys,
    verified,
)

KEY = new_key()
KEYS = public_keys({"keys": [KEY.as_dict(private=False)]})
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def unpadded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: dict[str, Any], *, key: Any = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key)


def refused(text: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        verified(text, KEYS)
    return refusal.value.why


def test_a_token_by_a_known_key_holds() -> None:
    assert verified(signed({"sub": "alice"}), KEYS) == {"sub": "alice"}


def test_keys_of_another_kind_hold_too() -> None:
    key = ECKey.generate_key("P-256", {"kid": "other", "use": "sig"})
    keys = public_keys({"keys": [KEY.as_dict(private=False), key.as_dict(private=False)]})
    assert verified(signed({"sub": "alice"}, key=key, alg="ES256"), keys) == {"sub": "alice"}


def test_a_token_without_a_signature_does_not_hold() -> None:
    body = f"{unpadded({'alg': 'none', 'typ': 'JWT'})}.{unpadded({'sub': 'alice'})}."
    for text in (body, body + unpadded(b"x"), body.replace(unpadded({"alg": "none"}), unpadded({"alg": "None"}))):
        with pytest.raises((Unauthenticated, UnknownKey)):
            verified(text, KEYS)


def test_an_hmac_with_the_public_key_does_not_hold() -> None:
    """What a verifier accepts that lets the token choose between a public key and a shared secret."""
    for secret in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode()):
        body = f"{unpadded({'alg': 'HS256', 'kid': KEY.kid})}.{unpadded({'sub': 'alice'})}"
        text = f"{body}.{unpadded(hmac.digest(secret, body.encode(), 'sha256'))}"
        with pytest.raises((Unauthenticated, UnknownKey)):
            verified(text, KEYS)


def test_shared_secrets_and_weak_or_broken_keys_in_a_key_set_are_left_out() -> None:
    weak = {**KEY.as_dict(private=False), "kid": "weak", "n": unpadded(b"\xc5" * 128)}
    padded = {**weak, "kid": "padded", "n": unpadded(bytes(128) + b"\xc5" * 128)}
    shared = OctKey.generate_key(256, {"kid": "shared"}).as_dict()
    cipher = {**new_key().as_dict(private=False), "use": "enc"}
    broken = [{"kty": "RSA", "n": "x", "e": "AQAB"}, {"kty": "RSA"}, {"kty": []}, {}, None, "key", 3, {"kty": "EC"}]
    found = public_keys({"keys": [weak, padded, shared, cipher, *broken, KEY.as_dict(private=False)]})
    assert [key.kid for key in found] == [KEY.kid]
    assert public_keys({}) == public_keys({"keys": {"a": 1}}) == parsed_jwks("[") == parsed_jwks("[1]") == []


def test_a_key_that_a_token_brings_along_is_not_looked_at() -> None:
    own = new_key()
    public = own.as_dict(private=False)
    text = signed({"sub": "alice"}, key=own, jwk=public, jku="http://127.0.0.1:1/jwks")
    with pytest.raises((Unauthenticated, UnknownKey)):
        verified(text, KEYS)


def test_a_token_names_its_key_unless_there_is_one_alone() -> None:
    two = public_keys({"keys": [KEY.as_dict(private=False), new_key().as_dict(private=False)]})
    text = jwt.encode({"alg": "RS256"}, {"sub": "alice"}, KEY)
    assert verified(text, KEYS)
    with pytest.raises(UnknownKey):
        verified(text, two)
    with pytest.raises(UnknownKey):
        verified(signed({"sub": "alice"}, kid="another"), KEYS)


def test_an_algorithm_that_is_not_the_keys_own_does_not_hold() -> None:
    with pytest.raises(UnknownKey):
        verified(f"{unpadded({'alg': 'RS512', 'kid': KEY.kid})}.{unpadded({'sub': 'alice'})}.{unpadded(b'x')}", KEYS)


def test_a_token_that_was_changed_does_not_hold() -> None:
    head, _, tail = signed({"sub": "alice"}).split(".")
    assert "does not hold" in refused(f"{head}.{unpadded({'sub': 'bob'})}.{tail}")
    assert "does not hold" in refused(f"{head}.{unpadded(b'[]')}.{tail}")
    assert "too long" in refused("x" * 20_000)


@given(
    st.text(max_size=200)
    | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True)
)
def test_whatever_is_sent_is_refused(text: str) -> None:
    with pytest.raises((Unauthenticated, UnknownKey)):
        verified(text, KEYS)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "b64", "typ", "zip", "enc"]),
        st.none() | st.text(max_size=9) | st.integers() | st.lists(st.text(max_size=5), max_size=2),
    )
)
def test_whatever_a_header_says_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises((Unauthenticated, UnknownKey)):
        verified(f"{unpadded(header)}.{unpadded({'sub': 'alice'})}.{unpadded(b'x' * 256)}", KEYS)


GOOD = {"iss": "https://id.example.com", "aud": "us", "sub": "alice", "exp": NOW.timestamp() + 60}


def check(claims: dict[str, Any]) -> None:
    check_claims(claims, issuer="https://id.example.com", audiences=["us"], now=NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["them", "us"]},
        {"iat": NOW.timestamp() + 59},
        {"nbf": NOW.timestamp()},
        {"exp": NOW.timestamp() - 59},
    ],
)
def test_a_token_for_us_and_for_now_is_taken(claims: dict[str, Any]) -> None:
    check({**GOOD, **claims})


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://id.example.com/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": ["https://id.example.com"]}, "another issuer"),
        ({"aud": "them"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"exp": NOW.timestamp() - 60}, "expired"),
        ({"exp": None}, "expired, or never does"),
        ({"exp": "2999-01-01"}, "no moment"),
        ({"exp": True}, "no moment"),
        ({"exp": float("inf")}, "no moment"),
        ({"exp": float("nan")}, "no moment"),
        ({"nbf": NOW.timestamp() + 61}, "future"),
        ({"iat": NOW.timestamp() + 61}, "future"),
        ({"iat": []}, "no moment"),
        ({"sub": None}, "no subject"),
        ({"sub": ""}, "no subject"),
        ({"sub": "x" * 256}, "no subject"),
        ({"sub": 7}, "no subject"),
    ],
)
def test_a_token_for_others_or_for_another_time_is_not(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        check({**GOOD, **claims})
    assert why in refusal.value.why


@pytest.fixture
def provider() -> Any:
    with open_id_provider() as running:
        yield running


def test_keys_are_asked_for_again_when_they_are_rotated_but_not_for_every_unknown_one(
    provider: OpenIdProvider,
) -> None:
    source, url = KeySource(), f"{provider.address}/jwks"

    def ask(text: str, now: datetime) -> dict[str, Any]:
        return source.verified(text, lambda: url, ca="", now=now)

    assert ask(provider.signed({"sub": "a"}), NOW) == {"sub": "a"}
    assert ask(provider.signed({"sub": "a"}), NOW + FRESH - timedelta(seconds=1)) == {"sub": "a"}
    assert provider.seen.count("/jwks") == 1
    provider.rotate()
    later = NOW + FRESH - timedelta(seconds=1)
    assert ask(provider.signed({"sub": "b"}), later) == {"sub": "b"}
    assert provider.seen.count("/jwks") == 2
    stranger = new_key()
    for _ in range(5):
        with pytest.raises(Unauthenticated) as refusal:
            ask(provider.signed({"sub": "c"}, key=stranger), later)
        assert "does not have" in refusal.value.why
    assert provider.seen.count("/jwks") == 2
    with pytest.raises(Unauthenticated):
        ask(provider.signed({"sub": "c"}, key=stranger), later + PAUSE)
    assert provider.seen.count("/jwks") == 3


def test_a_key_that_was_withdrawn_is_not_believed_for_long(provider: OpenIdProvider) -> None:
    source, url = KeySource(), f"{provider.address}/jwks"
    text = provider.signed({"sub": "a"})
    assert source.verified(text, lambda: url, ca="", now=NOW)
    provider.rotate()
    with pytest.raises(Unauthenticated):
        source.verified(text, lambda: url, ca="", now=NOW + FRESH)


def test_an_issuer_that_is_away_is_no_refusal(provider: OpenIdProvider) -> None:
    source, text = KeySource(), provider.signed({"sub": "a"})
    provider.is_away = True
    with pytest.raises(ProviderUnavailable):
        source.verified(text, lambda: f"{provider.address}/jwks", ca="", now=NOW)
    with pytest.raises(ProviderUnavailable):
        source.verified(text, lambda: "http://127.0.0.1:1/jwks", ca="", now=NOW)


def test_a_discovery_document_of_another_issuer_is_not_believed(provider: OpenIdProvider) -> None:
    source = KeySource()
    provider.document = {"issuer": "https://accounts.example.com"}
    with pytest.raises(Unauthenticated):
        source.discovered(provider.address, ca="", now=NOW)
    provider.document = {}
    assert source.discovered(provider.address, ca="", now=NOW)["issuer"] == provider.address
    provider.is_away = True
    assert source.discovered(provider.address, ca="", now=NOW)["issuer"] == provider.address


def test_keys_in_the_settings_are_enough() -> None:
    jwks = json.dumps({"keys": [KEY.as_dict(private=False)]})
    assert verified_offline(signed({"sub": "a"}), jwks) == {"sub": "a"}
    with pytest.raises(Unauthenticated):
        verified_offline(signed({"sub": "a"}, key=new_key()), jwks)


def test_whom_the_service_asks_has_to_prove_who_he_is(tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path)
    with open_id_provider(certificate=certificate) as provider:
        assert provider.address.startswith("https://")
        url = f"{provider.address}/.well-known/openid-configuration"
        assert fetched_json(url, ca=(tmp_path / "ca.pem").read_text())["issuer"] == provider.address
        for ca in ("", "no certificate"):
            with pytest.raises(ProviderUnavailable, match="cannot be reached"):
                fetched_json(url, ca=ca)


def test_a_redirect_is_not_followed_and_too_much_is_not_read(provider: OpenIdProvider) -> None:
    back = urlencode({"redirect_uri": f"{provider.address}/jwks", "state": "s", "code_challenge": "c"})
    asked = f"response_type=code&client_id={provider.client_id}&scope=openid&code_challenge_method=S256&{back}"
    with pytest.raises(ProviderUnavailable, match="does not answer as expected"):
        fetched_json(f"{provider.address}/authorize?{asked}")
    assert "/jwks" not in provider.seen
    provider.document = {"padding": "x" * (1024 * 1024)}
    with pytest.raises(ProviderUnavailable, match="sends too much"):
        fetched_json(f"{provider.address}/.well-known/openid-configuration")


@pytest.mark.parametrize(
    "url",
    ["http://id.example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/", "https://user:x@id.example.com/", "https:///x"],
)
def test_nobody_is_asked_in_the_clear_but_this_machine(url: str) -> None:
    with pytest.raises(InvalidRequest):
        fetched_json(url)
