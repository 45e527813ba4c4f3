"""A keyring for the tests: a backend of the package ``keyring`` that holds its entries in memory and can misbehave."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from keyring import get_keyring, set_keyring
from keyring.backend import KeyringBackend


class MemoryKeyring(KeyringBackend):
    """Entries in memory. ``failure`` is raised in place of every answer; with ``asleep`` no answer ever comes."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.questions = 0
        self.failure: Exception | None = None
        self.failure_to_come: Exception | None = None
        self.remaining = 0
        self.forgets = False
        self.asleep: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._asked()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._asked()
        if not self.forgets:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._asked()
        del self.entries[service, username]

    def fails_after(self, questions: int, failure: Exception) -> None:
        """Answer so many questions more, then raise ``failure`` until told otherwise."""
        self.remaining, self.failure_to_come = questions, failure

    def recover(self) -> None:
        """Answer again, whatever was said before."""
        self.failure = self.failure_to_come = None

    def _asked(self) -> None:
        self.questions += 1
        if self.failure_to_come is not None:
            self.remaining -= 1
            if self.remaining < 0:
                self.failure, self.failure_to_come = self.failure_to_come, None
        if self.asleep is not None:
            self.asleep.wait()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def os_keyring() -> Iterator[MemoryKeyring]:
    """The keyring of the process while a test lasts."""
    before, memory = get_keyring(), MemoryKeyring()
    set_keyring(memory)
    yield memory
    set_keyring(before)
    if memory.asleep is not None:
        memory.asleep.set()
