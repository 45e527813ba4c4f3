"""A source of secrets that tests fill, hold up and break; it notes what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from strongroom_blocks.errors import InvalidSecretReference, SecretAbsent
from strongroom_blocks.sources.source import Answer


class Shelf:
    """Secrets by name. ``calls`` has the references of each call; ``gate`` holds callers up while it is closed."""

    def __init__(self, ttl: float = 300.0, **secrets: str | bytes | Exception) -> None:
        self.secrets = dict(secrets)
        self.ttl = ttl
        self.calls: list[tuple[str, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.failure: BaseException | None = None

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        self.calls.append(tuple(references))
        self.asked.set()
        self.gate.wait(60)
        if self.failure is not None:
            raise self.failure
        return {name: self.secrets.get(name, self._absent(name)) for name in references}  # type: ignore[misc]

    def check(self, reference: str) -> None:
        if not reference.replace("_", "").isalnum():
            raise InvalidSecretReference("A shelf has names of letters alone.", "Write one.")

    @staticmethod
    def _absent(name: str) -> SecretAbsent:
        return SecretAbsent(f'There is no "shelf:{name}".', "Put it there.")
