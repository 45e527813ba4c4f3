from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry import derivation
from strongroom_registry.derivation import derive, framed

fields = st.lists(st.binary(max_size=40), max_size=6)


@given(fields, fields)
def test_two_lists_of_fields_never_give_the_same_bytes(first: list[bytes], second: list[bytes]) -> None:
    assert (framed(*first) == framed(*second)) == (first == second)


@given(fields)
def test_framed_fields_can_be_read_back(before: list[bytes]) -> None:
    rest, after = framed(*before), []
    while rest:
        size = int.from_bytes(rest[:4], "big")
        after.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    assert after == before


def rfc_5869(key: bytes, info: bytes, salt: bytes | None, length: int) -> bytes:
    """HKDF written out from the RFC, over the standard library's HMAC."""
    extracted = hmac.digest(salt or bytes(64), key, "sha512")
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha512")
        output, counter = output + block, counter + 1
    return output[:length]


@given(
    st.binary(min_size=1, max_size=64), st.binary(max_size=80), st.none() | st.binary(max_size=140), st.integers(1, 200)
)
def test_keys_are_derived_as_rfc_5869_says(key: bytes, info: bytes, salt: bytes | None, length: int) -> None:
    assert derive(key, info, salt=salt, length=length) == rfc_5869(key, info, salt, length)


def test_no_two_labels_are_the_same() -> None:
    labels = [value for value in vars(derivation).values() if isinstance(value, bytes)]
    assert len(labels) == 12
    assert len(set(labels)) == 12
    assert all(label.startswith(b"strongroom/v1/") for label in labels)
