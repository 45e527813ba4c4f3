"""``keyring:service/user``: an entry of the operating system's keyring."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from strongroom_registry.errors import KeyAbsent, KeyDenied, KeyExposed, KeyProblem
from strongroom_registry.keys.keyring_entry import KeyringEntry

from strongroom_blocks.errors import (
    InvalidSecretReference,
    SecretAbsent,
    SecretDenied,
    SourceProblem,
    SourceUnreachable,
)
from strongroom_blocks.sources.source import Answer

_REMEDY = 'Write it as "keyring:SERVICE/USER".'


class KeyringEntries:
    """The OS keyring as a source of secrets. One that is locked asks a person for its password, who may need longer
    than a source is given: see ``STRONGROOM_SOURCES_TIMEOUT``."""

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """The texts of entries, one after the other. Where the keyring does not answer, the rest is not asked for."""
        end = time.monotonic() + timeout
        answers: dict[str, Answer] = {}
        lost: SourceUnreachable | None = None
        for reference in references:
            answers[reference] = answer = lost or _answer(reference, end - time.monotonic())
            lost = answer if isinstance(answer, SourceUnreachable) else None
        return answers

    def check(self, reference: str) -> None:
        """Whether it is ``SERVICE/USER``; the last slash is the one that divides."""
        _entry(reference)


def _entry(reference: str) -> KeyringEntry:
    entry = KeyringEntry.parse(reference)
    if entry is None:
        raise InvalidSecretReference('A reference that starts with "keyring:" names no entry of the keyring.', _REMEDY)
    return entry


def _answer(reference: str, seconds: float) -> Answer:
    try:
        return _entry(reference).read(timedelta(seconds=max(0.0, seconds)))
    except (KeyProblem, InvalidSecretReference) as problem:
        return _told(problem)


def _told(problem: KeyProblem | InvalidSecretReference) -> SourceProblem:
    kind: type[SourceProblem] = SourceUnreachable
    if isinstance(problem, KeyAbsent | InvalidSecretReference):
        kind = SecretAbsent
    elif isinstance(problem, KeyDenied | KeyExposed):
        kind = SecretDenied
    return kind(problem.problem, problem.remedy)
