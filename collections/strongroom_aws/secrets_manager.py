"""``aws-sm:NAME``: secrets that stay in AWS Secrets Manager. The block and the tasks that scripts look for in a module
of this name are here too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from strongroom.sources import Answer, InvalidSecretReference, SecretAbsent, SourceProblem, accepted, field_of

from strongroom_aws.asking import Asking, problem
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.secret import AwsSecret as AwsSecret
from strongroom_aws.secret_id import CURRENT, SecretId
from strongroom_aws.secret_tasks import acreate_secret as acreate_secret
from strongroom_aws.secret_tasks import adelete_secret as adelete_secret
from strongroom_aws.secret_tasks import aread_secret as aread_secret
from strongroom_aws.secret_tasks import aupdate_secret as aupdate_secret
from strongroom_aws.secret_tasks import create_secret as create_secret
from strongroom_aws.secret_tasks import delete_secret as delete_secret
from strongroom_aws.secret_tasks import read_secret as read_secret
from strongroom_aws.secret_tasks import update_secret as update_secret
from strongroom_aws.verdicts import Verdict, Word, verdict_of

BATCH = 20
"""How many secrets one BatchGetSecretValue gives."""

Value = str | bytes | SourceProblem


class AwsSecretsManager:
    """AWS Secrets Manager as a source: two or more secrets are one call of ``BatchGetSecretValue`` for every twenty.

    Who may not make that call is served one by one. Versions other than the current one always are, as the batch has
    none of them.

    :param credentials: who asks; the SDK looks where it always does when there are none.
    """

    def __init__(self, credentials: AwsCredentials | None = None) -> None:
        self._credentials = accepted(credentials, AwsCredentials, "aws-sm")

    def check(self, reference: str) -> None:
        """:raises InvalidSecretReference: it is no ``NAME[@VERSION][#FIELD]``."""
        SecretId.parse(reference)

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """One answer for each reference; those to one version of a secret are one question."""
        wanted: dict[str, tuple[SecretId, str | None]] = {}
        answers: dict[str, Answer] = {}
        for reference in references:
            try:
                wanted[reference] = SecretId.parse(reference)
            except InvalidSecretReference as invalid:
                answers[reference] = SecretAbsent(invalid.problem, invalid.remedy)
        asking = Asking(self._credentials, "secretsmanager", timeout)
        values = values_of(asking, dict.fromkeys(secret for secret, _ in wanted.values()))
        for reference, (secret, field) in wanted.items():
            value = values[secret]
            answers[reference] = value if isinstance(value, SourceProblem) else field_of(value, field, str(secret))
        return answers


def values_of(asking: Asking, secrets: Iterable[SecretId]) -> dict[SecretId, Value]:
    """The values of secrets, or why there is none."""
    values: dict[SecretId, Value] = {}
    current: dict[str | None, list[SecretId]] = {}
    for secret in secrets:
        if secret.version == CURRENT:
            current.setdefault(secret.region, []).append(secret)
        else:
            values[secret] = _alone(asking, secret)
    for region, group in current.items():
        for batch in _batches(group):
            values |= _together(asking, region, batch)
    return values


def _batches(secrets: Iterable[SecretId]) -> Iterator[list[SecretId]]:
    rest = iter(secrets)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _together(asking: Asking, region: str | None, secrets: list[SecretId]) -> dict[SecretId, Value]:
    found: dict[SecretId, Value] = {}
    if len(secrets) > 1:
        names = [secret.name for secret in secrets]
        outcome = asking.ask(f"{len(names)} secrets of aws-sm", region, lambda client: _batch(client, names))
        if isinstance(outcome, Verdict):
            if outcome.word is Word.UNREACHABLE or not outcome.code:  # one by one it would be no better
                return {secret: problem(outcome) for secret in secrets}
        else:
            found = {secret: value for secret in secrets if (value := _matching(secret, *outcome)) is not None}
    return found | {secret: _alone(asking, secret) for secret in secrets if secret not in found}


def _batch(client: Any, names: list[str]) -> tuple[list[Any], list[Any]]:
    """All pages of the answer: the secrets, and the errors of single ones."""
    values: list[Any] = []
    errors: list[Any] = []
    more: dict[str, str] = {}
    for _ in names:  # a page has one secret at least
        answer = client.batch_get_secret_value(SecretIdList=names, **more)
        values += answer.get("SecretValues", [])
        errors += answer.get("Errors", [])
        if not answer.get("NextToken"):
            break
        more = {"NextToken": answer["NextToken"]}
    return values, errors


def _matching(secret: SecretId, values: list[Any], errors: list[Any]) -> Value | None:
    for error in errors:
        if error.get("SecretId") == secret.name:
            said = {"Code": error.get("ErrorCode", "Unknown"), "Message": error.get("Message", "")}
            return problem(verdict_of({"Error": said}, str(secret)))
    for value in values:
        arn = str(value.get("ARN", ""))
        if secret.name in (value.get("Name"), arn, arn[:-7]):  # an ARN ends with a dash and six characters of its own
            return _value(value, secret)
    return None


def _alone(asking: Asking, secret: SecretId) -> Value:
    outcome = asking.ask(
        str(secret),
        secret.region,
        lambda client: _value(client.get_secret_value(SecretId=secret.name, **secret.selector), secret),
    )
    return problem(outcome) if isinstance(outcome, Verdict) else outcome


def _value(answer: Mapping[str, Any], secret: SecretId) -> Value:
    value = answer.get("SecretString", answer.get("SecretBinary"))
    if value and isinstance(value, str | bytes):  # the service keeps no empty ones
        return value
    return SecretAbsent(f"There is no value in {secret} yet.", "Put one into it.")
