"""All secrets of AWS Secrets Manager whose names begin alike, with their current values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.sources import SourceProblem

from strongroom_aws.asking import Asking
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.secret_id import SecretId
from strongroom_aws.secrets_manager import values_of
from strongroom_aws.verdicts import Verdict, error_of

PATIENCE = 40.0
"""Seconds for one page of the listing, and for the values of its secrets."""

_PAGE = 100


@dataclass(frozen=True, slots=True)
class ListedSecret:
    """What the listing says of a secret; its value is not among it."""

    name: str
    arn: str
    description: str
    changed_at: datetime | None


def secrets_below(
    prefix: str = "", credentials: AwsCredentials | None = None
) -> Iterator[tuple[ListedSecret, str | bytes | SourceProblem]]:
    """Every secret whose name begins with ``prefix``, and its current value or why that cannot be had.

    A hundred are listed at a time and twenty values fetched, so memory is bounded and nothing is asked for that the
    caller does not get to. Secrets that wait for their deletion are left out.

    :param credentials: who asks; the SDK looks where it always does when there are none.
    :raises AwsError: the secrets cannot be listed.
    :raises MissingExtra: boto3 is not installed.
    """
    for page in _pages(prefix, credentials):
        asking = Asking(credentials, "secretsmanager", PATIENCE)
        values = values_of(asking, (SecretId(listed.arn) for listed in page))
        for listed in page:
            yield listed, values[SecretId(listed.arn)]


def _pages(prefix: str, credentials: AwsCredentials | None) -> Iterator[list[ListedSecret]]:
    wanted: dict[str, Any] = {"MaxResults": _PAGE}
    if prefix:
        wanted["Filters"] = [{"Key": "name", "Values": [prefix]}]
    seen: set[str] = set()
    while True:
        asking = Asking(credentials, "secretsmanager", PATIENCE)
        outcome = asking.ask("the list of secrets of aws-sm", None, lambda client: _page(client, wanted))
        if isinstance(outcome, Verdict):
            raise error_of(outcome)
        page, token = outcome
        yield [listed for listed in page if listed.name.startswith(prefix)]  # the filter does not mind the case
        if not token or token in seen:
            return
        seen.add(token)
        wanted["NextToken"] = token


def _page(client: Any, wanted: dict[str, Any]) -> tuple[list[ListedSecret], str | None]:
    answer = client.list_secrets(**wanted)
    page = [
        ListedSecret(one["Name"], one["ARN"], one.get("Description", ""), one.get("LastChangedDate"))
        for one in answer["SecretList"]
    ]
    return page, answer.get("NextToken")
