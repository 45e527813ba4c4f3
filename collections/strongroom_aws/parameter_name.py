"""``/PATH[:VERSION-OR-LABEL][#FIELD]``: a parameter of AWS Systems Manager's Parameter Store."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom.sources import InvalidSecretReference

_NAME = re.compile(r"(?!.*//)[A-Za-z0-9_./-]{1,1011}")
_ARN = re.compile(r"arn:aws[a-z-]{0,20}:ssm:(?P<region>[a-z0-9-]{1,40}):[0-9]{12}:parameter/[^:]+")
_SELECTOR = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REMEDY = 'Write it as "aws-ssm:/PATH", "aws-ssm:/PATH:VERSION-OR-LABEL", "aws-ssm:/PATH#FIELD"; /PATH may be an ARN.'


@dataclass(frozen=True, slots=True)
class ParameterName:
    """A version of a parameter.

    :param name: the parameter's name or ARN.
    :param selector: a version number or a label; empty for the latest.
    """

    name: str
    selector: str = ""

    @classmethod
    def parse(cls, reference: str) -> tuple[ParameterName, str | None]:
        """The parameter that a reference names, and the field of one that is a JSON object.

        :raises InvalidSecretReference: it is none; the message does not repeat it, as it may be a secret by mistake.
        """
        text, divider, field = reference.partition("#")
        start = text.find(":parameter/") + len(":parameter/") if text.startswith("arn:") else 0
        rest, colon, selector = text[start:].partition(":")
        name = text[:start] + rest
        if not _NAME.fullmatch(rest) or (start and not _ARN.fullmatch(name)):
            raise InvalidSecretReference('A reference that starts with "aws-ssm:" names no parameter.', _REMEDY)
        if colon and not _SELECTOR.fullmatch(selector):
            raise InvalidSecretReference(
                'A reference that starts with "aws-ssm:" names no version behind ":".', _REMEDY
            )
        if divider and not (field and field.isprintable()):
            raise InvalidSecretReference('A reference that starts with "aws-ssm:" names no field behind "#".', _REMEDY)
        return cls(name, selector), field if divider else None

    @property
    def region(self) -> str | None:
        """The region that its ARN names."""
        arn = _ARN.fullmatch(self.name)
        return arn["region"] if arn else None

    @property
    def text(self) -> str:
        """As the service is asked for it."""
        return f"{self.name}:{self.selector}" if self.selector else self.name

    def __str__(self) -> str:
        return f'the secret "aws-ssm:{self.text}"'
