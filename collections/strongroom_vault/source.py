"""``vault:mount/path#field``: secrets that stay in Vault's key-value engines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from threading import Lock

from strongroom.sources import Answer, SecretAbsent, SecretDenied, SourceProblem, SourceUnreachable

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

    def __init__(self, credentials: VaultCredentials | None = None) -> None:
        self._credentials = credentials
        self._lock = Lock()

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
            return dict.fromkeys(references, session)
        from strongroom_vault.transport import within

        places = dict.fromkeys((it.path, it.version) for it in parsed.values())
        found: dict[tuple[str, int | None], kv.Secret | SourceProblem] = {}
        lost: SourceProblem | None = None
        with within(timeout):
            for place in places:
                found[place] = lost or _read(session, *place)
                outcome = found[place]
                if isinstance(outcome, SourceUnreachable):
                    lost = outcome  # nothing else would come through either
        return {reference: _answer(it, found[it.path, it.version]) for reference, it in parsed.items()}

    def _session(self) -> VaultSession | SourceProblem:
        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials = VaultCredentials.from_environment()
            return self._credentials.session()
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


def _answer(reference: VaultReference, found: kv.Secret | SourceProblem) -> Answer:
    if isinstance(found, SourceProblem):
        return type(found)(found.problem, found.remedy)
    if reference.field is None:
        return json.dumps(found, ensure_ascii=False)
    if reference.field not in found:
        return SecretAbsent(
            f"The secret at {reference.path} in Vault has no field {reference.field!r}.",
            "Correct the name behind the '#'.",
        )
    value = found[reference.field]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
