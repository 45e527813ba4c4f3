"""One round of questions to a service that keeps secrets: who asks, where, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from strongroom.sources import SecretAbsent, SecretDenied, SourceProblem, SourceUnreachable

from strongroom_aws.checks import client_for
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.verdicts import Verdict, Word, asked

T = TypeVar("T")

_KINDS: dict[Word, type[SourceProblem]] = {
    Word.ABSENT: SecretAbsent,
    Word.DENIED: SecretDenied,
    Word.UNREACHABLE: SourceUnreachable,
    Word.REFUSED: SecretDenied,
}
_ABSENT = {"InvalidRequestException"}  # what Secrets Manager calls a secret that is about to be deleted


class Asking:
    """Questions to one service, which end together.

    :param credentials: who asks; the SDK looks where it always does when there are none.
    :param service: the SDK's name of the service, such as ``ssm``.
    :param timeout: seconds for all questions, and by and large for each; see :func:`~strongroom_aws.checks.client_for`.
    """

    def __init__(self, credentials: AwsCredentials | None, service: str, timeout: float) -> None:
        self._login = (credentials or AwsCredentials())._login()
        self._service = service
        self._timeout = timeout
        self._end = time.monotonic() + timeout

    def ask(self, what: str, region: str | None, call: Callable[[Any], T]) -> T | Verdict:
        """What ``call`` returns, given a client for a region, or why there is nothing.

        :raises MissingExtra: boto3 is not installed.
        """
        if time.monotonic() >= self._end:
            return Verdict(
                Word.UNREACHABLE,
                f"No time was left of {self._timeout:g} s to ask AWS for {what}.",
                "Ask for less at once.",
            )
        return asked(what, lambda: call(self._client(region)))

    def _client(self, region: str | None) -> Any:
        login = replace(self._login, region=region or self._login.region)
        return client_for(login, self._service, self._timeout)


def problem(verdict: Verdict) -> SourceProblem:
    """The verdict as an answer to a reference."""
    kind = SecretAbsent if verdict.code in _ABSENT else _KINDS[verdict.word]
    return kind(verdict.problem, verdict.remedy)
