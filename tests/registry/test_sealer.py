from __future__ import annotations

import copy
import os
import pickle
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry import sealer as sealer_module
from strongroom_registry.errors import EnvelopeMalformed, EnvelopeUnsupported, SealBroken, TooLarge
from strongroom_registry.keyring import Keyring, WorkspaceKey, _wrapped_by
from strongroom_registry.keys.ephemeral import EphemeralKey
from strongroom_registry.sealer import Sealer
from strongroom_registry.sealing_keys import WorkspaceSealing

STORE, WORKSPACE = b"s" * 16, b"w" * 16
PROVIDER = EphemeralKey()
FIRST, SECOND = (_wrapped_by(PROVIDER, WorkspaceKey(n, secrets.token_bytes(32)), STORE, WORKSPACE) for n in (1, 2))


def keys(*records: object) -> WorkspaceSealing:
    keyring = Keyring.open(records or (FIRST,), PROVIDER, store_id=STORE, workspace_id=WORKSPACE)  # type: ignore[arg-type]
    return WorkspaceSealing(keyring)


RESULTS = Sealer(keys(), "results")


@given(st.binary(max_size=3000), st.binary(max_size=100))
def test_what_was_sealed_opens_here_and_in_another_process(data: bytes, context: bytes) -> None:
    sealed = RESULTS.seal(data, context)
    assert RESULTS.open(sealed, context) == data == Sealer(keys(), "results").open(sealed, context)


def test_a_name_is_the_same_each_time_and_another_for_other_data_purposes_and_keys() -> None:
    other = Sealer(WorkspaceSealing(Keyring.create(PROVIDER, store_id=STORE, workspace_id=WORKSPACE)[0]), "results")
    named = [RESULTS.name(b"a"), RESULTS.name(b"b"), Sealer(keys(), "parameters").name(b"a"), other.name(b"a")]
    assert len(set(named)) == 4
    assert Sealer(keys(), "results").name(b"a") == named[0]
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in named)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_value_opens_in_its_own_context_alone(first: bytes, second: bytes) -> None:
    sealed = RESULTS.seal(b"value", first)
    if first != second:
        with pytest.raises(SealBroken):
            RESULTS.open(sealed, second)


def test_a_value_opens_for_its_own_purpose_alone() -> None:
    with pytest.raises(SealBroken, match="caches"):
        Sealer(keys(), "caches").open(RESULTS.seal(b"value", b""), b"")


def test_every_bit_counts() -> None:
    sealed = RESULTS.seal(b"value", b"context")
    for bit in range(8 * len(sealed)):
        changed = sealed[: bit // 8] + bytes([sealed[bit // 8] ^ 1 << bit % 8]) + sealed[bit // 8 + 1 :]
        expected = EnvelopeMalformed if bit < 32 else EnvelopeUnsupported if bit < 64 else SealBroken
        with pytest.raises(expected):
            RESULTS.open(changed, b"context")


def test_every_truncation_is_refused() -> None:
    sealed = RESULTS.seal(b"value", b"context")
    for size in range(len(sealed)):
        with pytest.raises(EnvelopeMalformed if size < 88 else SealBroken):
            RESULTS.open(sealed[:size], b"context")


@pytest.mark.parametrize("value", [None, "SRSL", b"", bytearray(100)])
def test_what_is_no_sealed_value_is_malformed(value: object) -> None:
    with pytest.raises(EnvelopeMalformed):
        RESULTS.open(value, b"")  # type: ignore[arg-type]


def test_after_a_rotation_old_values_open_and_new_ones_are_sealed_with_the_new_key() -> None:
    old = RESULTS.seal(b"old", b"")
    rotated = Sealer(keys(FIRST, SECOND), "results")
    assert rotated.open(old, b"") == b"old"
    with pytest.raises(SealBroken, match="epoch 2"):
        RESULTS.open(rotated.seal(b"new", b""), b"")


def test_a_value_beyond_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer_module, "DATA_MAX", 100)
    assert RESULTS.open(RESULTS.seal(bytes(100), b""), b"") == bytes(100)
    with pytest.raises(TooLarge):
        RESULTS.seal(bytes(101), b"")


def test_no_nonce_is_used_twice_by_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda n: RESULTS.seal(b"", b""), range(4000)))
    assert len({one[:72] for one in sealed}) == 4000


def test_a_forked_process_uses_no_nonce_of_its_parent() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"".join(RESULTS.seal(b"", b"")[28:72] for _ in range(100)))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    theirs = {told[place : place + 44] for place in range(0, len(told), 44)}
    ours = {RESULTS.seal(b"", b"")[28:72] for _ in range(100)}
    assert len(theirs) == len(ours) == 100
    assert not theirs & ours


def test_a_key_is_used_for_a_limited_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer_module, "MESSAGES_PER_KEY", 10)
    sealer = Sealer(keys(), "results")
    sealed = [sealer.seal(b"%d" % number, b"") for number in range(35)]
    salts = [one[28:60] for one in sealed]
    assert [salts.count(salt) for salt in dict.fromkeys(salts)] == [10, 10, 10, 5]
    assert [sealer.open(one, b"") for one in sealed] == [b"%d" % number for number in range(35)]


def test_values_of_very_many_processes_open_in_bounded_memory() -> None:
    reader = Sealer(keys(), "results")
    for number in range(600):
        assert reader.open(Sealer(keys(), "results").seal(b"%d" % number, b""), b"") == b"%d" % number
    assert len(reader._ciphers) <= 256


def test_a_sealer_shows_its_purpose_and_nothing_else() -> None:
    assert repr(RESULTS) == "Sealer('results')"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(RESULTS)
