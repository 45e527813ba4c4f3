"""The frame of keys that a service keeps, with a service in this process that counts how often it is asked."""

from __future__ import annotations

import secrets
import traceback

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.errors import (
    EnvelopeMalformed,
    IntegrityError,
    KeyDenied,
    KeyProblem,
    KeyUnavailable,
    SealBroken,
    WrongKey,
)
from strongroom_registry.keys import KeyProvider
from strongroom_registry.keys.ephemeral import EphemeralKey
from strongroom_registry.keys.remote import LONGEST, RemoteKeyProvider
from strongroom_registry.testing_keys import CONTEXT, KeyProviderContract

KEY = bytes(range(32))


class Service:
    """Keeps keys by name, encrypts with them, and can be told to fail."""

    def __init__(self) -> None:
        self.keys: dict[str, AESGCM] = {}
        self.calls = 0
        self.failure: Exception | None = None
        self.instead: bytes | None = None

    def cipher(self, name: str) -> AESGCM:
        self.calls += 1
        if self.failure:
            raise self.failure
        return self.keys.setdefault(name, AESGCM(secrets.token_bytes(32)))


class ServiceKey(RemoteKeyProvider):
    def __init__(self, service: Service, name: str, scheme: str = "service") -> None:
        super().__init__(f"{scheme}:{name}", name)
        self.service = service
        self.name = name

    def _encrypt(self, plaintext: bytes, bound: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        sealed = self.service.cipher(self.name).encrypt(nonce, plaintext, bound)
        return self.service.instead if self.service.instead is not None else nonce + sealed

    def _decrypt(self, ciphertext: bytes, bound: bytes) -> bytes:
        cipher = self.service.cipher(self.name)
        try:
            opened = cipher.decrypt(ciphertext[:12], ciphertext[12:], bound)
        except (InvalidTag, ValueError):
            raise SealBroken("It does not open.") from None
        return self.service.instead if self.service.instead is not None else opened


class TestServiceKey(KeyProviderContract):
    @pytest.fixture(autouse=True)
    def _a_service(self) -> None:
        self.service = Service()

    def make(self) -> KeyProvider:
        return ServiceKey(self.service, "one")

    def make_other(self) -> KeyProvider:
        return ServiceKey(self.service, "other")


@pytest.fixture
def service() -> Service:
    return Service()


def test_one_wrap_and_one_unwrap_are_one_call_each_and_a_fingerprint_none(service: Service) -> None:
    provider = ServiceKey(service, "one")
    wrapped = provider.wrap(KEY, CONTEXT)
    assert provider.fingerprint_for(wrapped) == provider.fingerprint
    assert provider.unwrap(wrapped, CONTEXT) == KEY
    assert service.calls == 2


def test_bytes_of_another_provider_are_refused_without_a_call(service: Service) -> None:
    provider, local = ServiceKey(service, "one"), EphemeralKey()
    other, neighbour = ServiceKey(service, "one", scheme="elsewhere"), ServiceKey(service, "other")
    strange = {
        "not with a key that a service keeps": local.wrap(KEY, CONTEXT),
        "of elsewhere:, not of service:": other.wrap(KEY, CONTEXT),
    }
    theirs, service.calls = neighbour.wrap(KEY, CONTEXT), 0
    for said, wrapped in strange.items():
        for ask in (provider.fingerprint_for, lambda wrapped: provider.unwrap(wrapped, CONTEXT)):
            with pytest.raises(WrongKey, match=said):
                ask(wrapped)
    with pytest.raises(WrongKey, match=neighbour.fingerprint):
        provider.unwrap(theirs, CONTEXT)
    assert service.calls == 0
    with pytest.raises(WrongKey, match="a key that a service keeps, not with a key"):
        local.fingerprint_for(theirs)


def test_a_scheme_tells_keys_of_the_same_name_apart(service: Service) -> None:
    assert ServiceKey(service, "one").fingerprint != ServiceKey(service, "one", scheme="elsewhere").fingerprint


@given(st.binary(max_size=200))
def test_no_bytes_reach_the_service_or_raise_anything_unnamed(tail: bytes) -> None:
    service = Service()
    provider = ServiceKey(service, "one")
    start = provider.wrap(KEY, CONTEXT)[:8]
    service.calls = 0
    for wrapped in (tail, start + tail):
        with pytest.raises((KeyProblem, IntegrityError)):
            provider.unwrap(wrapped, CONTEXT)
    assert service.calls == 0


def test_truncations_and_additions_do_not_reach_the_service(service: Service) -> None:
    provider = ServiceKey(service, "one")
    wrapped = provider.wrap(KEY, CONTEXT)
    service.calls = 0
    for changed in [*(wrapped[:size] for size in range(len(wrapped))), wrapped + b"\0"]:
        with pytest.raises(EnvelopeMalformed):
            provider.fingerprint_for(changed)
    assert service.calls == 0


@pytest.mark.parametrize("failure", [KeyDenied("It may not.", "Grant it."), RuntimeError("a bug of the SDK")])
def test_no_frame_of_a_failed_wrap_holds_the_key(service: Service, failure: Exception) -> None:
    provider = ServiceKey(service, "one")
    key = secrets.token_bytes(32)
    service.failure = failure
    with pytest.raises(KeyUnavailable) as caught:
        provider.wrap(key, CONTEXT)
    if isinstance(failure, KeyDenied):
        assert (type(caught.value), str(caught.value)) == (KeyDenied, "It may not. Grant it.")
    else:
        assert "RuntimeError" in str(caught.value)
    assert caught.value.__context__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    assert frames
    assert not [frame.f_code.co_name for frame in frames if key in frame.f_locals.values()]


@pytest.mark.parametrize("instead", [b"", bytes(LONGEST)])
def test_what_is_too_long_to_keep_or_nothing_is_refused(service: Service, instead: bytes) -> None:
    service.instead = instead
    with pytest.raises(KeyUnavailable, match="symmetric key"):
        ServiceKey(service, "one").wrap(KEY, CONTEXT)


@pytest.mark.parametrize("instead", [b"", bytes(31), bytes(33)])
def test_what_comes_back_with_another_length_is_no_key(service: Service, instead: bytes) -> None:
    provider = ServiceKey(service, "one")
    wrapped = provider.wrap(KEY, CONTEXT)
    service.instead = instead
    with pytest.raises(SealBroken, match="no workspace key"):
        provider.unwrap(wrapped, CONTEXT)


class AliasedKey(ServiceKey):
    """A key whose URI has a name for it, which the service resolves."""

    def __init__(self, service: Service, alias: str, answer: str | Exception) -> None:
        super().__init__(service, alias)
        RemoteKeyProvider.__init__(self, self.uri, self._resolve)
        self.answer, self.resolved = answer, 0

    def _resolve(self) -> str:
        self.resolved += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_name_that_has_to_be_resolved_is_so_once_and_not_for_bytes_of_others(service: Service) -> None:
    provider = AliasedKey(service, "one", "one")
    with pytest.raises(WrongKey):
        provider.unwrap(EphemeralKey().wrap(KEY, CONTEXT), CONTEXT)
    assert provider.resolved == 0
    assert provider.unwrap(ServiceKey(service, "one").wrap(KEY, CONTEXT), CONTEXT) == KEY
    assert provider.unwrap(provider.wrap(KEY, CONTEXT), CONTEXT) == KEY
    assert provider.resolved == 1


def test_no_frame_of_a_name_that_is_not_resolved_holds_the_key(service: Service) -> None:
    key = secrets.token_bytes(32)
    provider = AliasedKey(service, "one", KeyDenied("It may not.", "Grant it."))
    with pytest.raises(KeyDenied) as caught:
        provider.wrap(key, CONTEXT)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    assert frames
    assert not [frame.f_code.co_name for frame in frames if key in frame.f_locals.values()]
    assert service.calls == 0
