"""``gcp-sm:project/name@version``: secrets that stay in Google's Secret Manager."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from strongroom import Block
from strongroom.sources import (
    Answer,
    SecretAbsent,
    SecretDenied,
    SourceProblem,
    SourceUnreachable,
    accepted,
    field_of,
)

from strongroom_gcp import clients
from strongroom_gcp.checksums import verified
from strongroom_gcp.credentials import GcpCredentials
from strongroom_gcp.errors import GcpDamaged, GcpDenied, GcpError, GcpLoginProblem, GcpUnreachable
from strongroom_gcp.faults import asked
from strongroom_gcp.secret_reference import SecretVersion

_AT_ONCE = 8


class SecretManagerSource:
    """Resolves references to versions of secrets: one call for each version, several at once, one login a process.

    The service has no call for several secrets. Checksums are verified.

    :param credentials: the login; by default what Google's own rules find.
    """

    def __init__(self, credentials: Block | None = None) -> None:
        self._credentials = accepted(credentials, GcpCredentials, "gcp-sm")

    def check(self, reference: str) -> None:
        """:raises InvalidSecretReference: it is no ``PROJECT/NAME[@VERSION][#JSON-FIELD]``."""
        SecretVersion.parse(reference)

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """One answer for each reference; those to one version are one call. ``timeout`` holds for all together.

        :raises InvalidSecretReference: one of them is malformed.
        """
        end = time.monotonic() + timeout
        parsed = {reference: SecretVersion.parse(reference) for reference in references}
        resources = list(dict.fromkeys(it.resource for it in parsed.values()))
        try:
            client: Any = (self._credentials or GcpCredentials()).get_secret_manager_client()
        except GcpError as exc:
            return {reference: _answer(reference, it, _problem(exc)) for reference, it in parsed.items()}
        with ThreadPoolExecutor(min(_AT_ONCE, len(resources) or 1)) as pool:
            payloads = pool.map(lambda it: _read(client, it, end), resources)
            found = dict(zip(resources, payloads, strict=True))
        return {reference: _answer(reference, it, found[it.resource]) for reference, it in parsed.items()}


def _read(client: Any, resource: str, end: float) -> bytes | SourceProblem:
    left = end - time.monotonic()
    if left <= 0:
        return SourceUnreachable("There was no time left to ask.", "Allow more time, or ask for less at once.")
    try:
        answer = asked(
            f"the secret {resource}",
            lambda: client.access_secret_version(request={"name": resource}, **clients.retrying(left)),
        )
        _check_name(answer.name, resource)
        payload = answer.payload
        checksum = payload.data_crc32c if "data_crc32c" in payload else None
        return verified(payload.data, checksum, f"the secret {resource}")
    except GcpError as exc:
        return _problem(exc)


def _check_name(name: str, resource: str) -> None:
    """The answer has the project's number, and the version's own where the newest or an alias was asked for."""
    answered, wanted = name.split("/"), resource.split("/")
    secret, version = (answered[3], answered[5]) if len(answered) == 6 else ("", "")
    if secret != wanted[3] or (wanted[5].isdecimal() and version != wanted[5]):
        raise GcpDamaged(f"The answer for {resource} is about another secret.", "Check the endpoint.")


def _problem(exc: GcpError) -> SourceProblem:
    if isinstance(exc, GcpDenied | GcpLoginProblem):
        return SecretDenied(exc.problem, exc.remedy)
    if isinstance(exc, GcpUnreachable):
        return SourceUnreachable(exc.problem, exc.remedy)
    return SecretAbsent(exc.problem, exc.remedy)


def _answer(text: str, reference: SecretVersion, found: bytes | SourceProblem) -> Answer:
    if isinstance(found, SourceProblem):
        return found.of(f"gcp-sm:{text}")
    return field_of(_text(found), reference.field, f'the secret "gcp-sm:{text}"')


def _text(payload: bytes) -> str | bytes:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload
