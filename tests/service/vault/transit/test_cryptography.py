"""Keys without a server: whatever parameters are combined, it works there and back or is refused in words."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom_service.errors import InvalidRequest
from strongroom_service.vault_api.transit import digests, encryption, signing, texts
from strongroom_service.vault_api.transit.digests import Algorithm
from strongroom_service.vault_api.transit.key import TransitKey, new_key, new_version
from strongroom_service.vault_api.transit.kinds import POWERS, Kind
from strongroom_service.vault_api.transit.signing import Manner, Marshaling, Padding

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEALING = [kind for kind in Kind if POWERS[kind].seals]
ENCRYPTING = [kind for kind in Kind if POWERS[kind].encrypts]
SIGNING = [kind for kind in Kind if POWERS[kind].signs]
BITS = st.binary(max_size=40)


def key_of(kind: Kind, *, derived: bool = False, convergent: bool = False, versions: int = 2) -> TransitKey:
    """A key, the same each time."""
    return _key(kind, derived, convergent, versions)


@cache
def _key(kind: Kind, derived: bool, convergent: bool, versions: int) -> TransitKey:
    key = new_key("k", kind, NOW, derived=derived, convergent=convergent)
    for _ in range(versions - 1):
        key = key.rotated(new_version(kind, key.size, NOW))
    return key


def test_all_kinds_that_vault_names_are_there() -> None:
    assert {str(kind) for kind in Kind} >= {
        "aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521",
        "rsa-2048", "rsa-3072", "rsa-4096", "hmac",
    }  # fmt: skip


@given(
    kind=st.sampled_from(ENCRYPTING),
    derived=st.booleans(),
    convergent=st.booleans(),
    plaintext=st.binary(max_size=300),
    context=BITS,
    bound=BITS,
    version=st.integers(-1, 4),
)
def test_encryption_works_there_and_back_or_is_refused(
    kind: Kind, derived: bool, convergent: bool, plaintext: bytes, context: bytes, bound: bytes, version: int
) -> None:
    try:
        key = key_of(kind, derived=derived, convergent=convergent)
        text, used = encryption.encrypt(key, plaintext, version=version, context=context, associated_data=bound)
    except InvalidRequest:
        return
    assert used == (version or 2)
    assert text.startswith(f"vault:v{used}:")
    assert encryption.decrypt(key, text, context=context, associated_data=bound) == plaintext
    others = [{"associated_data": bound + b"x"}, *([{"context": context + b"x"}] if derived else [])]
    for other in others:
        with pytest.raises(InvalidRequest):
            encryption.decrypt(key, text, **{"context": context, "associated_data": bound, **other})


@pytest.mark.parametrize("kind", ENCRYPTING)
@pytest.mark.parametrize("derived", [False, True])
def test_what_should_encrypt_does(kind: Kind, derived: bool) -> None:
    if derived and not POWERS[kind].derives:
        with pytest.raises(InvalidRequest, match="cannot be derived"):
            new_key("k", kind, NOW, derived=True)
        return
    key, context = key_of(kind, derived=derived), b"here" if derived else b""
    text, _ = encryption.encrypt(key, b"plain", context=context)
    assert encryption.decrypt(key, text, context=context) == b"plain"
    assert encryption.encrypt(key, b"plain", context=context)[0] != text


@pytest.mark.parametrize("kind", SEALING)
def test_convergent_keys_encrypt_the_same_to_the_same(kind: Kind) -> None:
    key = key_of(kind, derived=True, convergent=True)

    def encrypt(plaintext: bytes, context: bytes, bound: bytes = b"") -> str:
        return encryption.encrypt(key, plaintext, context=context, associated_data=bound)[0]

    assert encrypt(b"a", b"x") == encrypt(b"a", b"x")
    assert len({encrypt(b"a", b"x"), encrypt(b"b", b"x"), encrypt(b"a", b"y"), encrypt(b"a", b"x", b"z")}) == 4


def nonce_of(ciphertext: str) -> bytes:
    return texts.read(ciphertext, "ciphertext")[1][:12]


@pytest.mark.parametrize("kind", SEALING)
def test_no_nonce_of_a_convergent_key_is_used_for_two_texts_or_two_bound_ones(kind: Kind) -> None:
    key = key_of(kind, derived=True, convergent=True)
    said = [(b"", b""), (b"a", b""), (b"", b"a"), (b"a", b"b"), (b"ab", b""), (b"", b"ab"), (b"b", b"a")]
    nonces = {nonce_of(encryption.encrypt(key, p, context=b"x", associated_data=a)[0]) for p, a in said}
    assert len(nonces) == len(said)


@pytest.mark.parametrize("kind", SEALING)
def test_every_bit_of_a_ciphertext_counts(kind: Kind) -> None:
    key = key_of(kind)
    _, data = texts.read(encryption.encrypt(key, b"plain")[0], "ciphertext")
    for bit in range(len(data) * 8):
        other = bytearray(data)
        other[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidRequest):
            encryption.decrypt(key, texts.written(2, bytes(other)))
    for length in range(len(data)):
        with pytest.raises(InvalidRequest):
            encryption.decrypt(key, texts.written(2, data[:length]))


@given(st.text(max_size=60) | st.from_regex(r"vault:v[0-9]{1,12}:[A-Za-z0-9+/_=-]{0,80}", fullmatch=True))
def test_no_text_but_a_ciphertext_is_decrypted(text: str) -> None:
    for kind in (Kind.AES256, Kind.RSA2048):
        with pytest.raises(InvalidRequest):
            encryption.decrypt(key_of(kind), text)
    for url_safe in (False, True):
        manner = Manner(marshaling=Marshaling.JWS if url_safe else Marshaling.ASN1)
        with contextlib.suppress(InvalidRequest):
            assert not signing.verify(key_of(Kind.ED25519), b"", text, manner)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_key_does_what_its_kind_can_and_refuses_the_rest(kind: Kind) -> None:
    key, powers = key_of(kind), POWERS[kind]
    if not powers.encrypts:
        with pytest.raises(InvalidRequest, match="do not encrypt"):
            encryption.encrypt(key, b"plain")
        with pytest.raises(InvalidRequest, match="do not encrypt"):
            encryption.decrypt(key, "vault:v1:AAAA")
    if not powers.signs:
        with pytest.raises(InvalidRequest, match="do not sign"):
            signing.sign(key, b"data", Manner())
    mac = digests.hmac(key, b"data", Algorithm.SHA2_256)
    assert digests.is_hmac(key, b"data", Algorithm.SHA2_256, mac)
    assert not digests.is_hmac(key, b"date", Algorithm.SHA2_256, mac)


def test_an_rsa_key_refuses_more_than_it_can_encrypt() -> None:
    key = key_of(Kind.RSA2048)
    assert encryption.decrypt(key, encryption.encrypt(key, b"x" * 190)[0]) == b"x" * 190
    with pytest.raises(InvalidRequest, match="190 bytes at most"):
        encryption.encrypt(key, b"x" * 191)


MANNERS = [
    Manner(algorithm, padding, marshaling, salt, prehashed)
    for algorithm, padding, marshaling, salt, prehashed in itertools.product(
        Algorithm, Padding, Marshaling, ("auto", "hash", "0", "-1", "1", "32", "400"), (False, True)
    )
]


@pytest.mark.parametrize("kind", [Kind.ED25519, Kind.ECDSA_P256, Kind.ECDSA_P521, Kind.RSA2048])
def test_every_way_to_sign_verifies_or_is_refused(kind: Kind) -> None:
    key, signed = key_of(kind), 0
    for manner in MANNERS:
        size = manner.algorithm.function.digest_size
        data = secrets.token_bytes(size) if manner.prehashed else b"some data"
        try:
            text = signing.sign(key, data, manner).text
        except InvalidRequest:
            assert manner.salt_length == "400" or (kind is Kind.ED25519 and manner.prehashed)
            continue
        signed += 1
        assert signing.verify(key, data, text, manner)
        assert not signing.verify(key, bytes([data[0] ^ 1]) + data[1:], text, manner)
    assert signed >= len(MANNERS) // 2


@pytest.mark.parametrize("kind", [Kind.ECDSA_P384, Kind.RSA3072, Kind.RSA4096])
def test_the_larger_kinds_sign_too(kind: Kind) -> None:
    key = key_of(kind)
    assert signing.verify(key, b"data", signing.sign(key, b"data", Manner()).text, Manner())


@pytest.mark.parametrize("kind", [Kind.ECDSA_P256, Kind.RSA2048])
def test_a_hash_of_another_length_is_refused(kind: Kind) -> None:
    for check in (
        lambda: signing.sign(key_of(kind), b"short", Manner(prehashed=True)),
        lambda: signing.verify(key_of(kind), b"short", "vault:v1:AAAA", Manner(prehashed=True)),
    ):
        with pytest.raises(InvalidRequest, match="no hash of sha2-256"):
            check()


def test_jws_signatures_are_two_numbers_of_one_width() -> None:
    for kind, width in ((Kind.ECDSA_P256, 64), (Kind.ECDSA_P384, 96), (Kind.ECDSA_P521, 132)):
        manner = Manner(marshaling=Marshaling.JWS)
        text = signing.sign(key_of(kind, versions=1), b"data", manner).text
        assert "=" not in text
        data = texts.read(text, "signature", url_safe=True)[1]
        assert len(data) == width
        shorter = texts.written(1, data[:-1], url_safe=True)
        assert not signing.verify(key_of(kind, versions=1), b"data", shorter, manner)


def test_derived_ed25519_keys_sign_apart_for_each_context() -> None:
    key = key_of(Kind.ED25519, derived=True)
    made = signing.sign(key, b"data", Manner(), context=b"one")
    assert made.public
    assert signing.verify(key, b"data", made.text, Manner(), context=b"one")
    assert not signing.verify(key, b"data", made.text, Manner(), context=b"two")
    with pytest.raises(InvalidRequest, match="context is missing"):
        signing.sign(key, b"data", Manner())


def test_a_signature_of_one_version_is_none_of_another() -> None:
    key = key_of(Kind.ED25519)
    text = signing.sign(key, b"data", Manner(), version=1).text
    assert signing.verify(key, b"data", text, Manner())
    assert not signing.verify(key, b"data", text.replace("v1", "v2"), Manner())


@given(
    latest=st.integers(1, 6),
    decryption=st.none() | st.integers(-1, 7),
    encryption_=st.none() | st.integers(-1, 7),
    trimmed=st.integers(-1, 8),
)
def test_settings_never_leave_a_key_that_cannot_read_what_it_writes(
    latest: int, decryption: int | None, encryption_: int | None, trimmed: int
) -> None:
    key = key_of(Kind.AES256, versions=latest)
    written = {number: encryption.encrypt(key, b"plain", version=number)[0] for number in range(1, latest + 1)}
    try:
        key = key.configured(min_decryption_version=decryption, min_encryption_version=encryption_)
        key = key.trimmed(trimmed)
    except InvalidRequest:
        pass
    assert encryption.decrypt(key, encryption.encrypt(key, b"plain")[0]) == b"plain"
    for number, text in written.items():
        if number >= key.min_decryption_version:
            assert encryption.decrypt(key, text) == b"plain"
        else:
            with pytest.raises(InvalidRequest):
                encryption.decrypt(key, text)
        if number < max(key.min_encryption_version, key.min_available_version):
            with pytest.raises(InvalidRequest):
                encryption.encrypt(key, b"plain", version=number)
    assert min(key.versions) == max(1, key.min_available_version)


def test_only_what_no_setting_allows_any_more_is_trimmed() -> None:
    key = key_of(Kind.AES256, versions=5)
    with pytest.raises(InvalidRequest, match="min_encryption_version is not set"):
        key.trimmed(2)
    key = key.configured(min_decryption_version=3, min_encryption_version=4)
    with pytest.raises(InvalidRequest, match="out of bounds"):
        key.trimmed(4)
    assert set(key.trimmed(3).versions) == {3, 4, 5}
    with pytest.raises(InvalidRequest, match="cannot come back"):
        key.trimmed(3).configured(min_decryption_version=2)
    with pytest.raises(InvalidRequest, match="could not be read"):
        key.configured(min_decryption_version=5)


def test_what_lets_keys_out_cannot_be_taken_back() -> None:
    key = new_key("k", Kind.AES256, NOW, exportable=True)
    assert key.configured(exportable=True).exportable
    with pytest.raises(InvalidRequest, match="cannot be taken back"):
        key.configured(exportable=False)


def test_a_key_is_due_when_its_latest_version_is_as_old_as_its_period() -> None:
    key = new_key("k", Kind.AES256, NOW, auto_rotate_seconds=3600)
    assert not key.is_due(NOW + timedelta(minutes=59))
    assert key.is_due(NOW + timedelta(hours=1))
    assert not key.rotated(new_version(key.kind, 32, NOW + timedelta(hours=1))).is_due(NOW + timedelta(hours=1))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("derived", [False, True])
@pytest.mark.parametrize("convergent", [False, True])
@pytest.mark.parametrize("size", [0, 31, 32, 512, 513])
def test_keys_are_made_or_refused(kind: Kind, derived: bool, convergent: bool, size: int) -> None:
    if kind in (Kind.RSA3072, Kind.RSA4096):  # as rsa-2048, and seconds of work
        return
    powers = POWERS[kind]
    allowed = (
        (not derived or powers.derives)
        and (not convergent or (powers.seals and derived))
        and (not size or (kind is Kind.HMAC and 32 <= size <= 512))
    )
    if allowed:
        key = new_key("k", kind, NOW, derived=derived, convergent=convergent, size=size)
        assert TransitKey.model_validate_json(key.model_dump_json()) == key
    else:
        with pytest.raises(InvalidRequest):
            new_key("k", kind, NOW, derived=derived, convergent=convergent, size=size)


def test_neither_keys_nor_their_material_show_in_repr() -> None:
    key = key_of(Kind.ED25519)
    for version in key.versions.values():
        assert version.material not in repr(key)
        assert version.hmac not in repr(key)
