from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import pickle
import secrets
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.derivation import CANARY, framed
from strongroom_registry.errors import (
    EnvelopeMalformed,
    IntegrityError,
    KeyMalformed,
    KeyProblem,
    KeyUnavailable,
    SealBroken,
    StrongroomError,
    WrongKey,
)
from strongroom_registry.keyring import Keyring, WorkspaceKey, WrappedKey, _wrapped_by
from strongroom_registry.keys import EnvKey, FileKey, KeyProvider, resolve
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.keys.recovery import RecoveryCode, RecoveryKey

STORE, WORKSPACE = b"s" * 16, b"w" * 16


class CountingKeys:
    """A provider that wraps nothing, counts how often it is asked, and can be made to lie."""

    uri = "counting:"

    def __init__(self) -> None:
        self.asked = 0
        self.lie: bytes | None = None

    def fingerprint_for(self, wrapped: bytes) -> str:
        return "the one"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return key

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        self.asked += 1
        return self.lie if self.lie is not None else wrapped


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> KeyProvider:
    monkeypatch.setenv("FIRST_KEY", new_key_text())
    return EnvKey("FIRST_KEY")


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> KeyProvider:
    monkeypatch.setenv("OTHER_KEY", new_key_text())
    return EnvKey("OTHER_KEY")


def created(provider: KeyProvider) -> tuple[Keyring, WrappedKey]:
    return Keyring.create(provider, store_id=STORE, workspace_id=WORKSPACE)


def reopened(provider: KeyProvider, *records: WrappedKey) -> Keyring:
    return Keyring.open(records, provider, store_id=STORE, workspace_id=WORKSPACE)


def epochs(provider: KeyProvider, *numbers: int) -> list[WrappedKey]:
    keys = [WorkspaceKey(number, secrets.token_bytes(32)) for number in numbers]
    return [_wrapped_by(provider, key, STORE, WORKSPACE) for key in keys]


def test_a_new_workspace_starts_with_epoch_one_and_opens_again(provider: KeyProvider) -> None:
    keyring, record = created(provider)
    again = reopened(provider, record)
    assert (keyring.current.epoch, again.current.epoch, again.epochs) == (1, 1, (1,))
    assert again.current.key_id == keyring.current.key_id
    assert again.current.mac(b"head", b"data") == keyring.current.mac(b"head", b"data")
    assert datetime.now(UTC) - record.created_at < timedelta(minutes=5)


def test_every_workspace_gets_a_key_of_its_own(provider: KeyProvider) -> None:
    ids = {created(provider)[0].current.key_id for _ in range(20)}
    assert len(ids) == 20


def test_a_wrong_key_is_refused_with_both_fingerprints(provider: KeyProvider, other: KeyProvider) -> None:
    _, record = created(provider)
    with pytest.raises(WrongKey) as caught:
        reopened(other, record)
    assert record.fingerprint in str(caught.value)
    assert other.fingerprint_for(record.wrapped) in str(caught.value)
    assert "FIRST_KEY" in str(caught.value)
    assert "OTHER_KEY" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        ("epoch", 2, SealBroken),
        ("epoch", "1", EnvelopeMalformed),
        ("epoch", True, EnvelopeMalformed),
        ("epoch", None, EnvelopeMalformed),
        ("provider", "file:/elsewhere", SealBroken),
        ("provider", b"env:FIRST_KEY", EnvelopeMalformed),
        ("provider", "\ud800", EnvelopeMalformed),
        ("fingerprint", "0" * 32, WrongKey),
        ("fingerprint", None, EnvelopeMalformed),
        ("wrapped", "SRKW", EnvelopeMalformed),
        ("wrapped", b"", EnvelopeMalformed),
        ("wrapped", bytes(5000), EnvelopeMalformed),
        ("canary", bytes(32), SealBroken),
        ("canary", bytes(33), EnvelopeMalformed),
        ("created_at", datetime(2020, 1, 1, tzinfo=UTC), SealBroken),
        ("created_at", datetime(2020, 1, 1), EnvelopeMalformed),
        ("created_at", 5, EnvelopeMalformed),
    ],
)
def test_a_changed_column_of_a_key_record_is_named(
    provider: KeyProvider, column: str, value: object, error: type[StrongroomError]
) -> None:
    _, record = created(provider)
    with pytest.raises(error):
        reopened(provider, dataclasses.replace(record, **{column: value}))  # type: ignore[arg-type]


def test_every_bit_of_a_wrapped_key_and_its_canary_counts(provider: KeyProvider) -> None:
    _, record = created(provider)
    for column in ("wrapped", "canary"):
        content = getattr(record, column)
        for bit in range(8 * len(content)):
            changed = content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]
            with pytest.raises((IntegrityError, WrongKey)):
                reopened(provider, dataclasses.replace(record, **{column: changed}))


@pytest.mark.parametrize("ids", [(b"x" * 16, WORKSPACE), (STORE, b"x" * 16), (WORKSPACE, STORE)])
def test_a_record_opens_in_its_own_store_and_workspace_alone(provider: KeyProvider, ids: tuple[bytes, bytes]) -> None:
    _, record = created(provider)
    with pytest.raises(SealBroken):
        Keyring.open([record], provider, store_id=ids[0], workspace_id=ids[1])


def test_the_canary_finds_a_provider_that_hands_out_another_key() -> None:
    provider = CountingKeys()
    _, record = created(provider)
    provider.lie = secrets.token_bytes(32)
    with pytest.raises(SealBroken, match="canary"):
        reopened(provider, record)


def test_a_key_of_another_length_is_refused() -> None:
    provider = CountingKeys()
    _, record = created(provider)
    provider.lie = secrets.token_bytes(31)
    with pytest.raises(KeyMalformed):
        reopened(provider, record)


def test_a_workspace_without_a_key_record_is_refused(provider: KeyProvider) -> None:
    with pytest.raises(KeyUnavailable):
        reopened(provider)


def test_two_records_of_one_epoch_are_refused(provider: KeyProvider) -> None:
    _, record = created(provider)
    with pytest.raises(EnvelopeMalformed):
        reopened(provider, record, record)


def test_the_highest_epoch_is_current_and_older_ones_stay_at_hand(provider: KeyProvider) -> None:
    records = epochs(provider, 2, 1, 3)
    keyring = reopened(provider, *records)
    assert keyring.epochs == (1, 2, 3)
    assert keyring.current.epoch == 3
    assert keyring.epoch(1).epoch == 1


def test_an_epoch_that_the_workspace_does_not_have_is_refused(provider: KeyProvider) -> None:
    keyring, _ = created(provider)
    for number in (0, 2, -1):
        with pytest.raises(SealBroken, match=f"epoch {number}"):
            keyring.epoch(number)


def test_the_provider_is_asked_once_an_epoch_and_only_for_epochs_that_are_needed() -> None:
    provider = CountingKeys()
    keyring = reopened(provider, *epochs(provider, 1, 2, 3))
    assert provider.asked == 1
    for _ in range(3):
        assert keyring.current.epoch == 3
        assert keyring.epoch(1).epoch == 1
    assert provider.asked == 2


class CountingLock:
    """A lock that tells when so many have asked for it."""

    def __init__(self, expected: int) -> None:
        self._lock, self._asked, self._expected = threading.RLock(), itertools.count(1), expected
        self.all_asked = threading.Event()

    def __enter__(self) -> None:
        if next(self._asked) == self._expected:
            self.all_asked.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_need_an_epoch_together_ask_the_provider_once(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, lock = CountingKeys(), CountingLock(8)
    keyring = reopened(provider, *epochs(provider, 1, 2))
    before, unwrap = provider.asked, provider.unwrap
    monkeypatch.setattr(keyring, "_lock", lock)
    monkeypatch.setattr(provider, "unwrap", lambda *given: lock.all_asked.wait() and unwrap(*given))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: keyring.epoch(1), range(8)))
    assert all(key is found[0] for key in found)
    assert provider.asked == before + 1


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_a_mac_fits_its_purpose_and_its_bytes_alone(purpose: bytes, data: bytes, other: bytes, more: bytes) -> None:
    key = WorkspaceKey(1, bytes(range(32)))
    mac = key.mac(purpose, data)
    assert key.verify(purpose, data, mac)
    assert key.verify(other, more, mac) == ((purpose, data) == (other, more))
    assert not key.verify(purpose, data, mac[:-1])
    assert not key.verify(purpose, data, more)


@pytest.mark.parametrize("mac", [None, "text", 5])
def test_a_mac_that_is_no_bytes_does_not_fit(mac: object) -> None:
    assert not WorkspaceKey(1, bytes(32)).verify(b"head", b"", mac)  # type: ignore[arg-type]


def test_keys_derived_for_two_purposes_differ() -> None:
    key = WorkspaceKey(1, bytes(32))
    derived = [
        key.derive(b"a"),
        key.derive(b"b"),
        key.derive(b"a", b"b"),
        key.derive(b"a", salt=b"b"),
        key.derive(b"ab"),
    ]
    assert len(set(derived)) == len(derived)


def ways_to_look(thing: object) -> list[str]:
    logging.getLogger("strongroom").warning("%s %r", thing, thing)
    return [repr(thing), str(thing), f"{thing}", repr([thing]), repr(getattr(thing, "__dict__", None))]


def test_keys_never_show(provider: KeyProvider, caplog: pytest.LogCaptureFixture) -> None:
    material = secrets.token_bytes(32)
    key, (keyring, record) = WorkspaceKey(1, material), created(provider)
    texts = [*ways_to_look(key), *ways_to_look(keyring), *ways_to_look(record), *ways_to_look(provider), caplog.text]
    for text in texts:
        assert repr(material)[2:-1] not in text
        assert material.hex() not in text
    assert key.key_id.hex() in repr(key)


@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy])
def test_keys_and_keyrings_can_neither_be_pickled_nor_copied(
    provider: KeyProvider, attempt: Callable[[object], object]
) -> None:
    keyring, _ = created(provider)
    for thing in (keyring, keyring.current):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(thing)


def test_no_traceback_of_a_refusal_holds_a_key_even_with_the_variables_of_every_frame() -> None:
    provider = CountingKeys()
    keyring, record = created(provider)
    for lie in (secrets.token_bytes(32), secrets.token_bytes(20)):
        provider.lie = lie
        with pytest.raises(StrongroomError) as caught:
            reopened(provider, record)
        inner = caught.value.with_traceback(caught.tb.tb_next and caught.tb.tb_next.tb_next)
        trace = traceback.TracebackException.from_exception(inner, capture_locals=True)
        assert repr(lie)[2:-1] not in "".join(trace.format())
    assert keyring.current.epoch == 1


class _Faulty(CountingKeys):
    """A provider of somebody else that fails with an error of its own."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        raise RuntimeError(f"cannot encrypt {key!r}")


@pytest.mark.parametrize("uri", ["file", "env:NOT_SET", "passphrase:", "recovery:", "faulty"])
def test_no_traceback_of_a_wrap_that_failed_holds_the_key(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", "short")
    monkeypatch.setenv("STRONGROOM_RECOVERY_CODE", "none")
    exposed = tmp_path / "exposed.key"
    exposed.touch(mode=0o644)
    provider: KeyProvider = FileKey(exposed) if uri == "file" else _Faulty() if uri == "faulty" else resolve(uri)
    material = secrets.token_bytes(32)
    key = WorkspaceKey(1, material)
    with pytest.raises(KeyProblem) as caught:
        key.wrap(provider, b"context")
    assert caught.value.__cause__ is None
    inner = caught.value.with_traceback(caught.tb.tb_next)
    shown = "".join(traceback.TracebackException.from_exception(inner, capture_locals=True).format())
    assert repr(material)[2:-1] not in shown
    assert "RuntimeError" not in shown or "cannot encrypt" not in shown


def test_no_traceback_of_a_recovery_code_with_a_typing_error_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code = RecoveryCode.new().shown()
    monkeypatch.setenv("STRONGROOM_RECOVERY_CODE", ("B" if code[0] == "A" else "A") + code[1:])
    with pytest.raises(KeyMalformed) as caught:
        RecoveryKey().wrap(bytes(32), b"context")
    inner = caught.value.with_traceback(caught.tb.tb_next)
    shown = "".join(traceback.TracebackException.from_exception(inner, capture_locals=True).format())
    assert code[6:] not in shown


def test_the_canary_is_what_the_specification_says() -> None:
    _, record = created(CountingKeys())
    key = WorkspaceKey(1, record.wrapped)  # this provider wraps nothing
    micros = int(record.created_at.timestamp()) * 1_000_000 + record.created_at.microsecond
    fields = (STORE, WORKSPACE, b"\0\0\0\1", b"counting:", b"the one", record.wrapped, micros.to_bytes(8, "big"))
    assert record.canary == key.mac(CANARY, framed(CANARY, *fields))


def test_creating_a_workspace_writes_nothing_by_itself(provider: KeyProvider, strongroom_home: Path) -> None:
    created(provider)
    assert not strongroom_home.exists()
