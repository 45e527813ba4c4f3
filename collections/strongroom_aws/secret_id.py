"""``NAME[@VERSION][#FIELD]``: a secret of AWS Secrets Manager."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom.sources import InvalidSecretReference

CURRENT = "AWSCURRENT"

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_ARN = re.compile(r"arn:aws[a-z-]{0,20}:secretsmanager:(?P<region>[a-z0-9-]{1,40}):[0-9]{12}:secret:(?P<name>.*)")
_VERSION_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STAGE = re.compile(r"[A-Za-z0-9_+=./:-]{1,256}")
_REMEDY = 'Write it as "aws-sm:NAME", "aws-sm:NAME@STAGE-OR-VERSION-ID", "aws-sm:NAME#FIELD"; NAME may be an ARN.'


@dataclass(frozen=True, slots=True)
class SecretId:
    """A version of a secret.

    :param name: the secret's name or ARN.
    :param version: a version's id (a UUID) or a staging label.
    """

    name: str
    version: str = CURRENT

    @classmethod
    def parse(cls, reference: str) -> tuple[SecretId, str | None]:
        """The secret that a reference names, and the field. The last ``@`` is the one before the version, so a name
        that has an ``@`` of its own is written with its version: ``me@example.com@AWSCURRENT``.

        :raises InvalidSecretReference: it is none; the message does not repeat it, as it may be a secret by mistake.
        """
        text, divider, field = reference.partition("#")
        name, at, version = text.rpartition("@") if "@" in text else (text, "", CURRENT)
        arn = _ARN.fullmatch(name)
        if not _NAME.fullmatch(arn["name"] if arn else name):
            raise InvalidSecretReference('A reference that starts with "aws-sm:" names no secret.', _REMEDY)
        if at and not _STAGE.fullmatch(version):
            raise InvalidSecretReference('A reference that starts with "aws-sm:" names no version behind "@".', _REMEDY)
        if divider and not (field and field.isprintable()):
            raise InvalidSecretReference('A reference that starts with "aws-sm:" names no field behind "#".', _REMEDY)
        return cls(name, version), field if divider else None

    @property
    def region(self) -> str | None:
        """The region that its ARN names."""
        arn = _ARN.fullmatch(self.name)
        return arn["region"] if arn else None

    @property
    def selector(self) -> dict[str, str]:
        """What tells the version to the service."""
        return {"VersionId" if _VERSION_ID.fullmatch(self.version) else "VersionStage": self.version}

    def __str__(self) -> str:
        version = "" if self.version == CURRENT else f"@{self.version}"
        return f'the secret "aws-sm:{self.name}{version}"'
