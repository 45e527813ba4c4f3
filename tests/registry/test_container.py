from __future__ import annotations

import hmac
import io
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from canaries import Plant
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from strongroom_registry.container import (
    CHUNK,
    HEADER_MAX,
    PASSPHRASE_VARIABLE,
    open_file,
    recipient,
    recipients_of,
    seal_file,
)
from strongroom_registry.errors import (
    EnvelopeMalformed,
    EnvelopeUnsupported,
    IntegrityError,
    KeyProblem,
    KeyUnavailable,
    SealBroken,
    StrongroomError,
    WrongKey,
)
from strongroom_registry.keys import EnvKey, FileKey, KeyProvider, PassphraseKey, generate_key_file
from strongroom_registry.keys.material import new_key_text
from strongroom_registry.keys.passphrase import LOWEST_COST
from strongroom_registry.private_output import new_private_file


@pytest.fixture(scope="module")
def key() -> Iterator[KeyProvider]:
    os.environ["CONTAINER_KEY"] = new_key_text()
    yield EnvKey("CONTAINER_KEY")
    del os.environ["CONTAINER_KEY"]


def sealed(content: list[bytes], *keys: KeyProvider, purpose: str = "export") -> bytes:
    target = io.BytesIO()
    written = seal_file(target, purpose, keys, content)
    assert written == len(target.getvalue())
    return target.getvalue()


def opened(data: bytes, *keys: KeyProvider, purpose: str = "export") -> bytes:
    return b"".join(open_file(io.BytesIO(data), purpose, keys))


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_what_is_sealed_comes_back(key: KeyProvider, content: list[bytes]) -> None:
    assert opened(sealed(content, key), key) == b"".join(content)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])
def test_any_size_comes_back_and_shows_nothing(key: KeyProvider, size: int) -> None:
    content = secrets.token_bytes(size)
    data = sealed([content[: size // 3], content[size // 3 :]], key)
    assert opened(data, key) == content
    assert size < 16 or content[:16] not in data


def test_every_bit_counts(key: KeyProvider) -> None:
    data = sealed([b"what nobody may change"], key)
    for position in range(8 * len(data)):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises((IntegrityError, WrongKey)):
            opened(bytes(changed), key)


def test_every_cut_is_noticed(key: KeyProvider) -> None:
    data = sealed([b"what nobody may shorten"], key)
    for end in range(len(data)):
        with pytest.raises(IntegrityError):
            opened(data[:end], key)
    with pytest.raises(IntegrityError):
        opened(data + b"\0", key)


def test_chunks_stay_in_their_places(key: KeyProvider) -> None:
    data = sealed([secrets.token_bytes(3 * CHUNK + 5)], key)
    size = CHUNK + 16
    start = len(data) - (3 * size + 5 + 16)
    first, second, third, last = (data[start + n * size : start + (n + 1) * size] for n in range(4))
    header = data[:start]
    assert opened(header + first + second + third + last, key)
    for order in (
        [second, first, third, last],
        [first, third, last],
        [first, second, third],
        [first, second],
        [first, second, third, last, last],
        [first, first, second, third, last],
        [last],
        [],
    ):
        with pytest.raises(IntegrityError):
            opened(header + b"".join(order), key)


def test_a_file_of_one_purpose_is_not_taken_for_another(key: KeyProvider) -> None:
    with pytest.raises(EnvelopeMalformed, match="'backup'"):
        opened(sealed([b"x"], key, purpose="backup"), key)


def test_chunks_of_one_file_do_not_open_in_another(key: KeyProvider) -> None:
    one, other = sealed([b"one"], key), sealed([b"two"], key)
    with pytest.raises(SealBroken):
        opened(one[:-19] + other[-19:], key)


def test_any_recipient_opens_it_and_nobody_else(tmp_path: Path, key: KeyProvider) -> None:
    file_key, stranger = (generate_key_file(tmp_path / name) for name in ("a.key", "b.key"))
    data = sealed([b"for two"], key, file_key)
    assert opened(data, file_key) == opened(data, key) == opened(data, stranger, key) == b"for two"
    assert [found.uri for found in recipients_of(io.BytesIO(data), "export")] == ["env:CONTAINER_KEY", file_key.uri]
    with pytest.raises(WrongKey, match="CONTAINER_KEY"):
        opened(data, stranger)
    with pytest.raises(WrongKey):
        opened(data)


def test_a_key_that_cannot_be_had_is_told_of(tmp_path: Path, key: KeyProvider) -> None:
    with pytest.raises(KeyUnavailable, match=r"no\.key"):
        opened(sealed([b"x"], key), FileKey(tmp_path / "no.key"))


def test_nothing_is_written_where_a_recipient_has_no_key(tmp_path: Path) -> None:
    target = io.BytesIO()
    with pytest.raises(KeyUnavailable):
        seal_file(target, "export", [FileKey(tmp_path / "no.key")], [b"x"])
    assert target.getvalue() == b""


def test_a_passphrase_of_its_own(monkeypatch: pytest.MonkeyPatch, canary: Plant) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, canary("passphrase"))
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", canary("registry"))
    data = sealed([b"content"], recipient("passphrase"))
    assert opened(data, recipient("passphrase:")) == b"content"
    monkeypatch.setenv(PASSPHRASE_VARIABLE, canary("wrong"))
    with pytest.raises(WrongKey, match="passphrase"):
        opened(data, recipient("passphrase:"))
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    with pytest.raises(KeyUnavailable, match=PASSPHRASE_VARIABLE):
        opened(data, recipient("passphrase:"))


def test_costs_are_capped_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch, canary: Plant) -> None:
    monkeypatch.setenv("CHEAP", canary("passphrase"))
    cheap = PassphraseKey(variable="CHEAP", cost=LOWEST_COST)
    data = sealed([b"x"], cheap)
    costs = struct.pack(">III", *LOWEST_COST)
    assert data.count(costs) == 1
    for memory, passes in ((2**32 - 1, 1), (8192, 2**31)):
        with pytest.raises(KeyProblem):
            opened(data.replace(costs, struct.pack(">III", memory, passes, 1)), cheap)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EnvelopeMalformed),
        (b"age-encryption.org/v1\n", EnvelopeMalformed),
        (b"SRCT\x02\x01\0\0" + bytes(300), EnvelopeUnsupported),
        (b"SRCT\x01\x01\0\x01" + bytes(300), EnvelopeUnsupported),
        (b"SRCT\x01\x01\0\0" + (HEADER_MAX + 1).to_bytes(4, "big") + bytes(300), EnvelopeMalformed),
        (b"SRCT\x01\x01\0\0\xff\xff\xff\xff" + bytes(300), EnvelopeMalformed),
        (b"SRCT\x01\x01\0\0\0\0\0\x20" + bytes(300), EnvelopeMalformed),
    ],
    ids=["empty", "age", "version", "flag", "header too long", "four gibibytes", "zeros"],
)
def test_what_is_no_sealed_file_is_refused(key: KeyProvider, data: bytes, error: type[StrongroomError]) -> None:
    with pytest.raises(error):
        opened(data, key)


@pytest.mark.parametrize("count", [0, 9])
def test_one_to_eight_recipients(key: KeyProvider, count: int) -> None:
    with pytest.raises(ValueError, match="recipients"):
        sealed([b"x"], *[key] * count)


class _Dribble(io.BytesIO):
    """A pipe that hands over a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(7, size) if size is not None and size >= 0 else 7)


def test_a_pipe_may_hand_over_bit_by_bit(key: KeyProvider) -> None:
    data = sealed([b"x" * 1000], key)
    assert b"".join(open_file(_Dribble(data), "export", [key])) == b"x" * 1000


def test_a_private_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), new_private_file(path) as file:
        file.write(bytes(1 // (file.write(b"half") - 4)))
    assert list(tmp_path.glob("*out*")) == []
    with new_private_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_private_file_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"older")
    with pytest.raises(FileExistsError), new_private_file(path) as file:
        file.write(b"newer")
    assert path.read_bytes() == b"older"
    assert [entry.name for entry in tmp_path.iterdir() if "out" in entry.name] == ["out"]


def read_by_the_book(data: bytes, key: bytes) -> bytes:
    """The content of a file, by ``docs/spec/export.md`` alone; ``key`` is that of a ``file:`` or ``env:`` provider."""

    def field(rest: bytes) -> tuple[bytes, bytes]:
        size = int.from_bytes(rest[:4], "big")
        return rest[4 : 4 + size], rest[4 + size :]

    def framed(*fields: bytes) -> bytes:
        return b"".join(len(each).to_bytes(4, "big") + each for each in fields)

    def derived(key: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(SHA512(), 32, salt, info).derive(key)

    assert data[:8] == b"SRCT\x01\x01\0\0"
    size = int.from_bytes(data[8:12], "big")
    purpose, rest = field(data[12 : 12 + size])
    file_id, salt, rest = rest[:16], rest[16:48], rest[48:]
    assert rest[:4] == b"\0\0\0\1"
    _, rest = field(rest[4:])
    _, rest = field(rest)
    wrapped, rest = field(rest)
    assert rest == b""
    context = framed(b"strongroom/v1/container-key", purpose, file_id)
    wrap_key = derived(key, wrapped[8:40], framed(b"strongroom/v1/key-wrap"))
    file_key = AESGCM(wrap_key).decrypt(
        wrapped[40:52], wrapped[52:], framed(b"strongroom/v1/key-wrap", wrapped[:52], context)
    )
    label = b"strongroom/v1/container-header"
    mac = hmac.digest(derived(file_key, salt, framed(label)), framed(label, data[: 12 + size]), "sha256")
    assert data[12 + size : 44 + size] == mac
    label, rest, content, number = b"strongroom/v1/container-chunk", data[44 + size :], b"", 0
    cipher = AESGCM(derived(file_key, salt, framed(label)))
    while rest:
        chunk, rest = rest[: 65536 + 16], rest[65536 + 16 :]
        content += cipher.decrypt(number.to_bytes(11, "big") + bytes([not rest]), chunk, framed(label, mac))
        number += 1
    return content


@pytest.mark.parametrize("size", [0, 5, CHUNK, 2 * CHUNK + 1])
def test_a_file_is_what_the_specification_says(key: KeyProvider, size: int) -> None:
    content = secrets.token_bytes(size)
    kek = bytes.fromhex(os.environ["CONTAINER_KEY"].rpartition(":")[2])
    assert read_by_the_book(sealed([content], key), kek) == content
