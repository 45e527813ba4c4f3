"""``aws-ssm:/PATH``: secrets that stay in AWS Systems Manager's Parameter Store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from strongroom.sources import Answer, InvalidSecretReference, SecretAbsent, SourceProblem, accepted, field_of

from strongroom_aws.asking import Asking, problem
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.parameter_name import ParameterName
from strongroom_aws.verdicts import Verdict, Word

BATCH = 10
"""How many parameters one GetParameters gives."""

Value = str | SourceProblem


class AwsParameterStore:
    """Parameter Store as a source: ten parameters are one call of ``GetParameters``, a SecureString is decrypted.

    Where a call is refused as a whole (rights may end at a path), its parameters are asked for one by one.

    :param credentials: who asks; the SDK looks where it always does when there are none.
    """

    def __init__(self, credentials: AwsCredentials | None = None) -> None:
        self._credentials = accepted(credentials, AwsCredentials, "aws-ssm")

    def check(self, reference: str) -> None:
        """:raises InvalidSecretReference: it is no ``/PATH[:VERSION-OR-LABEL][#FIELD]``."""
        ParameterName.parse(reference)

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """One answer for each reference; those to one version of a parameter are one question."""
        wanted: dict[str, tuple[ParameterName, str | None]] = {}
        answers: dict[str, Answer] = {}
        for reference in references:
            try:
                wanted[reference] = ParameterName.parse(reference)
            except InvalidSecretReference as invalid:
                answers[reference] = SecretAbsent(invalid.problem, invalid.remedy)
        asking = Asking(self._credentials, "ssm", timeout)
        values: dict[ParameterName, Value] = {}
        for batch in _batches(dict.fromkeys(parameter for parameter, _ in wanted.values())):
            values |= _together(asking, batch)
        for reference, (parameter, field) in wanted.items():
            value = values[parameter]
            answers[reference] = value if isinstance(value, SourceProblem) else field_of(value, field, str(parameter))
        return answers


def _batches(parameters: Iterable[ParameterName]) -> Iterator[list[ParameterName]]:
    """At most ten of one region, and of no parameter two versions: the answer could not tell them apart."""
    rest = list(parameters)
    while rest:
        batch: dict[str, ParameterName] = {}
        for parameter in rest:
            if len(batch) < BATCH and parameter.region == rest[0].region:
                batch.setdefault(parameter.name, parameter)
        rest = [parameter for parameter in rest if batch.get(parameter.name) != parameter]
        yield list(batch.values())


def _together(asking: Asking, parameters: list[ParameterName]) -> dict[ParameterName, Value]:
    what = str(parameters[0]) if len(parameters) == 1 else f"{len(parameters)} secrets of aws-ssm"
    texts = [parameter.text for parameter in parameters]
    outcome = asking.ask(what, parameters[0].region, lambda client: _values(client, texts))
    if not isinstance(outcome, Verdict):
        return {parameter: _value(parameter, outcome) for parameter in parameters}
    if len(parameters) == 1 or outcome.word is Word.UNREACHABLE or not outcome.code:
        return {parameter: problem(outcome) for parameter in parameters}
    values: dict[ParameterName, Value] = {}
    for parameter in parameters:
        values |= _together(asking, [parameter])
    return values


def _values(client: Any, texts: list[str]) -> dict[str, str]:
    """The values by the parameters' names and ARNs."""
    found = client.get_parameters(Names=texts, WithDecryption=True)["Parameters"]
    return {one[name]: one["Value"] for one in found for name in ("Name", "ARN") if one.get(name)}


def _value(parameter: ParameterName, values: dict[str, str]) -> Value:
    value = values.get(parameter.name)
    if isinstance(value, str):
        return value
    return SecretAbsent(
        f"There is no {str(parameter).removeprefix('the ')}, or not this version of it.", "Check its name and region."
    )
