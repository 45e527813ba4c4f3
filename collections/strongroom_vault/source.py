"""``vault:mount/path#field``: secrets that stay in Vault's key-value engines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from strongroom import Block
from strongroom.sources import (
    Answer,
    SecretAbsent,
    SecretDenied,
    SourceProblem,
    SourceUnreachable,
    accepted,
    member_of,
)

from strongroom_vault import kv
from strongroom_vault.credentials import VaultCredentials
from strongroom_vault.errors import VaultDenied, VaultError, VaultLoginProblem, VaultUnreachable
from strongroom_vault.reference import VaultReference
from strongroom_vault.sessions import VaultSession


class VaultSource:
    """Resolves references to key-value engines of both versions, in one login for the process and one read a secret.

    :param credentials: the login; by default that of the environment, see
        :meth:`~strongroom_vault.VaultCredentials.from_environment`.
    """

    def __init__(self, credentials: Block | None = None) -> None:
        self._credentials = accepted(credentials, VaultCredentials, "vault")

    def check(self, reference: str) -> None:
        """:raises InvalidSecretReference: it is no ``MOUNT/PATH[@VERSION][#FIELD]``."""
        VaultReference.parse(reference)

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """One answer for each reference; those to one secret are one read. ``timeout`` holds for all together.

        :raises InvalidSecretReference: one of them is malformed.
        """
        parsed = {reference: VaultReference.parse(reference) for reference in references}
        session = self._session()
        if isinstance(session, SourceProblem):
            return {reference: _answer(reference, it, session) for reference, it in parsed.items()}
        from strongroom_vault.transport import within

        found: dict[tuple[str, int | None], kv.Secret | SourceProblem] = {}
        lost: SourceProblem | None = None
        with within(timeout):
            for place in dict.fromkeys((it.path, it.version) for it in parsed.values()):
                outcome = found[place] = lost or _read(session, *place)
                if isinstance(outcome, SourceUnreachable):
                    lost = outcome  # nothing else would come through either
        return {reference: _answer(reference, it, found[it.path, it.version]) for reference, it in parsed.items()}

    def _session(self) -> VaultSession | SourceProblem:
        try:
            return (self._credentials or VaultCredentials.from_environment()).session()
        except VaultLoginProblem as exc:
            return SecretDenied(exc.problem, exc.remedy)


def _read(session: VaultSession, path: str, version: int | None) -> kv.Secret | SourceProblem:
    try:
        return kv.read(session, path, version)
    except (VaultDenied, VaultLoginProblem) as exc:
        return SecretDenied(exc.problem, exc.remedy)
    except VaultUnreachable as exc:
        return SourceUnreachable(exc.problem, exc.remedy)
    except VaultError as exc:
        return SecretAbsent(exc.problem, exc.remedy)


def _answer(text: str, reference: VaultReference, found: kv.Secret | SourceProblem) -> Answer:
    if isinstance(found, SourceProblem):
        return found.of(f"vault:{text}")
    if reference.field is None:
        return json.dumps(found, ensure_ascii=False)
    return member_of(found, reference.field, f'the secret "vault:{text}"')
