"""Secrets that stay in the OS keyring."""

from __future__ import annotations

import threading

import keyring
import pytest
from canaries import Plant
from keyring.backends import fail
from keyring.errors import KeyringLocked
from keyrings.alt.file import PlaintextKeyring
from pydantic import SecretStr
from servers.os_keyring import MemoryKeyring
from strongroom_blocks import Block
from strongroom_blocks.errors import InvalidSecretReference, SecretAbsent, SecretDenied, SourceUnreachable
from strongroom_blocks.sources.os_keyring import KeyringEntries
from strongroom_blocks.sources.secret_reference import secret_from
from strongroom_blocks.sources.source import SecretSource


class Mail(Block, slug="mail-for-keyring"):
    """A block whose password stays in the keyring."""

    password: SecretStr


def fetch(*references: str, timeout: float = 10.0) -> list[object]:
    answers = KeyringEntries().fetch(references, timeout=timeout)
    return [answers[reference] for reference in references]


def test_it_is_a_source() -> None:
    assert isinstance(KeyringEntries(), SecretSource)


def test_a_block_reveals_what_is_in_the_keyring(os_keyring: MemoryKeyring, canary: Plant) -> None:
    os_keyring.entries["mail", "me@example.com"] = secret = canary("password")
    mail = Mail(password=secret_from("keyring:mail/me@example.com"))
    assert os_keyring.questions == 0
    assert mail.password.get_secret_value() == secret
    assert mail.password.get_secret_value() == secret
    assert os_keyring.questions == 1


def test_an_entry_that_is_missing_leaves_the_others_alone(os_keyring: MemoryKeyring) -> None:
    os_keyring.entries["a", "b"] = "value"
    gone, found, malformed = fetch("a/c", "a/b", "a")
    assert isinstance(gone, SecretAbsent)
    assert "no entry of user 'c' for service 'a'" in str(gone)
    assert found == "value"
    assert isinstance(malformed, SecretAbsent)


def test_a_locked_keyring_and_one_in_a_file_are_denials(os_keyring: MemoryKeyring) -> None:
    os_keyring.failure = KeyringLocked()
    assert [type(answer) for answer in fetch("a/b", "a/c")] == [SecretDenied, SecretDenied]
    keyring.set_keyring(PlaintextKeyring())
    assert [type(answer) for answer in fetch("a/b")] == [SecretDenied]


def test_where_there_is_no_keyring_nobody_can_be_reached(os_keyring: MemoryKeyring) -> None:
    keyring.set_keyring(fail.Keyring())
    [answer] = fetch("a/b")
    assert isinstance(answer, SourceUnreachable)
    assert "no keyring" in str(answer)


def test_a_keyring_that_never_answers_is_asked_once(os_keyring: MemoryKeyring) -> None:
    os_keyring.asleep = threading.Event()
    answers = fetch("a/b", "a/c", "a/d", timeout=0.05)
    assert [type(answer) for answer in answers] == [SourceUnreachable] * 3
    assert os_keyring.questions == 1


@pytest.mark.parametrize("reference", ["", "service", "/user", "service/", "a/b\n"])
def test_what_is_no_entry_is_refused_without_asking(os_keyring: MemoryKeyring, reference: str) -> None:
    with pytest.raises(InvalidSecretReference, match="keyring:SERVICE/USER"):
        KeyringEntries().check(reference)
    with pytest.raises(InvalidSecretReference):
        secret_from(f"keyring:{reference}")
    assert os_keyring.questions == 0
