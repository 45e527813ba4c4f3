from __future__ import annotations

import copy
import dataclasses
import hashlib
import pickle
import secrets
import traceback
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strongroom_registry import envelope
from strongroom_registry.envelope import (
    FRAME_MAX,
    PAYLOAD_MAX,
    Binding,
    Sealed,
    body_hash,
    open_sealed,
    opener,
    rewrap,
    seal,
    wrap_epoch,
)
from strongroom_registry.errors import (
    EnvelopeMalformed,
    EnvelopeUnsupported,
    IntegrityError,
    SealBroken,
    StrongroomError,
    TooLarge,
)
from strongroom_registry.keyring import WorkspaceKey

MATERIAL = secrets.token_bytes(32)
KEY = WorkspaceKey(1, MATERIAL)
NEXT = WorkspaceKey(2, secrets.token_bytes(32))
PAYLOAD = b'{"password": "correct horse"}'
NOTHING = hashlib.sha256(b"").digest()
PLACE = Binding(b"s" * 16, b"w" * 16, b"d" * 16, 1, 1, "secret", "schema-1", NOTHING, NOTHING)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
numbers = st.integers(1, 2**63 - 1)
places = st.builds(
    Binding,
    store_id=st.binary(min_size=16, max_size=16),
    workspace_id=st.binary(min_size=16, max_size=16),
    document_id=st.binary(min_size=16, max_size=16),
    generation=numbers,
    version=numbers,
    type=texts,
    schema=texts,
    note_hash=st.binary(min_size=32, max_size=32),
    public_hash=st.binary(min_size=32, max_size=32),
)
payloads = st.binary(max_size=300) | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=7), st.integers(1, 3000))


@given(places, payloads)
def test_what_was_sealed_opens_again(place: Binding, payload: bytes) -> None:
    sealed = seal(KEY, place, payload)
    assert open_sealed(KEY, place, sealed) == payload


@given(st.integers(0, 20_000))
def test_the_size_of_a_body_tells_a_step_and_not_the_payload(size: int) -> None:
    frame = len(seal(KEY, PLACE, bytes(size)).body) - 100
    assert frame >= size + 4
    assert (frame % 64 == 0 and frame - size - 4 < 64) if frame <= 4096 else frame.bit_count() == 1
    assert frame <= 64 or frame < 2 * (size + 4)


@pytest.mark.parametrize("size", [0, 60, 61, 4092, 4093, 8188, 8189, 1_000_000])
def test_payloads_at_the_edges_of_the_steps_come_back(size: int) -> None:
    payload = secrets.token_bytes(size)
    assert open_sealed(KEY, PLACE, seal(KEY, PLACE, payload)) == payload


def test_the_largest_payload_fits_and_one_byte_more_is_refused() -> None:
    assert envelope._frame_size(PAYLOAD_MAX + 4) == FRAME_MAX
    with pytest.raises(TooLarge, match=f"{PAYLOAD_MAX} bytes fit"):
        seal(KEY, PLACE, bytes(PAYLOAD_MAX + 1))


def test_a_body_beyond_the_cap_is_refused_before_any_cryptography() -> None:
    sealed = seal(KEY, PLACE, PAYLOAD)
    with pytest.raises(EnvelopeMalformed):
        open_sealed(KEY, PLACE, Sealed(sealed.wrap, sealed.body + bytes(2 * FRAME_MAX - len(sealed.body) + 100)))


def refused(attempt: Callable[[], bytes]) -> type[IntegrityError]:
    """The named error of an attempt; that it returns anything at all is the failure that the tests are for."""
    try:
        attempt()
    except (EnvelopeMalformed, EnvelopeUnsupported, SealBroken) as error:
        return type(error)
    raise AssertionError("a changed envelope was opened")


def flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def test_every_bit_of_the_wrap_counts() -> None:
    wrap, body = seal(KEY, PLACE, PAYLOAD)
    found = [refused(lambda: open_sealed(KEY, PLACE, Sealed(flipped(wrap, bit), body))) for bit in range(8 * len(wrap))]  # noqa: B023
    assert found[:32] == [EnvelopeMalformed] * 32
    assert found[32:64] == [EnvelopeUnsupported] * 32
    assert set(found[64:96]) <= {SealBroken, EnvelopeMalformed}  # the epoch, which becomes 0 by one of the flips
    assert set(found[96:]) == {SealBroken}


def test_every_bit_of_the_body_counts_for_a_new_opener_and_for_a_kept_one() -> None:
    wrap, body = seal(KEY, PLACE, PAYLOAD)
    kept = opener(KEY, PLACE, Sealed(wrap, body))
    for bit in range(8 * len(body)):
        changed = flipped(body, bit)
        expected = EnvelopeMalformed if bit < 32 else EnvelopeUnsupported if bit < 64 else SealBroken
        assert refused(lambda: open_sealed(KEY, PLACE, Sealed(wrap, changed))) is expected  # noqa: B023
        assert refused(lambda: kept.open(changed)) is expected  # noqa: B023
    assert kept.open(body) == PAYLOAD


def test_every_truncation_is_refused() -> None:
    wrap, body = seal(KEY, PLACE, bytes(100))
    kept = opener(KEY, PLACE, Sealed(wrap, body))
    for size in range(len(wrap)):
        assert refused(lambda: open_sealed(KEY, PLACE, Sealed(wrap[:size], body))) is EnvelopeMalformed  # noqa: B023
    for size in range(len(body)):
        expected = SealBroken if size == len(body) - 64 else EnvelopeMalformed  # 64 bytes less is a body's size again
        assert refused(lambda: open_sealed(KEY, PLACE, Sealed(wrap, body[:size]))) is expected  # noqa: B023
        assert refused(lambda: kept.open(body[:size])) is expected  # noqa: B023


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_change_of_any_field_of_the_binding_breaks_the_seal(data: st.DataObject) -> None:
    place, other = data.draw(places), data.draw(places)
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(Binding) if field.init]))
    if getattr(place, name) == getattr(other, name):
        return
    sealed = seal(KEY, place, PAYLOAD)
    moved = dataclasses.replace(place, **{name: getattr(other, name)})
    assert refused(lambda: open_sealed(KEY, moved, sealed)) is SealBroken
    assert refused(lambda: rewrap(KEY, NEXT, moved, sealed.wrap)) is SealBroken


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_that_were_never_sealed_are_refused(wrap: bytes, body: bytes) -> None:
    good = seal(KEY, PLACE, PAYLOAD)
    refused(lambda: open_sealed(KEY, PLACE, Sealed(wrap, good.body)))
    refused(lambda: open_sealed(KEY, PLACE, Sealed(good.wrap, body)))
    refused(lambda: open_sealed(KEY, PLACE, Sealed(good.wrap[:72] + wrap, good.body)))
    refused(lambda: open_sealed(KEY, PLACE, Sealed(good.wrap, good.body[:84] + body)))


@pytest.mark.parametrize("value", [None, "SRWR", 7, bytearray(b"SRWR")])
def test_a_column_that_holds_no_bytes_is_malformed(value: object) -> None:
    good = seal(KEY, PLACE, PAYLOAD)
    with pytest.raises(EnvelopeMalformed):
        open_sealed(KEY, PLACE, Sealed(value, good.body))  # type: ignore[arg-type]
    with pytest.raises(EnvelopeMalformed):
        open_sealed(KEY, PLACE, Sealed(good.wrap, value))  # type: ignore[arg-type]
    with pytest.raises(EnvelopeMalformed):
        wrap_epoch(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store_id", "s" * 16),
        ("workspace_id", None),
        ("document_id", bytearray(16)),
        ("generation", True),
        ("generation", 1.0),
        ("version", "1"),
        ("type", b"secret"),
        ("schema", "\ud800"),
        ("note_hash", None),
    ],
)
def test_a_binding_from_a_changed_row_is_malformed(name: str, value: object) -> None:
    with pytest.raises(EnvelopeMalformed, match=name):
        dataclasses.replace(PLACE, **{name: value})  # type: ignore[arg-type]


@given(st.binary(min_size=64, max_size=64), st.integers(0, 2**32 - 1))
def test_a_frame_that_is_read_is_the_one_that_would_be_written(content: bytes, length: int) -> None:
    for frame in (content, (length % 61).to_bytes(4, "big") + bytes(60), length.to_bytes(4, "big") + bytes(60)):
        payload = envelope._unpadded(frame)
        assert payload is None or envelope._padded(payload) == frame


def test_nothing_random_is_used_twice() -> None:
    sealed = [seal(KEY, PLACE, PAYLOAD) for _ in range(1000)]
    for parts in (
        [one.wrap[28:60] for one in sealed],
        [one.wrap[60:72] for one in sealed],
        [one.wrap[72:104] for one in sealed],
        [one.body[8:40] for one in sealed],
        [one.body[40:72] for one in sealed],
        [one.body[72:84] for one in sealed],
        [one.body[84:] for one in sealed],
    ):
        assert len(set(parts)) == len(sealed)


@given(places, payloads)
def test_rewrapping_moves_a_version_to_the_next_key_and_leaves_its_body(place: Binding, payload: bytes) -> None:
    before = seal(KEY, place, payload)
    after = Sealed(rewrap(KEY, NEXT, place, before.wrap), before.body)
    assert (wrap_epoch(before.wrap), wrap_epoch(after.wrap)) == (1, 2)
    assert open_sealed(NEXT, place, after) == payload
    assert refused(lambda: open_sealed(KEY, place, after)) is SealBroken
    assert refused(lambda: open_sealed(NEXT, place, before)) is SealBroken


def test_an_opener_opens_its_own_body_alone() -> None:
    first, second = seal(KEY, PLACE, PAYLOAD), seal(KEY, PLACE, PAYLOAD)
    kept = opener(KEY, PLACE, first)
    assert kept.open(first.body) == PAYLOAD == kept.open(first.body)
    with pytest.raises(SealBroken, match="not the one"):
        kept.open(second.body)


def test_the_wrap_of_one_version_does_not_open_the_body_of_another() -> None:
    first, second = seal(KEY, PLACE, PAYLOAD), seal(KEY, PLACE, PAYLOAD)
    with pytest.raises(SealBroken, match="does not belong to its data key"):
        open_sealed(KEY, PLACE, Sealed(first.wrap, second.body))


def test_a_version_of_another_epoch_says_which_keys_are_concerned() -> None:
    with pytest.raises(SealBroken) as caught:
        open_sealed(NEXT, PLACE, seal(KEY, PLACE, PAYLOAD))
    assert KEY.key_id.hex() in str(caught.value)
    assert NEXT.key_id.hex() in str(caught.value)


def test_a_head_commits_to_the_hash_of_the_body() -> None:
    body = seal(KEY, PLACE, PAYLOAD).body
    assert body_hash(body) == hashlib.sha256(body).digest()


def test_an_opener_can_neither_be_pickled_nor_copied() -> None:
    kept = opener(KEY, PLACE, seal(KEY, PLACE, PAYLOAD))
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(kept)


class Watched:
    """Remembers every random value that was drawn, the data key among them."""

    def __init__(self) -> None:
        self.drawn: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        self.drawn.append(secrets.token_bytes(size))
        return self.drawn[-1]


def shown_by(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_no_traceback_of_a_refusal_holds_a_key_even_with_the_variables_of_every_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    monkeypatch.setattr(envelope.os, "urandom", watched)
    wrap, body = seal(KEY, PLACE, PAYLOAD)
    data_key = repr(watched.drawn[0])[2:-1]
    other = Sealed(wrap, seal(KEY, PLACE, PAYLOAD).body)
    attempts = {
        "commitment": lambda: open_sealed(KEY, PLACE, other),
        "wrap": lambda: open_sealed(KEY, PLACE, Sealed(flipped(wrap, 900), body)),
        "body": lambda: open_sealed(KEY, PLACE, Sealed(wrap, flipped(body, 900))),
        "rewrap": lambda: rewrap(NEXT, KEY, PLACE, wrap),
    }
    for name, attempt in attempts.items():
        with pytest.raises(StrongroomError) as caught:
            attempt()
        trace = shown_by(caught.value.with_traceback(caught.tb.tb_next))
        assert data_key not in trace, name
        assert repr(MATERIAL)[2:-1] not in trace, name
        assert "correct horse" not in trace, name
